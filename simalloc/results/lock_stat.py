"""/proc/lock_stat: a run's lock statistics in the kernel's own form, and a real file read into the same rows.

Linux v4.10 (ea57485af8f4), kernel/locking/lockdep_proc.c: seq_stats; Documentation/locking/lockstat.rst.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from simalloc.results.result import Result, Row

COUNTS = ("con_bounces", "contentions", "acq_bounces", "acquisitions")
TIMES = ("min", "max", "total", "avg")
COLUMNS = (
    "con_bounces",
    "contentions",
    *(f"waittime_{each}" for each in TIMES),
    "acq_bounces",
    "acquisitions",
    *(f"holdtime_{each}" for each in TIMES),
)
"""The columns of a class, in the kernel's order; times in microseconds. Version 0.3 had no averages."""

NEEDED = ("contentions", "acquisitions", "waittime_total", "holdtime_total")
"""Columns that every version prints, and that others are computed from."""

NAME, COLUMN, POINTS = 40, 14, 4
WIDTH = NAME + 1 + len(COLUMNS) * (COLUMN + 1)
NO_ADDRESS = "[<0000000000000000>]"

MOST_BYTES = 16 << 20
SHOWN = 60
MOST_DIGITS = 20
"""Of a number in /proc/lock_stat: 64 bits have no more."""


class LockStatError(Exception):
    """The file cannot be read as /proc/lock_stat; the text says where and why."""


def lock_stat_rows(result: Result) -> list[Row]:
    """Return a run's lock statistics with times in microseconds, a row a case and class: the columns of COLUMNS.

    `waiters_at` and `holders_at` are contentions by function, the most first. Of a swept run the parameters are there.
    Raises LockStatError for a run whose clock counts instructions.
    """
    if result.unit != "cycles":
        raise LockStatError(f"{result.scenario}: its clock counts {result.unit}, which are no microseconds")
    rows = []
    for row in result.locks:
        kept = {name: value for name, value in row.items() if name not in ("unit", "hold_by_activity")}
        kept = {name: value for name, value in kept.items() if not name.endswith("_histogram")}
        for name in COLUMNS:
            if name not in COUNTS:
                kept[name] = result.microseconds(row, row[name])
        rows.append(kept | {"unit": "us"})
    return rows


def lock_stat_text(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return rows (times in microseconds) as /proc/lock_stat prints them, the most contended class first.

    The first points are functions that waited, the second functions that held the lock then. There are no addresses.
    """
    head = " ".join([f"{'class name':>{NAME}}", *(f"{name.replace('_', '-'):>{COLUMN}}" for name in COLUMNS)])
    lines = ["lock_stat version 0.4", "-" * WIDTH, head, "-" * WIDTH]
    for row in sorted(rows, key=lambda each: -each["contentions"]):
        lines += ["", *_class(row), "", "." * WIDTH]
    return "\n".join(lines) + "\n"


def _class(row: Mapping[str, Any]) -> list[str]:
    name = _kernel_name(str(row["lock"]))
    cells = [f"{row[each]:>{COLUMN}}" if each in COUNTS else f"{row[each]:>{COLUMN}.2f}" for each in COLUMNS]
    lines = [" ".join([f"{name + ':':>{NAME}}", *cells])]
    for points in (row.get("waiters_at", {}), row.get("holders_at", {})):
        known = [(site, number) for site, number in points.items() if site][:POINTS]
        if known:
            lines.append(" " * max(NAME - len(name), 0) + "-" * len(name))
            lines += [f"{name:>{NAME}} {number:>{COLUMN}}          {NO_ADDRESS} {site}" for site, number in known]
    return lines


def _kernel_name(name: str) -> str:
    """Return the class as the kernel calls it: a lock in a structure by its address."""
    return f"&{name}" if "->" in name else name


# Reading a real one

_CLASS = re.compile(r"^\s*(?P<name>\S.*?):\s+(?P<values>-?\d[\d.\s-]*)$")
_POINT = re.compile(r"^\s*(?P<name>\S.*?)\s+(?P<number>\d+)\s+\[<(?P<address>[0-9a-fx]*)>\]\s+(?P<site>\S+)")
_HEAD = re.compile(r"^\s*class name\s+(?P<columns>con-bounces\b.*)$")


def read_lock_stat(source: Path | str) -> list[Row]:
    """Read a /proc/lock_stat: a file, or its text. Return a row a class, in the file's order; times in microseconds.

    `lock` is the class without `&`, `rlock` and subclass; `class` as the kernel prints it; `mode` is R or W for locks
    that have readers, else empty. Raises LockStatError, with the line.
    """
    where, text = ("lock_stat", source) if isinstance(source, str) and "\n" in source else _load(Path(source))
    columns: Sequence[str] = ()
    rows: list[Row] = []
    points: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if head := _HEAD.match(line):
            columns = [name.replace("-", "_") for name in head["columns"].split()]
            unknown = [name for name in columns if name not in COLUMNS]
            if unknown:
                raise LockStatError(f"{where}:{number}: there is no column {unknown[0][:SHOWN]!r} in /proc/lock_stat")
            missing = [name for name in NEEDED if name not in columns]
            if missing:
                raise LockStatError(f"{where}:{number}: the column {missing[0].replace('_', '-')} is missing")
        elif rows and (point := _POINT.match(line)):
            if len(point["number"]) > MOST_DIGITS:
                raise LockStatError(f"{where}:{number}: {point['number'][:SHOWN]!r}... is no number of contentions")
            points[_site(point["site"])] = points.get(_site(point["site"]), 0) + int(point["number"])
        elif rows and set(line.strip()) == {"-"}:
            # A ruler comes before each of the two lists of points.
            points = {}
            rows[-1]["holders_at" if rows[-1]["_rulers"] else "waiters_at"] = points
            rows[-1]["_rulers"] = 1
        elif found := _CLASS.match(line):
            if not columns:
                raise LockStatError(
                    f"{where}:{number}: a class comes before the line that names the columns; give the whole file"
                )
            rows.append(_row(found["name"], found["values"].split(), columns, f"{where}:{number}"))
    if not columns:
        raise LockStatError(
            f"{where}: this is no /proc/lock_stat: no line begins with `class name    con-bounces`. "
            "It is there in kernels with CONFIG_LOCK_STAT"
        )
    for row in rows:
        del row["_rulers"]
    return rows


def _load(file: Path) -> tuple[str, str]:
    try:
        if not file.is_file():
            raise LockStatError(f"{file}: " + ("is no regular file" if file.exists() else "no such file"))
        with file.open("rb") as stream:
            data = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise LockStatError(f"{file}: cannot be read: {error.strerror}") from None
    if len(data) > MOST_BYTES:
        raise LockStatError(f"{file}: is larger than {MOST_BYTES >> 20} MiB, which no /proc/lock_stat is")
    try:
        return str(file), data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise LockStatError(f"{file}: is no text in UTF-8") from None


def _row(name: str, values: Sequence[str], columns: Sequence[str], where: str) -> Row:
    if len(values) != len(columns):
        raise LockStatError(f"{where}: {name[:SHOWN]} has {len(values)} values for {len(columns)} columns")
    row: Row = {"lock": _plain(name), "class": name, "mode": name[-1] if name[-2:] in ("-R", "-W") else ""}
    for column, value in zip(columns, values, strict=True):
        try:
            row[column] = int(value) if column in COUNTS else float(value)
        except ValueError:
            raise LockStatError(f"{where}: {column} of {name[:SHOWN]} is no number: {value[:SHOWN]!r}") from None
    for kind, times in (("waittime", "contentions"), ("holdtime", "acquisitions")):
        row.setdefault(f"{kind}_avg", row[f"{kind}_total"] / row[times] if row[times] else 0.0)
    return row | {"waiters_at": {}, "holders_at": {}, "unit": "us", "_rulers": 0}


def _plain(name: str) -> str:
    """Return the class without what the kernel puts around it: `&(&zone->lock)->rlock/1` is zone->lock."""
    name = re.sub(r"(-[RW])$", "", name)
    name = re.sub(r"/\d+$", "", name)
    name = re.sub(r"^&\((.*)\)->r?lock$", r"\1", name)
    return re.sub(r"^\((.*)\)->lock$", r"\1", name).lstrip("&*")


def _site(symbol: str) -> str:
    """Return the function of a symbol with offset, such as rmqueue_bulk+0x3c/0x7a0."""
    return symbol.split("+", 1)[0]
