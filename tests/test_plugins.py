"""Schemes, workloads, locks, instruments and figures of others: named, run, travelling, and told of when wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

import simalloc
from simalloc.allocators import VERSIONS
from simalloc.registry import PluginError
from simalloc.testing import NotConformant, conformance, examine
from tests.plugins import EXAMPLES, SCHEME, package, plugin


def scenario(allocator: Any = "mine", **more: Any) -> simalloc.Scenario:
    workload = {"kind": "pagealloc", "batches": [4], "samples": 4}
    return simalloc.build({"name": "test", "allocator": allocator, "workload": workload, **more})


def free_cycles(result: simalloc.Result) -> float:
    return float(result.select(metric="free")[0]["value"])


def test_a_scheme_of_a_file_runs_like_any_other_and_results_say_whose_it_is(tmp_path: Path) -> None:
    with plugin(tmp_path / "mine.py", SCHEME) as file:
        result = simalloc.run(scenario())
        digest = sha256(file.read_bytes()).hexdigest()
    assert result.plugins == [{"name": "mine.py", "sha256": digest, "api": 1}]
    assert result.cases[0]["parameters"] == {"extra": 2}


def test_its_own_keys_are_given_in_the_scenario(tmp_path: Path) -> None:
    with plugin(tmp_path / "mine.py", SCHEME):
        none, some, many = (free_cycles(simalloc.run(scenario({"name": "mine", "extra": n}))) for n in (0, 2, 10))
    assert none == free_cycles(simalloc.run(scenario("v4.11")))
    assert many - none == 5 * (some - none) > 0


@pytest.mark.parametrize(
    ("allocator", "told"),
    [
        ({"name": "mine", "extar": 1}, 'allocator.extar: unknown key; did you mean "extra"?'),
        ({"name": "mine", "extra": -1}, "allocator.extra: -1 is wrong: it should be greater than or equal to 0"),
        ({"name": "v4.11", "extra": 1}, "allocator.extra: unknown key; known are"),
    ],
)
def test_a_wrong_key_is_told_where_it_stands(tmp_path: Path, allocator: dict[str, Any], told: str) -> None:
    with plugin(tmp_path / "mine.py", SCHEME), pytest.raises(simalloc.ScenarioError) as error:
        scenario(allocator)
    assert told in str(error.value)


def test_workers_run_the_code_that_travels_with_a_run(tmp_path: Path) -> None:
    with plugin(tmp_path / "mine.py", SCHEME) as file:
        file.unlink()
        both = scenario(compare=[{"label": "a"}, {"label": "b", "allocator": {"extra": 5}}])
        here, there = simalloc.run(both), simalloc.run(both, jobs=2)
    assert here.to_json() == there.to_json()


def test_what_a_run_is_known_by_changes_with_the_code(tmp_path: Path) -> None:
    with plugin(tmp_path / "mine.py", SCHEME):
        before = scenario().digests()
    with plugin(tmp_path / "mine.py", SCHEME + "\n"):
        assert scenario().digests() != before


def test_a_plugin_that_an_installed_package_names_is_found(tmp_path: Path) -> None:
    package(tmp_path, "mine_installed", SCHEME)
    told = subprocess.run(
        [sys.executable, "-m", "simalloc", "list", "allocators"],
        env={"PYTHONPATH": f"{tmp_path}:{EXAMPLES.parent}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "(from mine_installed 1.2)" in told.stdout


def test_a_scenario_alone_cannot_name_code(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    (tmp_path / "evil.py").write_text(f"open({str(ran)!r}, 'w')", encoding="utf-8")
    for key in ("plugin", "plugins"):
        with pytest.raises(simalloc.ScenarioError, match="unknown key"):
            scenario("v4.11", **{key: [str(tmp_path / "evil.py")]})
    assert not ran.exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x = (", ":1:5: '(' was never closed"),
        ("\nimport nothing_there", ":2: ModuleNotFoundError"),
        ("x = 1", "registers nothing"),
        ("SIMALLOC_API = 9", ":1: is written for version 9 of simalloc.api; this simalloc has 1"),
        (SCHEME.replace('like = "v4.11"', 'like = "v4.12"'), 'did you mean "v'),
        (SCHEME.replace('name = "mine"', 'name = "v4.10"'), "simalloc ships an allocator 'v4.10' already"),
        (SCHEME.replace("order, *, cold):", "order):"), "Mine.free_unref_page lacks cold"),
        (SCHEME.replace("(Linux)", "(object)"), "Mine cannot be registered; it should be a subclass of Allocator"),
        (SCHEME.replace("    about", "    what"), "Mine has no about"),
    ],
)
def test_a_plugin_that_cannot_be_loaded_is_told_with_file_and_line(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "wrong.py"
    with pytest.raises(PluginError) as error, plugin(file, text):
        pass
    assert str(error.value).startswith(str(file))
    assert told in str(error.value)
    assert "mine" not in VERSIONS


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("yield self.k.irq_restore", "interrupts were not masked"),
        ("yield 3", "3 is no step and no request"),
        ("yield self.k.irq_rstore", "has no attribute 'irq_rstore'"),
        ("yield self.zone_lock[zone].release", "which it does not hold"),
    ],
)
def test_a_scheme_that_fails_while_it_runs_is_told_with_file_and_line(tmp_path: Path, line: str, told: str) -> None:
    text = SCHEME.replace("yield self.k.event_counter * self.parameters.extra", line)
    with plugin(tmp_path / "mine.py", text) as file, pytest.raises(Exception, match=told) as error:
        simalloc.run(scenario())
    number = text.splitlines().index(f"        {line}") + 1
    assert f"{file}:{number}: in free_unref_page: " in str(error.value)


@pytest.mark.parametrize("example", ["split-zone-lock", "node-overflow", "irq-list"])
def test_an_example_keeps_every_rule(example: str) -> None:
    with plugin(EXAMPLES / f"{example.replace('-', '_')}.py"):
        assert conformance(example).passed


def test_a_scheme_with_places_of_its_own_that_loses_pages_is_found_out(tmp_path: Path) -> None:
    loses = SCHEME.replace("yield from super().free_unref_page(cpu, zone, pfn, order, cold=cold)", "")
    keeps = loses + "\n    def kept_pages(self, zone):\n        return 0\n"
    with plugin(tmp_path / "mine.py", keeps):
        faults = {check.name: check.fault for check in examine("mine").checks}
    assert "is not" in faults["pages"]


DEAR_EVERY_100TH = """
        self.frees[cpu.index] += 1
        if self.frees[cpu.index] % 100 == 0:
            yield self.k.zone_counters * 6
"""


def _with_state(free: str, declares: bool) -> str:
    """A scheme that makes a dict per zone and a count in __init__, and does `free` before each free."""
    begin = """    def __init__(self, machine, zones, steps, generation, *, lines=None):
        super().__init__(machine, zones, steps, generation, lines=lines)
        self.frees = [0] * len(machine.cpus)
        self.by_zone = {zone: 0 for zone in zones}

"""
    text = SCHEME.replace("    def free", begin + "    def free")
    text = text.replace('    like = "v4.11"', f'    like = "v4.11"\n    hits_are_constant = {declares}')
    step = "        yield self.k.event_counter * self.parameters.extra\n"
    return text.replace(step, f"        self.by_zone[zone] += 1\n{free.strip(chr(10))}\n")


def test_a_free_that_is_dearer_every_100th_time_is_simulated_as_in_lockstep(tmp_path: Path) -> None:
    with plugin(tmp_path / "mine.py", _with_state(DEAR_EVERY_100TH, declares=False)):
        assert examine("mine").passed


def test_a_scheme_that_declares_its_hits_constant_and_lies_is_found_out(tmp_path: Path) -> None:
    lies = _with_state(DEAR_EVERY_100TH, declares=True)
    with plugin(tmp_path / "mine.py", lies), pytest.raises(NotConformant, match="leave out hits_are_constant"):
        conformance("mine")


def test_a_scheme_that_loses_a_page_is_found_out(tmp_path: Path) -> None:
    text = _with_state(
        "        self.frees[0] += 1\n        if self.frees[0] % 40 == 0:\n            return\n", declares=False
    )
    with plugin(tmp_path / "mine.py", text):
        broken = {each.name for each in examine("mine").checks if each.fault}
    assert {"pages", "lists"} <= broken


def test_a_scheme_that_forgets_a_mask_is_found_out(tmp_path: Path) -> None:
    with plugin(tmp_path / "mine.py", _with_state("        yield self.k.preempt_disable\n", declares=False)):
        broken = {each.name for each in examine("mine").checks if each.fault}
    assert "masks" in broken


OTHERS = '''
from typing import Literal

from matplotlib.figure import Figure as Drawing

from simalloc.api import Figure, Measured, Mcs, Probe, SteadySpec, SteadyWorkload, register


class TouchSpec(SteadySpec):
    """One page at a time."""

    kind: Literal["touch"]
    work_cycles: int = 1000

    def pages_needed(self):
        return 1


@register
class Touch(SteadyWorkload):
    spec = TouchSpec
    about = "allocate a page, work on it, free it"

    def __init__(self, spec, allocator, steps):
        super().__init__(spec, allocator, steps)
        self.cycles = spec.work_cycles

    def program(self, cpu):
        while True:
            page = yield from self.allocator.alloc_pages(cpu)
            yield self.work(self.cycles)
            yield from self.allocator.free_pages(cpu, page)
            self.done(cpu)


@register
class SlowMcs(Mcs):
    name = "slow-mcs"
    about = "MCS, ten times as slow"

    def handover(self, lock, releaser, chosen, held):
        return 10 * super().handover(lock, releaser, chosen, held)


@register
class Refills(Probe):
    name = "refills"
    about = "how often pages leave the buddy lists"
    metrics = {"removals": "removals from the buddy lists"}

    def __init__(self):
        super().__init__()
        self.count = 0

    def pages_removed(self, cpu, zone, order, mt, pfns):
        self.count += 1

    def measured(self):
        return [Measured("removals", self.count, "times")]


register(Figure("dots", "a dot a row", lambda result: bool(result.rows), lambda result: Drawing()))
'''


def test_a_workload_a_lock_an_instrument_and_a_figure_come_the_same_way(tmp_path: Path) -> None:
    from simalloc.results import metric_table  # noqa: PLC0415

    data = {
        "name": "others",
        "machine": {"cpus": 2, "lock": "slow-mcs"},
        "allocator": "v4.11",
        "workload": {"kind": "touch", "milliseconds": 0.02, "work_cycles": 500},
        "instruments": ["refills"],
        "plots": ["dots"],
        "replications": 1,
    }
    with plugin(tmp_path / "others.py", OTHERS):
        result = simalloc.run(simalloc.build(data))
        assert result.select(metric="removals")[0]["value"] > 0
        assert "removals from the buddy lists (times)" in metric_table(result)
        assert result.plot.dots()
        assert '"touch"' in json.dumps(simalloc.Scenario.model_json_schema())
    with pytest.raises(simalloc.ScenarioError, match="there is no workload"):
        simalloc.build(data)
