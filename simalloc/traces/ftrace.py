"""A recording as the text of /sys/kernel/tracing/trace, with the kernel's events, for scripts written for real traces.

Linux v6.1 (830b3c68c1fb): kernel/trace/trace.c and trace_output.c for header and lines, include/trace/events/ for
kmem.h, irq.h and lock.h. What differs: time stamps have nine decimals, as `trace-cmd report -t` prints them; a wait
shows for every CPU that finds a lock taken, where the kernel's qspinlock tells of those only that queue; GFP flags
follow from migratetype and context, and the numbers of locks and interrupts only tell them apart.
"""

from __future__ import annotations

from collections.abc import Iterator

from simalloc.results import Row
from simalloc.traces.recording import BULK, Recording
from simalloc.traces.softirqs import SOFTIRQS

HEADER = """\
#                                _-----=> irqs-off/BH-disabled
#                               / _----=> need-resched
#                              | / _---=> hardirq/softirq
#                              || / _--=> preempt-depth
#                              ||| / _-=> migrate-disable
#                              |||| /     delay
#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION
#              | |         |   |||||     |         |
"""

VMEMMAP = 0xFFFFEA0000000000
"""Where x86-64 has its struct pages (4-level tables, no KASLR). Linux v6.1, Documentation/x86/x86_64/mm.rst."""

STRUCT_PAGE = 64

GFP = ("GFP_KERNEL", "GFP_HIGHUSER_MOVABLE", "GFP_KERNEL|__GFP_RECLAIMABLE")
"""What asks for each migratetype in a task."""

Line = tuple[int, int, str, bool, str]
"""Cycle, CPU, latency column, whether no task runs, event."""


def to_text(recording: Recording) -> str:
    """Return the recording as text, in order of time."""
    lines = sorted(_lines(recording), key=lambda line: line[:2])
    out = ["# tracer: nop\n#\n", f"# entries-in-buffer/entries-written: {len(lines)}/{len(lines)}   "]
    out += [f"#P:{recording.cpus}\n#\n", HEADER]
    for cycle, cpu, flags, idle, event in lines:
        seconds, ns = divmod(round(cycle / recording.ghz), 1_000_000_000)
        who = "<idle>-0" if idle else f"task-{cpu + 1}"
        out.append(f"{who:>20} {'':4} [{cpu:03}] {flags} {seconds:>5}.{ns:09}: {event}\n")
    return "".join(out)


def _lines(recording: Recording) -> Iterator[Line]:
    irqs = {name: i for i, name in enumerate(sorted({row["name"] for row in recording.of("context")}))}
    # What the recording's edge has cut did not begin or end there.
    edges = {recording.end, recording.start or -1}
    for row in recording.rows:
        for at, event in _events(row, irqs):
            if at not in edges or row["start"] == row["end"]:
                yield at, row["cpu"], row["flags"], row["idle"], event


def _events(row: Row, irqs: dict[str, int]) -> Iterator[tuple[int, str]]:
    """Give the events of one record, with their cycles."""
    kind, start, end = row["kind"], row["start"], row["end"]
    if kind == "page":
        yield start, _page(row)
    elif kind == "moved":
        for pfn in row["pfns"]:
            event = _moved(row, pfn)
            if event:
                yield start, event
    elif kind == "wait":
        address = f"{row['number']:016x}"
        yield start, f"contention_begin: {address} (flags=SPIN)"
        yield end, f"contention_end: {address} (ret=0)"
    elif kind == "softirq":
        vec = f"vec={row['number']} [action={SOFTIRQS.get(row['number'], row['number'])}]"
        yield start, f"softirq_{'raise' if row['raised'] else 'entry'}: {vec}"
        if not row["raised"]:
            yield end, f"softirq_exit: {vec}"
    elif kind == "context" and row["context"] == "hardirq":
        yield start, f"irq_handler_entry: irq={irqs[row['name']]} name={row['name']}"
        yield end, f"irq_handler_exit: irq={irqs[row['name']]} ret=handled"


def _page(row: Row) -> str:
    where = f"{_struct_page(row['pfn'])} order={row['order']}"
    if not row["allocated"]:
        return f"mm_page_free: {where}"
    gfp = "GFP_ATOMIC" if row["flags"][2] != "." else GFP[row["migratetype"]]
    return f"mm_page_alloc: {where} migratetype={row['migratetype']} gfp_flags={gfp}"


def _moved(row: Row, pfn: int) -> str:
    """Return the event of one block; none for one freed straight to the buddy lists, of which the kernel tells not."""
    where = f"{_struct_page(pfn)} order={row['order']} migratetype={row['migratetype']}"
    if row["removed"]:
        return f"mm_page_alloc_zone_locked: {where} percpu_refill={int(row['site'] == BULK[0])}"
    return f"mm_page_pcpu_drain: {where}" if row["site"] == BULK[1] else ""


def _struct_page(pfn: int) -> str:
    return f"page={VMEMMAP + STRUCT_PAGE * pfn:016x} pfn=0x{pfn:x}"
