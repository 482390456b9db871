"""Traces for other programs, read by other programs: Perfetto's own trace processor, and a parser of kernel traces."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from simalloc.results import Row
from simalloc.runs import run
from simalloc.traces import recordings, write_traces
from simalloc.traces.ftrace import to_text
from simalloc.traces.perfetto import events, held, nested
from simalloc.traces.recording import Slice
from tests import perfetto
from tests.test_timeline import SCENARIOS, WHOLE, receiving, recorded, scenario, traced

# Perfetto


def test_perfetto_takes_every_event_and_finds_nothing_wrong(tmp_path: Path) -> None:
    written = traced(recorded("interrupted"), tmp_path)
    (wrong, [slices], [flows], threads) = perfetto.query(
        tmp_path / "v4.10.trace.json.gz",
        "select name, value from stats where value != 0 and severity != 'info'",
        "select count(*) as n from slice",
        "select count(*) as n from flow",
        "select tid, name from thread where tid > 0 order by tid",
    )
    phases = Counter(event["ph"] for event in written)
    assert wrong == []
    assert slices["n"] == phases["X"] + phases["b"]
    assert flows["n"] == phases["s"] == phases["f"] > 0
    assert threads == [{"tid": 1, "name": "CPU 0"}, {"tid": 2, "name": "CPU 1"}]


def test_perfetto_finds_who_waits_for_whom_who_holds_and_who_hands_over(tmp_path: Path) -> None:
    """Its lock contention view reads owners off the names of waits, and takes *_lock_held for holds."""
    write_traces(recorded("contended"), tmp_path)
    _, waits, holds, arrows = perfetto.query(
        tmp_path / "v4.10.trace.json.gz",
        "include perfetto module slices.with_context",
        "select tid, cast(str_split(str_split(name, '(owner tid: ', 1), ')', 0) as int) as owner, count(*) as n"
        " from thread_slice where name glob 'Lock contention on zone->lock (owner tid: *' group by 1, 2",
        "select tid, count(*) as n from thread_slice where name glob 'zone_lock_held' group by 1",
        "select distinct held.name from flow join slice release on release.id = slice_out"
        " join slice held on held.id = release.parent_id",
    )
    rows = recorded("contended").timeline
    expected = Counter((row["cpu"] + 1, row["owner"] + 1) for row in rows if row["kind"] == "wait")
    assert {(row["tid"], row["owner"]): row["n"] for row in waits} == expected
    assert {row["tid"]: row["n"] for row in holds} == Counter(row["cpu"] + 1 for row in rows if row["kind"] == "hold")
    assert arrows == [{"name": "zone_lock_held"}]


@pytest.mark.parametrize("name", SCENARIOS)
def test_slices_of_a_thread_are_nested_or_apart(name: str, tmp_path: Path) -> None:
    inside: dict[int, list[int]] = defaultdict(list)
    for event in traced(recorded(name), tmp_path):
        if event["ph"] == "X":
            begin, end = round(event["ts"] * 1000), round((event["ts"] + event["dur"]) * 1000)
            inside[event["tid"]] = [other for other in inside[event["tid"]] if other > begin]
            assert all(end <= other for other in inside[event["tid"]])
            inside[event["tid"]].append(end)


def test_a_slice_that_outlives_what_it_began_in_is_cut() -> None:
    slices = [Slice("context", 0, 0, 10, "a"), Slice("context", 0, 10, 20, "b"), Slice("hold", 0, 5, 15, "c")]
    assert [(each.name, each.start, each.end) for each, _ in nested(slices)] == [
        ("a", 0, 10),
        ("c", 5, 10),
        ("b", 10, 20),
        ("c", 10, 15),
    ]


def test_counters_end_where_the_run_does() -> None:
    (recording,) = recordings(recorded("contended"))
    last = {event["name"]: event["args"] for event in events(recording) if event["ph"] == "C"}
    (waiters,) = [args for name, args in last.items() if name.startswith("waiters")]
    assert waiters == {"CPUs": 0}
    (free,) = [args["pages"] for name, args in last.items() if name.startswith("free pages")]
    (blocks,) = [args for name, args in last.items() if name.startswith("free blocks")]
    assert sum(count << int(order.removeprefix("order ")) for order, count in blocks.items()) == free


def test_holds_are_named_as_perfetto_expects() -> None:
    assert [held(name) for name in ("zone->lock", "pcp->lock", "lru_lock", "lock")] == [
        "zone_lock_held",
        "pcp_lock_held",
        "lru_lock_held",
        "lock_lock_held",
    ]


def test_the_same_run_writes_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first = write_traces(recorded("interrupted"), tmp_path / "a")
    second = write_traces(run(scenario("interrupted"), record=WHOLE), tmp_path / "b")
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]


# ftrace


LINE = re.compile(
    r"^ *(?P<comm>\S.*)-(?P<pid>\d+) +\[(?P<cpu>\d{3})\] (?P<flags>[.dDb][.NnpBL][.sShHzZ][.0-9a-f][.0-9a-f]) "
    r"+(?P<time>\d+(\.\d+)?): (?P<event>\w+): (?P<fields>.*)$"
)
"""As lines of traces of Linux 6.1 and 6.12 are, which the test below samples."""

FIELDS = {
    "mm_page_alloc": r"(page=\S+ )?pfn=0x[0-9a-f]+ order=\d+ migratetype=\d gfp_flags=[A-Z_|]+",
    "mm_page_free": r"(page=\S+ )?pfn=0x[0-9a-f]+ order=\d+",
    "mm_page_alloc_zone_locked": r"(page=\S+ )?pfn=0x[0-9a-f]+ order=\d+ migratetype=\d percpu_refill=[01]",
    "mm_page_pcpu_drain": r"(page=\S+ )?pfn=0x[0-9a-f]+ order=\d+ migratetype=\d",
    "contention_begin": r"[0-9a-f]{16} \(flags=SPIN\)",
    "contention_end": r"[0-9a-f]{16} \(ret=0\)",
    "irq_handler_entry": r"irq=\d+ name=\S+",
    "irq_handler_exit": r"irq=\d+ ret=handled",
    "softirq_raise": r"vec=\d+ \[action=[A-Z_]+\]",
    "softirq_entry": r"vec=\d+ \[action=[A-Z_]+\]",
    "softirq_exit": r"vec=\d+ \[action=[A-Z_]+\]",
}


def parsed(text: str) -> list[Row]:
    """Parse a trace as a script for the kernel's would; AssertionError at the first line that is not as it must be."""
    rows = []
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        match = LINE.match(line)
        assert match, line
        event = match["event"]
        assert re.fullmatch(FIELDS[event], match["fields"]), line
        rows.append(match.groupdict() | dict(part.split("=", 1) for part in match["fields"].split() if "=" in part))
    return rows


def test_the_parser_takes_lines_of_the_kernels() -> None:
    kernel = """\
# tracer: nop
#
            init-1       [000] d..2.    18.928428: mm_page_pcpu_drain: pfn=0x1063e6 order=0 migratetype=0
     rcu_preempt-15      [000] d..1.    18.949199: contention_begin: 000000007c8bfc60 (flags=SPIN)
          <idle>-0       [001] dNs2.  10094118625: mm_page_free: pfn=0x56ae order=1
"""
    assert [row["comm"] for row in parsed(kernel)] == ["init", "rcu_preempt", "<idle>"]


@pytest.mark.parametrize("name", SCENARIOS)
def test_pages_calls_and_waits_are_all_in_the_text(name: str) -> None:
    (recording,) = recordings(recorded(name))
    found = Counter(row["event"] for row in parsed(to_text(recording)))
    kinds = Counter(row["kind"] for row in recording.rows)
    moved = Counter({True: 0, False: 0})
    for row in recording.of("moved"):
        moved[row["removed"]] += len(row["pfns"])
    assert found["mm_page_alloc"] + found["mm_page_free"] == kinds["page"]
    assert (found["mm_page_alloc_zone_locked"], found["mm_page_pcpu_drain"]) == (moved[True], moved[False])
    assert found["contention_begin"] == found["contention_end"] == kinds["wait"]


def test_refills_come_in_batches() -> None:
    (recording,) = recordings(recorded("uncontended"))
    refills = [row["time"] for row in parsed(to_text(recording)) if row.get("percpu_refill") == "1"]
    assert set(Counter(refills).values()) == {recording.of("pcp")[0]["batch"]}


def test_interrupts_begin_and_end_in_the_text_and_show_in_its_flags() -> None:
    (recording,) = recordings(receiving())
    rows = parsed(to_text(recording))
    found = Counter(row["event"] for row in rows)
    assert found["irq_handler_entry"] == found["irq_handler_exit"] > 0
    assert 0 <= found["softirq_entry"] - found["softirq_exit"] <= recording.cpus
    assert {row["flags"] for row in rows if row["event"] == "softirq_entry"} == {"..s.."}
    assert {row["flags"] for row in rows if row["event"] == "irq_handler_entry"} == {"d.h.."}


def test_times_ascend() -> None:
    (recording,) = recordings(recorded("interrupted"))
    times = [float(row["time"]) for row in parsed(to_text(recording))]
    assert times == sorted(times)
