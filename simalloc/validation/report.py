"""Outcomes as plain data, and that data as text and as Markdown: the command and the page show the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from simalloc.validation.judge import Joined, Judged, Outcome
from simalloc.validation.table import Band, Limits, NotSimulated

Data = dict[str, Any]

LEFT = "LEFT ITS BAND"


def as_data(outcomes: Iterable[Outcome], not_simulated: Iterable[NotSimulated] = ()) -> Data:
    """Return outcomes as plain data, figures to six digits: same program, same bytes."""
    return {
        "tables": [_table(outcome) for outcome in outcomes],
        "not_simulated": [{"name": each.name, "about": each.about, "why": each.why} for each in not_simulated],
    }


def _table(outcome: Outcome) -> Data:
    table = outcome.table
    return {
        "name": table.name,
        "about": table.about,
        "verdict": outcome.verdict,
        "preset": outcome.preset,
        "fitted_on": table.fitted_on,
        "spread": table.spread,
        "sources": list(outcome.sources),
        "bands": [_band(judged) for judged in outcome.bands],
        "rows": [_row(row) for row in outcome.rows],
    }


def _band(judged: Judged) -> Data:
    band = judged.band
    return {
        "rows": band.rows,
        "kind": kind(band),
        "points": judged.points,
        "unit": judged.unit,
        "rms": round(judged.rms, 2),
        "worst": round(judged.worst, 2),
        "band": _limits(band.limits),
        "why": band.why,
        "target": _limits(band.target),
        "missing": band.missing,
        "verdict": judged.verdict,
    }


def kind(band: Band) -> str:
    """Return what a band's rows are: never both."""
    return "fitted" if band.fitted else "prediction"


def _limits(limits: Limits | None) -> Data | None:
    return {"rms": limits.rms, "worst": limits.worst} if limits else None


def _row(row: Joined) -> Data:
    return {
        "label": row.label,
        "metric": row.metric,
        **row.at,
        "published": row.published,
        "simulated": float(f"{row.simulated:.6g}"),
        "unit": row.unit,
        "error": round(row.error, 2),
        "kind": "fitted" if row.fitted else "prediction",
        "band": row.band,
    }


FIXED = ("label", "metric", "published", "simulated", "unit", "error", "kind", "band")


def text(data: Data) -> str:
    """Return all tables for a person, row by row, and a summary."""
    parts = [table_text(table) for table in data["tables"]]
    return "\n\n".join([*parts, summary(data)])


def table_text(table: Data) -> str:
    """Return one table for a person."""
    lines = [
        f"{table['name']}: {table['about']}",
        f"  machine {table['preset']}; fitted: {table['fitted_on']}",
        f"  real measurements: {table['spread']}",
        *(f"  published: {source}" for source in table["sources"]),
        "",
        *_aligned(table["rows"]),
        "",
    ]
    return "\n".join([*lines, *(f"  {line}" for band in table["bands"] for line in _band_lines(band))])


def _band_lines(band: Data) -> list[str]:
    lines = [
        f"{band['verdict'].upper()}: {band['rows']} ({band['kind']}, {band['points']} points): {measured(band)}; "
        f"band {within(band['band'], band['unit'])}: {band['why']}"
    ]
    if band["target"]:
        lines.append(f"    target {within(band['target'], band['unit'])}; missing here: {band['missing']}")
    return lines


def measured(band: Data) -> str:
    """Return a band's errors in words."""
    return f"RMS {band['rms']:g} {band['unit']}, worst {band['worst']:+g} {band['unit']}"


def within(limits: Mapping[str, float], unit: str) -> str:
    """Return limits in words."""
    return f"{limits['rms']:g} RMS, {limits['worst']:g} worst ({unit})"


def cells(row: Data) -> list[str]:
    """Return a row's cells: label, metric, parameters, published, simulated, error, kind."""
    at = ", ".join(f"{name} {value}" for name, value in row.items() if name not in FIXED)
    error = f"{row['error']:+.1f} {'points' if row['unit'] == '%' else '%'}"
    figures = (f"{row[name]:.6g}" for name in ("published", "simulated"))
    return [row["label"], row["metric"], at, *figures, row["unit"], error, row["kind"]]


HEAD = ("label", "metric", "at", "published", "simulated", "unit", "error", "")


def _aligned(rows: Sequence[Data]) -> list[str]:
    table = [list(HEAD), *map(cells, rows)]
    widths = [max(len(row[i]) for row in table) for i in range(len(HEAD))]
    right = {3, 4, 6}
    lines = []
    for row in table:
        parts = [
            f"{cell:>{w}}" if i in right else f"{cell:<{w}}"
            for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append(f"  {'  '.join(parts)}".rstrip())
    return lines


def summary(data: Data) -> str:
    """Return a line a table with its verdict, what is not simulated, and whether any band was left."""
    tables = data["tables"]
    width = max(len(table["name"]) for table in tables)
    lines = [f"{table['name']:<{width}}  {table['verdict']}" for table in tables]
    for each in data["not_simulated"]:
        lines.append(f"not simulated: {each['name']}: {each['why']}")
    left = [table["name"] for table in tables if table["verdict"] == LEFT]
    missed = sum(table["verdict"] == "known miss" for table in tables)
    lines.append(
        f"{len(tables)} tables: {missed} miss their target in ways that are known and written down, "
        + (f"{len(left)} LEFT THEIR BAND: {', '.join(left)}" if left else "none left its band")
    )
    return "\n".join(lines)


def markdown(data: Data) -> str:
    """Return the tables as a page: verdicts first, then every band, then every row."""
    overview = ["| Table | Machine | Verdict |", "|---|---|---|"]
    overview += [f"| [{t['name']}](#{t['name']}) | {t['preset']} | {t['verdict']} |" for t in data["tables"]]
    parts = ["\n".join(overview)]
    parts += [_section(table) for table in data["tables"]]
    others = "\n".join(
        f"- *{each['name']}*: {each['about']}. {each['why'].capitalize()}." for each in data["not_simulated"]
    )
    return "\n\n".join([*parts, f"## Published, and not simulated\n\n{others}"]) + "\n"


def _section(table: Data) -> str:
    bands = ["| Rows | Kind | Points | Measured error | Band | Verdict |", "|---|---|---:|---|---|---|"]
    for band in table["bands"]:
        limits = within(band["band"], band["unit"])
        target = (
            f" Target {within(band['target'], band['unit'])}; missing: {band['missing']}." if band["target"] else ""
        )
        bands.append(
            f"| {band['rows']} | {band['kind']} | {band['points']} | {measured(band)} "
            f"| {limits}: {band['why']}.{target} | {band['verdict']} |"
        )
    rows = [f"| {' | '.join((*HEAD[:-1], 'kind'))} |", "|---|---|---|---:|---:|---|---:|---|"]
    rows += [f"| {' | '.join(cells(row))} |" for row in table["rows"]]
    sources = "; ".join(table["sources"])
    return (
        f"## {table['name']}\n\n{table['about']}. Machine: {table['preset']}. Fitted: {table['fitted_on']}. "
        f"Real measurements: {table['spread']}. Published: {sources}.\n\n"
        + "\n".join(bands)
        + f"\n\n<details><summary>All {len(table['rows'])} rows</summary>\n\n"
        + "\n".join(rows)
        + "\n\n</details>"
    )
