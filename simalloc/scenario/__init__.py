"""The file a person writes: typed models, loading, errors with file, line and column."""

from simalloc.scenario.case import Case
from simalloc.scenario.errors import ScenarioError
from simalloc.scenario.library import find, mistakes, shipped
from simalloc.scenario.load import load
from simalloc.scenario.model import Scenario, build
from simalloc.scenario.parts import InterruptSpec, ReplicationsSpec

__all__ = [
    "Case",
    "InterruptSpec",
    "ReplicationsSpec",
    "Scenario",
    "ScenarioError",
    "build",
    "find",
    "load",
    "mistakes",
    "shipped",
]
