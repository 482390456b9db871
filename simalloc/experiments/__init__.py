"""Experiments of many runs: sweeps that survive what may come between."""

from simalloc.experiments.journal import SweepFailed
from simalloc.experiments.sweeps import Swept, run_sweep, sweep

__all__ = ["SweepFailed", "Swept", "run_sweep", "sweep"]
