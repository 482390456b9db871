"""A swept key whose last part is the name of a column keeps its points apart, in every table and in timelines."""

from __future__ import annotations

from typing import Any

import pytest

from simalloc.runs import Window, run
from simalloc.scenario import build
from simalloc.traces import recordings

LOOP = {"kind": "lock-loop", "milliseconds": 0.02}
PAGES = {"kind": "pagealloc", "batches": [4], "samples": 2, "dropped": 1}


@pytest.mark.parametrize(
    ("key", "values", "workload"),
    [
        ("machine.lock", ["ticket", "mcs"], LOOP),
        ("workload.context", ["task", "softirq"], PAGES),
        ("memory.zone", ["64MiB", "128MiB"], PAGES),
        ("machine.cpus", [1, 2], LOOP),
    ],
)
def test_points_stay_apart(key: str, values: list[Any], workload: dict[str, Any]) -> None:
    data = {"name": "swept", "machine": {"cpus": 2}, "memory": {"zone": "64MiB"}, "allocator": "v4.10"}
    scenario = build(data | {"workload": workload, "sweep": {key: values}, "replications": 1})
    result = run(scenario, record=Window("0us", "2us"))
    (name,) = result.swept
    assert list(dict.fromkeys(row[name] for row in result.locks or result.ledger)) == values
    assert [each.name for each in recordings(result)] == [f"v4.10, {name} {value}" for value in values]
