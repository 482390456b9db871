"""What things cost on which machine: cost models and presets, each number with its source."""

from simalloc.hardware.costs import CostModel, Parameter, preset, presets
from simalloc.hardware.recency import LEVELS, Recency, share_of_level

__all__ = ["LEVELS", "CostModel", "Parameter", "Recency", "preset", "presets", "share_of_level"]
