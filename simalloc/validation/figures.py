"""What published tables name, out of a run's result: most are its rows, some are arithmetic on them.

Each function returns rows with label, metric, parameters, value and unit, named as in the published table.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from simalloc.results import Result, Row, parameters
from simalloc.scenario import build

NO_POPF = {"irq_save": 8, "irq_restore": 4, "irq_overlap": 0}
"""Linux v5.12 (ab234a260b1f) restores flags without POPF: PUSHF, 5, and half of a cli/sti pair of 7; the other half."""


def own(result: Result) -> Iterable[Row]:
    """Return the rows as they are."""
    return result.rows


def pairs(result: Result) -> list[Row]:
    """Return the cycles of an allocation and a free of the same page: `pair`, from alloc-bench's `repeat` (ns)."""
    return [
        _row(row, "pair", row["value"] * result.clock["ghz"], "cycles")
        for row in result.select(metric="repeat", unit="ns")
    ]


def untimed(result: Result) -> list[Row]:
    """Return cycles a page of an allocation and a free without the clock reads around them: `total`.

    page_bench reads the clock before and after a million rounds, mmtests in every round.
    """
    rdtsc = next(row["value"] for row in result.prices if row["name"] == "rdtsc")
    return [
        _row(row, "total", row["value"] - 2 * rdtsc / row["batch"], "cycles") for row in result.select(metric="total")
    ]


def holds(result: Result) -> list[Row]:
    """Return the mean length of a section under zone->lock, us: `hold`. Each label's machine has its own clock."""
    ghz = {case.label: case.machine.cost_model().clock_ghz for case in build(result.definition).cases}
    return [
        {
            "label": row["label"],
            **{name: row[name] for name in result.swept},
            "metric": "hold",
            "value": row["holdtime_avg"] / (1000 * ghz[row["label"]]),
            "unit": "us",
        }
        for row in result.locks
        if row["lock"] == "zone->lock"
    ]


def against_bulk(result: Result) -> list[Row]:
    """Return frees in random order as a multiple of frees in order, in the same run: `rand_free_ratio`."""
    bulk = {(row["label"], row["cpus"]): row["value"] for row in result.select(metric="free")}
    return [
        _row(row, "rand_free_ratio", row["value"] / bulk[row["label"], row["cpus"]], "x bulk free")
        for row in result.select(metric="rand_free")
    ]


def wait_left(result: Result) -> list[Row]:
    """Return how much of the first label's waiting for zone->lock each other one has left, %: `wait_left`."""
    first, *others = result.select(metric="zone_lock_wait")
    return [_row(row, "wait_left", 100 * row["value"] / first["value"], "%") for row in others]


def sizes(result: Result) -> list[Row]:
    """Return batch and high of every zone that was swept, pages. Nothing of it is simulated: they are computed."""
    return [
        {"label": case.label, **case.parameters, "metric": metric, "value": float(value), "unit": "pages"}
        for case in build(result.definition).cases
        for metric, value in case.sizes.as_dict().items()
    ]


ALLOC_SITES = {"rmqueue_bulk", "rmqueue_buddy"}
FREE_SITES = {"free_pcppages_bulk", "free_one_page", "free_unref_page_list"}


def lock_paths(result: Result) -> list[Row]:
    """Return rows as they are; how much of all cycles allocations and frees wait for zone->lock; the first's `change`.

    A wait counts as long as the mean: a queue lets all wait alike.
    """
    rows: list[Row] = list(result.rows)
    share = {row["label"]: row["value"] for row in result.select(metric="zone_lock_share")}
    for lock in result.locks:
        if lock["lock"] != "zone->lock" or not lock["contentions"]:
            continue
        for metric, sites in (("alloc_path_share", ALLOC_SITES), ("free_path_share", FREE_SITES)):
            part = sum(count for site, count in lock["waiters_at"].items() if site in sites) / lock["contentions"]
            rows.append({"label": lock["label"], "metric": metric, "value": share[lock["label"]] * part, "unit": "%"})
    scores = {row["label"]: row["value"] for row in result.select(metric="score")}
    first = next(iter(scores.values()))
    rows += [
        {"label": label, "metric": "change", "value": 100 * (score / first - 1), "unit": "%"}
        for label, score in scores.items()
    ]
    return rows


def _row(row: Row, metric: str, value: float, unit: str) -> Row:
    keep: dict[str, Any] = {"label": row["label"], **parameters(row)}
    return {**keep, "metric": metric, "value": value, "unit": unit}
