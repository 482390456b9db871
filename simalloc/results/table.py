"""The table a person reads: a line per metric and parameters, a column per label, laid out as mmtests prints it."""

from __future__ import annotations

from simalloc.results.columns import heads
from simalloc.results.errors import errors, relative_error
from simalloc.results.result import Result, Row, parameters

METRICS = ("alloc", "free", "total")

Key = tuple[str, tuple[tuple[str, object], ...]]


def comparison_table(result: Result, unit: str | None = None) -> str:
    """Return the rows of one unit as text: value, reduction against the first label, published figure, error.

    By default the unit is what the clock counts.
    """
    labels = [case["label"] for case in result.cases]
    unit = unit or result.unit
    lines: dict[Key, dict[str, Row]] = {}
    for row in result.rows:
        if row["unit"] == unit and row["metric"] in METRICS:
            lines.setdefault(_key(row), {})[row["label"]] = row
    with_published = any("published" in row for row in result.rows)
    names = {key: _name(key) for key in lines}
    width = max(map(len, names.values()), default=0)
    out = _header(result, labels, width, with_published=with_published)
    last_metric = ""
    for key, cells in lines.items():
        if last_metric and key[0] != last_metric:
            out.append("")
        last_metric = key[0]
        base = cells.get(labels[0])
        text = "".join(_cell(cells.get(label), base, with_published=with_published) for label in labels)
        out.append(f"{names[key]:<{width}}{text}".rstrip())
    if len(labels) > 1:
        out += ["", f"in brackets: by how much less than {labels[0]}"]
    return "\n".join(out)


def error_lines(result: Result) -> list[str]:
    """Return a line per label: how far it is from the published figures, without sums (`total`) of the others."""
    lines = []
    for case in result.cases:
        rows = [row for row in result.select(label=case["label"]) if row["metric"] != "total"]
        found = errors(rows)
        if found:
            lines.append(
                f"{case['label']}: RMS error {found.rms:.1%} on {found.points} published points, "
                f"worst {found.worst:+.1%} at {_name(_key(found.worst_row))}"
            )
    found = errors(row for row in result.rows if row["metric"] != "total")
    if found:
        lines.append(f"all: RMS error {found.rms:.2%} on {found.points} points, worst {found.worst:+.1%}")
    return lines


def _key(row: Row) -> Key:
    return row["metric"], tuple(parameters(row).items())


def _name(key: Key) -> str:
    metric, parameters = key
    if "order" not in dict(parameters):
        return ", ".join([metric, *(f"{name} {value}" for name, value in parameters)])
    return "-".join(
        [f"Amean {metric}", *(f"odr{value}" if name == "order" else f"{value}" for name, value in parameters)]
    )


def _header(result: Result, labels: list[str], width: int, *, with_published: bool) -> list[str]:
    cases = {case["label"]: case for case in result.cases}
    cell = 38 if with_published else 21
    first = "".join(f"{cases[label]['allocator']:>20}".ljust(cell) for label in labels)
    lines = [f"{'':<{width}}{first}"]
    for line in heads(labels, 20):
        lines.append(" " * width + "".join(line[i : i + 20].ljust(cell) for i in range(0, len(line), 20)))
    if with_published:
        third = "".join(f"{'simulated':>20}{'published':>11}{'error':>7}" for _ in labels)
        lines.append(f"{result.unit + '/page':<{width}}{third}")
    return [line.rstrip() for line in lines]


def _cell(row: Row | None, base: Row | None, *, with_published: bool) -> str:
    if row is None:
        return " " * (38 if with_published else 21)
    reduction = f" ({1 - row['value'] / base['value']:7.2%})" if base and base["value"] else " " * 10
    text = f"{row['value']:>11.2f}{reduction}"
    if with_published and row.get("published"):
        text += f"{row['published']:>11.2f}{relative_error(row):>+7.1%}"
    elif with_published:
        text += " " * 18
    return text
