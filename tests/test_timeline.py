"""Timelines: what is recorded, that it adds up, and that recording changes nothing."""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from functools import cache
from itertools import groupby, pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from typer.testing import CliRunner

from simalloc.cli.app import load_commands
from simalloc.machine import Cpu, Instrument, Program, Step
from simalloc.measure import Timeline
from simalloc.results import Result, Row, load_result
from simalloc.runs import Window, run
from simalloc.runs.simulation import record
from simalloc.scenario import ScenarioError, build
from simalloc.traces import functions, recordings, write_traces
from tests.conftest import Bench
from tests.models import model, random_operation

WHOLE = Window("0us", "1s")

SHORT = {"samples": 1, "dropped": 0, "rounds": 3}

SCENARIOS: dict[str, dict[str, Any]] = {
    "uncontended": {
        "machine": {"preset": "seed-2017", "cpus": 1},
        "workload": {"batches": [1, 40], **SHORT},
    },
    "contended": {
        "machine": {"preset": "nic-2017", "cpus": 4},
        "workload": {"batches": [40], **SHORT},
    },
    "interrupted": {
        "machine": {"preset": "nic-2017", "cpus": 2},
        "workload": {"batches": [40], **SHORT},
        "interrupts": [
            {"name": "device", "arrivals": "poisson", "hz": 500_000, "handler_cycles": 200},
            {"name": "watchdog", "arrivals": "periodic", "hz": 100_000, "handler_cycles": 90, "nmi": True},
        ],
    },
}


def scenario(name: str, **changes: Any) -> Any:
    parts: dict[str, Any] = SCENARIOS[name] | changes
    workload = {"kind": "pagealloc", **parts.pop("workload")}
    return build({"name": "t", "allocator": "v4.10", "memory": {"zone": "64MiB"}, "workload": workload} | parts)


@cache
def recorded(name: str) -> Result:
    return run(scenario(name), record=WHOLE)


@cache
def receiving() -> Result:
    """Two queues of a NIC: hardirqs, softirqs, idle time, refills; all of 60 us."""
    workload = {"kind": "nic-rx", "queues": 2, "gbits": 10.0, "milliseconds": 0.06, "warmup_ms": 0.01}
    machine = {"preset": "nic-2017", "cpus": 2}
    return run(build({"name": "t", "allocator": "v4.11-rc", "machine": machine, "workload": workload}), record=WHOLE)


def traced(result: Result, folder: Path) -> list[Row]:
    """The events of the only trace, as they were written."""
    file, _ = write_traces(result, folder)
    events: list[Row] = json.loads(gzip.decompress(file.read_bytes()))["traceEvents"]
    return events


def self_cycles(events: list[Row], category: str) -> Counter[tuple[int, str]]:
    """Cycles by thread and name of a category's slices, less those of its slices inside them."""
    found: Counter[tuple[int, str]] = Counter()
    inside: dict[int, list[Row]] = defaultdict(list)
    for event in events:
        if event["ph"] != "X" or event["cat"] != category:
            continue
        around = inside[event["tid"]]
        begin = event["args"]["start_cycle"]
        while around and around[-1]["args"]["start_cycle"] + around[-1]["args"]["cycles"] <= begin:
            around.pop()
        if around:
            found[event["tid"], around[-1]["name"]] -= event["args"]["cycles"]
        found[event["tid"], event["name"]] += event["args"]["cycles"]
        around.append(event)
    return found


# What the ledger says


@pytest.mark.parametrize("name", SCENARIOS)
def test_time_per_context_in_the_trace_is_the_ledgers(name: str, tmp_path: Path) -> None:
    result = recorded(name)
    found: Counter[tuple[int, str]] = Counter()
    for (tid, slice_), cycles in self_cycles(traced(result, tmp_path), "context").items():
        found[tid - 1, slice_.split()[0]] += cycles
    expected: Counter[tuple[int, str]] = Counter()
    for row in result.ledger:
        expected[row["cpu"], row["context"]] += row["cycles"]
    assert +found == +expected


def test_time_per_context_of_a_run_that_is_cut_short_is_the_ledgers(tmp_path: Path) -> None:
    found: Counter[str] = Counter()
    for (_, slice_), cycles in self_cycles(traced(receiving(), tmp_path), "context").items():
        found[slice_.split()[0]] += cycles
    expected: Counter[str] = Counter()
    for row in receiving().ledger:
        expected[row["context"]] += row["cycles"]
    assert +found == +expected


@pytest.mark.parametrize("name", SCENARIOS)
def test_waits_per_lock_in_the_trace_are_what_lock_stat_says(name: str, tmp_path: Path) -> None:
    found: Counter[str] = Counter()
    for event in traced(recorded(name), tmp_path):
        if event["ph"] == "X" and event["cat"] == "wait":
            found[event["args"]["lock"]] += event["args"]["cycles"]
    expected = Counter({row["lock"]: row["waittime_total"] for row in recorded(name).locks})
    assert +found == +expected


def test_waits_are_the_cycles_spun_and_the_hand_overs() -> None:
    result = recorded("contended")
    waits = [row for row in result.timeline if row["kind"] == "wait"]
    handed = sum(
        step["end"] - step["start"]
        for step in result.timeline
        if step["kind"] == "step" and step["step"] == "line_transfer"
        for wait in waits
        if wait["cpu"] == step["cpu"] and wait["start"] <= step["start"] and step["end"] <= wait["end"]
    )
    spun = sum(row["cycles"] for row in result.ledger if row["step"] == "spin")
    assert sum(row["end"] - row["start"] for row in waits) == spun + handed > 0


@pytest.mark.parametrize("name", SCENARIOS)
def test_holds_per_lock_are_what_lock_stat_says(name: str) -> None:
    found: Counter[str] = Counter()
    for row in recorded(name).timeline:
        if row["kind"] == "hold":
            found[row["lock"]] += row["end"] - row["start"]
    assert found == {row["lock"]: row["holdtime_total"] for row in recorded(name).locks}


@pytest.mark.parametrize("name", SCENARIOS)
def test_steps_are_the_ledgers(name: str) -> None:
    found: Counter[tuple[Any, ...]] = Counter()
    for row in recorded(name).timeline:
        if row["kind"] == "step":
            found[row["cpu"], row["context"], row["step"]] += row["times"]
    expected = {
        (row["cpu"], row["context"], row["step"]): row["count"]
        for row in recorded(name).ledger
        if row["cycles"] and row["step"] not in ("spin", "idle")
    }
    assert found == expected


# What recording does to a run: nothing


@pytest.mark.parametrize("name", SCENARIOS)
def test_results_are_the_same_without_a_recording_with_one_and_with_a_part_recorded(name: str) -> None:
    plain = run(scenario(name)).to_json()
    part = run(scenario(name), record=Window("3us", "4us")).to_json()
    assert plain == part == recorded(name).to_json()


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_part_recorded_is_that_part_of_the_whole(name: str) -> None:
    part = run(scenario(name), record=Window("3us", "4us")).timeline
    head = next(row for row in part if row["kind"] == "recording")
    assert steps_between(part, 0, 1 << 62) == steps_between(recorded(name).timeline, head["start"], head["end"])


def steps_between(rows: list[Row], begin: int, end: int) -> list[tuple[Any, ...]]:
    """Steps and waits in a stretch, cut at its edges."""
    return sorted(
        (max(row["start"], begin), min(row["end"], end), row["cpu"], row.get("step", ""), row.get("times", 0))
        for row in rows
        if row["kind"] in ("step", "wait") and row["start"] < end and row["end"] > begin
    )


def test_windows_with_interrupts_off_are_cut_at_the_recordings_edges() -> None:
    part = run(scenario("contended"), record=Window("3us", "4us")).timeline
    head = next(row for row in part if row["kind"] == "recording")
    assert masked_between(part, 0, 1 << 62) == masked_between(
        recorded("contended").timeline, head["start"], head["end"]
    )


def masked_between(rows: list[Row], begin: int, end: int) -> list[tuple[int, int, int]]:
    return sorted(
        (row["cpu"], max(row["start"], begin), min(row["end"], end))
        for row in rows
        if row["kind"] == "irqs_off" and row["start"] < end and row["end"] > begin
    )


@pytest.mark.parametrize("name", SCENARIOS)
def test_local_clocks_and_lockstep_record_the_same(name: str) -> None:
    assert run(scenario(name, lockstep=True), record=WHOLE).timeline == recorded(name).timeline


def test_every_step_is_seen_inside_the_window_and_few_outside(bench: Bench) -> None:
    seen: list[int] = []

    class Watch(Instrument):
        window = (1000, 2000)

        def step(self, cpu: Cpu, step: Step, times: int, start: int) -> None:  # noqa: ARG002
            seen.append(start)

    bench.machine.hooks.register(Watch())

    def program() -> Program[None]:
        for _ in range(100):
            yield bench.work

    bench.run(program)
    assert seen == list(range(1000, 2000, 100))


def test_hits_are_strides_outside_the_window_and_steps_inside() -> None:
    pops = [row for row in recorded("uncontended").timeline if row.get("step") == "pcp_pop"]
    assert len(pops) == sum(row["count"] for row in recorded("uncontended").ledger if row["step"] == "pcp_pop")


# What the records say


def test_pcp_counts_change_by_what_happens_to_the_lists() -> None:
    rows = [row for row in recorded("uncontended").timeline if row["kind"] == "pcp"]
    batch = rows[0]["batch"]
    assert {b["count"] - a["count"] for a, b in pairwise(rows)} <= {1, -1, batch, -batch}


def test_free_pages_are_what_was_moved() -> None:
    rows = [row for row in recorded("contended").timeline if row["kind"] == "moved"]
    for before, after in pairwise(rows):
        moved = len(after["pfns"]) << after["order"]
        assert after["free_pages"] == before["free_pages"] + (-moved if after["removed"] else moved)


def pages_in(row: Row) -> int:
    return sum(blocks << order for order, blocks in enumerate(row["blocks"]))


def check_free_areas(rows: list[Row]) -> int:
    """Free blocks add up to the free pages after each move; return how many changes of them there are."""
    free: dict[str, int] = {}
    moves = [row for row in rows if row["kind"] in ("moved", "free_area")]
    for _, group in groupby(moves, key=lambda row: row["start"]):
        together = list(group)
        free |= {row["zone"]: pages_in(row) for row in together if row["kind"] == "free_area"}
        moved = [row for row in together if row["kind"] == "moved"]
        assert all(free[row["zone"]] == row["free_pages"] for row in moved)
    first, *changes = [row["blocks"] for row in moves if row["kind"] == "free_area"]
    assert all(before != after for before, after in pairwise([first, *changes]))
    taken = sum((1 if row["removed"] else -1) * len(row["pfns"]) << row["order"] for row in moves if "pfns" in row)
    assert sum(blocks << order for order, blocks in enumerate(first)) == sum(free.values()) + taken
    return len(changes)


def test_free_blocks_are_the_pages_that_moves_leave_free() -> None:
    assert check_free_areas(recorded("contended").timeline) > 10
    assert check_free_areas(receiving().timeline) > 10


@pytest.mark.parametrize("allocator", ["v4.10", "v6.1", "pcp-buddy-rfc"])
def test_free_blocks_are_right_whatever_callers_do_and_wherever_the_recording_begins(allocator: str) -> None:
    whole = at_random(allocator).rows()
    assert check_free_areas(whole) > 10
    areas = [row for row in whole if row["kind"] == "free_area"]
    for begin in (areas[5]["start"], areas[5]["start"] + 1, areas[-1]["end"] + 1):
        late = at_random(allocator, begin).rows()
        check_free_areas(late)
        here = [row for row in late if row["kind"] == "free_area"]
        assert here[0]["blocks"] == [row["blocks"] for row in areas if row["start"] < begin][-1]
        assert here[1:] == [row for row in areas if row["start"] >= begin]


def test_a_lock_is_handed_over_where_it_was_released() -> None:
    rows = recorded("contended").timeline
    releases = {(row["cpu"], row["end"]) for row in rows if row["kind"] == "hold"}
    assert {(row["giver"], row["given"]) for row in rows if row["kind"] == "wait"} <= releases


def test_functions_hold_their_steps_and_bulk_ones_lie_in_their_callers() -> None:
    rows = [row for row in recorded("uncontended").timeline if row["cpu"] == 0]
    found = functions(rows)
    callers = [each for each in found if each.kind == "function"]
    bulk = [each for each in found if each.kind == "bulk"]
    assert {each.name for each in callers} == {"rmqueue", "free_unref_page"}
    assert {each.name for each in bulk} == {"rmqueue_bulk", "free_pcppages_bulk"}
    assert all(any(f.start < b.start and b.end < f.end for f in callers) for b in bulk)


def at_random(allocator: str, start: int = 0, limit: int = 1 << 40, **changes: Any) -> Timeline:
    """Three CPUs that do anything callers can do, recorded from cycle `start`."""
    system = model(allocator, machine={"preset": "nic-2017", "cpus": 3}, **changes)
    timeline = record(system, start, 1 << 40, limit)

    def program(cpu: Cpu) -> Program[None]:
        random = Random(cpu.index)
        held: list[tuple[int, int]] = []
        for _ in range(20):
            yield from random_operation(system, cpu, random, held, [])

    system.machine.run([program(cpu) for cpu in system.machine.cpus])
    timeline.finish(system.machine)
    return timeline


@pytest.mark.parametrize("allocator", ["v4.10", "noirq-v2", "v4.17", "v6.1"])
def test_whatever_callers_do_is_recorded_alike_on_local_clocks_and_in_lockstep(allocator: str) -> None:
    assert at_random(allocator).rows() == at_random(allocator, lockstep=True).rows()


def test_a_full_recording_is_whole_up_to_where_it_ends() -> None:
    full, whole = at_random("v4.10", 500, 300), at_random("v4.10", 500)
    head = next(row for row in full.rows() if row["kind"] == "recording")
    assert full.full
    # It ends where the slowest CPU was when the limit was reached: what faster ones had recorded after that is dropped.
    assert 270 < len(full.records) < 450
    end = head["end"]
    assert steps_between(full.rows(), 0, end) == steps_between(whole.rows(), 0, end)


# Files


def test_a_result_is_saved_with_its_timeline_and_loaded_again(tmp_path: Path) -> None:
    recorded("uncontended").save(tmp_path)
    assert load_result(tmp_path).timeline == recorded("uncontended").timeline


def test_a_result_without_a_recording_has_no_such_file(tmp_path: Path) -> None:
    recorded("uncontended").save(tmp_path)
    run(scenario("uncontended")).save(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["result.json", "rows.csv"]


def test_each_point_of_a_sweep_has_a_file_of_its_own() -> None:
    swept = scenario("uncontended", sweep={"machine.cpus": [1, 2]}, compare=[{"label": "a b"}, {"label": "a/b"}])
    result = run(swept, record=Window("0us", "1us"))
    assert [each.stem for each in recordings(result)] == ["a-b-cpus-1", "a-b-cpus-1-2", "a-b-cpus-2", "a-b-cpus-2-4"]


# The command


def test_the_command_writes_files_and_draws_from_them_again(tmp_path: Path) -> None:
    sets = ["--set=workload.batches=[40]", "--set=workload.samples=3"]
    options = ["--trace-from=1us", "--trace-for=300ns", f"--out={tmp_path}", "--jobs=1", "--format=csv"]
    done = CliRunner().invoke(load_commands(), ["run", "pagealloc-2017", *sets, *options])
    assert done.exit_code == 0, done.output
    names = {file.name for file in tmp_path.iterdir()}
    assert {"vanilla.trace.json.gz", "bulk.ftrace.txt", "timeline.json.gz", "timeline.png"} <= names
    assert "timeline.svg" in CliRunner().invoke(load_commands(), ["plot", str(tmp_path)]).output


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--trace-from", "1us"], "add --trace-for"),
        (["--trace-for", "soon"], "--trace-for: 'soon' is not a time"),
        (["--trace-from", "soon", "--trace-for", "1us"], "--trace-from: 'soon' is not a time"),
        (["--trace-for", "0us"], "--trace-for: '0us' is not one cycle"),
        (["--trace-for", "1us", "--format", "json"], "add --out"),
    ],
)
def test_a_window_that_cannot_be_is_told(options: list[str], complaint: str) -> None:
    error = CliRunner().invoke(load_commands(), ["run", "pagealloc-2017", *options]).exception
    assert isinstance(error, ScenarioError)
    assert complaint in str(error)


def test_a_window_after_the_end_is_told(tmp_path: Path) -> None:
    options = ["--trace-from", "1s", "--trace-for", "1us", "--out", str(tmp_path), "--set", "workload.batches=[1]"]
    done = CliRunner().invoke(load_commands(), ["run", "pagealloc-2017", *options, "--jobs", "1", "--format", "csv"])
    assert "no timeline: the run ended" in done.output
