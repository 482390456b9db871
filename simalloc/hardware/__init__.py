"""What things cost on which machine: cost models and presets, each number with its source."""

from simalloc.hardware.costs import CostModel, Parameter, preset, presets
from simalloc.hardware.recency import LEVELS, Recency, share_of_level
from simalloc.hardware.topology import Distances, Shape, Topology

__all__ = [
    "LEVELS",
    "CostModel",
    "Distances",
    "Parameter",
    "Recency",
    "Shape",
    "Topology",
    "preset",
    "presets",
    "share_of_level",
]
