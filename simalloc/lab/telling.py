"""What is behind a graph, in words and tables: where the cycles went, locks, the longest window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from simalloc.lab.charts import axis_title
from simalloc.plots import cycles
from simalloc.plots.activities import GROUPS
from simalloc.results import LockStatError, Result, Row, lock_stat_rows, lock_stat_text
from simalloc.scenario import Scenario

Point = tuple[Any, ...]


def points(result: Result) -> list[Point]:
    """Return the points of the sweep that have figures, in order; one without values if nothing is swept."""
    found = dict.fromkeys(tuple(row.get(name) for name in result.swept) for row in result.rows)
    return list(found)


def point_words(result: Result, point: Point) -> str:
    """Return a point as people read it: `CPUs: 48`."""
    return ", ".join(
        f"{axis_title(name)}: {str(value).strip('[]')}" for name, value in zip(result.swept, point, strict=True)
    )


def cycles_chart(result: Result, point: Point) -> dict[str, Any]:
    """Return where the cycles went at a point as chart.js draws it: a bar a label, in the ledger's groups."""
    here = replace(result, ledger=_at(result, result.ledger, point), swept=[])
    if not here.ledger:
        return {"kind": "none", "title": "nothing is known here yet", "curves": []}
    bars = cycles.series(here)
    known = [group for group in GROUPS if any(bar["parts"].get(group.name) for bar in bars)]
    return {
        "kind": "stack",
        "title": "where the cycles went",
        "y": f"cycles of all CPUs {'(%)' if bars[0]['unit'] == '%' else 'for each page allocated'}",
        "groups": [{"name": group.name, "colour": group.colour, "hatched": bool(group.hatch)} for group in known],
        "curves": [
            {"name": bar["label"], "parts": [bar["parts"].get(group.name, 0.0) for group in known]} for bar in bars
        ],
    }


def locks_text(result: Result, point: Point) -> str:
    """Return the locks of every label at a point as /proc/lock_stat prints them."""
    try:
        rows = _at(result, lock_stat_rows(result), point)
    except LockStatError as error:
        return str(error)
    parts = []
    for case in result.cases:
        own = [row for row in rows if row["label"] == case["label"]]
        if own:
            parts.append(f"{case['label']}:\n{lock_stat_text(own)}")
    return "\n".join(parts) or "No lock was taken here."


def window_words(result: Result, point: Point) -> list[tuple[str, int, str]]:
    """Return for each label its longest window with interrupts off: the label, its cycles, and a sentence or two."""
    found = []
    for row in _at(result, result.latency, point):
        if (row["kind"], row.get("cpu"), row.get("site")) != ("irqs_off", "all", "all"):
            continue
        us = partial(_us, result, row)
        parts = [
            f"{us(row['max_waited'])} waiting for a lock" if row["max_waited"] else "",
            f"{us(row['max_held'])} holding a lock" if row["max_held"] else "",
            f"{us(row['max_rest'])} doing other work" if row["max_rest"] else "",
        ]
        words = (
            f"The longest lasted {row['max']:,} cycles ({us(row['max'])}), on CPU {row['max_cpu']}. It ended "
            f"in the kernel "
            f"function {row['max_site']}. In it the CPU spent {', '.join(filter(None, parts)) or 'nothing'}. "
            f"There were {row['count']:,} such windows, {us(row['mean'])} long on average."
        )
        found.append((row["label"], int(row["max"]), words))
    return found


def _us(result: Result, row: Row, cycles: float) -> str:
    return f"{result.microseconds(row, cycles):.2f} us"


def _at(result: Result, rows: Sequence[Row], point: Point) -> list[Row]:
    return [row for row in rows if all(row.get(name) == v for name, v in zip(result.swept, point, strict=True))]


def case_number(scenario: Scenario, label: str, point: Point) -> int:
    """Return the number of a case. Raises KeyError."""
    for number, case in enumerate(scenario.cases):
        if case.label == label and tuple(case.parameters.values()) == point:
            return number
    raise KeyError(label)
