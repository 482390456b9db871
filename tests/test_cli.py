"""The command line is a contract: exit codes, formats, what goes where."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from simalloc.compiled import BUILD

SHORT = ["--set", "workload.batches=[1,256]", "--set", "workload.samples=3"]


def simalloc(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "simalloc.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


def test_run_prints_a_table_and_says_where_it_saved(tmp_path: Path) -> None:
    done = simalloc("run", "pagealloc-2017", *SHORT, "--out", str(tmp_path / "out"))
    saved = [line.removeprefix("saved ") for line in done.stdout.splitlines() if line.startswith("saved")]
    assert (done.returncode, len(saved), all(Path(file).is_file() for file in saved)) == (0, 8, True)
    assert "Amean alloc-odr0-256" in done.stdout


def test_json_has_the_keys_and_columns_of_the_contract() -> None:
    done = simalloc("run", "pagealloc-2017", *SHORT, "--format", "json")
    data = json.loads(done.stdout)
    assert {"scenario", "seed", "simalloc", "rows", "ledger", "locks", "latency"} <= set(data)
    assert {"label", "allocator", "batch", "metric", "value", "unit", "published"} <= set(data["rows"][0])


def test_csv_has_a_line_per_row() -> None:
    lines = simalloc("run", "pagealloc-2017", *SHORT, "--format", "csv").stdout.splitlines()
    assert (lines[0], len(lines)) == ("label,allocator,order,batch,metric,value,unit,published", 1 + 3 * 5 * 2)


def test_seed_is_an_option() -> None:
    done = simalloc("run", "pagealloc-2017", *SHORT, "--seed", "7", "--format", "json")
    assert json.loads(done.stdout)["seed"] == 7


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "nothing.yaml"),
        ("run", "pagealloc-2017", "--set", "machine.cpus=0"),
        ("run", "pagealloc-2017", "--seed", "-1"),
        ("run", "."),
        ("check", "nothing.yaml"),
        ("explain", "v9.9"),
        ("plot", "/nonexistent"),
        ("list", "planets"),
        ("run", "pagealloc-2017", *SHORT, "--out", "/proc/nowhere"),
        ("calibrate", "pagealloc-2017", "--set", "published=null"),
        ("calibrate", "nic-rx-2017"),
        ("run", "irq-latency", "--explain-irqsoff", "soon"),
        ("run", "irq-latency", "--explain-irqsoff", "3us", "--format", "json"),
        ("run", "irq-latency", "--explain-irqsoff", "3us", "--trace-for", "3us"),
    ],
)
def test_wrong_input_is_exit_code_2_and_no_traceback(arguments: tuple[str, ...]) -> None:
    done = simalloc(*arguments)
    assert (done.returncode, "Traceback" in done.stderr, bool(done.stderr.strip())) == (2, False, True)


def test_version_is_that_of_the_package() -> None:
    assert simalloc("--version").stdout == f"simalloc {version('simalloc')} ({BUILD})\n"


def test_check_runs_nothing_and_says_ok() -> None:
    done = simalloc("check", "pagealloc-2017")
    assert (done.returncode, done.stdout) == (0, "pagealloc-2017: ok, pagealloc-2017 with 3 case(s)\n")


def test_check_goes_on_after_a_wrong_file() -> None:
    done = simalloc("check", "nothing.yaml", "pagealloc-2017")
    assert (done.returncode, "ok" in done.stdout) == (2, True)


@pytest.mark.parametrize("kind", ["allocators", "workloads", "machines", "locks", "scenarios"])
def test_list_gives_a_line_each(kind: str) -> None:
    done = simalloc("list", kind)
    assert (done.returncode, all(len(line.split()) > 2 for line in done.stdout.splitlines())) == (0, True)


def test_explain_shows_what_a_hit_costs() -> None:
    rows = json.loads(simalloc("explain", "v4.10", "--format", "json").stdout)["rows"]
    hit = [row for row in rows if row["path"] == "alloc, pcp hit" and row["context"] == "task"]
    assert sum(row["cycles"] for row in hit) == 148


def test_explain_as_text_marks_what_runs_with_interrupts_masked() -> None:
    text = simalloc("explain", "noirq-v2").stdout
    assert "in task: alloc, pcp hit (125 cycles, 0 of them with interrupts masked)" in text


def test_explain_irqsoff_tells_the_story_of_a_window() -> None:
    only = ["--set", "compare=[{label: a, allocator: v4.10}]", "--set", "machine.cpus=2"]
    text = simalloc("run", "irq-latency", *only, "--explain-irqsoff", "700ns").stdout
    assert "interrupts off for" in text
    assert "zone->lock (Normal 0.0) was held meanwhile by" in text


def test_plot_draws_a_saved_run_again(tmp_path: Path) -> None:
    simalloc("run", "pagealloc-2017", *SHORT, "--out", str(tmp_path))
    (tmp_path / "cost_by_batch.png").unlink()
    assert simalloc("plot", str(tmp_path)).returncode == 0
    assert (tmp_path / "cost_by_batch.png").is_file()


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys, simalloc.cli; print({'numpy','pandas','matplotlib','simpy','scipy','pydantic'} & set(sys.modules))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"


def test_running_loads_no_pandas_and_json_no_matplotlib() -> None:
    code = (
        "import sys; sys.argv = ['simalloc', 'run', 'pagealloc-2017', '--format', 'json', '--jobs', '1', "
        "'--set', 'workload.batches=[1]']\n"
        "from simalloc.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print({'pandas', 'matplotlib'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "set()\n"


def test_the_same_bytes_with_any_hash_seed_number_of_jobs_locale_and_time_zone() -> None:
    outputs = {
        simalloc(
            *("run", "pagealloc-2017", *SHORT, "--format", "json", "--jobs", jobs),
            **{"PYTHONHASHSEED": seed, "LC_ALL": locale, "TZ": zone},
        ).stdout
        for jobs, seed, locale, zone in [
            ("1", "0", "C", "UTC"),
            ("2", "4711", "C.UTF-8", "Asia/Kathmandu"),
            ("3", "99", "de_DE.UTF-8", "America/St_Johns"),
        ]
    }
    assert len(outputs) == 1


def test_a_table_of_very_many_points_is_not_printed(tmp_path: Path) -> None:
    settings = ["workload.batches=[1]", "workload.samples=3", f"sweep={{allocator.high: {list(range(100, 161))}}}"]
    options = [each for setting in [*settings, "plots=[cycles]"] for each in ("--set", setting)]
    done = simalloc("run", "pagealloc-2017", "--out", str(tmp_path), *options)
    assert "61 points, more than a table shows; rows.csv has them all" in done.stdout
