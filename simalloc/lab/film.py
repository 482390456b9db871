"""Slow motion: one call out of a recording, step by step, with what it changes: list, buddy lists, lock, masks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from simalloc.hardware import CostModel
from simalloc.results import Row

BEGINS = {"alloc_call": "an allocation", "bulk_call": "a bulk call", "put_page": "a free"}
"""The step that a call begins with."""


WORDS = {
    "alloc_call": "the call: memory policy, flags, which zones, is enough memory free",
    "bulk_call": "the call of the bulk API, once for all its pages",
    "pcp_pop": "take the first page off this CPU's list",
    "pcp_push": "put the page at the head of this CPU's list",
    "prep_new_page": "make the page ready for its owner",
    "zone_counters": "count: three statistics",
    "event_counter": "count: one statistic",
    "free_prepare": "check the page, look up its type",
    "put_page": "drop the last reference to the page",
    "irq_save": "remember whether interrupts are on, and mask them",
    "irq_restore": "put the interrupt flag back as it was",
    "buddy_remove": "take a block off the zone's buddy lists",
    "buddy_insert": "put a page back on the zone's buddy lists",
}
LONGEST = 4000
"""Cycles of a film: a longer wait is shown from so long before its end."""


def films(rows: Sequence[Row], costs: CostModel) -> list[dict[str, Any]]:
    """Return the films that a recording has: one of each sort of call, that with the longest wait for a lock.

    `steps` have `at` and `cycles` from where the film begins; `pcp`, `moved`, `areas`, `locks` and `masked` say
    what changes: `moved` what this CPU does to buddy lists, `areas` what is then free, whoever changes it.
    """
    found: dict[str, tuple[int, list[Row], str]] = {}
    by_cpu: dict[int, list[Row]] = {}
    for row in rows:
        by_cpu.setdefault(row["cpu"], []).append(row)
    for cpu, own in by_cpu.items():
        for name, steps in _calls(own):
            title = name + _how(own, steps)
            waited = _waited(own, steps)
            if title not in found or waited > found[title][0]:
                found[title] = (waited, steps, f"{title}, on CPU {cpu}")
    if not found:
        turn = _turn(rows)
        found = {} if turn is None else {"a turn at the lock": turn}
    return [_film(title, steps, rows, costs) for _, steps, title in found.values()]


def _calls(own: Sequence[Row]) -> Iterator[tuple[str, list[Row]]]:
    """Give the whole calls of a CPU: what is it, and its steps in order."""
    steps = sorted((row for row in own if row["kind"] == "step"), key=lambda row: (row["start"], row["end"]))
    places = [i for i, row in enumerate(steps) if row["step"] in BEGINS]
    for first, following in pairwise(places):
        call = []
        for row in steps[first:following]:
            if row["context"] != steps[first]["context"] or row["activity"] in ("own work", "measurement"):
                break
            call.append(row)
        yield BEGINS[steps[first]["step"]], call


def _span(steps: Sequence[Row]) -> tuple[int, int]:
    return steps[0]["start"], steps[-1]["end"]


def _how(own: Sequence[Row], steps: Sequence[Row]) -> str:
    """Return what was special about a call: that it moved pages between the CPU's list and the zone."""
    start, end = _span(steps)
    for row in own:
        if row["kind"] == "moved" and start <= row["start"] <= end:
            return " that takes pages from the zone" if row["removed"] else " that gives pages back to the zone"
    return " from the CPU's own list" if steps[0]["step"] != "put_page" else " to the CPU's own list"


def _waited(own: Sequence[Row], steps: Sequence[Row]) -> int:
    start, end = _span(steps)
    return sum(row["end"] - row["start"] for row in own if row["kind"] == "wait" and start <= row["start"] <= end)


def _turn(rows: Sequence[Row]) -> tuple[int, list[Row], str] | None:
    """Return the turn at a lock with the longest wait that ends in the recording."""
    waits = [row for row in rows if row["kind"] == "wait" and row["given"] >= 0]
    if not waits:
        return None
    wait = max(waits, key=lambda row: row["end"] - row["start"])
    begin = max(wait["start"], wait["end"] - LONGEST)
    holds = [row for row in rows if row["kind"] == "hold" and row["cpu"] == wait["cpu"] and row["start"] >= wait["end"]]
    end = min((row["end"] for row in holds), default=wait["end"])
    steps = [{**wait, "start": begin, "step": "spin", "activity": "spin"}]
    steps += [
        row
        for row in rows
        if row["kind"] == "step" and row["cpu"] == wait["cpu"] and wait["end"] <= row["start"] and row["end"] <= end
    ]
    return wait["end"] - wait["start"], steps, f"a turn at the lock, on CPU {wait['cpu']}"


def _film(title: str, steps: Sequence[Row], rows: Sequence[Row], costs: CostModel) -> dict[str, Any]:
    start, end = _span(steps)
    cpu = steps[0]["cpu"]
    here = [row for row in rows if row["start"] <= end and row["end"] >= start and row["cpu"] >= 0]
    mine = [row for row in here if row["cpu"] == cpu]
    return {
        "title": title,
        "cycles": end - start,
        "cpu": cpu,
        "context": steps[0].get("context", "task"),
        "steps": list(_steps(steps, mine, start, costs)),
        "pcp": _counts(rows, cpu, start, end) if steps[0]["step"] in BEGINS else [],
        "moved": [_move(row, start) for row in mine if row["kind"] == "moved"],
        "areas": _areas(rows, start, end),
        "locks": _locks(here, mine, start),
        "masked": [[row["start"] - start, row["end"] - start] for row in mine if row["kind"] == "irqs_off"],
    }


def _move(row: Row, start: int) -> dict[str, int]:
    """Return when blocks left the buddy lists (`by` below 0) or joined them, of which order, and what is free then."""
    by = -len(row["pfns"]) if row["removed"] else len(row["pfns"])
    return {"at": row["start"] - start, "by": by, "order": row["order"], "free": row["free_pages"]}


def _areas(rows: Sequence[Row], start: int, end: int) -> list[dict[str, Any]]:
    """Return the zones whose buddy lists change: free blocks of each order when the film begins and after each change.

    `by` is the CPU that made the change, -1 at the beginning.
    """
    zones: dict[str, list[Row]] = {}
    for row in rows:
        if row["kind"] == "free_area" and row["start"] <= end:
            zones.setdefault(row["zone"], []).append(row)
    found = []
    for zone, of_zone in zones.items():
        # What changes in the very cycle in which the film begins is a part of it.
        known = [row for row in of_zone if row["start"] < start or row["cpu"] < 0]
        after = of_zone[len(known) :]
        if after:
            states = [{"at": 0, "by": -1, "blocks": known[-1]["blocks"]}]
            states += [{"at": row["start"] - start, "by": row["cpu"], "blocks": row["blocks"]} for row in after]
            found.append({"zone": zone, "states": states})
    return found


def _steps(steps: Sequence[Row], mine: Sequence[Row], start: int, costs: CostModel) -> Iterator[dict[str, Any]]:
    """Give the steps, and the waits between them, in order."""
    waits = [row for row in mine if row["kind"] == "wait" and row["start"] >= steps[0]["start"]]
    shown = [*steps, *({**row, "step": "spin", "activity": "spin"} for row in waits)]
    for row in sorted(shown, key=lambda each: (each["start"], each["end"])):
        name = row["step"]
        about = WORDS.get(name) or (costs.parameters[name].about if name in costs.parameters else "")
        if name == "spin":
            name, about = "wait for the lock", f"when this wait began, CPU {row['owner']} had it"
        times = row.get("times", 1)
        if name == "irq_restore" and times == 1:
            about += _overlap(row["end"] - row["start"], costs)
        yield {
            "at": row["start"] - start,
            "cycles": row["end"] - row["start"],
            "step": f"{name} x {times}" if 1 < times < row["end"] - row["start"] else name,
            "activity": row["activity"],
            "site": row["site"],
            "about": about,
        }


def _overlap(cycles: int, costs: CostModel) -> str:
    """Return why a restore of the interrupt flag takes other than its price."""
    price = round(costs.parameters["irq_restore"].cycles)
    if cycles == price or abs(price - cycles) != round(costs.parameters["irq_overlap"].cycles):
        return ""
    by = f"{abs(price - cycles)} {'less' if cycles < price else 'more'}"
    return f" (its price is {price} cycles; the fitted irq_overlap makes it {by} here)"


def _counts(rows: Sequence[Row], cpu: int, start: int, end: int) -> list[dict[str, int]]:
    """Return the CPU's page count when the film begins, and after each change."""
    counts = [row for row in rows if row["kind"] == "pcp" and row["cpu"] == cpu and row["start"] <= end]
    before = [row for row in counts if row["start"] <= start][-1:]
    after = [row for row in counts if row["start"] > start]
    return [
        {"at": max(0, row["start"] - start), "count": row["count"], "high": row["high"], "batch": row["batch"]}
        for row in (*before, *after)
    ]


def _locks(here: Sequence[Row], mine: Sequence[Row], start: int) -> list[dict[str, Any]]:
    """Return the locks that the CPU wants or has: who holds each and who waits for it, when."""
    names = dict.fromkeys((row["lock"], row["number"]) for row in mine if row["kind"] in ("wait", "hold"))
    found = []
    for lock, number in names:
        of_lock = [row for row in here if row.get("lock") == lock and row.get("number") == number]
        spans = {
            kind: [[row["cpu"], row["start"] - start, row["end"] - start] for row in of_lock if row["kind"] == kind]
            for kind in ("hold", "wait")
        }
        found.append({"name": lock, **spans})
    return found
