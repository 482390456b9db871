"""Fit costs to measurements, and say how well they predict what they were not fitted to."""

from simalloc.calibration.design import Design, Point, design
from simalloc.calibration.fit import Calibration, Fit, Prediction, fit_scenario, predict, solve, whole_cycles
from simalloc.calibration.simulated import SimulatedFit, fit_by_simulation, simulated_text

__all__ = [
    "Calibration",
    "Design",
    "Fit",
    "Point",
    "Prediction",
    "SimulatedFit",
    "design",
    "fit_by_simulation",
    "fit_scenario",
    "predict",
    "simulated_text",
    "solve",
    "whole_cycles",
]
