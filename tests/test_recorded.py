"""Reading what real kernels recorded: traces, and /proc."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from simalloc.recorded import Op, RecordedError, Recording, Totals, follow, read_zoneinfo
from simalloc.recorded.events import Kind, TraceReader

SHIPPED = Path(__file__).parent.parent / "simalloc" / "data" / "traces"
OURS = Path(__file__).parent / "data" / "traces"

ALLOC = "{cpu} mm_page_alloc: pfn={pfn:#x} order={order} migratetype={mt} gfp_flags=GFP_KERNEL"
FREE = "{cpu} mm_page_free: pfn={pfn:#x} order={order}"
BATCHED = "{cpu} mm_page_free_batched: pfn={pfn:#x} order=0"
LOCKED = "{cpu} mm_page_alloc_zone_locked: pfn={pfn:#x} order={order} migratetype={mt} percpu_refill=1"
DRAIN = "{cpu} mm_page_pcpu_drain: pfn={pfn:#x} order={order} migratetype={mt}"


class Writer:
    """Writes a trace as tracefs would, one event a microsecond."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.lines: list[str] = []

    def add(self, form: str, pfn: int, *, cpu: int = 0, order: int = 0, mt: int = 0, flags: str = ".....") -> Writer:
        time = len(self.lines) + 1
        head = f"            task-1       [{cpu:03}] {flags} {time:>5}.{0:06}:"
        self.lines.append(head + form.format(cpu="", pfn=pfn, order=order, mt=mt) + "\n")
        return self

    def follow(self, marker: str | None = None) -> Recording:
        self.file.write_text("".join(self.lines))
        return follow(self.file, lambda _: 0, marker=marker)


@pytest.fixture
def trace(tmp_path: Path) -> Writer:
    return Writer(tmp_path / "trace.txt")


def ops(recording: Recording, cpu: int = 0) -> list[tuple[str, int]]:
    return [(Op(each.op).name, each.block) for each in recording.cpus[cpu].requests()]


# Lines


TRACEFS = "            bash-12      [001] d..2.    12.000345: mm_page_free: page=000000004d pfn=0x1c5 order=0\n"
TRACEFS_TGID = "            bash-12      (     12) [001] d..2.    12.000345: mm_page_free: pfn=0x1c5 order=0\n"
TRACE_CMD = "            bash-12    [001]    12.000345: mm_page_free:         page=0xffffea0000007140 pfn=453 order=0\n"
PERF = "bash    12/12    [001]    12.000345: kmem:mm_page_free: page=0xffffea0000007140 pfn=0x1c5 order=0\n"
ODD_NAME = " a [3] b: c-4-12  [001] d.s2.    12.000345: mm_page_free: pfn=0x1c5 order=0\n"


@pytest.mark.parametrize("line", [TRACEFS, TRACEFS_TGID, TRACE_CMD, PERF, ODD_NAME])
def test_one_event_in_every_tools_words(line: str, tmp_path: Path) -> None:
    file = tmp_path / "trace"
    file.write_text("# tracer: nop\n" + line)
    (event,) = TraceReader(file).events()
    found = event.kind, event.line, event.time, event.cpu, event.pid, event.pfn, event.order
    assert found == (Kind.FREE, 2, 12_000_345_000, 1, 12, 0x1C5, 0)


@pytest.mark.parametrize(("flags", "level"), [("d..2.", 0), ("d.s2.", 1), ("d.h2.", 2), ("d.H2.", 2), ("d.Z1.", 3)])
def test_context_is_in_the_latency_column(flags: str, level: int, trace: Writer) -> None:
    recording = trace.add(FREE, 7, flags=flags).follow()
    assert [each.level for each in recording.cpus[0].requests()] == [level]


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.ZstdCompressor().compress])
def test_packed_or_plain(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    file = tmp_path / "trace"
    file.write_bytes(pack(TRACEFS.encode()))
    assert len(list(TraceReader(file).events())) == 1


# Bad traces

GOOD = TRACEFS


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "t: the file is empty"),
        (gzip.compress(b"", mtime=0), "t: the file is empty"),
        (b"\x17\x08\x44tracing6\0\0", "t: this is a binary trace.dat; turn it into text: trace-cmd report -i"),
        (b"PERFILE2\0\0", "t: this is a binary perf.data; turn it into text: perf script -i"),
        (b"\x7fELF\0\0", "t: this is no text"),
        (b"hello\n", "t:1: this is no line of a trace: 'hello'"),
        ((GOOD + GOOD[:70] + "\n").encode(), "t:2: the line is cut short"),
        ((GOOD + GOOD[:30]).encode(), "t:2: the line is cut short"),
        ((GOOD + GOOD[:60] + "\n").encode(), "t:2: the line is cut short"),
        ((GOOD + GOOD.replace("12.000345", "11.9")).encode(), "t:2: time goes back on CPU 1: 11.9 after a later time"),
        ((GOOD + GOOD.replace("12.000345", "99")).encode(), "t:2: time 99: lines before have another kind of clock"),
        (GOOD.replace("order=0", f"order={10**30}").encode(), "t:1: order=10000000000000000000: no kernel has blocks"),
        (gzip.compress(GOOD.encode() * 1000, mtime=0)[:-40], "t:"),
        (b"# tracer: nop\n", "t: no line is an event of a trace"),
    ],
)
def test_a_bad_trace_says_where_and_what(content: bytes, message: str, tmp_path: Path) -> None:
    file = tmp_path / "t"
    file.write_bytes(content)
    with pytest.raises(RecordedError) as caught:
        follow(file, lambda _: 0)
    assert str(caught.value).startswith(str(tmp_path / message))


def test_lost_events_and_other_kinds_are_told(tmp_path: Path) -> None:
    file = tmp_path / "t"
    file.write_text(GOOD + "CPU:1 [LOST 17 EVENTS]\n" + GOOD.replace("mm_page_free", "sched_switch"))
    heard = follow(file, lambda _: 0).heard
    assert (heard.lost, heard.lost_at, heard.events["sched_switch"]) == ({1: 17}, 2, 1)


def test_a_double_allocation_is_told_with_both_lines(trace: Writer) -> None:
    recording = trace.add(ALLOC, 5).add(ALLOC, 6).add(ALLOC, 5).follow()
    assert recording.faults.double == [(5, 1, 3)]


def test_a_free_of_what_was_allocated_before_is_normal(trace: Writer) -> None:
    recording = trace.add(FREE, 5).follow()
    assert (ops(recording), recording.faults.unknown_frees) == ([("FREE", -1)], 1)


# What events mean


def test_what_stands_before_the_marker_is_dropped(trace: Writer) -> None:
    trace.add(ALLOC, 5)
    trace.add(" tracing_mark_write: DRAINED", 0)
    assert ops(trace.add(FREE, 5).follow("DRAINED")) == [("FREE", -1)]


def test_a_list_free_is_committed_page_by_page(trace: Writer) -> None:
    trace.add(FREE, 9).add(FREE, 1).add(FREE, 2).add(BATCHED, 1).add(DRAIN, 1).add(BATCHED, 2).add(FREE, 3)
    recording = trace.follow()
    requests = [(Op(each.op).name, each.follows) for each in recording.cpus[0].requests()]
    moves = [(move.kind, move.request, move.pages) for move in recording.cpus[0].moves]
    wanted = [("FREE", False), ("LIST_FREE", False), ("LIST_FREE", True), ("FREE", False)]
    assert (requests, moves) == (wanted, [("drain", 1, 1)])


def test_an_interrupt_between_prepare_and_commit_waits_its_turn(trace: Writer) -> None:
    trace.add(FREE, 1).add(ALLOC, 8, flags="d.h2.").add(FREE, 2)
    levels = [(Op(each.op).name, each.level) for each in trace.follow().cpus[0].requests()]
    assert levels == [("FREE", 0), ("ALLOC", 2), ("FREE", 0)]


def test_a_refill_is_a_run_of_removals(trace: Writer) -> None:
    for pfn in (3, 4, 5):
        trace.add(LOCKED, pfn)
    recording = trace.add(ALLOC, 3).add(ALLOC, 4).follow()
    move = recording.cpus[0].moves[0]
    assert (move.kind, move.request, move.pages, move.line, recording.cpus[0].end) == ("refill", 0, 3, 1, {0: 1})


def test_one_page_straight_from_the_buddy_lists_is_no_refill(trace: Writer) -> None:
    assert Totals.of(trace.add(LOCKED, 3).add(ALLOC, 3).follow().cpus[0].moves) == Totals()


def test_pages_that_left_unseen_are_found_by_what_lay_below(trace: Writer) -> None:
    for pfn in (3, 4, 5, 6):
        trace.add(LOCKED, pfn)
    recording = trace.add(ALLOC, 3).add(ALLOC, 6).follow()
    hidden = [each.hidden for each in recording.cpus[0].requests()]
    assert (hidden, recording.faults.hidden) == ([False, True, True, False], 2)


def test_pages_that_left_unseen_are_found_late_where_they_belong(trace: Writer) -> None:
    """3 is allocated; 4 and 5 leave unseen; 9 is freed on top of 6; then 4 is freed, which nobody saw leave."""
    for pfn in (3, 4, 5, 6):
        trace.add(LOCKED, pfn)
    recording = trace.add(ALLOC, 3).add(FREE, 9).add(FREE, 4).add(FREE, 5).follow()
    requests = [(Op(each.op).name, each.hidden, each.on_pcp) for each in recording.cpus[0].requests()]
    wanted = [("ALLOC", False, 0), ("ALLOC", True, 0), ("ALLOC", True, 0), ("FREE", False, 1)]
    assert requests == [*wanted, ("FREE", False, 2), ("FREE", False, 3)]


def test_pieces_of_a_block_that_was_split(trace: Writer) -> None:
    trace.add(ALLOC, 8, order=2).add(FREE, 9).add(FREE, 10, order=1).add(FREE, 8)
    freed = [(each.block, each.offset, each.order) for each in trace.follow().cpus[0].requests()][1:]
    assert freed == [(1, 1, 0), (1, 2, 1), (1, 0, 0)]


def test_a_page_freed_on_another_cpu_is_the_same_block(trace: Writer) -> None:
    recording = trace.add(ALLOC, 5).add(FREE, 5, cpu=1).follow()
    assert [ops(recording, 0), ops(recording, 1)] == [[("ALLOC", 1)], [("FREE", 1)]]


# Real kernels: counts by an independent reader of the same traces, and pcp counts that the kernel printed at the end

REAL = {
    SHIPPED / "linux-6.1-shell": ([Totals(3, 188, 0, 0)], [187]),
    SHIPPED / "linux-6.1-order": ([Totals(701, 40474, 4663, 40286)], [188]),
    SHIPPED / "linux-6.12-fault": ([Totals(8, 2204, 0, 0)], [2200]),
    OURS / "linux-6.1-fork": ([Totals(5, 304, 0, 0)], [254]),
    OURS / "linux-6.12-fork": ([Totals(3, 251, 0, 0)], [247]),
    OURS / "linux-6.12-order": ([Totals(1138, 66479, 894, 66172)], [307]),
}


@pytest.mark.parametrize("name", REAL, ids=lambda path: path.name)
def test_real_traces_are_understood_to_the_page(name: Path) -> None:
    recording = follow(name.with_name(f"{name.name}.trace.zst"), lambda _: 0, marker="DRAINED")
    totals = [Totals.of(cpu.moves) for cpu in recording.cpus]
    ends = [sum(cpu.end.values()) for cpu in recording.cpus]
    assert (totals, ends, recording.faults.doubles, recording.faults.other_list) == (*REAL[name], 0, 0)


def test_zoneinfo_of_a_real_machine() -> None:
    zones = read_zoneinfo(OURS / "linux-6.1-2-cpus.zoneinfo.txt")
    found = [(zone.name, zone.managed, zone.low, zone.start, [each.high for each in zone.pagesets]) for zone in zones]
    assert found == [
        ("DMA", 3840, 10, 1, [5, 5]),
        ("DMA32", 757811, 2259, 4096, [1129, 1129]),
        ("Normal", 243852, 728, 1048576, [364, 364]),
    ]
