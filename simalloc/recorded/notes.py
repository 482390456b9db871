"""What a reader of a recording must know: what its trace lacks, and what in it does not go together."""

from __future__ import annotations

from collections.abc import Iterator

from simalloc.recorded.events import KINDS, Heard
from simalloc.recorded.recording import Faults, Recording

LACKS = {
    "mm_page_alloc": "no allocation is replayed",
    "mm_page_free": "no free is replayed",
    "mm_page_free_batched": "every free is taken for a single one",
    "mm_page_alloc_zone_locked": "refills are not seen",
    "mm_page_pcpu_drain": "drains are not seen",
}
"""What follows if a kind of event was not recorded."""


def notes(recording: Recording) -> list[str]:
    """Return them, a sentence each."""
    return [*_lacking(recording.heard), *_faults(recording.faults), *_other(recording)]


def _lacking(heard: Heard) -> Iterator[str]:
    for cpu, events in sorted(heard.lost.items()):
        where = f"on CPU {cpu}" if cpu >= 0 else "somewhere"
        yield (
            f"{events} events were lost {where} (first told in line {heard.lost_at}): counts from there on are not "
            "exact; record with a larger buffer (buffer_size_kb, trace-cmd -b, perf -m)"
        )
    if heard.overwritten > 0:
        yield f"{heard.overwritten} events were overwritten before the first: record with a larger buffer"
    for name, effect in LACKS.items():
        if not heard.events[name]:
            yield f"no {name} is in the trace: none took place, or it was not recorded (-e kmem:{name}); {effect}"
    if not heard.has_levels:
        yield "the trace has no latency column: all requests are taken for those of tasks"


def _faults(faults: Faults) -> Iterator[str]:
    if faults.hidden:
        yield (
            f"{faults.hidden} pages left the lists with no event: a bulk allocation, such as for vmalloc, shows none; "
            "they were found by the pages below them, and are replayed as bulk requests"
        )
    if faults.unknown_frees:
        yield f"{faults.unknown_frees} blocks were freed that were allocated before the recording"
    if faults.failed:
        yield f"{faults.failed} allocations failed in the traced kernel, and are left out"
    for pfn, first, second in faults.double:
        yield f"page {pfn:#x} is allocated in line {first} and again in line {second}, with no free between"
    if faults.doubles > len(faults.double):
        yield f"and {faults.doubles - len(faults.double)} more pages were allocated twice"
    if faults.unexplained:
        yield f"{faults.unexplained} blocks came from lists on which no event had put them (a fallback, or lost events)"
    if faults.bypassed:
        yield f"{faults.bypassed} freed blocks went to the buddy lists past a pcp whose lock was taken"
    if faults.other_list:
        yield f"{faults.other_list} blocks were drained from a list of another type than they were filed under here"


def _other(recording: Recording) -> Iterator[str]:
    if recording.uncaused:
        yield (
            f"{recording.uncaused} drains were brought about by no free (drain_all_pages, the vmstat worker); "
            "those that left nothing are replayed where callers drain (v6.0 and later)"
        )
    before = sum(sum(cpu.initial.values()) for cpu in recording.cpus)
    if before:
        yield f"{before} blocks must have been on pcp lists when the recording began, and are put there"
    others = {name: count for name, count in recording.heard.events.items() if name not in KINDS}
    if others:
        told = ", ".join(f"{count} {name}" for name, count in sorted(others.items())[:6])
        yield f"not used: {told}{' and others' if len(others) > 6 else ''}"
