"""Saved runs side by side as text, laid out as mmtests' compare-kernels prints them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from simalloc.results.columns import heads
from simalloc.results.metric_table import TITLES
from simalloc.results.result import Row
from simalloc.results.run_comparison import DIFFERS, MISSING, NOISE, SAME, UNKNOWN

MARKS = {DIFFERS: "*", NOISE: "~", SAME: "=", UNKNOWN: "?", MISSING: " ", "": " "}
LEGEND = (
    "+-: half a 95 % interval; %: change against the first run. "
    "* differs, ~ within noise (the change's interval contains 0), = the same, ? no interval, so nobody can say"
)
CELL = 34
MOST_NAME = 60
LONGEST_VALUE = 60
ABSENT = "-"


def figures_text(rows: Sequence[Row], names: Sequence[str], *, every: bool = False) -> str:
    """Return figures side by side: a line each, a block a label, a column a run.

    Without `every`, only figures that tables show; all if there is none of those.
    """
    lines = [list(group) for _, group in groupby(rows, key=_line_of)]
    shown = [line for line in lines if every or line[0]["metric"] in TITLES] or lines
    width = max(len(_name(line[0])) for line in shown) + 2
    text, label = [f"{'':<{width}}{line}" for line in heads(names, CELL)], None
    for line in shown:
        if line[0]["label"] != label:
            label = line[0]["label"]
            text += [f"{label}"]
        text.append((f"  {_name(line[0]):<{width - 2}}" + "".join(map(_cell, line))).rstrip())
    return "\n".join([*text, "", LEGEND])


def differences_text(rows: Sequence[Row], names: Sequence[str]) -> str:
    """Return what differs in scenario, prices and program, a line each with every run's value."""
    if not rows:
        return "the runs were asked the same, at the same prices, by the same program"
    width = min(MOST_NAME, max(len(row["key"]) for row in rows)) + 2
    cell = max(18, *(2 + len(_value(value)) for row in rows for value in row["values"]))
    text = []
    for what, group in groupby(rows, key=lambda row: row["what"]):
        text += [f"{'differs in ' + what:<{width}}{line}" for line in heads(names, cell)[-1:]]
        for row in group:
            values = "".join(f"{_value(value):>{cell}}" for value in row["values"])
            text += (
                [f"  {row['key']}", " " * width + values]
                if len(row["key"]) > width - 4
                else [f"  {row['key']:<{width - 2}}{values}"]
            )
    return "\n".join(text)


def _line_of(row: Row) -> tuple[Any, ...]:
    return (
        tuple((name, str(value)) for name, value in _parameters(row).items()),
        row["label"],
        row["metric"],
        row["unit"],
    )


def _parameters(row: Mapping[str, Any]) -> Row:
    own = ("label", "metric", "unit", "run", "value", "ci95", "change", "change_ci95", "verdict")
    return {name: value for name, value in row.items() if name not in own}


def _name(row: Row) -> str:
    """Return what a figure is, in words, with its unit and parameters."""
    title = TITLES[row["metric"]] if row["metric"] in TITLES else row["metric"]
    return ", ".join([f"{title} ({row['unit']})", *(f"{name} {value}" for name, value in _parameters(row).items())])


def _cell(row: Row) -> str:
    if row["value"] is None:
        return ABSENT.rjust(CELL)
    text = _number(row["value"]) + (f" +-{_number(row['ci95'])}" if row["ci95"] else "")
    if row["verdict"] in ("", MISSING):
        return text.rjust(CELL - 14) + " " * 14
    change = f"({row['change']:+.1f} %)" if row["change"] is not None else "(from 0)"
    return f"{text:>{CELL - 14}}{change:>12} {MARKS[row['verdict']]}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.2f}"


def _value(value: Any) -> str:
    text = str(value)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"
