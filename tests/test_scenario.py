"""Scenario files: what is read, and every wrong input told where, what, and what would be right."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from simalloc.scenario import ScenarioError, build, load, shipped
from simalloc.scenario.model import schema_text

GOOD = """\
name: small
machine:
  cpus: 2
allocator: v4.10
workload:
  kind: pagealloc
  batches: [1, 2]
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    file = tmp_path / "s.yaml"
    file.write_text(GOOD)
    return file


def wrong(file: Path, *overrides: str) -> str:
    with pytest.raises(ScenarioError) as caught:
        load(str(file), overrides)
    return str(caught.value).replace(str(file.parent) + "/", "")


def changed(file: Path, old: str, new: str) -> Path:
    text = GOOD.replace(old, new)
    assert text != GOOD
    file.write_text(text)
    return file


def test_a_good_file_is_read(scenario: Path) -> None:
    assert load(str(scenario)).cases[0].machine.cpus == 2


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  cpus: 2", "  cpsu: 2", 's.yaml:3:3: machine.cpsu: unknown key; did you mean "cpus"?'),
        ("workload:", "wrkload:", 's.yaml:5:1: wrkload: unknown key; did you mean "workload"?'),
        ("cpus: 2", "cpus: two", "s.yaml:3:3: machine.cpus: 'two' is wrong: it should be a valid integer"),
        ("cpus: 2", "cpus: 0", "s.yaml:3:3: machine.cpus: 0 is wrong: it should be greater than or equal to 1"),
        ("[1, 2]", "[1, -2]", "s.yaml:7:16: workload.batches[1]: -2 is wrong: it should be greater than or equal to 1"),
        ("[1, 2]", "[]", "s.yaml:7:3: workload.batches: [] is wrong"),
        ("v4.10", "noirq-v3", "allocator.name: there is no allocator 'noirq-v3'; did you mean \"noirq-v2\"?"),
        (
            "pagealloc",
            "pagealoc",
            "s.yaml:6:3: workload.kind: there is no workload 'pagealoc'; did you mean \"pagealloc\"?",
        ),
        ("name: small", "name: 7", "s.yaml:1:1: name: 7 is wrong: it should be a valid string"),
        ("cpus: 2", "preset: seed-2018", "s.yaml:3:3: machine.preset: 'seed-2018' is no machine preset; did you mean"),
        (
            "cpus: 2",
            "costs: {irq_sav: 3}",
            's.yaml:3:11: machine.costs.irq_sav: seed-2017 has no such cost; did you mean "irq_save"?',
        ),
        (
            "allocator: v4.10",
            "memory: {zone: 3 pages}\nallocator: v4.10",
            "s.yaml:4:10: memory.zone: '3 pages' is 3 pages; the smallest zone is 4096 pages (16MiB)",
        ),
        (
            "allocator: v4.10",
            "memory: {zone: 4GB}\nallocator: v4.10",
            "s.yaml:4:10: memory.zone: '4GB' has the unknown unit 'GB'; did you mean 4GiB? known are KiB",
        ),
        ("allocator: v4.10", "seed: 3", "s.yaml:1:1: allocator: name one; known are v4.10, noirq-v2, v4.11-rc"),
        (
            "allocator: v4.10",
            "allocator: {name: v4.10, high: 10}",
            "s.yaml:4:26: allocator.high: high 10 is below batch 31; a drain takes a batch, so high >= batch",
        ),
        ("[1, 2]", "[1, 2]\n  api: bulk", "s.yaml:8:3: workload.api: v4.10 has no bulk API; use api: single"),
        ("[1, 2]", "[1, 2]\n  dropped: 20", "s.yaml:8:3: workload.dropped: 20 of 15 samples dropped leaves none"),
        ("[1, 2]", "[1, 2]\n  samples: 2", "workload.dropped: 2 of 2 samples dropped leaves none"),
        (
            "[1, 2]",
            "[1, 2]\n  rounds: many",
            "s.yaml:8:3: workload.rounds: 'many' is wrong: it should be 'auto' or a valid integer",
        ),
        (
            "name: small",
            "name: small\nreplications: 0",
            "it should be 'auto' or greater than or equal to 1 or a valid mapping",
        ),
        ("name: small", "name: small\nname: small", 's.yaml:2:1: not valid YAML: found duplicate key "name"'),
        ("[1, 2]", "[1, 2", "not valid YAML"),
        ("name: small", "name: small\npublished: none.csv", "s.yaml:2:1: published: no file"),
        ("name: small", "name: small\nseed:", "s.yaml:2:1: seed: None is wrong: it should be a valid integer"),
        (
            "name: small",
            "name: small\ninterrupts: [{name: d, hz: .inf}]",
            "s.yaml:2:24: interrupts[0].hz: inf is wrong",
        ),
        ("name: small", "name: small\ninterrupts: [{name: d, hz: 1e-308}]", "s.yaml:2:24: interrupts[0].hz: 1e-308"),
        (
            "name: small",
            "name: small\ninterrupts: [{name: d, hzz: 1}]",
            'interrupts[0].hzz: unknown key; did you mean "hz"',
        ),
        ("name: small", "name: small\ninterrupts: [{name: d, cpus: [0, 0]}]", "interrupts[0]: cpus names a CPU twice"),
        (
            "name: small",
            "name: small\ninterrupts: [{name: d, cpus: [5]}]",
            "cpus[0]: there is no CPU 5; they are 0 to 1",
        ),
        (
            "name: small",
            "name: small\ninterrupts: [{name: d, arrivals: recorded}]",
            "s.yaml:2:14: interrupts[0]: times_us is the list of a recorded source: give both or neither",
        ),
        (
            "name: small",
            "name: small\ninterrupts: [{name: d, arrivals: bursty, hz: 1e8, burst_on_us: 0.1, burst_off_us: 1e6}]",
            "s.yaml:2:14: interrupts[0]: inside bursts 1e+15 a second would arrive, more than 1e9",
        ),
        ("[1, 2]", "[2, 2]", "s.yaml:7:3: workload.batches: 2 is there twice; each batch is one row"),
        ("[1, 2]", "[[[[1]]]]", "s.yaml:7:13: workload.batches[0]: [[[1]]] is wrong: it should be a valid integer"),
        (
            "[1, 2]",
            "[1]\n  order: 1\nmemory: {initial: fragmented}",
            "s.yaml:9:10: memory.initial: fragmented leaves single pages only; blocks need fresh or warmed",
        ),
        ("allocator: v4.10", f"memory: {{zone: {'9' * 400}GiB}}\nallocator: v4.10", "s.yaml:4:10: memory.zone: '999"),
    ],
)
def test_what_is_wrong_is_told_where(scenario: Path, old: str, new: str, message: str) -> None:
    assert message in wrong(changed(scenario, old, new))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "s.yaml:1:1: the file is empty"),
        ("# only a comment\n", "s.yaml:1:1: the file is empty"),
        ("hello there\n", "s.yaml:1:1: this is plain text, not a scenario"),
        ("- name: a\n", "s.yaml:1:1: this is a list, not a scenario"),
        ("a: b: c\n", "s.yaml:1:5: not valid YAML: mapping values are not allowed here"),
        ("name: x\n", "s.yaml:1:1: workload: required, and missing"),
    ],
)
def test_what_is_no_scenario_is_told(scenario: Path, text: str, message: str) -> None:
    scenario.write_text(text)
    assert wrong(scenario).startswith(message)


def test_a_binary_file_is_told(scenario: Path) -> None:
    scenario.write_bytes(b"\x89PNG\xff\xfe")
    assert wrong(scenario) == "s.yaml:1:1: not a text file; a scenario is YAML in UTF-8"


def test_a_directory_is_told(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="is a directory; give a scenario file inside it"):
        load(str(tmp_path))


def test_a_missing_file_is_told_with_what_was_meant() -> None:
    with pytest.raises(ScenarioError, match=r'no such file, and no shipped scenario; did you mean "pagealloc-2017"\?'):
        load("pagealloc-2018")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("machine.cpus=0", "--set machine.cpus=0: machine.cpus: 0 is wrong: it should be greater than or equal to 1"),
        ("machine.cpsu=2", '--set machine.cpsu=2: machine.cpsu: unknown key; did you mean "cpus"?'),
        ("cpus", "--set cpus: write it as key=value, such as allocator.high=1000"),
        ("name.x=1", "--set name.x=1: name has no keys below it"),
        ("workload.batches.7.x=3", "--set workload.batches.7.x=3: workload.batches has 2 entries, 0 to 1"),
        ("workload.batches.7=3", "--set workload.batches.7=3: workload.batches has 2 entries, 0 to 1"),
        ("seed=[1", "--set seed=[1: '[1' is not a YAML value"),
        ("seed=2020-13-45", "--set seed=2020-13-45: '2020-13-45' is not a YAML value"),
        ("workload..order=1", "--set workload..order=1: write it as key=value"),
        ("workload.\u00b2=1", "--set workload.\u00b2=1: workload.\u00b2: unknown key"),
        ("allocator.high=9", "--set allocator.high=9: allocator.high: high 9 is below batch 31"),
    ],
)
def test_a_wrong_override_is_told_as_the_option_it_is(scenario: Path, override: str, message: str) -> None:
    assert wrong(scenario, override).startswith(message)


def test_an_override_reaches_into_a_short_form(scenario: Path) -> None:
    case = load(str(scenario), ["allocator.high=1000"]).cases[0]
    assert (case.version.name, case.sizes.high, case.sizes.batch) == ("v4.10", 1000, 31)


def test_overrides_of_the_shared_allocator_reach_every_compared_case() -> None:
    cases = load("pagealloc-2017", ["allocator.high=1000", "allocator.batch=31"]).cases
    assert {(case.sizes.high, case.sizes.batch) for case in cases} == {(1000, 31)}


def test_a_label_may_not_be_used_twice(scenario: Path) -> None:
    text = GOOD + "compare:\n  - {label: a}\n  - {label: a}\n"
    scenario.write_text(text)
    assert wrong(scenario) == "s.yaml:10:6: compare[1].label: 'a' is used twice; labels tell columns apart"


def test_a_wrong_key_in_a_compared_workload_is_told(scenario: Path) -> None:
    scenario.write_text(GOOD + "compare:\n  - {label: a, workload: {apii: bulk}}\n")
    assert wrong(scenario) == 's.yaml:9:27: compare[0].workload.apii: unknown key; did you mean "api"?'


def test_a_workload_that_does_not_fit_its_zone_is_told_what_would(scenario: Path) -> None:
    message = wrong(scenario, "memory.zone=16MiB", "workload.batches=[4096]")
    assert "memory.zone: 4096 free pages are too few" in message
    assert message.endswith("give at least 64MiB")
    fitting = load(str(scenario), ["memory.zone=64MiB", "workload.batches=[4096]"])
    assert fitting.cases[0].memory.zone == "64MiB"


def test_the_bulk_api_gives_single_pages(scenario: Path) -> None:
    message = wrong(scenario, "allocator=noirq-v2", "workload.api=bulk", "workload.order=3")
    assert message.startswith("--set workload.order=3: workload.order: the bulk API gives order-0 pages only")


def test_a_file_nested_without_end_is_told(scenario: Path) -> None:
    scenario.write_text("name: " + "[" * 5000)
    assert wrong(scenario) == "s.yaml:1:1: not a scenario: nested too deeply"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("workload.queues=9", "machine.cpus: 8 CPUs are too few; this workload needs 9"),
        ("workload.freed_by=task", "machine.cpus: 8 CPUs are too few; this workload needs 16"),
        ("workload.queue_mpps=3", "give the load once: gbits, queue_gbits or queue_mpps"),
        ("workload.recycle=true", "--set workload.recycle=true: workload: recycle is what a page_pool does"),
        ("workload.gbits=.inf", "--set workload.gbits=.inf: workload.gbits: inf is wrong"),
        ("workload.milliseconds=0", "--set workload.milliseconds=0: workload.milliseconds: 0 is wrong"),
        ("workload.batches=[1]", "--set workload.batches=[1]: workload.batches: unknown key"),
        ("workload.ring=100000", "less than or equal to 65536"),
    ],
)
def test_a_wrong_nic_is_told(override: str, message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load("nic-rx-2017", [override])
    assert message in str(caught.value)


def test_yaml_is_1_2() -> None:
    # In YAML 1.1 `off` is a boolean; here it is the word that it looks like.
    with pytest.raises(ScenarioError, match="'off' is wrong"):
        load("pagealloc-2017", ["lockstep=off"])


def test_a_scenario_is_built_in_python_without_yaml() -> None:
    assert build({"name": "x", "allocator": "v4.10", "workload": {"kind": "pagealloc"}}).cases[0].label == "v4.10"


def test_a_wrong_scenario_in_python_is_told_too() -> None:
    with pytest.raises(ScenarioError, match=r'machine\.cpsu: unknown key; did you mean "cpus"\?'):
        build({"name": "x", "machine": {"cpsu": 1}, "workload": {"kind": "pagealloc"}})


def test_every_shipped_scenario_names_its_schema() -> None:
    first_lines = {file.read_text().splitlines()[0] for file in shipped().values()}
    assert first_lines == {"# yaml-language-server: $schema=scenario.schema.json"}


def test_the_shipped_schema_is_current() -> None:
    file = next(iter(shipped().values())).with_name("scenario.schema.json")
    assert file.read_text() == schema_text()


def test_the_schema_is_json() -> None:
    assert json.loads(schema_text())["title"] == "Scenario"


def test_the_hash_ignores_words_and_sees_costs() -> None:
    base = load("pagealloc-2017")
    worded = load("pagealloc-2017", ["about=other words"])
    dearer = load("pagealloc-2017", ["machine.costs={irq_save: 13}"])
    assert base.digest() == worded.digest() != dearer.digest()
