"""Saved runs side by side: their figures with changes and intervals, and what differs in what they were asked.

A change is of a run against the first one named. Its 95 % interval follows from the intervals of both runs, which are
taken to be independent: relative errors add as squares. Runs of one seed often share their random numbers; then the
true interval is smaller, and "within noise" may be said too often, never "differs" too often.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import hypot
from typing import Any

from simalloc.results.result import Result, Row, parameters

SAME, NOISE, DIFFERS, UNKNOWN, MISSING = "same", "within noise", "differs", "no interval", "missing"
"""What is said of a change: nothing changed; its interval contains 0, or does not; there is none; one has no figure."""

UNSAID = ("name", "about", "plots", "published", "calibration")
"""Keys of a scenario that no simulated figure depends on."""

ABSENT = "-"


class NothingInCommon(Exception):  # noqa: N818
    """The runs have no figure that could stand side by side; the text says what each has."""


@dataclass(frozen=True, slots=True)
class SavedRun:
    """A saved run under the name that its column has; `asked` is its scenario with every default written out."""

    name: str
    result: Result
    asked: Mapping[str, Any] = field(default_factory=dict)


def figures_side_by_side(runs: Sequence[SavedRun]) -> list[Row]:
    """Return a row for each figure that two or more runs have, and for each run: `run`, `value`, `ci95`, `change`.

    `change` and `change_ci95` are in % of the first run's value; `verdict` is one of the words above. A figure is known
    by its label, metric, parameters and unit; where every run has a single case, labels may differ.
    Raises NothingInCommon.
    """
    _check_units(runs)
    single = all(len(run.result.cases) == 1 for run in runs)
    tables = [{_key(row, single=single): row for row in run.result.rows} for run in runs]
    keys = [key for key in dict.fromkeys(key for table in tables for key in table) if sum(key in t for t in tables) > 1]
    if not keys:
        raise NothingInCommon("no figure is in two of these runs: " + "; ".join(_has(run) for run in runs))
    return [row for key in keys for row in _line(runs, [table.get(key) for table in tables])]


def _check_units(runs: Sequence[SavedRun]) -> None:
    first = runs[0]
    for run in runs[1:]:
        if run.result.unit != first.result.unit:
            raise NothingInCommon(
                f"{first.name} counts {first.result.unit}, {run.name} {run.result.unit}; "
                "figures in different units cannot be compared"
            )


def _key(row: Row, *, single: bool) -> tuple[Any, ...]:
    label = "" if single else row["label"]
    return label, row["metric"], row["unit"], tuple(sorted((name, str(v)) for name, v in parameters(row).items()))


def _has(run: SavedRun) -> str:
    labels = ", ".join(repr(case["label"]) for case in run.result.cases[:4])
    found = [f"{row['metric']} ({row['unit']})" for row in run.result.rows]
    metrics = ", ".join(list(dict.fromkeys(found))[:4])
    return f"{run.name} has {metrics or 'no figures'} of {labels or 'nothing'}"


def _line(runs: Sequence[SavedRun], cells: Sequence[Row | None]) -> Iterator[Row]:
    base = cells[0]
    for run, cell in zip(runs, cells, strict=True):
        shown = cell or next(each for each in cells if each)
        row = {"label": shown["label"], "metric": shown["metric"], **parameters(shown), "unit": shown["unit"]}
        row |= {"run": run.name, "value": cell["value"] if cell else None, "ci95": cell.get("ci95") if cell else None}
        yield row | (
            _change(cell, base) if run is not runs[0] else {"change": None, "change_ci95": None, "verdict": ""}
        )


def _change(cell: Row | None, base: Row | None) -> Row:
    """Return the change from `base` in %, half its interval, and the verdict."""
    if cell is None or base is None:
        return {"change": None, "change_ci95": None, "verdict": MISSING}
    difference = cell["value"] - base["value"]
    change = 100 * difference / base["value"] if base["value"] else None
    if cell.get("ci95") is None or base.get("ci95") is None:
        verdict = SAME if not difference else UNKNOWN
        return {"change": change, "change_ci95": None, "verdict": verdict}
    half = hypot(cell["ci95"], base["ci95"])
    if base["value"]:
        # Of a ratio: the error of the first run counts by how large the other is.
        half = hypot(cell["ci95"], base["ci95"] * cell["value"] / base["value"])
    verdict = SAME if not difference and not half else NOISE if abs(difference) <= half else DIFFERS
    return {
        "change": change,
        "change_ci95": 100 * half / abs(base["value"]) if base["value"] else None,
        "verdict": verdict,
    }


def differences(runs: Sequence[SavedRun]) -> list[Row]:
    """Return what differs between the runs beside their figures, a row each: `what`, `key`, and a value a run.

    `what` is scenario, price or program. Of scenarios, keys that some run wrote; `asked` gives values left to their
    default. Of prices, those that some case paid.
    """
    rows = []
    written = [_flat(run.result.definition) for run in runs]
    full = [_flat(run.asked or run.result.definition) for run in runs]
    keys = dict.fromkeys(key for tree in written for key in tree)
    rows += [_difference("scenario", key, [tree.get(key, ABSENT) for tree in full]) for key in keys]
    prices = [_prices(run.result) for run in runs]
    rows += [
        _difference("price", name, [table.get(name, ABSENT) for table in prices])
        for name in dict.fromkeys(name for table in prices for name in table)
    ]
    rows += [
        _difference("program", key, [_program(run.result)[key] for run in runs]) for key in _program(runs[0].result)
    ]
    return [row for row in rows if any(value != row["values"][0] for value in row["values"])]


def _difference(what: str, key: str, values: list[Any]) -> Row:
    return {"what": what, "key": key, "values": values}


def _flat(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Return the leaves of a scenario by dotted key; compared cases go by their label, other lists stay whole."""
    return dict(_leaves({key: value for key, value in tree.items() if key not in UNSAID}, ""))


def _leaves(tree: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{path}{key}.")
        elif path == "" and key == "compare" and isinstance(value, list):
            for case in value:
                yield from _leaves(case, f"compare[{case.get('label')}].")
        elif value not in (None, {}, []):
            yield f"{path}{key}", value


def _prices(result: Result) -> dict[str, Any]:
    """Return prices by name; where cases paid different ones, by name and who paid."""
    found = {}
    for row in result.prices:
        who = row.get("labels")
        found[f"{row['name']} ({', '.join(who)})" if who else row["name"]] = row["value"]
    return found


def _program(result: Result) -> dict[str, Any]:
    return {
        "simalloc": result.simalloc,
        "build": result.build or "not said",
        "seed": result.seed,
        "machine": f"{result.clock['preset']}, {result.clock['ghz']:g} GHz",
        "plugins": ", ".join(f"{row.get('name')} {str(row.get('sha256', ''))[:12]}" for row in result.plugins)
        or "none",
        "done": result.partial or "whole",
    }
