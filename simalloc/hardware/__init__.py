"""What things cost on which machine: cost models and presets, each number with its source."""

from simalloc.hardware.costs import CostModel, Parameter, preset, presets
from simalloc.hardware.per_frame import CHUNK_MASK, PerFrame, in_chunk
from simalloc.hardware.recency import LEVELS, Recency, share_of_level
from simalloc.hardware.topology import Distances, Shape, Topology

__all__ = [
    "CHUNK_MASK",
    "LEVELS",
    "CostModel",
    "Distances",
    "Parameter",
    "PerFrame",
    "Recency",
    "Shape",
    "Topology",
    "in_chunk",
    "preset",
    "presets",
    "share_of_level",
]
