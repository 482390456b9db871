"""A result's recordings as compact data for the page's timeline."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

from simalloc.results import Result
from simalloc.traces import Recording, functions, recordings

MOST_STEPS = 60_000
"""Steps of all recordings together that a page is given; if there are more it has functions, but no steps."""


class Names:
    """Words, each kept once."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self._numbers: dict[str, int] = {}

    def __call__(self, word: str) -> int:
        """Return the word's number."""
        number = self._numbers.setdefault(word, len(self.words))
        if number == len(self.words):
            self.words.append(word)
        return number


def timeline_data(result: Result) -> dict[str, Any] | None:
    """Return names and recordings, None if nothing was recorded. Cycles count from where a recording begins.

    Bars are [CPU, first cycle, cycles, name]; of waits also [..., lock's owner, giver or -1, cycle it was given],
    of functions [..., cycles of room for the name].
    """
    found = [each for each in recordings(result) if each.end > each.start]
    if not found:
        return None
    names = Names()
    steps = sum(len(each.of("step")) for each in found) <= MOST_STEPS
    return {
        "recordings": [_recording(each, names, steps=steps) for each in found],
        "names": names.words,
        "steps": steps,
    }


def _recording(recording: Recording, names: Names, *, steps: bool) -> dict[str, Any]:
    start = recording.start

    def bars(kind: str, *fields: str) -> list[list[int]]:
        return [
            [row["cpu"], row["start"] - start, row["end"] - row["start"], names(_joined(row, fields))]
            for row in recording.of(kind)
        ]

    waits = [
        [*bar, row["owner"], row["giver"], row["given"] - start]
        for bar, row in zip(bars("wait", "lock", "site"), recording.of("wait"), strict=True)
    ]
    return {
        "name": recording.name,
        "ghz": recording.ghz,
        "start": start,
        "cycles": recording.end - start,
        "cpus": recording.cpus,
        "full": recording.full,
        "contexts": [
            [*bar, names(row["context"])]
            for bar, row in zip(bars("context", "context", "name"), recording.of("context"), strict=True)
        ],
        "functions": [bar for cpu in range(recording.cpus) for bar in _functions(recording, cpu, names)],
        "steps": bars("step", "step") if steps else [],
        "waits": waits,
        "holds": bars("hold", "lock", "site"),
        "masked": bars("irqs_off", "site"),
    }


def _functions(recording: Recording, cpu: int, names: Names) -> list[list[int]]:
    """Return the functions of a CPU, each with the cycles that its name may take up: up to the first that it calls."""
    found = functions(recording.lane(cpu))
    callees = sorted(each.start for each in found if each.kind == "bulk")
    bars = []
    for each in found:
        place = bisect_left(callees, each.start)
        called = callees[place] if place < len(callees) and each.kind == "function" else each.end
        room = min(called, each.end) - each.start
        bars.append([cpu, each.start - recording.start, each.end - each.start, names(each.name), room])
    return bars


def _joined(row: dict[str, Any], fields: tuple[str, ...]) -> str:
    """Return `zone->lock in rmqueue_bulk`, `hardirq nic`, `task`."""
    first, *rest = (str(row[name]) for name in fields)
    if not rest or not rest[0]:
        return first
    return f"{first} in {rest[0]}" if "site" in fields else f"{first} {rest[0]}"
