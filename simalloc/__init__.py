"""simalloc: how CPUs share the Linux page allocator, simulated in cycles.

    import simalloc
    result = simalloc.run(simalloc.load("pagealloc-2017"))
    result.to_dataframe()

Names are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simalloc.api import register
    from simalloc.experiments import sweep
    from simalloc.registry import PluginError, load_plugin
    from simalloc.results import Result, load_result
    from simalloc.runs import Window, lockdep, run
    from simalloc.scenario import Scenario, ScenarioError, build
    from simalloc.scenario.load import load

_HOME = {
    "PluginError": "simalloc.registry",
    "Result": "simalloc.results",
    "Scenario": "simalloc.scenario",
    "ScenarioError": "simalloc.scenario",
    "Window": "simalloc.runs",
    "build": "simalloc.scenario",
    "load": "simalloc.scenario",
    "load_plugin": "simalloc.registry",
    "load_result": "simalloc.results",
    "lockdep": "simalloc.runs",
    "register": "simalloc.api",
    "run": "simalloc.runs",
    "sweep": "simalloc.experiments",
}

__all__ = [
    "PluginError",
    "Result",
    "Scenario",
    "ScenarioError",
    "Window",
    "build",
    "load",
    "load_plugin",
    "load_result",
    "lockdep",
    "register",
    "run",
    "sweep",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'simalloc' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
