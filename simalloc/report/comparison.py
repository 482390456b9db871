"""Tables that set a run beside others: what differs in what was asked, and every figure with its change."""

from __future__ import annotations

from collections.abc import Sequence

from simalloc.report.tables import Column, Table
from simalloc.results.run_comparison import SavedRun, differences, figures_side_by_side


def comparison_tables(runs: Sequence[SavedRun]) -> list[Table]:
    """Return the tables; the first run is what others are compared with. Raises NothingInCommon."""
    names = [run.name for run in runs]
    different = [[row["what"], row["key"], *map(str, row["values"])] for row in differences(runs)]
    asked = Table(
        "differences",
        "What differs in what was asked",
        f"Scenarios with their defaults, prices, versions of the program; others are compared with {names[0]}.",
        [Column("of", number=False), *(Column(name, number=False, wrapped=True) for name in ("key", *names))],
        different,
    )
    rows = figures_side_by_side(runs)
    fixed = ("label", "metric", "unit", "run", "value", "ci95", "change", "change_ci95", "verdict")
    keys = list(dict.fromkeys(name for row in rows for name in row if name not in fixed))
    columns = [
        Column("label", number=False),
        Column("metric", number=False),
        *(Column(name, number=False) for name in keys),
        Column("unit", number=False),
        Column("run", number=False),
        Column("value"),
        Column("± 95 %"),
        Column("change", f"% of {names[0]}"),
        Column("± 95 %", "%"),
        Column("the change", number=False),
    ]
    order = ("label", "metric", *keys, *fixed[2:])
    figures = Table(
        "compared",
        f"Compared with {names[0]}",
        "A change is within noise if its 95 % interval contains 0; without intervals of both runs nobody can say.",
        columns,
        [[row.get(name) for name in order] for row in rows],
    )
    return [table for table in (asked, figures) if table.rows]
