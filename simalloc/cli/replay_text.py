"""What a replay found, as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from simalloc.results import Result, latency_table

SIZES = 12
"""Sizes of refills and drains that are shown, the most frequent."""

WIDTH = 46

CYCLES = {
    "alloc": "an allocation",
    "free": "a free",
    "list_free": "a page of a list free",
    "bulk": "a page of a bulk allocation",
}


def replay_text(result: Result, compared: Mapping[str, Any], *, timed: bool) -> str:
    """Return the comparison CPU by CPU, what the machine took if it is `timed`, and what to know about the trace."""
    workload = result.definition["workload"]
    how = "with recorded think times" if workload.get("loop") == "closed" else "at recorded times"
    requests = next(int(row["value"]) for row in result.rows if row["metric"] == "requests")
    lines = [f"{workload['trace']}: {requests} requests {how}, allocator {result.cases[0]['allocator']}"]
    for cpu in compared["cpus"]:
        lines += ["", *_cpu(cpu)]
    if timed:
        lines += ["", *_times(result)]
    if compared["notes"]:
        lines += ["", "about the trace:", *(f"  - {note}" for note in compared["notes"])]
    return "\n".join(lines)


def _cpu(cpu: Mapping[str, Any]) -> Iterator[str]:
    yield f"{'CPU ' + str(cpu['cpu']):<{WIDTH}}{'recorded':>12}{'simulated':>12}"
    real, ours = cpu["recorded"], cpu["simulated"]
    for name, what in (
        ("refills", "refills"),
        ("refilled", "  pages in them"),
        ("drains", "drains"),
        ("drained", "  pages in them"),
    ):
        yield _row(what, real[name], ours[name])
    ends = cpu["on_pcp_at_end"]
    for zone in ends["simulated"]:
        if ends["recorded"][zone] or ends["simulated"][zone]:
            yield _row(f"on the pcp at the end, {zone}", ends["recorded"][zone], ends["simulated"][zone])
    sizes = sorted(cpu["sizes"], key=lambda row: -max(row["recorded"], row["simulated"]))
    for row in sizes[:SIZES]:
        where = f"order {row['order']} {row['migratetype']}" if row["move"] == "refill" else "all lists"
        yield _row(f"  {row['move']} of {row['pages']} pages, {where}", row["recorded"], row["simulated"])
    if len(sizes) > SIZES:
        yield f"  and {len(sizes) - SIZES} more sizes (--format json has them all)"
    yield from _difference(cpu["first_difference"])


def _row(what: str, real: int, ours: int) -> str:
    apart = "" if real == ours else f"   {ours - real:+d}" + (f" ({100 * (ours / real - 1):+.1f} %)" if real else "")
    return f"{what:<{WIDTH}}{real:>12}{ours:>12}{apart}"


def _difference(parted: Mapping[str, Any] | None) -> Iterator[str]:
    if parted is None:
        yield "every refill and drain is as recorded, in the same order"
        return
    yield f"first difference, at refill or drain number {parted['place'] + 1}:"
    for side in ("recorded", "simulated"):
        move = parted[side]
        if move is None:
            yield f"  {side}: no more"
            continue
        state = f", its sizes follow from {move['state']}" if "state" in move else ""
        yield (
            f"  {side}: {move['move']} of {move['pages']} pages (order {move['order']}, {move['migratetype']}) at line "
            f"{move['line']}, {move['on_pcp_after']} pages on the pcp afterwards{state}"
        )


def _times(result: Result) -> Iterator[str]:
    yield f"machine {result.machines()[0]}"
    for row in result.rows:
        if row["metric"] in CYCLES:
            yield f"{CYCLES[row['metric']]:<{WIDTH}}{row['value']:>12.1f} {row['unit']}"
        elif row["metric"] == "time":
            yield f"{'all of it':<{WIDTH}}{row['value']:>12.3f} {row['unit']}"
    for lock in result.locks:
        if lock["acquisitions"]:
            yield (
                f"{lock['lock'] + ' taken':<{WIDTH}}{lock['acquisitions']:>12} times, {lock['contentions']} with a "
                f"wait of {lock['waittime_total'] / max(lock['contentions'], 1):.0f} {result.unit} on average, held "
                f"{lock['holdtime_total'] / lock['acquisitions']:.0f} {result.unit} on average"
            )
    yield from latency_table(result).splitlines()
