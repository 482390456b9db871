"""How fast simalloc simulates, pure and compiled, against the same model written the obvious way in SimPy, in one run.

    make compiled
    python benchmarks/speed.py [--format json] [--base CHECKOUT]

Prints page operations (an allocation or a free) simulated a second of process time, and the ratio to the obvious model.
`--format json` prints that alone, as rows {situation, build, operations_per_second, ratio}. Every build runs in a
process of its own, by turns with the others, and the best of its turns counts; all must find the same to the cycle.
The obvious model runs in pure Python. `--base` measures an older checkout of simalloc beside, as build `base`.
The table goes on with bytecodes an operation, how long `make run` simulates, memory, and how long commands take to
start.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import tracemalloc
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bytecodes import bytecodes, environment
from situations import Run, situations

from simalloc.runs import run
from simalloc.scenario import load

HERE = Path(__file__).parent
COMPILED = HERE.parent / "build/compiled/bin/python"

COMMANDS = (["--help"], ["list", "machines"], ["check", "nic-rx-2017"], ["explain", "v4.10"])


@dataclass(frozen=True)
class Speed:
    """Page operations a second in one situation; `ratio` is to the obvious model, which has 1."""

    situation: str
    build: str
    operations_per_second: float
    ratio: float


class Worker:
    """A process that times situations with the simalloc of `python`, or of the folders in `path`."""

    def __init__(self, python: Path, path: list[Path]) -> None:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(str(each) for each in path)}
        command = [str(python), "-P", str(HERE / "speed_worker.py")]
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE
        )
        self.build = self._read()

    def _read(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("a process that measures has died; what it said is above")
        return json.loads(line)

    def time(self, number: int, model: str) -> tuple[float, str]:
        """Return seconds that the model takes in situation `number`, and a digest of what it finds."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{number} {model}\n")
        self._process.stdin.flush()
        took, found = self._read()
        return took, found


def workers(base: Path | None) -> dict[str, tuple[Worker, str]]:
    """Start who measures each build: the worker, and which model it is to run."""
    pure = Worker(Path(sys.executable), [HERE, HERE.parent])
    builds = {"pure": (pure, "ours"), "obvious": (pure, "obvious")}
    if pure.build != "pure Python":
        raise SystemExit("speed.py runs with the Python of the checkout, whose simalloc is pure: .venv/bin/python")
    if COMPILED.exists():
        builds["compiled"] = (Worker(COMPILED, [HERE]), "ours")
        if builds["compiled"][0].build != "compiled":
            raise SystemExit(f"the simalloc of {COMPILED} is not compiled; run `make compiled`")
    else:
        print("no compiled core to measure; `make compiled` builds it", file=sys.stderr)
    if base is not None:
        source = base / "src" if (base / "src").exists() else base
        builds["base"] = (Worker(Path(sys.executable), [base / "benchmarks", source]), "ours")
    return builds


def speeds(builds: dict[str, tuple[Worker, str]], turns: int) -> list[Speed]:
    """Time every situation in every build, by turns. Raises SystemExit if two find different things."""
    rows = []
    for number, situation in enumerate(situations()):
        best = dict.fromkeys(builds, float("inf"))
        found: dict[str, str] = {}
        for _ in range(turns):
            for build, (worker, model) in builds.items():
                took, found[build] = worker.time(number, model)
                best[build] = min(best[build], took)
        if len(set(found.values())) > 1:
            raise SystemExit(f"{situation.name}: the builds do not find the same: {found}")
        rows += [
            Speed(situation.name, build, situation.operations / took, best["obvious"] / took)
            for build, took in best.items()
        ]
    return rows


def print_speed(rows: list[Speed]) -> None:
    print(f"{'':<16}{'build':<10}{'ops/s':>14}{'ratio':>8}{'bytecodes/op':>14}  what")
    for situation, short in zip(situations(), situations(short=True), strict=True):
        for row in (row for row in rows if row.situation == situation.name):
            pure = row.build == "pure"
            count = f"{bytecodes(short.ours()) / short.operations:.1f}" if pure else ""
            about = situation.about if pure else ""
            print(
                f"{row.situation:<16}{row.build:<10}{row.operations_per_second:>14,.0f}{row.ratio:>8.1f}"
                f"{count:>14}  {about}"
            )
    print(f"({environment()}; bytecodes of short runs)")


def print_run() -> None:
    """What `make run` simulates, with all that a user gets measured, on one process and on two."""
    scenario = load("pagealloc-2017")
    for jobs in (1, 2):
        began = time.perf_counter()
        result = run(scenario, jobs=jobs)
        took = time.perf_counter() - began
        operations = sum(row["count"] for row in result.ledger if row["step"] in ("prep_new_page", "put_page"))
        print(
            f"\npagealloc-2017 on {jobs} process(es): {took:.1f} s wall clock, {operations:,} page operations", end=""
        )
    print()


def print_memory() -> None:
    """What a run allocates at its most, beside the model that is there before it."""
    print(f"\n{'most memory of a run, KiB':<28}{'simalloc':>10}{'obvious':>10}")
    for situation in situations():
        ours, obvious = peak(situation.ours()), peak(situation.obvious())
        print(f"{situation.name:<28}{ours:>10,.0f}{obvious:>10,.0f}")


def peak(run: Run) -> float:
    """Run it, and return the most KiB that were allocated meanwhile."""
    tracemalloc.start()
    run()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most / 1024


def print_start_up() -> None:
    print(f"\n{'command':<28}{'seconds':>10}")
    for command in COMMANDS:
        times = []
        for _ in range(5):
            began = time.perf_counter()
            subprocess.run([sys.executable, "-m", "simalloc.cli", *command], check=True, capture_output=True)
            times.append(time.perf_counter() - began)
        print(f"simalloc {' '.join(command):<19}{min(times):>10.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description="how fast simalloc simulates")
    parser.add_argument("--format", choices=("table", "json"), default="table")
    parser.add_argument("--turns", type=int, default=5, help="how often each build runs each situation")
    parser.add_argument("--base", type=Path, metavar="CHECKOUT", help="an older simalloc to measure beside")
    asked = parser.parse_args()
    rows = speeds(workers(asked.base), asked.turns)
    if asked.format == "json":
        print(json.dumps([asdict(row) for row in rows], indent=1))
        return
    print_speed(rows)
    print_run()
    print_memory()
    print_start_up()


if __name__ == "__main__":
    main()
