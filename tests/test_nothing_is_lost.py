"""Whatever comes between, what was computed is saved, folders do not mix runs, and nothing waits for ever."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from simalloc.results import Result, metric_table
from tests.test_cli import simalloc
from tests.test_stored import stored_result

SMALL = """\
name: small
machine: {preset: broadwell-ep, cpus: 2}
memory: {zone: 256MiB}
workload: {kind: alloc-bench, modes: [bulk], pages: 64}
compare: [{label: a, allocator: v4.10}, {label: b, allocator: v4.10, workload: {pages: 32}}]
replications: 2
plots: [cycles]
"""
SWEPT = SMALL + "interrupts: [{name: fine, hz: 1}]\nsweep: {interrupts.0.name: [fine, %s]}\n"
"""Its second point does what its name says, by PLUGIN."""

PLUGIN = """\
import os, signal, time
from simalloc.runs import simulation
real = simulation.attach
def attach(machine, source, *more):
    if source.name != 'fine':
        os.kill(os.getpid(), getattr(signal, source.name))
        time.sleep(600)
    real(machine, source, *more)
simulation.attach = attach
"""

COMMAND = f"{sys.executable} -m simalloc run s.yaml --out o"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.yaml").write_text(SMALL)
    return tmp_path


def shell(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )


def saved(folder: Path) -> set[str]:
    return {file.name for file in (folder / "o").iterdir()}


WHOLE = {"result.json", "rows.csv", "cycles.png", "cycles.svg"}


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (f"{COMMAND} | true", 0),
        (f"{COMMAND} > /dev/full", 1),
        (f"{COMMAND} >&-", 0),
        (f"{COMMAND} 2>&-", 0),
        (f"{COMMAND} --set 'compare=[{{label: a → b, allocator: v4.10}}]'", 0),
    ],
)
def test_a_stream_that_is_lost_costs_no_results(here: Path, command: str, code: int) -> None:
    done = shell(command, PYTHONIOENCODING="ascii", MPLBACKEND="module://no_such_backend")
    assert (done.returncode, saved(here), "Traceback" in done.stderr) == (code, WHOLE, False)


def test_a_broken_matplotlib_costs_the_figures_only(here: Path) -> None:
    (here / "matplotlib.py").write_text("raise ImportError('broken')")
    done = simalloc("run", "s.yaml", "--out", "o", PYTHONPATH=str(here))
    assert (done.returncode, saved(here)) == (1, {"result.json", "rows.csv"})
    assert "figures cannot be drawn: ImportError: broken. The run is saved in o" in done.stderr


def test_files_beside_the_user_are_never_imported_by_workers(here: Path) -> None:
    (here / "signal.py").write_text("raise SystemExit('imported')")
    script = Path(sys.executable).with_name("simalloc")
    for command in (f"{script} run s.yaml --jobs 2 --out o", f"{script} sweep s.yaml --jobs 2 --out p"):
        assert shell(command).returncode == 0


def test_a_folder_never_mixes_two_runs(here: Path) -> None:
    simalloc("run", "s.yaml", "--out", "o", "--trace-for", "1us", "--set", "plots=[cycles,allocators]")
    simalloc("report", "o")
    assert {"report.html", "a.trace.json.gz", "allocators.png", "timeline.json.gz"} <= saved(here)
    simalloc("run", "s.yaml", "--out", "o", "--set", "compare=[{label: a, allocator: v6.1}]")
    assert saved(here) == WHOLE


@pytest.mark.usefixtures("here")
def test_a_run_is_not_saved_over_a_sweep() -> None:
    simalloc("sweep", "s.yaml", "--out", "o", "--jobs", "1")
    done = simalloc("run", "s.yaml", "--out", "o")
    assert (done.returncode, "has a sweep in it" in done.stderr) == (2, True)


@pytest.mark.parametrize("command", ["run", "sweep"])
def test_a_folder_that_is_a_file_is_told_before_anything_runs(here: Path, command: str) -> None:
    (here / "o").write_text("mine")
    done = simalloc(command, "s.yaml", "--out", "o")
    assert (done.returncode, done.stderr) == (2, "--out o: cannot be written: File exists\n")


def run_with(here: Path, name: str, jobs: int, *options: str) -> subprocess.CompletedProcess[str]:
    (here / "s.yaml").write_text(SWEPT % name)
    (here / "sitecustomize.py").write_text(PLUGIN)
    return simalloc("run", "s.yaml", "--out", "o", "--jobs", str(jobs), *options, PYTHONPATH=str(here))


def partial(here: Path) -> tuple[str, set[str]]:
    result = json.loads((here / "o" / "result.json").read_text())
    return result["partial"], {row["interrupts.0.name"] for row in result["rows"]}


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_saves_what_has_finished(here: Path, name: str, code: int) -> None:
    done = run_with(here, name, 1)
    assert (done.returncode, "stopped; 2 of 4 cases finished" in done.stderr) == (code, True)
    assert ("Traceback" in done.stderr, partial(here)) == (False, ("4 of 8 runs", {"fine"}))


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_run_as_json_that_is_stopped_prints_what_there_is_and_saves_nothing(here: Path, name: str) -> None:
    (here / "s.yaml").write_text(SWEPT % name)
    (here / "sitecustomize.py").write_text(PLUGIN)
    done = simalloc("run", "s.yaml", "--format", "json", "--jobs", "1", PYTHONPATH=str(here))
    assert (json.loads(done.stdout)["partial"], (here / "results").exists()) == ("4 of 8 runs", False)


def test_a_worker_that_is_killed_takes_only_its_own_run_with_it(here: Path) -> None:
    done = run_with(here, "SIGKILL", 2)
    assert (done.returncode, partial(here)) == (1, ("4 of 8 runs", {"fine"}))
    assert (
        "b, interrupts.0.name SIGKILL, replication 1: the worker process died of SIGKILL (out of memory?)"
        in done.stderr
    )


def test_a_worker_does_not_answer_the_signals_of_its_terminal(here: Path) -> None:
    done = run_with(here, "SIGHUP", 2, "--max-time", "6s")
    assert (done.returncode, "--max-time 6 s is over" in done.stderr, "Traceback" in done.stderr) == (3, True, False)


@pytest.mark.usefixtures("here")
def test_what_cannot_end_is_refused_with_the_figure() -> None:
    done = simalloc(
        "run",
        "s.yaml",
        "--set",
        "workload.pages=4000000",
        "--set",
        "workload.iterations=100",
        "--set",
        "memory.zone=64GiB",
        "--max-time",
        "1s",
    )
    assert (done.returncode, "this would take about" in done.stderr, "--max-time is 1 s" in done.stderr) == (
        2,
        True,
        True,
    )


@pytest.mark.usefixtures("here")
def test_what_needs_too_much_memory_is_refused_with_the_figure() -> None:
    done = simalloc(
        "run", "s.yaml", "--set", "workload.pages=4000000", "--set", "memory.zone=64GiB", "--max-memory", "100MiB"
    )
    assert (done.returncode, "of memory a process" in done.stderr) == (2, True)


def test_a_table_leaves_a_column_empty_whose_runs_are_missing() -> None:
    result = Result.from_json(stored_result("nic-rx-2017").to_json())
    last = result.cases[-1]["label"]
    result.rows = [row for row in result.rows if row["label"] != last]
    assert last in metric_table(result)
