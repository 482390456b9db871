"""Inputs nobody would write: `python -m tests.fuzzing 100000` feeds so many to all that reads files.

Each must be taken, or refused with an error that is told in a few lines, within 5 s and 1 GiB. `tests/corpus` has those
that once were not.
"""

from __future__ import annotations

import json
import random
import resource
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from traceback import format_exc
from types import FrameType
from typing import Any

from simalloc.recorded import RecordedError
from simalloc.results import NotAResult, PublishedError, Result, read_published
from simalloc.results.lock_stat import LockStatError
from simalloc.runs.task import Record
from simalloc.scenario import ScenarioError, build, load, shipped
from tests.fuzzing_recorded import as_recorded

MOST_SECONDS = 5
MOST_BYTES = 1 << 30
MOST_CHARACTERS = 20000
"""Of what is told about one input."""

CORPUS = Path(__file__).parent / "corpus"
SHIPPED = [file.read_text(encoding="utf-8") for file in shipped().values()]

WORDS = [
    "name",
    "about",
    "machine",
    "memory",
    "allocator",
    "workload",
    "sweep",
    "replications",
    "interrupts",
    "latency",
    "check",
    "compare",
    "published",
    "calibration",
    "plots",
    "seed",
    "lockstep",
    "tie_order",
    "preset",
    "cpus",
    "lock",
    "topology",
    "shared_lines",
    "costs",
    "zone",
    "zones_per_node",
    "initial",
    "drain_on_failure",
    "span",
    "batch",
    "high",
    "label",
    "kind",
    "pagealloc",
    "nic-rx",
    "alloc-bench",
    "page-fault",
    "producer-consumer",
    "mixed",
    "lock-loop",
    "batches",
    "api",
    "order",
    "context",
    "samples",
    "rounds",
    "modes",
    "pages",
    "repeats",
    "think",
    "hold",
    "queue",
    "queues",
    "gbits",
    "arrivals",
    "times_us",
    "v4.10",
    "v6.1",
    "noirq-v2",
    "qspinlock",
    "machine.cpus",
    "memory.zone",
    "grid",
    "fit",
    "on",
]
SCALARS: list[Any] = [
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        2,
        8,
        64,
        1023,
        1 << 31,
        1 << 62,
        1 << 63,
        1 << 70,
        -(1 << 70),
        10**400,
        0.0,
        -0.0,
        0.5,
        1e308,
        1e-308,
    ),
    *(
        "",
        " ",
        "x",
        "a" * 500,
        "4GiB",
        "4GB",
        "0GiB",
        "1e9",
        "10 us",
        "2us",
        "-3us",
        "1 pages",
        "999999999999999TiB",
        "\n",
        "\0",
        "\u202e",
        "é",
    ),
    *(
        "../x",
        "/etc/passwd",
        "=1+1",
        "v4.10",
        "auto",
        "fresh",
        "2001-01-01",
        "!!python/object",
        "&a",
        "*a",
        "<<",
        "{}",
        "[]",
        "~",
        "1_000",
    ),
]
PIECES = (
    "&a ",
    "*a",
    "<<: *a",
    "!!omap",
    "!!bool maybe",
    "!!set",
    "!!python/object/apply:os.system ['true']",
    "? ",
    "- ",
    ": ",
    "\t",
    "---\n",
    "...\n",
    "%YAML 1.1\n",
    "|\n",
    ">\n",
    "'",
    '"',
    "{",
    "}",
    "[",
    "]",
    ",",
    "#",
    "\r",
    "\x85",
    "\ufeff",
    "\x00",
    "\x1b[31m",
    "9" * 5000,
    "[" * 200,
    "{a: " * 60,
    "a: &b [*b]\n",
    "2001-01-01",
    "0x1F",
    "0o17",
    ".inf",
    ".nan",
    "1e400",
    "\\u0000",
    "é",
    "\U0001f600",
    "a: 1\n",
)


def tree(chance: random.Random, depth: int = 0) -> Any:
    """Any tree of mappings, lists and scalars, with words that scenarios know."""
    kind = chance.random()
    if depth > 4 or kind < 0.5:
        return chance.choice(SCALARS) if chance.random() < 0.6 else chance.choice(WORDS)
    if kind < 0.75:
        return {chance.choice(WORDS): tree(chance, depth + 1) for _ in range(chance.randrange(5))}
    return [tree(chance, depth + 1) for _ in range(chance.randrange(5))]


def mutated(chance: random.Random, data: Any, rate: float = 0.0) -> Any:
    """A copy of a scenario with some of its values, keys or lists changed."""
    rate = rate or chance.choice((0.002, 0.01, 0.06))
    if chance.random() < rate:
        return tree(chance, 2)
    if isinstance(data, dict):
        found = {
            (chance.choice(WORDS) if chance.random() < rate / 2 else key): mutated(chance, value, rate)
            for key, value in data.items()
            if chance.random() > rate / 3
        }
        if chance.random() < rate:
            found[chance.choice(WORDS)] = tree(chance, 1)
        return found
    if isinstance(data, list):
        return [mutated(chance, value, rate) for value in data for _ in range(1 + (chance.random() < rate))]
    return chance.choice(SCALARS) if chance.random() < rate else data


def as_data(chance: random.Random, _: Path) -> None:
    """A scenario as data, changed."""
    if not hasattr(as_data, "known"):
        as_data.known = [load(str(file)).definition() for file in shipped().values()]  # type: ignore[attr-defined]
    build(mutated(chance, chance.choice(as_data.known)))  # type: ignore[attr-defined]


def as_text(chance: random.Random, folder: Path) -> None:
    """A scenario's text with pieces of it taken away, doubled, or put in."""
    text = chance.choice(SHIPPED)
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(text) + 1)
        end = min(len(text), at + chance.choice((0, 1, 5, 40)))
        text = text[:at] + chance.choice((chance.choice(PIECES), "", text[at:end] * 2)) + text[end:]
    file = folder / "s.yaml"
    data = text.encode("utf-8", "surrogatepass")
    if chance.random() < 0.1:
        place = chance.randrange(len(data) + 1)
        data = data[:place] + bytes(chance.randrange(256) for _ in range(4)) + data[place:]
    file.write_bytes(data)
    load(str(file))


def as_setting(chance: random.Random, _: Path) -> None:
    """A shipped scenario with settings over it."""
    key = ".".join(chance.choice([*WORDS, "0", "99", ""]) for _ in range(chance.randrange(1, 4)))
    value = json.dumps(tree(chance, 2)) if chance.random() < 0.7 else "".join(chance.choices(PIECES, k=3))
    if chance.random() < 0.5:
        load("irq-latency", [f"{key}={value}"])
    else:
        load("irq-latency", grid=[f"{key}={value}"])


def as_result(chance: random.Random, _: Path) -> None:
    """A saved run, damaged."""
    file = chance.choice(sorted((Path(__file__).parent / "stored").glob("irq*.json")))
    if not hasattr(as_result, "known"):
        as_result.known = json.loads(file.read_text(encoding="utf-8"))  # type: ignore[attr-defined]
        for name in ("ledger", "locks", "latency", "prices"):
            as_result.known[name] = as_result.known[name][:3]  # type: ignore[attr-defined]
    text = json.dumps(mutated(chance, as_result.known))  # type: ignore[attr-defined]
    Result.from_json(text if chance.random() < 0.8 else text[: chance.randrange(len(text))])


def as_journal(chance: random.Random, _: Path) -> None:
    """A line of a sweep's journal, damaged."""
    head = {"config": "x", "replication": 0, "simalloc": "0", "seed": 1, "point": {}, "label": "a", "seconds": 0.1}
    line = json.dumps(
        mutated(chance, {**head, "measured": [["alloc", 1.0, "ns", {}, None]], "ledger": [], "locks": []})
    )
    try:
        Record.of(
            line if chance.random() < 0.7 else line[: chance.randrange(len(line))] + "[" * chance.choice((0, 3, 5000))
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ScenarioError("skipped") from error  # what the journal skips


def as_table(chance: random.Random, folder: Path) -> None:
    """A table of published figures, damaged."""
    text = "label,metric,cpus,value,unit,source\nv6.1,alloc,1,95,ns,me\nv6.1,free,1,90,ns,me\n" * chance.choice(
        (1, 1, 3)
    )
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(text) + 1)
        text = (
            text[:at]
            + chance.choice([*PIECES, ",", "\n", '"' + "x" * 200000, "nan", "-1"])
            + text[at + chance.randrange(9) :]
        )
    (folder / "t.csv").write_text(text, encoding="utf-8", errors="replace")
    read_published(chance.choice(["t.csv"] * 5 + ["../t.csv", "/etc/passwd", ".", "", "x\0y"]), folder)


KINDS: dict[Callable[[random.Random, Path], None], int] = {
    as_data: 54,
    as_recorded: 6,
    as_setting: 12,
    as_text: 8,
    as_result: 8,
    as_journal: 7,
    as_table: 5,
}
"""What is fed, and how often in a hundred."""

REFUSED = (ScenarioError, PublishedError, NotAResult, RecordedError, LockStatError)
"""The errors that tell what is wrong with an input."""


def faults_of(number: int, seed: int) -> tuple[Counter[str], list[str]]:
    """Feed so many inputs; return how each ended, and what is a fault."""

    def too_long(_: int, __: FrameType | None) -> None:
        raise TimeoutError

    signal.signal(signal.SIGALRM, too_long)
    ends: Counter[str] = Counter()
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        for each in range(number):
            chance = random.Random(f"{seed} {each}")
            kind = chance.choices(list(KINDS), list(KINDS.values()))[0]
            signal.setitimer(signal.ITIMER_REAL, 12 * MOST_SECONDS)
            began = monotonic()
            try:
                kind(chance, Path(name))
            except REFUSED as error:
                ends[f"{kind.__name__}: refused"] += 1
                if len(str(error)) > MOST_CHARACTERS:
                    faults.append(f"input {each} of seed {seed}: {kind.__name__}: {len(str(error))} characters")
            except BaseException:
                signal.setitimer(signal.ITIMER_REAL, 0)
                ends[f"{kind.__name__}: FAULT"] += 1
                faults.append(f"input {each} of seed {seed}: {kind.__name__}: {format_exc()}")
            else:
                ends[f"{kind.__name__}: taken"] += 1
            signal.setitimer(signal.ITIMER_REAL, 0)
            ends["slowest, ms"] = max(ends["slowest, ms"], round(1000 * (monotonic() - began)))
    ends["most memory, MiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    return ends, faults


def main() -> None:
    number, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    ends, faults = faults_of(number, seed)
    for what, count in sorted(ends.items()):
        print(f"{what}: {count}")
    print(f"{len(faults)} faults in {number} inputs")
    for fault in faults[:20]:
        print(fault)
    sys.exit(bool(faults) or ends["most memory, MiB"] > MOST_BYTES >> 20)


if __name__ == "__main__":
    main()
