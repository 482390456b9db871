"""A recording as Chrome's trace events, which https://ui.perfetto.dev and chrome://tracing open.

The Trace Event Format (Google, "Trace Event Format", 2016): a process for the case, a thread per CPU, tid = CPU + 1.
Lock waits and holds have the names that Perfetto's lock contention view looks for: `Lock contention on X (owner tid:
N)`, as Android's runtime writes them, and `X_lock_held`.

Perfetto keeps whole nanoseconds, and drops a slice that overlaps another by one. So both ends of a slice are rounded to
nanoseconds, which keeps what is nested nested, and `args` has the exact cycles.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator, Sequence
from heapq import heapify, heappop, heappush
from itertools import groupby
from typing import Any

from simalloc.results import Row
from simalloc.traces.recording import Recording, Slice, functions
from simalloc.traces.softirqs import SOFTIRQS

Event = dict[str, Any]

PID = 1


def to_json_gz(recording: Recording, about: Row) -> bytes:
    """Return the recording as a gzipped trace; `about` (scenario, seed, ...) goes into its metadata."""
    trace = {
        "displayTimeUnit": "ns",
        "otherData": {**about, "case": recording.name, "full": recording.full},
        "traceEvents": events(recording, str(about.get("scenario", ""))),
    }
    lines = json.dumps(trace, separators=(",", ":"), ensure_ascii=False).replace('},{"ph"', '},\n{"ph"')
    return gzip.compress(lines.encode(), mtime=0)


def events(recording: Recording, scenario: str = "") -> list[Event]:
    """Return every event: names first, then slices CPU by CPU, arrows, windows with interrupts off, counters."""
    out = list(_names(recording, scenario))
    for cpu in range(recording.cpus):
        out += [_complete(recording, each, whole) for each, whole in nested(slices(recording, cpu))]
    out += _arrows(recording)
    out += _irqs_off(recording)
    out += _counters(recording)
    return out


def _names(recording: Recording, scenario: str) -> Iterator[Event]:
    yield {"ph": "M", "name": "process_name", "pid": PID, "args": {"name": f"{scenario} {recording.name}".strip()}}
    for cpu in range(recording.cpus):
        yield {"ph": "M", "name": "thread_name", "pid": PID, "tid": cpu + 1, "args": {"name": f"CPU {cpu}"}}
        yield {"ph": "M", "name": "thread_sort_index", "pid": PID, "tid": cpu + 1, "args": {"sort_index": cpu}}


# Slices


def slices(recording: Recording, cpu: int) -> list[Slice]:
    """Return all that a CPU did: contexts, softirq handlers, functions, waits, holds, steps."""
    rows = recording.lane(cpu)
    found = functions(rows)
    for row in rows:
        name = _name(row)
        if name:
            found.append(Slice(row["kind"], cpu, row["start"], row["end"], name, row))
    return found


def _name(row: Row) -> str:
    """Return what a record's slice is called; nothing for records that are none."""
    kind = row["kind"]
    if kind == "context":
        return f"{row['context']} {row['name']}".strip()
    if kind == "softirq":
        return "" if row["raised"] else SOFTIRQS.get(row["number"], f"softirq {row['number']}")
    if kind == "wait":
        return f"Lock contention on {row['lock']} (owner tid: {row['owner'] + 1})"
    if kind == "hold":
        return held(row["lock"])
    return str(row["step"]) if kind == "step" else ""


def held(lock: str) -> str:
    """Return the name of a hold: `zone_lock_held` for `zone->lock`."""
    return f"{lock.removesuffix('->lock').removesuffix('_lock').replace('->', '_')}_lock_held"


def nested(found: Iterable[Slice]) -> Iterator[tuple[Slice, Slice]]:
    """Give slices so that each is inside or outside any other, with what they were part of.

    Where one begins inside another and ends after it, it is cut in two there.
    """
    queue = [(each.order(), place, each, each) for place, each in enumerate(found)]
    heapify(queue)
    open_: list[int] = []
    place = len(queue)
    while queue:
        _, _, each, whole = heappop(queue)
        while open_ and open_[-1] <= each.start:
            open_.pop()
        if open_ and each.end > open_[-1]:
            rest = Slice(each.kind, each.cpu, open_[-1], each.end, each.name, each.row)
            each = Slice(each.kind, each.cpu, each.start, open_[-1], each.name, each.row)
            heappush(queue, (rest.order(), place, rest, whole))
            place += 1
        open_.append(each.end)
        yield each, whole


def _complete(recording: Recording, each: Slice, whole: Slice) -> Event:
    begin, end = _ns(recording, each.start), _ns(recording, each.end)
    args: Row = {"start_cycle": each.start, "cycles": each.end - each.start}
    if each is not whole:
        args["part_of_cycles"] = whole.end - whole.start
    if each.row.get("times", 1) > 1 and each.row["times"] != args["cycles"]:
        args["times"] = each.row["times"]
    for key in ("activity", "latency", "lock", "number", "flags"):
        if each.row.get(key, "") not in ("", -1):
            args[key] = each.row[key]
    return {
        "ph": "X",
        "name": each.name,
        "cat": "function" if each.kind == "bulk" else each.kind,
        "pid": PID,
        "tid": each.cpu + 1,
        "ts": begin / 1000,
        "dur": (end - begin) / 1000,
        "args": args,
    }


def _ns(recording: Recording, cycle: int) -> int:
    return round(cycle / recording.ghz)


# Arrows, masked windows, counters


def _arrows(recording: Recording) -> Iterator[Event]:
    """Draw an arrow from where a lock was given up to where it came to who waited."""
    number = 0
    for row in recording.of("wait"):
        if row["giver"] < 0 or row["given"] <= recording.start or row["end"] >= recording.end:
            continue
        number += 1
        common = {"name": "hand-over", "cat": "lock", "pid": PID, "id": number}
        # A flow binds to the slice around it: a nanosecond before the release, that is the hold or a step in it.
        given, taken = _ns(recording, row["given"]) - 1, _ns(recording, row["end"])
        yield {"ph": "s", **common, "tid": row["giver"] + 1, "ts": given / 1000}
        yield {"ph": "f", "bp": "e", **common, "tid": row["cpu"] + 1, "ts": taken / 1000}


def _irqs_off(recording: Recording) -> Iterator[Event]:
    """Put windows with interrupts off on a track beside each CPU's: they begin and end inside functions."""
    for number, row in enumerate(recording.of("irqs_off"), 1):
        common = {
            "name": f"irqs off, CPU {row['cpu']}",
            "cat": "irqs_off",
            "pid": PID,
            "tid": row["cpu"] + 1,
            "id": number,
        }
        args = {"site": row["site"], "cycles": row["end"] - row["start"]}
        yield {"ph": "b", **common, "ts": _ns(recording, row["start"]) / 1000, "args": args}
        yield {"ph": "e", **common, "ts": _ns(recording, row["end"]) / 1000}


def _counters(recording: Recording) -> Iterator[Event]:
    """Give pcp counts, free pages and waiters whenever they change."""
    for row in recording.of("pcp"):
        yield _counter(recording, f"pcp count, CPU {row['cpu']}, {row['zone']}", row["start"], row["count"], "pages")
    for row in recording.of("moved"):
        yield _counter(recording, f"free pages, {row['zone']}", row["start"], row["free_pages"], "pages")
    for row in recording.of("free_area"):
        blocks = {f"order {order}": count for order, count in enumerate(row["blocks"])}
        yield _counters_of(recording, f"free blocks, {row['zone']}", row["start"], blocks)
    for lock, changes in waiters(recording.of("wait")).items():
        for cycle, waiting in changes:
            yield _counter(recording, f"waiters, {lock}", cycle, waiting, "CPUs")


def _counter(recording: Recording, name: str, cycle: int, value: int, unit: str) -> Event:
    return _counters_of(recording, name, cycle, {unit: value})


def _counters_of(recording: Recording, name: str, cycle: int, values: dict[str, int]) -> Event:
    return {"ph": "C", "name": name, "pid": PID, "ts": _ns(recording, cycle) / 1000, "args": values}


def waiters(waits: Sequence[Row]) -> dict[str, list[tuple[int, int]]]:
    """Return how many CPUs wait for the locks of each name: (cycle, how many) at each change."""
    changes: dict[str, list[tuple[int, int]]] = {}
    for row in waits:
        changes.setdefault(row["lock"], []).extend([(row["start"], 1), (row["end"], -1)])
    found: dict[str, list[tuple[int, int]]] = {}
    for lock, deltas in changes.items():
        waiting = 0
        for cycle, group in groupby(sorted(deltas), key=lambda each: each[0]):
            waiting += sum(delta for _, delta in group)
            found.setdefault(lock, []).append((cycle, waiting))
    return found
