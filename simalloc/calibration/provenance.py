"""Where a preset's fitted costs are from: the rows of data, by hash, and a preset as a file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from simalloc.hardware import CostModel
from simalloc.results import Published, read_published

Selection = Mapping[str, Sequence[Any]]


def rows_of(published: Published, on: Selection) -> list[str]:
    """Return the rows of a table that a selection means, one text each, in an order of their own."""
    names = ("label", "metric", *published.parameters)
    rows = []
    for key, value in published.figures.items():
        row = dict(zip(names, key, strict=True))
        if all(str(row.get(name)) in map(str, values) for name, values in on.items()):
            rows.append("|".join([*(f"{name}={row[name]}" for name in sorted(row)), f"{value:.10g}"]))
    return sorted(rows)


def data_hash(table: str, on: Selection, folder: Path | None = None) -> str:
    """Return a hash of the rows of a table that a fit was made on; the file's order and format make no difference."""
    rows = rows_of(read_published(table, folder), on)
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()[:16]


def preset_text(name: str, base: CostModel, values: Mapping[str, float], data: Mapping[str, Any], source: str) -> str:
    """Return a preset as YAML: over `base`, with fitted values in whole cycles and what they were fitted on."""
    import json  # noqa: PLC0415 - JSON strings are YAML strings, whatever is in them

    lines = [
        "# Written by simalloc calibrate; `fitted_to` has a hash of the rows that were fitted on.",
        f"name: {json.dumps(name)}",
        f"base: {base.name}",
        f"about: {json.dumps(f'{base.about}; {len(values)} costs fitted anew')}",
        f"clock_ghz: {base.clock_ghz:g}",
        f"unit: {json.dumps(base.unit)}",
        f"fitted_on: {json.dumps(source)}",
        "fitted_to:",
        f"  - {json.dumps(data, ensure_ascii=False)}",
        "parameters:",
    ]
    for cost, value in values.items():
        about = json.dumps(base.parameters[cost].about, ensure_ascii=False)
        cycles = f"{value:.3g}" if value < 1 else f"{round(value)}"
        lines.append(f"  {cost}: {{cycles: {cycles}, kind: fitted, about: {about}}}")
    if base.shape is not None:
        shape = base.shape
        parts = ("sockets", "nodes_per_socket", "llcs_per_node", "cores_per_llc", "threads_per_core")
        lines.insert(6, "topology: {" + ", ".join(f"{part}: {getattr(shape, part)}" for part in parts) + "}")
    return "\n".join(lines) + "\n"
