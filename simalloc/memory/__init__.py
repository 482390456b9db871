"""What memory is: page frames, buddy lists, pcp lists, zones. State, no time."""

from simalloc.memory.buddy import PAGEBLOCK_ORDER, Buddy
from simalloc.memory.migratetype import MigrateType
from simalloc.memory.pcp import Pcp, PcpSizes
from simalloc.memory.pcp_sizes import sizes_v4_10, sizes_v5_14
from simalloc.memory.size import pages_of, size_of
from simalloc.memory.zone import SMALLEST_ZONE, Watermarks, Zone

__all__ = [
    "PAGEBLOCK_ORDER",
    "SMALLEST_ZONE",
    "Buddy",
    "MigrateType",
    "Pcp",
    "PcpSizes",
    "Watermarks",
    "Zone",
    "pages_of",
    "size_of",
    "sizes_v4_10",
    "sizes_v5_14",
]
