"""Exercises of notebook 8, your own kernel."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from simalloc.course.exercise import Exercise, Mistake
from simalloc.recorded.library import zoneinfo_of
from simalloc.runs import run
from simalloc.runs.replay import comparison, read_zones, replay_scenario

TRACE = Path("linux-6.1-order")


@cache
def totals(*settings: str) -> dict[str, int]:
    """Return refills, drains and the pages in them of the recording on 6.1-stable, with these settings."""
    zoneinfo = zoneinfo_of(TRACE)
    zones = read_zones(zoneinfo) if zoneinfo else None
    scenario = replay_scenario(TRACE, "6.1-stable", zones=zones, workload={"clock_ghz": 1.0}, overrides=settings)
    found: dict[str, int] = comparison(run(scenario))["cpus"][0]["simulated"]
    return found


def moved(*settings: str) -> float:
    """Return the pages that went either way."""
    found = totals(*settings)
    return float(found["refilled"] + found["drained"])


EXERCISES = (
    Exercise(
        "8.1",
        truth=moved,
        unit="pages",
        because="Each of them was on a buddy list before or after, with zone->lock held.",
        hint="Refills bring pages, drains return them; the table has both.",
        mistakes=[
            Mistake(lambda: float(totals()["refilled"]), "Those are the refills' only."),
            Mistake(
                lambda: float(totals()["refills"] + totals()["drains"]), "Those are refills and drains, not pages."
            ),
        ],
    ),
    Exercise(
        "8.2",
        truth=lambda: moved("allocator.batch=127"),
        unit="pages",
        because="A larger batch brings more than is asked for; a freed block of order 1 to 3 sends all back.",
        hint="`replayed` takes settings after the allocator's name.",
        mistakes=[Mistake(moved, "That is with a batch of 63.")],
    ),
)
