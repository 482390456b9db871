"""Every figure that applies can be drawn: of every workload, in every kind of sweep, in every kind of comparison."""

from __future__ import annotations

from itertools import combinations, product
from typing import Any

import pytest
from matplotlib.figure import Figure

from simalloc.plots import FIGURES, applying
from simalloc.results import Result
from simalloc.runs import Window, run
from simalloc.scenario import build

SHORT_TIME = {"milliseconds": 0.01}

WORKLOADS: dict[str, dict[str, Any]] = {
    "pagealloc": {"kind": "pagealloc", "batches": [1, 8], "samples": 2, "dropped": 0, "rounds": 1},
    "alloc-bench": {"kind": "alloc-bench", "modes": ["bulk", "repeat"], "pages": 40, "repeats": 4},
    "page-fault": {"kind": "page-fault", "mapping": 60, **SHORT_TIME},
    "nic-rx": {"kind": "nic-rx", "queues": 1, "queue_mpps": 3.0, "ring": 64, "warmup_ms": 0.0, **SHORT_TIME},
    "producer-consumer": {"kind": "producer-consumer", "queue": 16, **SHORT_TIME},
    "exit": {"kind": "exit", "pages": 40},
    "mixed": {"kind": "mixed", "hold": 64, **SHORT_TIME},
    "lock-loop": {"kind": "lock-loop", **SHORT_TIME},
    "memory-pressure": {"kind": "memory-pressure", "isolated": 0, **SHORT_TIME},
    "purger": {"kind": "purger", "extent": 16, **SHORT_TIME},
}
VARIANTS: dict[str, dict[str, Any]] = {
    "pagealloc": {"batches": [1]},
    "alloc-bench": {"modes": ["rand"]},
    "page-fault": {"mapping": 30},
    "nic-rx": {"api": "bulk"},
    "producer-consumer": {"queue": 4},
    "exit": {"faulted_by": 1},
    "mixed": {"hold": 8},
    "lock-loop": {"hold": "300ns"},
    "memory-pressure": {"read_cycles": 100},
    "purger": {"extent": 4},
}
"""What a column of a comparison may have otherwise; of some workloads it has other figures then."""

SWEEPS: dict[str, Any] = {
    "none": {},
    "two sizes": {"machine.cpus": [2, 3]},
    "sizes": {"machine.cpus": [2, 3, 4]},
    "batches": {"allocator.batch": [8, 31, 63]},
    "grid": {"machine.cpus": [2, 4], "allocator.batch": [8, 31]},
    "together": {"machine.cpus, memory.zones_per_node": [[2, 1], [3, 2], [4, 2]]},
    "points": [{"machine.cpus": 2}, {"machine.cpus": 3}, {"machine.cpus": 4}],
    "names": {"memory.initial": ["fresh", "warmed"]},
    "costs": {"machine.costs.irq_save": [1, 2, 3]},
    "mapping": {"interrupts": [[], [{"name": "timer", "hz": 50000}]]},
}
COMPARISONS: dict[str, Any] = {
    "none": lambda _: [],
    "allocators": lambda _: [{"label": "a"}, {"label": "b", "allocator": "noirq-v2"}],
    "workloads": lambda workload: [{"label": "a"}, {"label": "b", "workload": VARIANTS[workload]}],
    "machines": lambda _: [{"label": "a"}, {"label": "b", "machine": {"preset": "skylake-ep"}}],
    "one": lambda _: [{"label": "x" * 60}],
}

ALL = list(product(WORKLOADS, SWEEPS, COMPARISONS))


def result_of(workload: str, sweep: str, comparison: str, **other: Any) -> Result:
    """Simulate a very short run of the kind asked for, with interrupts, and with its timelines."""
    data = {
        "name": "short",
        "machine": {"cpus": 2},
        "memory": {"zone": "64MiB"},
        "allocator": "noirq-v2" if workload == "nic-rx" and comparison == "workloads" else "v4.10",
        "workload": WORKLOADS[workload],
        "sweep": SWEEPS[sweep],
        "compare": COMPARISONS[comparison](workload),
        "interrupts": [{"name": "timer", "hz": 100000}],
        "replications": 2,
    }
    return run(build(data | other), record=Window("0us", "2us"))


def titles_that_collide(figure: Figure) -> list[str]:
    """Say which panels' titles run into one another or out of the figure, in a figure that has been laid out."""
    titles = [text for axis in figure.axes for text in (axis.title, axis._left_title, axis._right_title)]  # type: ignore[attr-defined]
    boxes = [(text.get_text(), text.get_window_extent()) for text in titles if text.get_text().strip()]
    out = [text for text, box in boxes if box.x0 < -1 or box.x1 > figure.bbox.x1 + 1]
    return out + [f"{a} | {b}" for (a, one), (b, other) in combinations(boxes, 2) if one.overlaps(other)]


def figures_that_fail(result: Result, *, laid_out: bool) -> list[str]:
    """Draw every figure that applies, and lay it out if asked to, which takes most of the time."""
    faults = []
    for name in applying(result):
        try:
            figure = FIGURES[name].draw(result)
            if laid_out:
                figure.draw_without_rendering()
                faults += [f"{name}: {each}" for each in titles_that_collide(figure)]
        except Exception as error:  # every one of them is reported
            faults.append(f"{name}: {type(error).__name__}: {error}")
    return faults


PAIRS = [(w, s, list(COMPARISONS)[(i + j) % 5]) for i, w in enumerate(WORKLOADS) for j, s in enumerate(SWEEPS)]
"""Every workload with every sweep and, by turns, every comparison; `make soak` draws all of `ALL`."""


@pytest.mark.parametrize("pair", PAIRS, ids=" x ".join)
def test_every_figure_that_applies_is_drawn(pair: tuple[str, str, str]) -> None:
    assert figures_that_fail(result_of(*pair), laid_out=PAIRS.index(pair) % 12 == 0) == []


def test_the_first_slide_of_a_lecture_is_drawn() -> None:
    result = result_of("pagealloc", "sizes", "allocators")
    assert [curve["name"] for curve in FIGURES["contention"].series(result)] == [  # type: ignore[misc]
        "a: allocation + free of a page, batch 1",
        "a: allocation + free of a page, batch 8",
        "b: allocation + free of a page, batch 1",
        "b: allocation + free of a page, batch 8",
    ]
