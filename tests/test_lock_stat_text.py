"""/proc/lock_stat: printed as kernels print it, read from real ones, compared with runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simalloc.results import (
    LockStatError,
    compared,
    comparison_text,
    lock_stat_rows,
    lock_stat_text,
    locks_side_by_side,
    of_result,
    read_lock_stat,
)
from simalloc.runs import run
from simalloc.scenario import build
from tests.test_cli import simalloc

REAL = Path(__file__).parent / "data" / "lock_stat.txt"
"""In the form of Documentation/locking/lockstat.rst, with figures published for hackbench."""

SCENARIO: dict[str, Any] = {
    "name": "contended",
    "machine": {"cpus": 4},
    "memory": {"zone": "256MiB"},
    "allocator": "v6.1",
    "workload": {"kind": "alloc-bench", "modes": ["bulk"], "pages": 512},
    "replications": 1,
}


def test_a_real_file_is_read() -> None:
    zone, write, read = read_lock_stat(REAL)
    assert (zone["lock"], zone["class"], zone["mode"]) == ("zone->lock", "&zone->lock", "")
    assert (zone["con_bounces"], zone["contentions"], zone["acquisitions"]) == (739000, 740201, 7800012)
    assert (zone["waittime_avg"], zone["holdtime_max"]) == (0.95, 90.31)
    assert zone["waiters_at"] == {"rmqueue_bulk": 390211, "free_pcppages_bulk": 350000}
    assert zone["holders_at"] == {"free_pcppages_bulk": 390211}
    assert [(row["lock"], row["mode"]) for row in (write, read)] == [("mm->mmap_lock", "W"), ("mm->mmap_lock", "R")]


def test_what_is_printed_is_read_again() -> None:
    rows = lock_stat_rows(run(build(SCENARIO)))
    again = read_lock_stat(lock_stat_text(rows))
    assert sorted(row["lock"] for row in again) == ["pcp->lock", "zone->lock"]
    by_name = {row["lock"]: row for row in rows}
    for row in again:
        there = by_name[row["lock"]]
        assert (row["acquisitions"], row["contentions"]) == (there["acquisitions"], there["contentions"])
        assert abs(row["holdtime_total"] - there["holdtime_total"]) <= 0.005
        assert set(row["waiters_at"]) == {site for site in there["waiters_at"] if site}


def test_a_pcp_lock_that_only_its_cpu_takes_is_counted_like_a_real_one() -> None:
    """Every call takes it once, in strides or one by one; with drains expected it is a real spinlock."""
    counts = []
    for changes in ({}, {"lockstep": True}, {"memory": {"zone": "256MiB", "drain_on_failure": True}}):
        rows = {row["lock"]: row for row in run(build(SCENARIO | changes)).locks}
        lock = rows["pcp->lock"]
        counts.append((lock["acquisitions"], lock["holdtime_total"]))
    assert counts[0] == counts[1] == counts[2]


def test_an_old_version_and_windows_line_ends() -> None:
    old = (
        "\ufefflock_stat version 0.3\r\n"
        "  class name  con-bounces contentions waittime-min waittime-max waittime-total acq-bounces acquisitions "
        "holdtime-min holdtime-max holdtime-total\r\n"
        "  &(&zone->lock)->rlock: 1 2 0.10 0.30 0.40 5 8 0.10 2.00 4.00\r\n"
    )
    (row,) = read_lock_stat(old.lstrip("\ufeff"))
    assert (row["lock"], row["waittime_avg"], row["holdtime_avg"]) == ("zone->lock", 0.2, 0.5)


HEAD = "class name con-bounces contentions waittime-total acq-bounces acquisitions holdtime-total"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("hello\nworld\n", "this is no /proc/lock_stat"),
        (f"{HEAD}\n a: 1 2 3\n", ":2: a has 3 values for 6 columns"),
        ("class name con-bounces contentions acquisitions\n", ":1: the column waittime-total is missing"),
        ("class name con-bounces sense\n", ":1: there is no column 'sense'"),
        ("x: 1 2\nclass name con-bounces contentions\n", ":1: a class comes before the line"),
    ],
)
def test_what_is_no_lock_stat_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(LockStatError, match=complaint):
        read_lock_stat(text)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(LockStatError, match="no such file"):
        read_lock_stat(tmp_path / "none")
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(LockStatError, match="is no text"):
        read_lock_stat(binary)


def test_a_run_beside_a_real_kernel() -> None:
    columns = [*of_result(run(build(SCENARIO)), "run"), *compared(REAL)]
    rows = locks_side_by_side(columns)
    assert {row["lock"] for row in rows} == {"zone->lock"}
    contended = next(row["values"] for row in rows if row["figure"] == "contended, %")
    assert round(contended[1], 2) == 9.49
    assert "run: v6.1" in comparison_text(columns)


def test_the_commands(tmp_path: Path) -> None:
    settings = ["--set", "workload.batches=[64]", "--set", "workload.samples=2", "--set", "workload.dropped=1"]
    ran = simalloc("run", "pagealloc-2017", *settings, "--lock-stat", "--check", "--out", str(tmp_path / "run"))
    assert (ran.returncode, "&zone->lock:" in ran.stdout) == (0, True)
    beside = simalloc("compare", str(tmp_path / "run"), str(REAL))
    assert (beside.returncode, "zone->lock" in beside.stdout) == (0, True)
    wrong = simalloc("compare", str(REAL), str(tmp_path / "none"))
    assert (wrong.returncode, "no such file" in wrong.stderr) == (2, True)


def test_a_mistake_is_exit_code_1_with_the_report_in_text_and_json(tmp_path: Path) -> None:
    ran = simalloc("run", "scenarios/mistakes/in-irq-2017.yaml", "--format", "json", "--out", str(tmp_path))
    assert ran.returncode == 1
    assert "WARNING: inconsistent use of a page list" in ran.stderr
    assert '"rule": "page-list"' in ran.stdout
    assert '"rule": "page-list"' in (tmp_path / "result.json").read_text()
