"""What a sweep asks for: grids, keys that change together, lists of points; and what is wrong with one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simalloc.results import Result, sweep_table
from simalloc.runs import run
from simalloc.scenario import ScenarioError, build, load

TEXT = """\
name: s
machine: {preset: nic-2017, cpus: 1}
memory: {zone: 1GiB}
allocator: v4.10
workload: {kind: pagealloc, batches: [8], samples: 3}
latency: false
replications: 1
"""


def swept(sweep: Any, **over: Any) -> dict[str, Any]:
    return {
        "name": "s",
        "machine": {"preset": "nic-2017", "cpus": 1},
        "memory": {"zone": "1GiB"},
        "allocator": "v4.10",
        "workload": {"kind": "pagealloc", "batches": [8], "samples": 3},
        "latency": False,
        "replications": 1,
        "sweep": sweep,
    } | over


def points(sweep: Any) -> list[dict[str, Any]]:
    return [dict(case.parameters) for case in build(swept(sweep)).cases]


def test_numbers_of_a_sweep_are_whole_from_1000_on() -> None:
    rows = [{"label": "a", "metric": "score", "unit": "faults/s", "cpus": 8, "value": 1596e4, "ci95": 1586e3}]
    clock = {"preset": "seed-2017", "unit": "TSC cycles", "ghz": 4.0}
    table = sweep_table(Result("s", 1, "0", "0", clock, [{"label": "a"}], rows=rows, swept=["cpus"]))
    assert "15,960,000 +-1,586,000" in table


def test_a_grid_is_every_combination_the_last_key_fastest() -> None:
    found = points({"machine.cpus": [1, 2], "memory.zone": ["1GiB", "2GiB"]})
    assert [(p["cpus"], p["zone"]) for p in found] == [(1, "1GiB"), (1, "2GiB"), (2, "1GiB"), (2, "2GiB")]


def test_keys_with_a_comma_between_change_together() -> None:
    found = points({"machine.cpus, memory.zone": [[1, "1GiB"], [2, "2GiB"]], "allocator.high": [200, 300]})
    assert [tuple(p.values()) for p in found] == [
        (1, "1GiB", 200),
        (1, "1GiB", 300),
        (2, "2GiB", 200),
        (2, "2GiB", 300),
    ]


def test_a_list_has_a_mapping_for_each_point() -> None:
    found = points([{"machine.cpus": 1, "memory.zone": "1GiB"}, {"memory.zone": "2GiB", "machine.cpus": 4}])
    assert [(p["cpus"], p["zone"]) for p in found] == [(1, "1GiB"), (4, "2GiB")]


def test_entries_of_lists_can_be_swept_and_take_effect() -> None:
    interrupts = [{"name": "device", "hz": 1000, "handler_cycles": 100}]
    result = run(build(swept({"interrupts.0.hz": [1000, 200000]}, interrupts=interrupts)))
    few, many = (
        sum(row["cycles"] for row in result.ledger if row["hz"] == hz and row["step"] == "device")
        for hz in (1000, 200000)
    )
    assert many > few


def test_a_column_has_its_whole_key_where_the_last_part_is_taken() -> None:
    scenario = build(swept({"allocator.batch": [8], "machine.cpus": [1]}))
    assert scenario.columns == {"allocator.batch": "allocator.batch", "machine.cpus": "cpus"}


def test_the_printed_table_has_a_line_for_each_point_and_batch() -> None:
    workload = {"kind": "pagealloc", "batches": [4, 8], "samples": 3}
    text = sweep_table(run(build(swept({"allocator.high": [200, 300]}, workload=workload))))
    assert [line.split()[:2] for line in text.splitlines()[2:6]] == [
        ["200", "4"],
        ["200", "8"],
        ["300", "4"],
        ["300", "8"],
    ]


@pytest.mark.parametrize(
    ("sweep", "message"),
    [
        (
            "{machine.cpus: [1, 0]}",
            r"s.yaml:8:27: sweep.machine.cpus\[1\]: 0 is wrong: it should be greater than or equal to 1",
        ),
        ("{machine.cpus: []}", "s.yaml:8:9: sweep.machine.cpus: "),
        ("{machine.cpsu: [1]}", r's.yaml:8:24: sweep.machine.cpsu\[0\]: unknown key; did you mean "cpus"'),
        ("{machine.cpus: [1, 2, 1]}", r"s.yaml:8:30: sweep.machine.cpus\[2\]: 1 is there twice"),
        (
            "{'machine.cpus, memory.zone': [[1, 1GiB], 3]}",
            r"s.yaml:8:50: .*\[1\]: 3 is wrong: it should be a list of 2: a value each",
        ),
        ("{'machine.cpus, memory.zone': [[1, 1GiB]], machine.cpus: [1]}", "machine.cpus is swept twice"),
        ("[{machine.cpus: 1}, {memory.zone: 1GiB}]", r"s.yaml:8:28: sweep\[1\]: machine.cpus is missing; every point"),
        (
            "[{machine.cpus: 1}, {machine.cpus: 2, memory.zone: 1GiB}]",
            r"sweep\[1\].memory.zone: the first point does not",
        ),
        ("[{machine.cpus: 1}, {machine.cpus: 1}]", r"s.yaml:8:28: sweep\[1\]: 1 is there twice"),
        ("[{machine.cpus: 1}, {machine.cpus: x}]", r"s.yaml:8:29: sweep\[1\].machine.cpus: 'x' is wrong"),
        ("[]", "s.yaml:8:1: sweep: "),
        ("{seed: [1, 2]}", "s.yaml:8:9: sweep.seed: seed cannot be swept; `replications` runs"),
        ("{name: [a]}", "sweep.name: name cannot be swept"),
        ("{compare.0.label: [a]}", "compare.0.label cannot be swept"),
        ("{interrupts.0.hz: [1]}", r"sweep.interrupts.0.hz\[0\]: interrupts has no entries"),
        ("{machine.cpus.x: [1]}", r"sweep.machine.cpus.x\[0\]: there are no keys below 1, where x would be"),
        (
            "{machine.cpus: [1, 900], memory.zone: [1GiB, 64MiB]}",
            r"sweep.memory.zone\[1\]: .* \(at machine.cpus 900, memory.zone 64MiB",
        ),
        ("{machine.cpus: [1, 1024]}", r"s.yaml:3:10: memory.zone: .* too few: 1024 .* \(at machine.cpus 1024\)"),
    ],
)
def test_what_is_wrong_with_a_sweep_is_told_where(tmp_path: Path, sweep: str, message: str) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(f"{TEXT}sweep: {sweep}\n")
    with pytest.raises(ScenarioError, match=message):
        load(str(file))


def test_grid_adds_a_key_and_replaces_the_values_of_one(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(f"{TEXT}sweep: {{machine.cpus: [1, 2]}}\n")
    scenario = load(str(file), grid=["machine.cpus=4", "memory.zone=1GiB,2GiB"])
    assert scenario.sweep == {"machine.cpus": [4], "memory.zone": ["1GiB", "2GiB"]}


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ("machine.cpus", "--grid machine.cpus: write it as key=a,b,c"),
        ("machine.cpus=", "--grid machine.cpus=: write it as key=a,b,c"),
        ("machine.cpus=1,]", "are not YAML values with commas between"),
        ("machine.cpus=1,0", r"--grid machine.cpus=1,0: sweep.machine.cpus\[1\]: 0 is wrong"),
    ],
)
def test_a_wrong_grid_is_told_as_it_was_written(tmp_path: Path, grid: str, message: str) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(TEXT)
    with pytest.raises(ScenarioError, match=message):
        load(str(file), grid=[grid])


def test_a_grid_does_not_go_with_a_list_of_points(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(f"{TEXT}sweep: [{{machine.cpus: 1}}]\n")
    with pytest.raises(ScenarioError, match=r"sweeps a list of points; --set 'sweep=\{\}' makes room"):
        load(str(file), grid=["memory.zone=1GiB"])
