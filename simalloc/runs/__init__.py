"""A scenario becomes runs, runs become a result: simulation, replications, who does them, what they are put into."""

from simalloc.runs.simulation import Model, Stopped, Window, build_model, run, run_case, run_replication, run_workload

__all__ = ["Model", "Stopped", "Window", "build_model", "run", "run_case", "run_replication", "run_workload"]
