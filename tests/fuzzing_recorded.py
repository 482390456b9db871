"""Traces, /proc files and lock statistics nobody would save: `tests/fuzzing.py` and `tests/guided.py` feed them."""

from __future__ import annotations

import random
from functools import cache
from itertools import islice
from pathlib import Path

from simalloc.recorded import follow
from simalloc.recorded.files import lines_of
from simalloc.recorded.folder import read_folder
from simalloc.recorded.library import shipped
from simalloc.results.lock_stat import read_lock_stat

DATA = Path(__file__).parent / "data"
LSCPU = "CPU(s): 4\nThread(s) per core: 2\nCore(s) per socket: 2\nSocket(s): 1\nNUMA node(s): 1\n"
SYSCTL = "vm.min_free_kbytes = 67584\nvm.percpu_pagelist_high_fraction = 0\nvm.stat_interval = 1\n"
PIECES = (
    "",
    "-1",
    "0",
    "9" * 30,
    "9" * 5000,
    "08",
    "nan",
    ":",
    "=",
    "[",
    "\t",
    "\0",
    "\ufeff",
    "é",
    "pfn=0x",
    "order=11",
    "x" * 5000,
)


@cache
def texts() -> dict[str, str]:
    """Return a short piece of each kind of file that is read."""
    trace = shipped()["linux-6.1-order"]
    zoneinfo = trace.with_name("linux-6.1-order.zoneinfo.txt").read_text(encoding="utf-8")
    return {
        "trace": "\n".join(line for _, line in islice(lines_of(trace), 120)),
        "zoneinfo": zoneinfo,
        "buddyinfo": f"Node 0, zone Normal {' '.join(str(blocks) for blocks in range(1, 12))}\n",
        "lscpu": LSCPU,
        "sysctl": SYSCTL,
        "lock_stat": (DATA / "lock_stat.txt").read_text(encoding="utf-8"),
    }


def damaged(chance: random.Random, text: str) -> str:
    """Return the text with lines swapped, doubled or taken away, and pieces of some changed."""
    lines = text.splitlines()
    for _ in range(chance.randrange(1, 5)):
        at = chance.randrange(len(lines))
        line, what = lines[at], chance.randrange(4)
        if what == 0:
            lines[at : at + 1] = [line] * chance.randrange(3)
        elif what == 1:
            other = chance.randrange(len(lines))
            lines[at], lines[other] = lines[other], line
        else:
            cut = chance.randrange(len(line) + 1)
            lines[at] = line[:cut] + chance.choice(PIECES) + line[cut + chance.randrange(6) :]
        lines = lines or [""]
    return "\n".join(lines) + chance.choice(("\n", ""))


def read_recorded(kind: str, data: bytes, folder: Path) -> None:
    """Read a file of one kind, the others beside it as they should be. Raises RecordedError, LockStatError."""
    file = folder / kind
    file.write_bytes(data)
    if kind == "trace":
        follow(file, lambda _: 0)
    elif kind == "lock_stat":
        read_lock_stat(file)
    else:
        for other in ("zoneinfo", "buddyinfo", "lscpu", "sysctl"):
            if other != kind:
                (folder / other).write_text(texts()[other], encoding="utf-8")
        read_folder(folder)


def as_recorded(chance: random.Random, folder: Path) -> None:
    """One of these files, damaged."""
    kind = chance.choice(list(texts()))
    read_recorded(kind, damaged(chance, texts()[kind]).encode("utf-8", "surrogatepass"), folder)
