"""What is no scenario is refused in a moment with an error that is located and short, whatever it is."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from simalloc.results import NotAResult, PublishedError, Result, read_published
from simalloc.results.shape import FIELDS, TABLES
from simalloc.runs.task import Record
from simalloc.scenario import ScenarioError, build, load
from tests.fuzzing import CORPUS, faults_of

BASE = "name: s\nallocator: v4.10\nworkload: {kind: pagealloc}\n"


def error_of(name: str, *settings: str) -> str:
    with pytest.raises(ScenarioError) as wrong:
        load(name, settings)
    return str(wrong.value)


@pytest.mark.parametrize("file", sorted(CORPUS.iterdir()), ids=lambda file: file.stem)
def test_what_once_was_a_fault_is_refused_where_it_stands(file: Path) -> None:
    text = error_of(str(file))
    assert (text.startswith(f"{file}:"), len(text) < 700, all(map(str.isprintable, text.split("\n")))) == (True,) * 3


def test_a_thousand_inputs_nobody_would_write() -> None:
    assert faults_of(1000, 4711)[1] == []


@pytest.mark.parametrize("kind", ["scenario", "trace"])
def test_inputs_that_coverage_leads_to(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("atheris")
    command = [sys.executable, "-m", "tests.guided", kind, "-runs=300", "-seed=1", f"-artifact_prefix={tmp_path}/"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("name", ["/dev/zero", "/dev/urandom", ".", "x" * 300, "a\0b"])
def test_what_is_no_file_is_told(name: str) -> None:
    assert len(error_of(name)) < 300


def test_a_pipe_and_a_link_to_itself_are_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    assert error_of(str(tmp_path / "pipe.yaml")).endswith("not a regular file; a scenario is a YAML file")
    assert error_of(str(tmp_path / "loop.yaml")).endswith("cannot be read: Too many levels of symbolic links")


@pytest.mark.parametrize("text", ["# comment\n" * 200_000, f"a: [{'1, ' * 150_000}1]\n", "x" * (3 << 20)])
def test_what_is_too_large_is_refused_unread(tmp_path: Path, text: str) -> None:
    (tmp_path / "s.yaml").write_text(BASE + text)
    assert "no scenario" in error_of(str(tmp_path / "s.yaml"))


def test_all_that_is_wrong_is_told_at_once_and_no_more_than_twenty(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(BASE + "".join(f"key{i}: 1\n" for i in range(30)))
    lines = error_of(str(tmp_path / "s.yaml")).splitlines()
    assert (len(lines), lines[0].split(": ")[0], lines[-1]) == (21, f"{tmp_path}/s.yaml:4:1", "and 10 more")


def test_what_is_wrong_with_every_case_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(
        BASE + "compare:\n  - {label: a, machine: {cpsu: 1}}\n  - {label: b, workload: {api: bluk, sample: 1}}\n"
    )
    places = [line.split(": ")[0].rpartition("s.yaml:")[2] for line in error_of(str(tmp_path / "s.yaml")).splitlines()]
    assert places == ["5:26", "6:27", "6:38"]


@pytest.mark.parametrize(
    ("setting", "hint"),
    [
        ("memory.zone=4GB", "did you mean 4GiB?"),
        ("memory.zone=4", "write it with its unit, such as 4GiB"),
        ("workload.samples=1e3", "write 1000"),
        ("workload.samples='7 us'", "write the number alone, such as 7"),
        ("memory.zone=65TiB", "more than 64TiB"),
        ("workload.samples=1000000000000", "less than or equal to 1000000"),
        ("name=null", "--set name=null: name: "),
        ("machine.topology.sockets=0", "--set machine.topology.sockets=0: machine.topology.sockets: "),
        (f"machine.{'x' * 5000}=1", "is longer than any there is"),
    ],
)
def test_a_mistake_in_a_setting_is_told_at_the_setting(setting: str, hint: str) -> None:
    text = error_of("pagealloc-2017", setting)
    assert (hint in text, text.startswith("--set "), len(text) < 600) == (True, True, True)


@pytest.mark.parametrize("data", [3, None, [], "x", {"name": {1: 2}}, {1: 2}, {"name": "s", "workload": {"kind": []}}])
def test_data_that_is_no_scenario_is_told(data: object) -> None:
    with pytest.raises(ScenarioError):
        build(data)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["/etc/passwd", "../t.csv", "x\ny.csv", "."])
def test_a_published_table_stands_beside_the_scenario(tmp_path: Path, name: str) -> None:
    (tmp_path / "t.csv").write_text("label,metric,value,unit,source\n")
    (tmp_path / "in").mkdir()
    with pytest.raises(PublishedError):
        read_published(name, tmp_path / "in")


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "t.csv").symlink_to("/etc/passwd")
    with pytest.raises(PublishedError, match="leads out of the folder"):
        read_published("t.csv", tmp_path / "in")


def test_a_table_saved_by_a_spreadsheet_is_read(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("\ufefflabel,metric,value,unit,source\na,alloc,95,ns,me\n", encoding="utf-8")
    assert read_published("t.csv", tmp_path).get("a", "alloc", {}) == 95


def test_a_cell_longer_than_any_is_told(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(f"label,metric,value,unit,source\na,alloc,95,ns,{'x' * 140000}\n")
    with pytest.raises(PublishedError, match="field larger"):
        read_published("t.csv", tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"rows": 1}', "[" * 100000])
def test_what_is_no_saved_run_is_told(text: str) -> None:
    with pytest.raises(NotAResult):
        Result.from_json(text)


@pytest.mark.parametrize("line", ["7", "[" * 100000, "{}", "null", '{"seconds": 1}'])
def test_what_is_no_line_of_a_journal_is_skipped(line: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError, RecursionError)):
        Record.of(line)


def test_a_saved_run_may_have_every_field_that_a_result_has() -> None:
    known = {*FIELDS, *TABLES, "timeline"}
    assert {field.name for field in fields(Result)} == known
