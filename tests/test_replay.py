"""Recorded traces replayed: what the simulated allocator does with the requests of a real kernel."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from simalloc.cli.app import load_commands
from simalloc.recorded import Pageset, ZoneInfo
from simalloc.runs import run
from simalloc.runs.replay import agrees, comparison, fraction_of, read_zones, replay_scenario
from simalloc.runs.simulation import Window
from simalloc.scenario import ScenarioError, build, load
from simalloc.traces import ftrace, recordings
from tests.test_recorded import ALLOC, DRAIN, FREE, OURS, SHIPPED, Writer

__all__ = ["trace"]

DEBIAN_CLOCK = 1.0
"""Ticks a nanosecond of the traces' clock (tsc_khz=1000000)."""


@pytest.fixture
def trace(tmp_path: Path) -> Writer:
    return Writer(tmp_path / "trace.txt")


def compared(name: Path, allocator: str, overrides: Sequence[str] = (), **workload: Any) -> dict[str, Any]:
    zones = read_zones(name.with_name(f"{name.name}.zoneinfo.txt"))
    scenario = replay_scenario(
        name.with_name(f"{name.name}.trace.zst"),
        allocator,
        zones=zones,
        workload={"clock_ghz": DEBIAN_CLOCK, **workload},
        overrides=overrides,
    )
    return comparison(run(scenario))


SAME = [
    (SHIPPED / "linux-6.1-shell", "6.1-stable"),
    (SHIPPED / "linux-6.1-order", "6.1-stable"),
    (OURS / "linux-6.1-2-cpus", "6.1-stable"),
    (SHIPPED / "linux-6.12-fault", "v6.12"),
    (OURS / "linux-6.12-fork", "v6.12"),
    (OURS / "linux-6.12-order", "v6.12"),
    (OURS / "linux-6.1-fork", "v6.1"),
]


@pytest.mark.parametrize(("name", "allocator"), SAME, ids=lambda value: getattr(value, "name", value))
def test_a_kernel_does_what_its_generation_does(name: Path, allocator: str) -> None:
    """Every refill and drain has the recorded size and place in the order, and the lists end as the kernel's did."""
    assert agrees(compared(name, allocator))


def test_another_kernel_does_something_else() -> None:
    found = compared(SHIPPED / "linux-6.1-order", "v4.10")["cpus"][0]
    assert (found["recorded"]["refills"], found["simulated"]["refills"] > 0, found["first_difference"]["place"]) == (
        701,
        True,
        0,
    )


def test_a_smaller_batch_refills_more_often() -> None:
    with_batch = compared(SHIPPED / "linux-6.1-order", "v6.1", ["allocator.batch=31"])
    assert with_batch["cpus"][0]["simulated"]["refills"] > 701


@pytest.mark.parametrize("loop", ["open", "closed"])
def test_refills_of_one_cpu_do_not_depend_on_time(loop: str) -> None:
    assert agrees(compared(OURS / "linux-6.1-fork", "v6.1", loop=loop))


def cpus_that_free_each_others_pages(trace: Writer) -> Path:
    """Write a trace in which CPU 1 frees what CPU 0 has just allocated, and the other way round."""
    for turn in range(60):
        first, second = turn % 2, 1 - turn % 2
        for pfn in range(20):
            trace.add(ALLOC, 1000 * turn + pfn, cpu=first)
        for pfn in range(20):
            trace.add(FREE, 1000 * turn + pfn, cpu=second, flags=".....")
    text = "".join(trace.lines)
    # Microseconds instead of seconds, so that CPUs meet.
    trace.file.write_text(text.replace(".000000:", ":"))
    return trace.file


@pytest.mark.parametrize("loop", ["open", "closed"])
@pytest.mark.parametrize("copies", [1, 3])
def test_lockstep_replays_the_same(loop: str, copies: int, trace: Writer) -> None:
    file = cpus_that_free_each_others_pages(trace)
    workload = {"loop": loop, "copies": copies, "clock_ghz": 0.002}
    found = [
        run(replay_scenario(file, "v6.1", workload=workload, overrides=[f"lockstep={lockstep}"])).rows
        for lockstep in ("false", "true")
    ]
    assert found[0] == found[1]


@pytest.mark.parametrize("flags", [".....", "d.s1.", "d.h1."])
def test_requests_run_in_the_context_they_were_made_in(flags: str, trace: Writer) -> None:
    for pfn in range(40):
        trace.add(ALLOC, pfn, flags=flags)
    trace.follow()
    result = run(replay_scenario(trace.file, "v6.1"))
    busy = {row["context"] for row in result.ledger if row["cycles"] and row["activity"] == "call overhead"}
    assert busy == {{".": "task", "s": "softirq", "h": "hardirq"}[flags[2]]}


# The command

runner = CliRunner()


def invoke(*arguments: str) -> Any:
    return runner.invoke(load_commands(), ["replay", *arguments])


SHELL = str(OURS / "linux-6.1-fork.trace.zst")
SHELL_ZONES = str(OURS / "linux-6.1-fork.zoneinfo.txt")


def test_json_tells_cpu_by_cpu() -> None:
    found = json.loads(invoke(SHELL, "--zoneinfo", SHELL_ZONES, "--allocator", "v6.1", "--format", "json").stdout)
    cpu = {key: found["cpus"][0][key] for key in ("cpu", "recorded", "simulated")}
    totals = {"refills": 5, "refilled": 304, "drains": 0, "drained": 0}
    assert cpu == {"cpu": 0, "recorded": totals, "simulated": totals}


@pytest.mark.parametrize(("allocator", "code"), [("v6.1", 0), ("v4.10", 1)])
def test_strict_fails_on_any_difference(allocator: str, code: int) -> None:
    assert invoke(SHELL, "--zoneinfo", SHELL_ZONES, "--allocator", allocator, "--strict").exit_code == code


def test_without_strict_a_difference_is_no_failure() -> None:
    found = invoke(SHELL, "--zoneinfo", SHELL_ZONES, "--allocator", "v4.10")
    assert (found.exit_code, "first difference" in found.stdout) == (0, True)


def test_without_zoneinfo_it_is_one_zone() -> None:
    assert invoke(SHELL, "--allocator", "v6.1").exit_code == 0


def test_no_page_is_lost_in_a_replay() -> None:
    name = OURS / "linux-6.1-fork"
    assert agrees(compared(name, "6.1-stable", ["check=true"]))


def test_an_allocator_that_is_none_is_told_before_anything_is_read() -> None:
    found = runner.invoke(load_commands(), ["replay", SHELL, "--allocator", "v9"])
    assert "--allocator v9: there is no such allocator" in str(found.exception)


@pytest.mark.parametrize(("highs", "fraction"), [((19, 1219), 200), ((18, 1217), 0), ((0, 13322), 0), ((18, 13322), 0)])
def test_high_fraction_shows_in_zoneinfo(highs: tuple[int, int], fraction: int) -> None:
    zones = [
        ZoneInfo(0, "DMA", managed=3840, low=18, pagesets=[Pageset(0, high=highs[0])]),
        ZoneInfo(0, "DMA32", managed=243995, low=1217, pagesets=[Pageset(0, high=highs[1])]),
    ]
    assert fraction_of(zones) == fraction


@pytest.mark.parametrize("allocator", ["6.1-stable", "v6.12"])
@pytest.mark.parametrize(("api", "batches"), [("single", [64, 1500]), ("bulk", [64, 600])])
def test_what_simalloc_traces_it_replays(api: str, batches: list[int], allocator: str, tmp_path: Path) -> None:
    """A trace of our own, whose bulk allocations show no event, as with kernels that have none for them.

    Its list frees drain nothing: our traces have no mm_page_free_batched to tell drains within a list apart.
    """
    scenario = build(
        {
            "name": "traced",
            "memory": {"zone": "1GiB"},
            "allocator": {"name": allocator, "high": 700},
            "workload": {
                "kind": "pagealloc",
                "api": api,
                "batches": batches,
                "samples": 2,
                "dropped": 0,
                "rounds": 2,
            },
        }
    )
    (recording,) = recordings(run(scenario, record=Window("0us", "100ms")))
    lines = ftrace.to_text(recording).splitlines(keepends=True)
    file = tmp_path / "own.txt"
    file.write_text("".join(line for line in lines if api == "single" or "mm_page_alloc:" not in line))
    found = comparison(run(replay_scenario(file, allocator, overrides=["allocator.high=700"])))
    assert (found["cpus"][0]["first_difference"], found["cpus"][0]["recorded"]["refills"] > 3) == (None, True)


def test_a_trace_is_relative_to_its_scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a label or a sweep changes the workload; and a name that nobody has is told with its folder."""
    text = "name: ours\nallocator: 6.1-stable\nworkload: {kind: replay, trace: NAME}\n"
    text += "compare: [{label: a}, {label: b, workload: {loop: closed}}]\nsweep: {allocator.batch: [31, 63]}\n"
    (tmp_path / "t.zst").write_bytes((OURS / "linux-6.1-fork.trace.zst").read_bytes())
    file = tmp_path / "ours.yaml"
    monkeypatch.chdir("/")
    file.write_text(text.replace("NAME", "t.zst"))
    assert [row["value"] for row in run(load(str(file))).select(metric="refills_recorded")] == [5] * 4
    file.write_text(text.replace("NAME", "nope.zst"))
    with pytest.raises(ScenarioError, match=f"{tmp_path / 'nope.zst'}: cannot be read"):
        run(load(str(file)))


@pytest.mark.parametrize("allocator", ["6.1-stable", "v6.12"])
def test_a_drain_of_all_lists_is_replayed_as_one(allocator: str, trace: Writer) -> None:
    for pfn in range(1, 6):
        trace.add(FREE, pfn)
    trace.add(ALLOC, 5, mt=1)
    for pfn in range(1, 5):
        trace.add(DRAIN, pfn, mt=1)
    trace.add(FREE, 7).follow()
    found = comparison(run(replay_scenario(trace.file, allocator)))["cpus"][0]
    assert (found["recorded"]["drained"], found["simulated"]["drained"], found["first_difference"]) == (4, 4, None)
