"""Figures with sliders for the pages: every position simulated when the site is built, drawn in the reader's browser.

A figure is a scenario with a sweep: over what its sliders move, and over what is drawn from left to right. The page has
all positions as data, and a plain figure of the first one for those who read without JavaScript, or on paper.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from io import StringIO
from itertools import product
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from simalloc.lab.charts import Chart, chart
from simalloc.plots import style
from simalloc.results import Result
from simalloc.runs import run
from simalloc.scenario import build


@dataclass(frozen=True)
class Slider:
    """What a reader moves: a key of the scenario, its values, the place it starts at, and names for values."""

    key: str
    title: str
    unit: str
    values: Sequence[Any]
    start: int
    names: Sequence[str] = ()

    @property
    def column(self) -> str:
        """What tables call it."""
        return self.key.rpartition(".")[2]

    def words(self) -> list[str]:
        """Return what each position is called."""
        return list(self.names) or [f"{value:g} {self.unit}" for value in self.values]


@dataclass(frozen=True)
class Explorable:
    """A figure: what is simulated, what is drawn against what, which sliders there are."""

    name: str
    title: str
    metric: str
    sliders: Sequence[Slider]
    scenario: Mapping[str, Any]
    sweep: Mapping[str, Any]

    def result(self, jobs: int) -> Result:
        """Simulate every position."""
        swept = {slider.key: list(slider.values) for slider in self.sliders} | dict(self.sweep)
        return run(build({"name": self.name, "latency": False, **self.scenario, "sweep": swept}), jobs=jobs)

    def charts(self, result: Result) -> dict[str, Chart]:
        """Return the graph of each position, by the sliders' places with commas between."""
        places = product(*(range(len(slider.values)) for slider in self.sliders))
        return {",".join(map(str, each)): self._chart(result, each) for each in places}

    def _chart(self, result: Result, places: Sequence[int]) -> Chart:
        wanted = {slider.column: slider.values[i] for slider, i in zip(self.sliders, places, strict=True)}
        rows = [
            {name: value for name, value in row.items() if name not in wanted}
            for row in result.rows
            if all(row.get(name) == value for name, value in wanted.items())
        ]
        swept = [name for name in result.swept if name not in wanted]
        return chart(replace(result, rows=rows, swept=swept, latency=[]), self.metric)


FIGURES = (
    Explorable(
        "explore-2017",
        "The table of January 2017, with another list and another POPF",
        "total",
        (
            Slider("allocator.high", "pcp.high: pages a CPU's list may hold", "pages", (93, 186, 744), 1),
            Slider("machine.costs.irq_restore", "Price of POPF, which restores the flag", "cycles", (7, 26, 38), 1),
        ),
        {
            "machine": {"preset": "seed-2017"},
            "memory": {"zone": "1GiB"},
            "compare": [
                {"label": "vanilla", "allocator": "v4.10"},
                {"label": "one-at-a-time", "allocator": "noirq-v2"},
            ],
            "workload": {
                "kind": "pagealloc",
                "batches": [1, 4, 16, 64, 128, 256, 512, 1024],
                "samples": 3,
                "dropped": 2,
            },
            "published": "pagealloc-2017.csv",
        },
        {},
    ),
    Explorable(
        "explore-nic",
        "A fast network card, and the price of a cache line",
        "throughput",
        (
            Slider("machine.costs.line_transfer", "Price of fetching a cache line", "cycles", (60, 158, 320), 1),
            Slider("machine.costs.zone_lines", "Cache lines that move with zone->lock", "lines", (0, 2), 1),
        ),
        {
            "machine": {"preset": "nic-2017"},
            "memory": {"zone": "1GiB"},
            "compare": [{"label": "v4.10", "allocator": "v4.10"}, {"label": "v4.11-rc", "allocator": "v4.11-rc"}],
            "workload": {
                "kind": "nic-rx",
                "queues": 1,
                "queue_gbits": 7.5,
                "packet_cycles": 3400,
                "milliseconds": 0.7,
                "warmup_ms": 0.3,
            },
            "replications": 1,
        },
        {"machine.cpus, workload.queues": [[1, 1], [2, 2], [4, 4], [8, 8]]},
    ),
    Explorable(
        "explore-locks",
        "A ticket lock and a queued lock",
        "throughput",
        (
            Slider("machine.costs.line_transfer", "Price of fetching a cache line", "cycles", (60, 120, 240), 1),
            Slider(
                "workload.hold",
                "Time in the lock",
                "",
                ("400 cycles", "1600 cycles"),
                0,
                ("400 cycles", "1600 cycles"),
            ),
        ),
        {
            "machine": {"preset": "seed-2017"},
            "memory": {"zone": "64MiB"},
            "allocator": "v4.10",
            "workload": {"kind": "lock-loop", "think": {"exponential": "20000 cycles"}, "milliseconds": 0.2},
            "compare": [
                {"label": "queued lock (qspinlock)", "machine": {"lock": "qspinlock"}},
                {"label": "ticket lock", "machine": {"lock": "ticket"}},
            ],
            "replications": 1,
        },
        {"machine.cpus": [1, 16, 24, 32, 48]},
    ),
    Explorable(
        "explore-generations",
        "Three generations of the allocator, all CPUs at once",
        "alloc",
        (
            Slider("workload.pages", "Pages that each CPU asks for", "pages", (256, 1024, 2048), 1),
            Slider("machine.costs.line_transfer", "Price of fetching a cache line", "cycles", (56, 224), 0),
        ),
        {
            "machine": {"preset": "ice-lake-5320"},
            "memory": {"zone": "1GiB"},
            "compare": [{"label": name, "allocator": name} for name in ("v4.10", "v6.1", "v6.12")],
            "workload": {"kind": "alloc-bench", "modes": ["bulk"], "pages": 1024},
            "replications": 1,
        },
        {"machine.cpus": [1, 2, 4, 6]},
    ),
)


def pages() -> dict[str, str]:
    """Simulate every figure; return a page each, to be included."""
    jobs = os.cpu_count() or 1
    return {f"explorable/{each.name}.html": html_of(each, each.result(jobs)) for each in FIGURES}


def html_of(figure: Explorable, result: Result) -> str:
    """Return a figure as HTML: the plain one, and the data that sliders choose from."""
    charts = figure.charts(result)
    start = charts[",".join(str(slider.start) for slider in figure.sliders)]
    data = {
        "sliders": [
            {"title": slider.title, "words": slider.words(), "start": slider.start} for slider in figure.sliders
        ],
        "charts": charts,
        "top": 1.06 * max(_highest(each) for each in charts.values()),
    }
    said = "; ".join(f"{slider.title}: {slider.words()[slider.start]}" for slider in figure.sliders)
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    return (
        f'<figure class="explorable" id="{figure.name}" aria-label="{escape(figure.title)}">\n'
        f'<div class="explorable-plain" role="img" aria-label="{escape(_summary(start))}">{_svg(start)}</div>\n'
        f'<figcaption class="explorable-plain">{escape(said)}.</figcaption>\n'
        f'<script type="application/json">{text}</script>\n</figure>\n'
    )


def _highest(drawn: Chart) -> float:
    """Return the highest value of any curve: all positions are drawn to one scale."""
    values = [value for curve in drawn["curves"] for value in curve["y"]]
    return float(max([*values, *(v for curve in drawn["curves"] for v in curve.get("published", {}).get("y", ()))]))


def _summary(drawn: Chart) -> str:
    ends = (f"{c['name']} goes from {c['y'][0]:.4g} to {c['y'][-1]:.4g}" for c in drawn["curves"])
    return f"{drawn['y']} against {drawn['x']}: {'; '.join(ends)}"


def _svg(drawn: Chart) -> str:
    """Return the plain figure."""
    with rc_context(style.PARAMETERS):
        figure = Figure(figsize=(8, 4.4), layout="constrained")
        axis = figure.subplots()
        for i, curve in enumerate(drawn["curves"]):
            axis.plot(curve["x"], curve["y"], marker=style.MARKERS[i], label=curve["name"], **style.look(i))
            if "published" in curve:
                axis.plot(curve["published"]["x"], curve["published"]["y"], **style.hollow(i))
        if drawn["log"]:
            axis.set_xscale("log")
            style.plain_numbers(axis.xaxis)
        axis.set_ylim(bottom=0)
        axis.set_xlabel(drawn["x"])
        axis.set_ylabel(drawn["y"])
        axis.legend()
        picture = StringIO()
        figure.savefig(picture, format="svg", metadata={"Date": None})
    text = picture.getvalue()
    return text[text.index("<svg") :]
