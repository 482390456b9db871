"""What `simalloc explain` prints of every version, against the stored text: the paths with their steps and cycles."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from simalloc.allocators import VERSIONS
from simalloc.runs.explain import explain, explain_text, explained_scenario, sizes

FOLDER = Path(__file__).parent / "stored" / "explain"


explained = cache(explain)


def text_of(version: str) -> str:
    return explain_text(version, explained(version), sizes(explained_scenario(version)))


@pytest.mark.parametrize("version", VERSIONS)
def test_every_path_of_a_version_is_the_stored_one(version: str) -> None:
    """After a change that is meant, `make stored`."""
    assert text_of(version) == (FOLDER / f"{version}.txt").read_text(encoding="utf-8")


def masked(version: str, path: str, context: str = "task") -> int:
    """How many windows with interrupts masked a path has."""
    found = next(each for each in explained(version) if (each.path, each.context) == (path, context))
    return sum(each.step.name == "irq_save" for each in found.steps)


# The windows with interrupts off of a hit, by generation (Linux sources named in versions.py)
@pytest.mark.parametrize(
    ("version", "windows"),
    [
        ("v4.10", 1),
        ("noirq-v2", 0),
        ("v4.11-rc", 0),
        ("bh-disable", 0),
        ("v4.11", 1),
        ("v4.15", 1),
        ("v4.17", 1),
        ("v4.19", 1),
        ("v5.13", 1),
        ("v5.14", 1),
        ("v5.18", 1),
        ("v6.1", 1),
        ("6.1-stable", 0),
        ("v6.2", 0),
        ("v6.7", 0),
        ("v6.12", 0),
    ],
)
def test_windows_with_interrupts_off_of_a_hit(version: str, windows: int) -> None:
    assert masked(version, "alloc, pcp hit") == masked(version, "free, below high") == windows


# A context that the pcp is barred to takes zone->lock for every page.
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("context", ["task", "softirq", "hardirq"])
def test_who_may_use_the_pcp_where(version: str, context: str) -> None:
    barred = {
        "noirq-v2": ("softirq", "hardirq"),
        "v4.11-rc": ("softirq", "hardirq"),
        "bh-disable": ("hardirq",),
    }.get(version, ())
    paths = {each.path for each in explained(version) if each.context == context}
    assert ("alloc, pcp hit" in paths) == (context not in barred)


@pytest.mark.parametrize("version", VERSIONS)
def test_locks_and_atomics_of_a_hit(version: str) -> None:
    hit = next(each for each in explained(version) if each.path == "alloc, pcp hit")
    names = [each.step.name for each in hit.steps]
    has_lock = version in ("v6.1", "6.1-stable") or VERSIONS[version].entry.locks
    assert (names.count("spin_lock"), names.count("pcp_trylock")) == (0, int(has_lock))


@pytest.mark.parametrize("version", ["v4.10", "v4.17", "v5.14", "v6.1", "v6.12"])
def test_the_steps_are_the_same_on_a_machine_with_more_cpus(version: str) -> None:
    names = [[each.step.name for each in path.steps] for path in explain(version, {"cpus": 1})[:3]]
    assert names == [[each.step.name for each in path.steps] for path in explain(version, {"cpus": 4})[:3]]
