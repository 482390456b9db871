"""Figures: the numbers behind each are the stored ones, the files are what they should be, and wrong kinds are told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from simalloc.measure.lock_stat import Times
from simalloc.plots import FIGURES, NoSuchFigure, Series, applying, checked, draw, wanted
from simalloc.plots.style import save
from simalloc.results import FIGURE_ABOUT, Result, metric_table
from simalloc.runs import run
from simalloc.runs.prices import prices
from simalloc.scenario import ScenarioError, build, load, shipped
from tests.test_cli import simalloc
from tests.test_stored import FOLDER, stored_result

SMALL: dict[str, Any] = {
    "name": "small",
    "allocator": "v4.10",
    "workload": {"kind": "pagealloc", "batches": [1, 64], "samples": 3, "rounds": 2},
}

EXAMPLES = {
    "allocators": "pagealloc-2017",
    "cost_by_batch": "pagealloc-2017",
    "contention": "locks",
    "throughput": "nic-rx-2017",
    "lock_shares": "page-fault-2018",
    "cycles": "linux-alloc-bench-2023",
    "lock_times": "page-fault-2018",
    "irq_windows": "irq-latency",
}
"""A shipped scenario that each kind is drawn of."""


def series(result: Result, kind: str) -> Series:
    numbers = FIGURES[kind].series
    return numbers(result) if numbers else []


def figures_text(result: Result) -> str:
    """The data of every figure of a result: an entry of a figure a line."""
    lines = {name: ",\n  ".join(map(json.dumps, series(result, name))) for name in applying(result)}
    return "{\n " + ",\n ".join(f'"{name}": [\n  {text}\n ]' for name, text in lines.items()) + "\n}\n"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    stored_result("nic-rx-2017").save(folder)
    return folder


@pytest.mark.parametrize("name", sorted(shipped()))
def test_the_data_of_each_figure_is_the_stored_one(name: str) -> None:
    stored = (FOLDER / "figures" / f"{name}.json").read_text(encoding="utf-8")
    assert figures_text(stored_result(name)) == stored


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_figure_of_nothing_but_zeros_is_drawn_without_a_warning(kind: str, tmp_path: Path) -> None:
    result = Result.from_json(stored_result(EXAMPLES[kind]).to_json())
    for row in (*result.rows, *result.locks, *result.latency):
        row |= {name: 0 for name, value in row.items() if isinstance(value, float)}
    assert len(save(FIGURES[kind].draw(result), tmp_path / kind)) == 2


def test_every_kind_says_what_it_shows_and_has_an_example() -> None:
    assert list(FIGURES) == list(FIGURE_ABOUT)
    assert set(EXAMPLES) <= set(FIGURES)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_figure_is_a_slide_with_its_axes_named_and_everything_inside_it(kind: str) -> None:
    figure = FIGURES[kind].draw(stored_result(EXAMPLES[kind]))
    assert tuple(figure.get_size_inches() * 100) == (1280, 720)
    renderer = FigureCanvasAgg(figure).get_renderer()  # type: ignore[no-untyped-call]
    figure.draw(renderer)
    assert all(_named(figure, axis.get_xlabel(), axis.xaxis) for axis in figure.axes if axis.axison)
    assert all(_named(figure, axis.get_ylabel(), axis.yaxis) for axis in figure.axes if axis.axison)
    for part in (figure, *figure.subfigs):
        for legend in part.legends:
            box = legend.get_window_extent(renderer)
            assert (box.x0 >= 0, box.y0 >= 0, box.x1 <= 1280, box.y1 <= 720) == (True, True, True, True)


def _named(figure: Figure, label: str, axis: Axis) -> bool:
    """Whether an axis of numbers is named; one that shows none, or names (v4.10) instead of numbers, needs no name."""
    ticks = [tick.get_text() for tick in axis.get_ticklabels() if tick.get_visible()]
    numbers = [
        tick for tick in ticks if tick.replace(",", "").replace("\N{MINUS SIGN}", "").replace(".", "").isdecimal()
    ]
    return bool(label or figure.get_supylabel() or not numbers)


def test_a_figure_is_the_same_bytes_every_time(tmp_path: Path) -> None:
    result = stored_result("irq-latency")
    once = {file: file.read_bytes() for file in draw(result, tmp_path, ["cycles"])}
    again = {file: file.read_bytes() for file in draw(result, tmp_path, ["cycles"])}
    assert [file.suffix for file in once] == [".png", ".svg"]
    assert once == again


def test_the_share_of_a_group_is_what_the_ledger_says() -> None:
    result = stored_result("nic-rx-2017")
    bar = next(bar for bar in series(result, "cycles") if bar["label"] == "v4.11-rc")
    rows = [row for row in result.ledger if row["label"] == "v4.11-rc"]
    pages = sum(row["count"] for row in rows if row["step"] == "prep_new_page")
    busy = sum(row["cycles"] for row in rows if row["context"] != "idle")
    assert sum(bar["parts"].values()) == pytest.approx(busy / pages)


def test_lock_times_are_those_of_the_last_point_at_which_somebody_waited() -> None:
    result = Result.from_json(stored_result("locks").to_json())
    for row in result.locks:
        if row["cpus"] == 32:
            row |= {"wait_histogram": [], "hold_histogram": []}
    assert {curve["point"] for curve in series(result, "lock_times")} == {"cpus = 16"}


def test_survival_begins_at_the_share_that_waited_at_all() -> None:
    row = stored_result("nic-rx-2017").locks[1]
    curves = series(stored_result("nic-rx-2017"), "lock_times")
    curve = next(c for c in curves if (c["label"], c["time"]) == (row["label"], "wait"))
    assert curve["percent"][0] == pytest.approx(100 * row["contentions"] / row["acquisitions"])


def test_bins_keep_every_length_below_32_and_six_percent_above() -> None:
    times = Times()
    times.counts.update(range(40))
    times.counts[1000] = 7
    assert times.histogram() == [*((n, 1) for n in range(32)), (32, 2), (34, 2), (36, 2), (38, 2), (992, 7)]


def test_bins_are_few_however_many_lengths_there_are() -> None:
    times = Times()
    times.counts.update(range(0, 1 << 20, 7))
    assert len(times.histogram()) <= 32 + 15 * 16


def test_columns_of_times_are_those_of_what_was_counted() -> None:
    times = Times()
    times.counts.update([5, 5, 20])
    assert times.columns("wait") == {"wait_min": 5, "wait_max": 20, "wait_total": 30, "wait_avg": 10.0}


@pytest.mark.parametrize("name", ["nic-rx-2017", "pagealloc-2017", "page-fault-2018", "seven-years"])
def test_a_figure_can_be_drawn_of_what_there_is_where_runs_are_missing(name: str) -> None:
    result = Result.from_json(stored_result(name).to_json())
    last = result.cases[-1]["label"]
    for table in ("rows", "ledger", "locks", "latency"):
        setattr(result, table, [row for row in getattr(result, table) if row["label"] != last])
    assert all(series(result, kind) for kind in applying(result) if FIGURES[kind].series)


def test_plots_of_a_scenario_are_those_drawn(tmp_path: Path) -> None:
    result = stored_result("nic-rx-2017")
    only = Result.from_json(result.to_json())
    only.definition["plots"] = ["throughput"]
    assert (wanted(only), wanted(result)) == (["throughput"], applying(result))
    assert [file.name for file in draw(only, tmp_path, wanted(only), ["svg"])] == ["throughput.svg"]


def test_plots_do_not_change_the_digest() -> None:
    assert build(SMALL | {"plots": ["cycles"]}).digest() == build(SMALL).digest()


def test_a_wrong_kind_in_a_scenario_is_located_and_a_right_one_proposed(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text("name: s\nallocator: v4.10\nworkload: {kind: pagealloc}\nplots: [cycles, contentoin]\n")
    with pytest.raises(ScenarioError) as wrong:
        load(str(file))
    assert str(wrong.value) == (f"{file}:4:17: plots[1]: there is no figure 'contentoin'; did you mean \"contention\"?")


@pytest.mark.parametrize(("kind", "fault"), [("contention", "lacks what it shows"), ("pie", "no such figure")])
def test_a_kind_that_cannot_be_drawn_is_told_with_those_that_can(kind: str, fault: str) -> None:
    result = stored_result("nic-rx-2017")
    with pytest.raises(NoSuchFigure) as wrong:
        checked(result, [kind])
    assert fault in str(wrong.value)
    assert str(wrong.value).endswith(", ".join(applying(result)))


def test_plot_draws_the_kinds_and_formats_asked_for(saved: Path) -> None:
    done = simalloc("plot", str(saved), "--kind", "throughput", "--kind", "cycles", "--format", "svg")
    assert done.stdout.splitlines() == [f"saved {saved}/throughput.svg", f"saved {saved}/cycles.svg"]


def test_plot_of_a_kind_that_the_run_has_not_is_exit_code_2(saved: Path) -> None:
    done = simalloc("plot", str(saved), "--kind", "contention")
    assert (done.returncode, done.stderr.startswith("--kind: contention: this run lacks")) == (2, True)


def test_a_run_whose_plots_do_not_apply_is_saved_all_the_same(tmp_path: Path) -> None:
    short = ["--set", "workload.batches=[1]", "--set", "workload.samples=3", "--set", "plots=[throughput]"]
    done = simalloc("run", "pagealloc-2017", *short, "--out", str(tmp_path))
    assert (done.returncode, "plots: throughput" in done.stderr) == (2, True)
    assert (tmp_path / "result.json").is_file()


def test_a_result_is_one_line_in_a_session() -> None:
    assert repr(stored_result("pagealloc-2017")).startswith("<Result of pagealloc-2017, seed 1: 3 cases")


def test_a_result_has_the_scenario_that_makes_it_again() -> None:
    scenario = load("page-fault-2018")
    assert build(scenario.definition()).digest() == scenario.digest()


def test_a_price_that_the_scenario_sets_says_so_and_what_the_preset_has() -> None:
    row = next(row for row in prices(load("locks")) if row["name"] == "line_transfer")
    assert (row["value"], row["kind"], "seed-2017 has 84" in row["source"]) == (120.0, "set", True)


def test_prices_that_differ_say_whose_they_are() -> None:
    rows = [row for row in prices(load("page-fault-2018")) if row["name"] == "lru_page"]
    assert [(row["value"], row["labels"]) for row in rows] == [
        (170, ["Skylake-EP, 112 CPUs"]),
        (405, ["Haswell desktop, 8 CPUs"]),
    ]


def test_a_swept_price_is_told_by_point() -> None:
    rows = [row for row in prices(build(SMALL | {"sweep": {"machine.costs.irq_save": [1, 2]}})) if row["kind"] == "set"]
    assert [(row["value"], row["labels"]) for row in rows] == [
        (1.0, ["v4.10, irq_save 1"]),
        (2.0, ["v4.10, irq_save 2"]),
    ]


@pytest.mark.parametrize(("label", "ghz"), [("Skylake-EP, 112 CPUs", 2.5), ("Haswell desktop, 8 CPUs", 4.0)])
def test_times_of_a_label_are_by_the_clock_of_its_own_machine(label: str, ghz: float) -> None:
    result = stored_result("page-fault-2018")
    row = next(row for row in result.locks if row["label"] == label)
    assert result.microseconds(row, 1000 * ghz) == 1


def test_cycles_and_instructions_are_not_drawn_side_by_side() -> None:
    other = {"label": "b", "machine": {"preset": "linux-6.12-instructions"}}
    assert applying(run(build(SMALL | {"compare": [{"label": "a"}, other]}))) == []


def test_a_table_has_a_line_for_each_unit() -> None:
    bench = {"kind": "alloc-bench", "modes": ["repeat"], "pages": 8, "repeats": 4}
    other = {"label": "b", "machine": {"preset": "linux-6.12-instructions"}}
    text = metric_table(
        run(build({"name": "t", "allocator": "v6.12", "workload": bench, "compare": [{"label": "a"}, other]}))
    )
    assert (" (ns)" in text, " (instructions)" in text) == (True, True)
