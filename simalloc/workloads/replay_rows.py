"""What a replay found, as flat rows: totals, sizes of refills and drains, counts over time, where both part first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from simalloc.measure.moves import PageMove
from simalloc.recorded import Move, Totals

Row = dict[str, Any]

TYPE_NAMES = ("unmovable", "movable", "reclaimable")
"""Migratetypes by number; those beyond are of huge pages' lists or not told apart here."""


def type_name(mt: int) -> str:
    """Return what a migratetype is called."""
    return TYPE_NAMES[mt] if mt < len(TYPE_NAMES) else f"type {mt}"


def totals_of(moves: Sequence[PageMove]) -> Totals:
    """Return the totals of what was simulated."""
    refills = [move.pages for move in moves if move.kind == "refill"]
    drains = [move.pages for move in moves if move.kind == "drain"]
    return Totals(len(refills), sum(refills), len(drains), sum(drains))


def cpu_row(cpu: int, recorded: Totals, simulated: Totals, ends: tuple[dict[str, int], dict[str, int]]) -> Row:
    """Return the totals of a CPU, and the pages on its pcps at the end by zone."""
    return {
        "kind": "cpu",
        "cpu": cpu,
        "recorded": asdict(recorded),
        "simulated": asdict(simulated),
        "end_recorded": ends[0],
        "end_simulated": ends[1],
    }


def size_rows(cpu: int, recorded: Sequence[Move], simulated: Sequence[PageMove]) -> Iterator[Row]:
    """Yield how many refills and drains there were of each list and size."""
    counts = [Counter(_size(move) for move in moves) for moves in (recorded, simulated)]
    for move, order, mt, pages in sorted(counts[0].keys() | counts[1].keys()):
        key = move, order, mt, pages
        yield {
            "kind": "size",
            "cpu": cpu,
            "move": move,
            "order": order if move == "refill" else None,
            "migratetype": type_name(mt) if move == "refill" else None,
            "pages": pages,
            "recorded": counts[0][key],
            "simulated": counts[1][key],
        }


def _size(move: Move | PageMove) -> tuple[str, int, int, int]:
    # A drain takes from several lists.
    return (move.kind, move.order, move.mt, move.pages) if move.kind == "refill" else (move.kind, 0, 0, move.pages)


def divergence_row(cpu: int, recorded: Sequence[Move], simulated: Sequence[PageMove]) -> Row | None:
    """Return the first refill or drain that is not the same on both sides, with the state on both; None if all are."""
    for place in range(max(len(recorded), len(simulated))):
        real = recorded[place] if place < len(recorded) else None
        ours = simulated[place] if place < len(simulated) else None
        if real is None or ours is None or _size(real) != _size(ours):
            return {
                "kind": "divergence",
                "cpu": cpu,
                "place": place,
                "recorded": None if real is None else _told(real, real.line),
                "simulated": None if ours is None else _told(ours, ours.request) | {"state": list(ours.state)},
            }
    return None


def _told(move: Move | PageMove, line: int) -> Row:
    return {
        "move": move.kind,
        "line": line,
        "order": move.order,
        "migratetype": type_name(move.mt),
        "pages": move.pages,
        "on_pcp_after": move.on_pcp,
    }
