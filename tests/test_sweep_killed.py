"""kill -9 of a sweep and its workers, at any moment: nothing lost, nothing done twice, the table whole."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path

from tests.sweeping import SCENARIO, command, done, recorded, scenario_in, sweep

KILLS = 20
TEXT = SCENARIO.replace("[200, 300]", f"{list(range(200, 220))}").replace("samples: 2", "samples: 10")
RUNS = 3 * 20 * 2 * 2


def killed(file: Path, out: Path, chance: random.Random) -> None:
    """Start the sweep, and kill it and its workers within a few runs of having done one more."""
    before = len(recorded(out)) if (out / "runs.jsonl").is_file() else 0
    process = subprocess.Popen(
        command(file, out, "--jobs", "2"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    while process.poll() is None and lines(out) <= before + 1:
        time.sleep(0.001)
    time.sleep(chance.uniform(0, 0.03))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def lines(out: Path) -> int:
    journal = out / "runs.jsonl"
    return journal.read_bytes().count(b"\n") if journal.is_file() else 0


def test_twenty_kills_lose_nothing_and_nothing_is_done_twice(tmp_path: Path) -> None:
    file, out, whole = scenario_in(tmp_path, TEXT), tmp_path / "out", tmp_path / "whole"
    chance, kept = random.Random(1), b""
    for _ in range(KILLS):
        killed(file, out, chance)
        journal = (out / "runs.jsonl").read_bytes()
        assert journal.startswith(kept)
        kept = journal[: journal.rfind(b"\n") + 1]
    resumed = sweep(file, out, "--jobs", "2")
    undisturbed = sweep(file, whole, "--jobs", "2")
    assert (resumed.returncode, undisturbed.returncode) == (0, 0)
    assert (out / "runs.jsonl").read_bytes().startswith(kept)
    assert (len(done(out)), done(out)) == (RUNS, done(whole))
    assert (out / "table.csv").read_bytes() == (whole / "table.csv").read_bytes()
