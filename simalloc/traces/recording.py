"""The recordings in a result, one a case, and what their rows say together: which functions ran."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from simalloc.results import Result, Row, swept_value

BULK = ("rmqueue_bulk", "free_pcppages_bulk")
"""Functions that others call in their midst, and that end when they release zone->lock."""

BEFORE_THE_LOCK = ("spin_lock", "pcp_pick")
"""Steps of theirs before they have it."""

CALLERS = ("call overhead", "own work", "measurement", "interrupt entry/exit")
"""Activities of code that belongs to no function of the allocator (which leave its name behind)."""

CALLERS_STEPS = ("put_page", "prep_new_page")
"""Steps of the allocator's entry and exit, outside its mechanism's functions."""

LEVELS = {"context": 0, "softirq": 1, "function": 2, "bulk": 3, "hold": 4, "wait": 4, "step": 5}
"""Which of two equally long slices has the other inside."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Something a CPU did from cycle `start` to `end`; `row` is the record it comes from, if it is one."""

    kind: str
    cpu: int
    start: int
    end: int
    name: str
    row: Row = field(default_factory=dict)

    def order(self) -> tuple[int, int, int]:
        """Sort what contains others before them."""
        return self.start, -self.end, LEVELS[self.kind]


@dataclass
class Recording:
    """One case's recording. `name` tells cases apart; `stem` is for file names.

    Times are cycles of `clock` from the start of the run.
    """

    name: str
    stem: str
    ghz: float
    start: int
    end: int
    run_end: int
    full: bool
    cpus: int
    rows: list[Row]
    clock: Row

    def of(self, kind: str) -> list[Row]:
        """Return the rows of a kind."""
        return [row for row in self.rows if row["kind"] == kind]

    def lane(self, cpu: int) -> list[Row]:
        """Return the rows of a CPU."""
        return [row for row in self.rows if row["cpu"] == cpu]

    def microseconds(self, cycle: int) -> float:
        """Return a cycle as a time."""
        return cycle / self.ghz / 1000


def recordings(result: Result) -> list[Recording]:
    """Return the recordings of a result, in order of its cases."""
    found: dict[tuple[object, ...], list[Row]] = {}
    for row in result.timeline:
        found.setdefault((row["label"], *(swept_value(row, name) for name in result.swept)), []).append(row)
    out: list[Recording] = []
    for (label, *values), rows in found.items():
        head = next(row for row in rows if row["kind"] == "recording")
        parts = [str(label), *(f"{key} {value}" for key, value in zip(result.swept, values, strict=True))]
        out.append(
            Recording(
                ", ".join(parts),
                _stem(parts, [each.stem for each in out]),
                head["ghz"],
                head["start"],
                head["end"],
                head["run_end"],
                head["full"],
                head["cpus"],
                rows,
                result.clock_of({"label": label, **dict(zip(result.swept, values, strict=True))}),
            )
        )
    return out


def _stem(parts: Iterable[str], taken: Sequence[str]) -> str:
    stem = re.sub(r"[^A-Za-z0-9._+-]+", "-", "-".join(parts)).strip(".-") or "case"
    return stem if stem not in taken else f"{stem}-{len(taken) + 1}"


def functions(rows: Sequence[Row]) -> list[Slice]:
    """Return which functions ran on one CPU, from its rows: runs of steps and waits of one site in one context.

    A site is set where a function masks or locks and stays until the next does; here it ends with its last own step.
    """
    inside = _bulk_intervals(rows)
    starts = [start for start, _ in inside]
    found: list[Slice] = []
    open_: dict[int, _Functions] = {}
    stays: list[tuple[int, Row]] = []
    ordered = [row for row in rows if row["kind"] in ("context", "wait", "step")]
    ordered.sort(key=lambda row: (row["start"], -row["end"], LEVELS[row["kind"]]))
    for number, row in enumerate(ordered):
        while stays and stays[-1][1]["end"] <= row["start"]:
            stays.pop()
        if row["kind"] == "context":
            stays.append((number, row))
            continue
        stay = next((each for each, stay in reversed(stays) if row.get("context") in (None, stay["context"])), -1)
        place = bisect_right(starts, row["start"]) - 1
        in_bulk = place >= 0 and row["end"] <= inside[place][1]
        open_.setdefault(stay, _Functions(found)).add(row, in_bulk=in_bulk)
    for each in open_.values():
        each.close()
    return found


def _bulk_intervals(rows: Sequence[Row]) -> list[tuple[int, int]]:
    return sorted((row["start"], row["end"]) for row in rows if row["kind"] in ("wait", "hold") and row["site"] in BULK)


class _Functions:
    """The function that runs in one stay in a context, and the one it has called."""

    def __init__(self, found: list[Slice]) -> None:
        self._found = found
        self._caller = self._callee = ""
        self._began = {"function": 0, "bulk": 0}
        self._cpu = self._end = self._callee_end = 0

    def add(self, step: Row, *, in_bulk: bool) -> None:
        """Take the next step, or wait for a lock."""
        site, name, activity = step["site"], step.get("step"), step.get("activity")
        if activity in CALLERS or name in CALLERS_STEPS or (activity == "cache miss" and not self._caller):
            self.close()
            return
        bulk = site if site in BULK and (in_bulk or name in BEFORE_THE_LOCK) else ""
        caller = self._caller or site if site in BULK else site
        if caller != self._caller:
            self.close()
            self._caller, self._began["function"] = caller, step["start"]
        if bulk != self._callee:
            self._close_bulk()
            self._callee, self._began["bulk"] = bulk, step["start"]
        self._cpu, self._end = step["cpu"], step["end"]
        self._callee_end = step["end"] if bulk else self._callee_end

    def _close_bulk(self) -> None:
        if self._callee and self._callee != self._caller:
            self._found.append(Slice("bulk", self._cpu, self._began["bulk"], self._callee_end, self._callee))
        self._callee = ""

    def close(self) -> None:
        """End what runs."""
        self._close_bulk()
        if self._caller:
            self._found.append(Slice("function", self._cpu, self._began["function"], self._end, self._caller))
        self._caller = ""
