"""What a run found: flat rows, so that `pandas.DataFrame(result.rows)` is the table."""

from __future__ import annotations

import csv
import errno
import gzip
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from simalloc.results.files import write_whole
from simalloc.results.shape import NotAResult, checked_rows, checked_shape

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

Row = dict[str, Any]

FIXED = frozenset(
    ("label", "allocator", "metric", "value", "unit", "published", "ci95", "replications", "change", "change_ci95")
)
"""What a row of figures can have beside parameters, which are those of the workload and those swept."""

IF_ANY = ("partial", "broken", "plugins", "other_clocks")
"""Fields that result.json has only where there is something in them."""

APART = {"timeline": "timeline.json.gz", "details": "details.json.gz"}
"""Where rows are saved that are many: apart from the rest, which people read."""


def _words(clock: Row) -> str:
    rate = "" if clock["unit"] == "instructions" else f" at {clock['ghz']:g} GHz"
    return f"{clock['preset']}, {clock['unit']}{rate}"


@dataclass
class Result:
    """Rows of figures, of the ledger, of lock statistics, of latencies and of timelines, and what they came from.

    `rows`: label, allocator, the workload's parameters by name, metric, value, unit, and `published` where there is a
    published figure; `ci95` is half a 95 % interval, `change` the paired difference from the first label in %.
    `cases`: one entry a label, with allocator, batch and high (pages) at the first point of a sweep; `swept`: the names
    of swept parameters; `planned`: how many cases the scenario has. Times are in `clock`'s unit, except those of labels
    and points whose machine has another clock: these are in `other_clocks` (see `clock_of`). `definition`: the
    scenario as data, from which `simalloc.build` makes it again; `prices`: every cost parameter that was paid, with
    `value`, kind, about and source, and under `labels` whose it is where not everybody paid it. `timeline`: what was
    recorded (`simalloc.measure.records`), in a file of its own; so are `details`: what a workload tells beside figures.
    `simalloc` is the version that simulated it, and `build` says whether its core was "compiled" or "pure Python": both
    give the same, so results compare without it. `partial`: empty for a whole run, else how much of it was done when
    it was stopped.
    `plugins`: whose code beside simalloc's had to do with it: name and sha256 of each, and the API's version.
    """

    scenario: str
    seed: int
    simalloc: str
    build: str = field(default="", compare=False, kw_only=True)
    config: str
    clock: Row
    cases: list[Row]
    rows: list[Row] = field(default_factory=list)
    ledger: list[Row] = field(default_factory=list)
    locks: list[Row] = field(default_factory=list)
    latency: list[Row] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    swept: list[str] = field(default_factory=list)
    planned: int = 0
    definition: Row = field(default_factory=dict)
    prices: list[Row] = field(default_factory=list)
    timeline: list[Row] = field(default_factory=list)
    details: list[Row] = field(default_factory=list)
    plugins: list[Row] = field(default_factory=list)
    partial: str = ""
    broken: list[Row] = field(default_factory=list)
    other_clocks: list[Row] = field(default_factory=list)

    def clock_of(self, row: Row) -> Row:
        """Return the clock that counted the cycles of a row: `preset`, `unit` and `ghz` of its label's machine."""
        for own in self.other_clocks:
            if all(row.get(name) == own[name] for name in ("label", *self.swept)):
                return own
        return self.clock

    def machines(self) -> list[str]:
        """Return the clock of all in words; then, beginning with its name, that of each label that has another."""
        return [_words(self.clock), *dict.fromkeys(f"{own['label']}: {_words(own)}" for own in self.other_clocks)]

    def microseconds(self, row: Row, cycles: float) -> float:
        """Return cycles of a row (of locks, latencies, the ledger) as a time in us."""
        return cycles / float(self.clock_of(row)["ghz"]) / 1000

    @property
    def unit(self) -> str:
        """What its clock counts: cycles, or the instructions of a preset that counts those."""
        return "instructions" if self.clock["unit"] == "instructions" else "cycles"

    @property
    def one_unit(self) -> bool:
        """Whether all clocks count the same: cycles, or instructions."""
        return len({(own["unit"] == "instructions") for own in (self.clock, *self.other_clocks)}) == 1

    def __repr__(self) -> str:
        """Tell which run it is and how much there is: a run's rows would fill a screen."""
        counts = ((name, len(getattr(self, name))) for name in ("cases", "rows", "ledger", "locks", "latency"))
        return f"<Result of {self.scenario}, seed {self.seed}: {', '.join(f'{n} {name}' for name, n in counts)}>"

    def to_json(self) -> str:
        """Return the run as JSON, a row a line, but for what is kept apart. Same scenario, same seed, same bytes."""
        parts = [
            f"{json.dumps(each.name)}: {_json_of(getattr(self, each.name))}"
            for each in fields(self)
            if each.name not in APART and (each.name not in IF_ANY or getattr(self, each.name))
        ]
        return "{\n " + ",\n ".join(parts) + "\n}\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote. Raises NotAResult for anything else."""
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            raise NotAResult("result.json is not whole") from None
        return cls(**checked_shape(data))

    def to_csv(self) -> str:
        """Return the rows as CSV, with every column that any row has."""
        columns = list(dict.fromkeys(key for row in self.rows for key in row))
        text = StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        return text.getvalue()

    def to_dataframe(self) -> DataFrame:
        """Return the rows as a pandas DataFrame."""
        from pandas import DataFrame  # noqa: PLC0415 - half a second that only its users should pay

        return DataFrame(self.rows)

    @property
    def plot(self) -> Plots:
        """The figures of this run: `result.plot.cost_by_batch()` returns a matplotlib Figure."""
        return Plots(self)

    def select(self, **where: Any) -> list[Row]:
        """Return the rows with these values, such as `select(label="bulk", metric="alloc")`."""
        return [row for row in self.rows if all(row.get(key) == value for key, value in where.items())]

    def save(self, folder: Path) -> list[Path]:
        """Write result.json and rows.csv into `folder`, made if need be, and the timelines' rows; return the files."""
        folder.mkdir(parents=True, exist_ok=True)
        files = {folder / "result.json": self.to_json(), folder / "rows.csv": self.to_csv()}
        for file, text in files.items():
            write_whole(file, text)
        saved = list(files)
        for name, place in APART.items():
            rows: list[Row] = getattr(self, name)
            (folder / place).unlink(missing_ok=True)
            if rows:
                write_whole(folder / place, gzip.compress(_json_of(rows).encode(), mtime=0))
                saved.append(folder / place)
        return saved


class Plots:
    """Draws a result's figures, by the names that `simalloc.plots.FIGURES` has; `dir()` tells which apply."""

    def __init__(self, result: Result) -> None:
        self._result = result

    def __getattr__(self, name: str) -> Callable[[], Figure]:
        kinds = _figures()
        if name not in kinds:
            raise AttributeError(f"there is no figure {name!r}; there are {', '.join(kinds)}")
        if not kinds[name].applies(self._result):
            raise AttributeError(f"this result lacks what {name!r} shows; it has {', '.join(dir(self)) or 'none'}")
        return lambda: kinds[name].draw(self._result)

    def __dir__(self) -> list[str]:
        return [name for name, kind in _figures().items() if kind.applies(self._result)]


def _figures() -> dict[str, Any]:
    # By name: drawing is above results, and loads matplotlib, which only those who draw should pay for.
    kinds: dict[str, Any] = import_module("simalloc.plots").FIGURES
    return kinds


_encode = json.JSONEncoder(ensure_ascii=False).encode


def _json_of(value: Any) -> str:
    if isinstance(value, list) and value:
        return "[\n  " + ",\n  ".join(map(_encode, value)) + "\n ]"
    return _encode(value)


def swept_beside(head: Row, row: Row) -> Row:
    """Return a row of a timeline with its case's label and swept parameters, which `swept_value` finds again.

    A record may have a field of a parameter's name, such as the zone it is about.
    """
    return head | row | {f"swept {name}": value for name, value in head.items() if name in row}


def swept_value(row: Row, name: str) -> Any:
    """Return the value of a swept parameter in a row of a timeline."""
    return row.get(f"swept {name}", row.get(name))


def parameters(row: Row) -> Row:
    """Return the parameters of a row of figures: the workload's, such as pagealloc's batch, and those swept."""
    return {name: value for name, value in row.items() if name not in FIXED}


def load_result(folder: Path) -> Result:
    """Read the run saved in `folder`. Raises FileNotFoundError if there is none, OSError, and NotAResult."""
    result = Result.from_json(_text(folder / "result.json").decode("utf-8", "replace"))
    for name, place in APART.items():
        if (folder / place).exists():
            try:
                rows = json.loads(gzip.decompress(_text(folder / place)))
            except (ValueError, EOFError, OSError, RecursionError, zlib.error):
                raise NotAResult(f"{place} is not whole") from None
            setattr(result, name, checked_rows(name, rows))
    return result


def _text(file: Path) -> bytes:
    """Read a file that is one. Raises OSError."""
    if file.exists() and not file.is_file():
        raise OSError(errno.EINVAL, "not a file", str(file))
    return file.read_bytes()
