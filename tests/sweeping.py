"""A sweep of very short runs, and what tests ask of the files it leaves."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

SCENARIO = """\
name: short
machine: {preset: nic-2017, cpus: 1}
memory: {zone: 64MiB}
allocator: v4.10
workload: {kind: pagealloc, batches: [1], samples: 2, dropped: 0, rounds: 1}
compare: [{label: a}, {label: b, allocator: noirq-v2}]
latency: false
replications: 2
sweep:
  allocator.batch: [8, 16, 31]
  allocator.high: [200, 300]
"""
RUNS = 3 * 2 * 2 * 2


def scenario_in(folder: Path, text: str = SCENARIO) -> Path:
    file = folder / "short.yaml"
    file.write_text(text)
    return file


def command(file: Path, out: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "simalloc.cli", "sweep", str(file), "--out", str(out), *options]


def sweep(file: Path, out: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(file, out, *options), capture_output=True, text=True, check=False)


def recorded(out: Path) -> list[dict[str, Any]]:
    """The runs in the journal, in the order they finished."""
    lines = (out / "runs.jsonl").read_text().split("\n")
    return [json.loads(line) for line in lines[1:-1]]


def done(out: Path) -> list[tuple[str, int]]:
    return sorted((run["config"], run["replication"]) for run in recorded(out) if "error" not in run)
