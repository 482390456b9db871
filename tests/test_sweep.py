"""Sweeps: the same table from any workers, whatever fails or is stopped; nothing done twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import simalloc
from simalloc.experiments import SweepFailed, run_sweep
from simalloc.experiments import sweeps as module
from simalloc.experiments.journal import Journal
from simalloc.results import load_result
from simalloc.runs import run
from simalloc.runs.task import Take, Task, execute
from simalloc.scenario import Scenario, ScenarioError, load
from tests.sweeping import RUNS, SCENARIO, command, done, recorded, scenario_in, sweep


@pytest.fixture
def scenario(tmp_path: Path) -> Scenario:
    return load(str(scenario_in(tmp_path)))


def folder(tmp_path: Path, name: str) -> Path:
    (tmp_path / name).mkdir(exist_ok=True)
    return tmp_path / name


def test_one_worker_two_workers_and_this_process_write_the_same_bytes(tmp_path: Path, scenario: Scenario) -> None:
    tables = set()
    for jobs in (None, 1, 2):
        out = folder(tmp_path, str(jobs))
        run_sweep(scenario, out=out, jobs=jobs)
        tables.add(tuple((out / name).read_bytes() for name in ("table.csv", "rows.csv", "result.json")))
    assert len(tables) == 1


def test_a_sweep_gives_the_result_that_a_run_gives(tmp_path: Path, scenario: Scenario) -> None:
    run_sweep(scenario, out=tmp_path)
    assert load_result(tmp_path) == run(scenario)


def test_each_row_says_all_that_it_comes_from(scenario: Scenario) -> None:
    row = run_sweep(scenario, out=None).table[0]
    known = ("label", "allocator", "replication", "seed", "allocator.batch", "high", "metric")
    assert [row[name] for name in known] == ["a", "v4.10", 0, 1, 8, 200, "alloc"]
    assert (len(row["config"]), row["simalloc"], row["status"]) == (16, simalloc.runs.task.this_version(), "ok")


def test_what_is_done_is_not_done_again(tmp_path: Path, scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run_sweep(scenario, out=tmp_path)
    monkeypatch.setattr(simalloc.runs.task, "run_replication", None)
    again = run_sweep(scenario, out=tmp_path)
    assert (first.reused, again.reused, again.table == first.table) == (0, RUNS, True)


def test_a_changed_scenario_takes_over_what_stays_the_same(tmp_path: Path, scenario: Scenario) -> None:
    run_sweep(scenario, out=tmp_path)
    text = SCENARIO.replace("[200, 300]", "[200, 400]").replace("{label: b, allocator", "{label: c, allocator")
    changed = run_sweep(load(str(scenario_in(tmp_path, text))), out=tmp_path)
    assert (changed.reused, changed.finished) == (RUNS // 4, RUNS)


def test_what_another_version_did_is_done_again(tmp_path: Path, scenario: Scenario) -> None:
    run_sweep(scenario, out=tmp_path)
    journal = tmp_path / "runs.jsonl"
    version = simalloc.runs.task.this_version()
    journal.write_text(journal.read_text().replace(f'"simalloc": "{version}"', '"simalloc": "0.0"'))
    assert run_sweep(scenario, out=tmp_path).reused == 0


def test_a_folder_of_another_sweep_is_refused(tmp_path: Path, scenario: Scenario) -> None:
    run_sweep(scenario, out=tmp_path)
    with pytest.raises(ScenarioError, match="has the sweep 'short', not 'other'; give another --out"):
        run_sweep(scenario.model_copy(update={"name": "other"}), out=tmp_path)


def test_a_file_that_is_no_journal_is_left_alone(tmp_path: Path, scenario: Scenario) -> None:
    (tmp_path / "runs.jsonl").write_text("my notes\n")
    with pytest.raises(ScenarioError, match="not the journal of a sweep"):
        run_sweep(scenario, out=tmp_path)


def test_two_sweeps_in_one_folder_are_refused(tmp_path: Path, scenario: Scenario) -> None:
    with Journal(tmp_path, scenario.name), pytest.raises(ScenarioError, match="another sweep is writing into it"):
        run_sweep(scenario, out=tmp_path)


@pytest.mark.parametrize("cut", [1, 40, 10_000])
def test_a_line_cut_short_is_taken_back_and_its_run_done_again(tmp_path: Path, scenario: Scenario, cut: int) -> None:
    whole = run_sweep(scenario, out=tmp_path)
    journal = tmp_path / "runs.jsonl"
    os.truncate(journal, max(5, journal.stat().st_size - cut))
    again = run_sweep(scenario, out=tmp_path)
    assert (again.table == whole.table, len(done(tmp_path))) == (True, RUNS)


def test_replications_follow_until_the_interval_is_small_enough(tmp_path: Path) -> None:
    text = SCENARIO.replace("replications: 2", "replications: {at_least: 2, at_most: 5, within: 0.0001}")
    text = text.replace("cpus: 1}", "cpus: 2}").replace("[8, 16, 31]", "[31]")
    text = text.replace(
        "{kind: pagealloc, batches: [1], samples: 2, dropped: 0, rounds: 1}",
        "{kind: alloc-bench, pages: 50, repeats: 5}",
    )
    scenario = load(str(scenario_in(tmp_path, text)))
    run_sweep(scenario, out=tmp_path)
    assert load_result(tmp_path) == run(scenario)


class Failing:
    """Does runs here, and some of them fail."""

    def __init__(self, fail: Any) -> None:
        self.fail = fail

    def __enter__(self) -> Failing:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def outcomes(self, take: Take) -> Iterator[tuple[Task, str]]:
        while task := take():
            self.fail(task)
            yield task, execute(task)


def test_ctrl_c_keeps_what_has_finished(tmp_path: Path, scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(task: Task) -> None:
        if task.head["label"] == "b":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "InProcess", lambda *_: Failing(interrupt))
        stopped = run_sweep(scenario, out=tmp_path)
    assert (stopped.stopped is not None, stopped.finished, len(stopped.files)) == (True, 2, 4)
    assert run_sweep(scenario, out=tmp_path).reused == 2


FAILING = SCENARIO.replace("latency: false", "latency: false\ninterrupts: [{name: d, hz: 1}]").replace(
    "allocator.high: [200, 300]", "interrupts.0.name: [fine, boom, kill]"
)
PLUGIN = """\
import os, signal
from simalloc.runs import simulation
real = simulation.attach
def attach(machine, source, index, seed, *more):
    if source.name == 'boom' and not os.path.exists(os.environ['MENDED']):
        raise ValueError('no such thing')
    if source.name == 'kill' and not os.path.exists(os.environ['MENDED']):
        os.kill(os.getpid(), signal.SIGKILL)
    real(machine, source, index, seed, *more)
simulation.attach = attach
"""


def test_runs_that_fail_are_recorded_the_rest_goes_on_and_they_are_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(PLUGIN)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("MENDED", str(tmp_path / "mended"))
    text = FAILING.replace("[8, 16, 31]", "[8]").replace("replications: 2", "replications: 1")
    file, out = scenario_in(tmp_path, text), tmp_path / "out"
    failed = sweep(file, out, "--jobs", "2")
    errors = sorted({run["error"].split(" (")[0] for run in recorded(out) if "error" in run})
    assert (failed.returncode, errors) == (1, ["ValueError: no such thing", "the worker process died of SIGKILL"])
    assert "failed: b, allocator.batch 8, interrupts.0.name boom, replication 0: ValueError: no such" in failed.stderr
    assert "2 of 6 runs done" in failed.stdout
    (tmp_path / "mended").touch()
    mended = sweep(file, out, "--jobs", "2")
    assert (mended.returncode, "6 of 6 runs done, 2 of them before" in mended.stdout) == (0, True)


def test_a_failed_run_has_a_row_with_its_error(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise MemoryError("no page")

    monkeypatch.setattr(simalloc.runs.task, "run_replication", broken)
    rows = run_sweep(scenario, out=None).table
    assert (len(rows), rows[0]["status"], rows[0]["error"].split(" (")[0]) == (RUNS, "failed", "MemoryError: no page")


def test_a_full_disk_is_told_and_loses_nothing(tmp_path: Path) -> None:
    file, out = scenario_in(tmp_path), tmp_path / "out"
    sweep(file, tmp_path / "whole", "--jobs", "1")
    limit = (tmp_path / "whole" / "runs.jsonl").stat().st_size // 2
    code = (
        "import resource, sys\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        "from simalloc.cli import main\n"
        "main()\n"
    )
    full = _python(code, "sweep", str(file), "--out", str(out), "--jobs", "1")
    kept = done(out)
    assert (full.returncode, "Traceback" in full.stderr, 0 < len(kept) < RUNS) == (1, False, True)
    assert f"File too large; {len(kept)} of {RUNS} runs are kept" in full.stderr
    resumed = sweep(file, out, "--jobs", "1")
    assert f"{RUNS} of {RUNS} runs done, {len(kept)} of them before" in resumed.stdout
    assert (out / "table.csv").read_bytes() == (tmp_path / "whole" / "table.csv").read_bytes()


def _python(code: str, *arguments: str) -> Any:
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)


def test_tables_without_room_are_told(tmp_path: Path, scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", str(tmp_path / "table.csv"))

    monkeypatch.setattr(module, "write_whole", full)
    with pytest.raises(SweepFailed, match=rf"table.csv: cannot be written: No space left on device; {RUNS} of {RUNS}"):
        run_sweep(scenario, out=tmp_path)


def test_python_gives_a_dataframe() -> None:
    over = {"machine.cpus": [1, 2]}
    frame = simalloc.sweep(simalloc.build(json.loads(_SMALL)), over=over, replications=2)
    assert sorted(set(zip(frame["cpus"], frame["replication"], strict=True))) == [(1, 0), (1, 1), (2, 0), (2, 1)]


def test_python_takes_a_list_of_points() -> None:
    frame = simalloc.sweep(simalloc.build(json.loads(_SMALL)), over=[{"machine.cpus": 2, "allocator.high": 100}])
    assert set(zip(frame["cpus"], frame["high"], strict=True)) == {(2, 100)}


_SMALL = json.dumps(
    {
        "name": "small",
        "memory": {"zone": "64MiB"},
        "allocator": "v4.10",
        "workload": {"kind": "pagealloc", "batches": [1], "samples": 2, "dropped": 0, "rounds": 1},
    }
)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--grid", "machine.cpus=0"], "--grid machine.cpus=0: sweep.machine.cpus[0]: 0 is wrong"),
        (["--cluster", "tcp://127.0.0.1:1"], "--cluster tcp://127.0.0.1:1: no scheduler there"),
        (["--cluster", "elsewhere"], "--cluster elsewhere: write it as tcp://host:port"),
    ],
)
def test_wrong_options_are_exit_code_2(tmp_path: Path, options: list[str], message: str) -> None:
    told = sweep(scenario_in(tmp_path), tmp_path / "out", *options)
    assert (told.returncode, message in told.stderr, "Traceback" in told.stderr) == (2, True, False)


def test_a_signal_to_all_is_exit_code_130_and_what_has_finished_is_kept(tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = subprocess.Popen(
        command(scenario_in(tmp_path), out, "--grid", "workload.samples=20000,20001"),
        stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    while not (out / "runs.jsonl").is_file() or len(recorded(out)) < 2:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    told = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in told[1], (out / "table.csv").is_file()) == (130, False, True)
