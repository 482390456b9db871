"""A sweep on a Dask cluster of this machine's loopback: a worker is killed, and every run is done once all the same."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pytest

from simalloc.experiments import run_sweep
from simalloc.runs.cluster import Cluster
from simalloc.runs.plan import Plan
from simalloc.runs.task import Record
from simalloc.scenario import ScenarioError, load
from tests.sweeping import RUNS, SCENARIO, command, done, recorded, scenario_in, sweep

pytest.importorskip("distributed")
LOOPBACK = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard"]


@contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a part of Dask, and end it."""
    process = subprocess.Popen([sys.executable, "-m", *arguments], stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def worker(address: str) -> list[str]:
    return [
        "distributed.cli.dask_worker",
        address,
        "--host",
        "127.0.0.1",
        "--nthreads",
        "1",
        "--no-nanny",
        "--no-dashboard",
    ]


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[str]:
    file = tmp_path / "scheduler.json"
    with started("distributed.cli.dask_scheduler", *LOOPBACK, "--scheduler-file", str(file)) as process:
        while not file.is_file() or not file.read_text():
            assert process.poll() is None
            time.sleep(0.02)
        yield json.loads(file.read_text())["address"]


def test_a_worker_is_killed_and_every_run_is_done_once(tmp_path: Path, scheduler: str) -> None:
    file, out = scenario_in(tmp_path, SCENARIO.replace("samples: 2", "samples: 2000")), tmp_path / "cluster"
    with started(*worker(scheduler)) as doomed, started(*worker(scheduler)):
        process = subprocess.Popen(
            command(file, out, "--cluster", scheduler), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        while not (out / "runs.jsonl").is_file() or len(recorded(out)) < 4:
            assert process.poll() is None
            time.sleep(0.01)
        left = RUNS - len(recorded(out))
        os.kill(doomed.pid, signal.SIGKILL)
        told = process.communicate(timeout=60)
    run_sweep(load(str(file)), out=_made(tmp_path / "local"))
    assert (process.returncode, left > 0, "Traceback" in told[1]) == (0, True, False)
    assert (len(recorded(out)), len(set(done(out)))) == (RUNS, RUNS)
    assert (out / "table.csv").read_bytes() == (tmp_path / "local" / "table.csv").read_bytes()


def test_what_a_worker_had_done_and_took_with_it_is_done_again(tmp_path: Path, scheduler: str) -> None:
    plan = Plan(load(str(scenario_in(tmp_path))), {})
    two = islice(iter(plan.take, None), 2)
    with started(*worker(scheduler)) as doomed, Cluster(scheduler) as cluster:
        outcomes = cluster.outcomes(lambda: next(two, None))
        first = next(outcomes)
        while sum(map(len, cluster._client.has_what().values())) < 2:
            time.sleep(0.01)
        doomed.kill()
        while cluster._client.scheduler_info()["workers"]:
            time.sleep(0.01)
        with started(*worker(scheduler)):
            second = next(outcomes)
    assert [Record.of(line).error for _, line in (first, second)] == [None, None]


def test_without_the_extra_it_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "distributed.py").write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    told = sweep(scenario_in(tmp_path), tmp_path / "out", "--cluster", "tcp://127.0.0.1:1")
    assert (told.returncode, told.stderr) == (
        2,
        "--cluster: needs dask.distributed; pip install 'simalloc[cluster]'\n",
    )


def test_something_that_listens_and_never_answers_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simalloc.runs.cluster.TIMEOUT", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ScenarioError, match=f"--cluster {address}: (something listens|no scheduler) there"):
            Cluster(address)


def test_a_scheduler_without_workers_is_told(monkeypatch: pytest.MonkeyPatch, scheduler: str) -> None:
    monkeypatch.setattr("simalloc.runs.cluster.TIMEOUT", 0.5)
    with pytest.raises(ScenarioError, match="the scheduler has no workers; start some"):
        Cluster(scheduler)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
