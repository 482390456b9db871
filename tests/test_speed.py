"""What is timed in benchmarks/: the obvious model finds the same, and the cost in bytecodes is the stored one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bytecodes import bytecodes, environment
from situations import Situation, situations

STORED = Path(__file__).parent / "stored" / "bytecodes.json"

SHORT = situations(short=True)


def counted() -> dict[str, int]:
    return {situation.name: bytecodes(situation.ours()) for situation in SHORT}


@pytest.mark.parametrize("situation", SHORT, ids=lambda situation: situation.name)
def test_the_obvious_model_finds_the_same(situation: Situation) -> None:
    assert situation.ours()() == situation.obvious()()


@pytest.mark.pure
@pytest.mark.parametrize("situation", SHORT, ids=lambda situation: situation.name)
def test_a_run_costs_the_bytecodes_it_did(situation: Situation) -> None:
    """Slower code is seen on any machine. After a change that is meant, `make stored`."""
    stored = json.loads(STORED.read_text(encoding="utf-8"))
    if environment() not in stored:
        pytest.skip(f"no counts are stored for {environment()}")
    assert bytecodes(situation.ours()) == stored[environment()][situation.name]
