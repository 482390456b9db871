"""Fuzzing guided by coverage: `python -m tests.guided scenario|table|trace|zoneinfo|lock_stat [-runs=N]`, with atheris.

It changes bytes so that code is reached which no input has reached before. An input that ends in anything but the error
that should tell it is written to a file `crash-...`, and the exit code is not 0. Options are libFuzzer's.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["simalloc.scenario", "simalloc.recorded", "simalloc.results"]):
    from simalloc.results import read_published
    from simalloc.scenario import load, shipped
    from tests.fuzzing import REFUSED
    from tests.fuzzing_recorded import read_recorded, texts

TABLE = "label,metric,cpus,value,unit,source\nv6.1,alloc,1,95,ns,me\n"


def read_scenario(data: bytes, folder: Path) -> None:
    """Read the bytes as a scenario's file."""
    file = folder / "s.yaml"
    file.write_bytes(data)
    load(str(file))


def read_table(data: bytes, folder: Path) -> None:
    """Read the bytes as a table of published figures."""
    (folder / "t.csv").write_bytes(data)
    read_published("t.csv", folder)


def target(kind: str) -> tuple[Callable[[bytes, Path], None], str]:
    """Return what reads this kind of file, and one that is right, to begin with."""
    if kind == "scenario":
        return read_scenario, shipped()["irq-latency"].read_text(encoding="utf-8")
    if kind == "table":
        return read_table, TABLE
    return (lambda data, folder: read_recorded(kind, data, folder)), texts()[kind][:4000]


def main() -> None:
    """Run libFuzzer over one kind of file."""
    read, right = target(sys.argv[1])
    with tempfile.TemporaryDirectory() as name:
        seeds, folder = Path(name, "seeds"), Path(name, "folder")
        seeds.mkdir()
        folder.mkdir()
        (seeds / "right").write_text(right, encoding="utf-8")

        def one(data: bytes) -> None:
            with suppress(*REFUSED):
                read(data, folder)

        limits = ["-timeout=60", "-rss_limit_mb=1024", "-max_len=6000"]
        atheris.Setup([sys.argv[0], *limits, *sys.argv[2:], str(seeds)], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
