"""What memory is: page frames, buddy lists, pcp lists, zones. State, no time."""

from simalloc.memory.buddy import Buddy
from simalloc.memory.migratetype import MigrateType
from simalloc.memory.pcp import Pcp, PcpSizes, sizes_v4_10
from simalloc.memory.recency import LEVELS, Recency, share_of_level
from simalloc.memory.size import pages_of, size_of
from simalloc.memory.zone import SMALLEST_ZONE, Watermarks, Zone

__all__ = [
    "LEVELS",
    "SMALLEST_ZONE",
    "Buddy",
    "MigrateType",
    "Pcp",
    "PcpSizes",
    "Recency",
    "Watermarks",
    "Zone",
    "pages_of",
    "share_of_level",
    "size_of",
    "sizes_v4_10",
]
