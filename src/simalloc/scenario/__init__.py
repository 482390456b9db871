"""The file a person writes: typed models, loading, errors with file, line and column."""

from simalloc.scenario.errors import ScenarioError
from simalloc.scenario.library import find, shipped
from simalloc.scenario.load import load
from simalloc.scenario.model import Case, InterruptSpec, ReplicationsSpec, Scenario, build

__all__ = ["Case", "InterruptSpec", "ReplicationsSpec", "Scenario", "ScenarioError", "build", "find", "load", "shipped"]
