"""Experiments of many runs: sweeps that survive what may come between."""

from simalloc.experiments.sweeps import Swept, run_sweep, sweep
from simalloc.runs.task import SweepFailed

__all__ = ["SweepFailed", "Swept", "run_sweep", "sweep"]
