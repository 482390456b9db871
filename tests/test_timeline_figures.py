"""Figures of time: what they show is what was recorded."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from struct import unpack

import numpy as np
import pytest
from matplotlib.figure import Figure

from simalloc.plots import FIGURES, pcp_counts, style, timeline
from simalloc.results import Result
from simalloc.runs import Window, run
from simalloc.traces import recordings
from tests.test_timeline import recorded, scenario

KINDS = ("timeline", "pcp_counts")


def compared() -> Result:
    """Three cases of eight CPUs each: more lanes than fit."""
    compare = [{"label": name, "allocator": name} for name in ("v4.10", "bh-disable", "v4.11-rc")]
    machine = {"preset": "nic-2017", "cpus": 8}
    return run(scenario("contended", machine=machine, compare=compare), record=Window("2us", "3us"))


def titles(figure: Figure) -> list[str]:
    return [axis.get_title(loc="left") for axis in figure.axes]


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_recording_there_is_no_such_figure(kind: str) -> None:
    assert not FIGURES[kind].applies(run(scenario("uncontended")))


@pytest.mark.parametrize("kind", KINDS)
def test_figures_are_1280_by_720(kind: str, tmp_path: Path) -> None:
    png, _ = style.save(FIGURES[kind].draw(recorded("contended")), tmp_path / kind)
    assert unpack(">II", png.read_bytes()[16:24]) == (1280, 720)


def test_bars_of_a_lane_are_the_ledgers_cycles() -> None:
    result = recorded("contended")
    (recording,) = recordings(result)
    found = Counter[tuple[int, str]]()
    for cpu in range(recording.cpus):
        rows = [row for row in recording.rows if row["cpu"] == cpu]
        bars = timeline.recording_bars(recording, rows)
        for context in ("idle", "task"):
            found[cpu, context] = round(sum(length for _, length in bars[context]) * recording.ghz * 1000)
    expected = Counter[tuple[int, str]]()
    for row in result.ledger:
        expected[row["cpu"], row["context"]] += row["cycles"]
    assert +found == +expected


def test_the_first_case_and_the_one_that_waits_most_are_drawn_if_not_all_fit() -> None:
    result = compared()
    waits = Counter[str]()
    for row in result.timeline:
        if row["kind"] == "wait":
            waits[row["label"]] += row["end"] - row["start"]
    most = max(("bh-disable", "v4.11-rc"), key=lambda label: waits[label])
    assert titles(timeline.timeline(result)) == ["v4.10", most]


def test_curves_of_counts_are_what_was_recorded() -> None:
    (axis,) = pcp_counts.pcp_counts(recorded("uncontended")).axes
    rows = [row for row in recorded("uncontended").timeline if row["kind"] == "pcp"]
    curve = np.asarray(axis.lines[0].get_ydata())
    assert curve[:-1].tolist() == [row["count"] for row in rows]


def test_counts_have_the_limits_they_meet() -> None:
    (axis,) = pcp_counts.pcp_counts(recorded("uncontended")).axes
    assert {text.get_text().strip() for text in axis.texts} == {"high\n 18", "high - batch\n 15"}


def test_a_file_has_nothing_that_is_not_shown() -> None:
    axis = FIGURES["timeline"].draw(run(scenario("contended"), record=Window("0us", "40us"))).axes[0]
    left, right = axis.get_xlim()
    bars = [path.get_extents() for each in axis.collections for path in each.get_paths()]
    assert bars
    assert all(bar.x1 >= left and bar.x0 <= right for bar in bars)
