"""Fit costs to measurements, and say how well they predict what they were not fitted to."""

from simalloc.calibration.design import Design, Point, design
from simalloc.calibration.fit import Calibration, Fit, Prediction, fit_scenario, predict, solve, whole_cycles

__all__ = [
    "Calibration",
    "Design",
    "Fit",
    "Point",
    "Prediction",
    "design",
    "fit_scenario",
    "predict",
    "solve",
    "whole_cycles",
]
