"""Measurements as the tools write them, read as tables of published figures: benchmark modules and mmtests.

Each reader says what it took for what; a table is known by its first lines.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from statistics import fmean

Fields = dict[str, str]

ANY_LABEL = ""
"""The label of a table that has none: its figures stand beside every label."""


@dataclass(frozen=True, slots=True)
class RawTable:
    """Rows with the columns of a published table, the line of each, and what was taken for what."""

    columns: tuple[str, ...]
    rows: list[tuple[int, Fields]]
    note: str


Reader = Callable[[str, list[str]], RawTable | None]


def read_raw(name: str, text: str) -> RawTable | None:
    """Return what a tool's own file says, None if it is of none that is known."""
    lines = text.splitlines()
    return next((table for reader in READERS if (table := reader(name, lines)) is not None), None)


def _alloc_bench(name: str, lines: list[str]) -> RawTable | None:
    """Read the CSV of linux-alloc-bench's kernel module (LLFree, USENIX ATC 2023): a line an iteration, times in ns."""
    if not lines or not {"x", "get_avg", "put_avg"} <= set(lines[0].strip().split(",")):
        return None
    found: dict[tuple[str, str, str], list[tuple[int, str]]] = {}
    for number, row in enumerate(csv.DictReader(lines), start=2):
        for column, metric in (("get_avg", "alloc"), ("put_avg", "free")):
            found.setdefault((row.get("order") or "0", row["x"], metric), []).append((number, row[column] or ""))
    swept = [column for i, column in enumerate(("order", "cpus")) if len({key[i] for key in found}) > 1]
    rows = []
    for (order, cpus, metric), values in found.items():
        at = {"order": order, "cpus": cpus}
        each = {column: at[column] for column in swept}
        fields = {"label": ANY_LABEL, "metric": metric, **each, "value": _mean(values), "unit": "ns"}
        rows.append((values[0][0], {**fields, "source": f"{name}, as linux-alloc-bench wrote it"}))
    note = f"{name}: read as linux-alloc-bench's own: get_avg is alloc, put_avg free, x cpus, ns; means over iterations"
    return RawTable(("label", "metric", *swept, "value", "unit", "source"), rows, note)


def _mean(values: list[tuple[int, str]]) -> str:
    """Return the mean as text; what is no number as it is, for the reader of the table to complain."""
    try:
        return str(fmean(float(value) for _, value in values))
    except ValueError:
        return next(value for _, value in values if not re.fullmatch(r"\s*-?\d+(\.\d+)?\s*", value))


_MMTESTS = re.compile(r"^(?:Amean|Min|Hmean)\s+(alloc|free|total)-odr(\d+)-(\d+)\s+(.*)$")
_CELL = re.compile(r"(-?[\d.]+)\s*\(\s*-?[\d.]+%\)")


def _mmtests(name: str, lines: list[str]) -> RawTable | None:
    """Read the comparison that mmtests prints of its pagealloc benchmark: a column a kernel, cycles a page."""
    rows: list[tuple[int, Fields]] = []
    labels: list[str] = []
    for number, line in enumerate(lines, start=1):
        match = _MMTESTS.match(line.strip())
        if not match:
            if not rows and line.strip():
                labels = re.split(r"\s{2,}", line.strip())
            continue
        metric, order, batch, cells = match.groups()
        for label, value in zip(labels, _CELL.findall(cells), strict=False):
            fields = {"label": label, "metric": metric, "order": order, "batch": batch, "value": value}
            rows.append((number, {**fields, "unit": "cycles", "source": f"{name}, as mmtests printed it"}))
    if not rows:
        return None
    note = f"{name}: read as mmtests' own: columns {', '.join(labels)}, cycles a page; changes in brackets are left out"
    return RawTable(("label", "metric", "order", "batch", "value", "unit", "source"), rows, note)


_TIME_BENCH = re.compile(r"time_bench: Type:(\S+) Per elem: (\d+) cycles\(tsc\) ([\d.]+) ns \(step:(\d+)\)")


def _page_bench(name: str, lines: list[str]) -> RawTable | None:
    """Read what page_bench (prototype-kernel) leaves in the kernel's log: a type a label, its step the batch."""
    rows: list[tuple[int, Fields]] = []
    for number, line in enumerate(lines, start=1):
        match = _TIME_BENCH.search(line)
        if match:
            label, cycles, _, step = match.groups()
            fields = {"label": label, "metric": "total", "order": "0", "batch": step if step != "0" else "1"}
            more = {"value": cycles, "unit": "cycles", "source": f"{name}, as page_bench logged it"}
            rows.append((number, {**fields, **more}))
    if not rows:
        return None
    note = f"{name}: read as page_bench's own: types are labels, steps batches, cycles an element are total"
    return RawTable(("label", "metric", "order", "batch", "value", "unit", "source"), rows, note)


READERS: tuple[Reader, ...] = (_alloc_bench, _mmtests, _page_bench)

NANOSECONDS = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9}
RATES = {"bit/s": 1.0, "Mbit/s": 1e6, "Gbit/s": 1e9, "ops/s": 1.0, "Mops/s": 1e6}


def converted(value: float, unit: str, wanted: str, ghz: float) -> float | None:
    """Return a value in another unit, None where there is no way from one to the other; cycles at `ghz`."""
    unit = "cycles" if unit == "cycles(tsc)" else unit
    if unit == wanted:
        return value
    times = {**NANOSECONDS, "cycles": 1 / ghz}
    scales: list[Mapping[str, float]] = [times]
    scales += [{name: rate for name, rate in RATES.items() if name.endswith(end)} for end in ("bit/s", "ops/s")]
    for scale in scales:
        if unit in scale and wanted in scale:
            return value * scale[unit] / scale[wanted]
    return None


def plain_rows(reader: csv.DictReader[str]) -> Iterator[tuple[int, Fields]]:
    """Give a table's rows with their lines in the file."""
    yield from enumerate(reader, start=2)
