"""What things cost on which machine: cost models and presets, each number with its source."""

from simalloc.hardware.costs import CostModel, Parameter, preset, presets

__all__ = ["CostModel", "Parameter", "preset", "presets"]
