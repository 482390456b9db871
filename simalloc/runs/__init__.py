"""A scenario becomes runs, runs become a result: simulation, replications, who does them, what they are put into."""

from simalloc.runs.checking import lockdep
from simalloc.runs.simulation import Model, Window, build_model, run_case, run_replication, run_workload
from simalloc.runs.task import RunFailed
from simalloc.runs.work import Stopped, run

__all__ = [
    "Model",
    "RunFailed",
    "Stopped",
    "Window",
    "build_model",
    "lockdep",
    "run",
    "run_case",
    "run_replication",
    "run_workload",
]
