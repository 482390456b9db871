"""What memory is: page frames, buddy lists, pcp lists, zones. State, no time."""

from simalloc.memory.buddy import PAGEBLOCK_ORDER, PAGEBLOCK_PAGES, Buddy
from simalloc.memory.migratetype import MigrateType
from simalloc.memory.neighbours import FrameRun, frame_runs, frames, span
from simalloc.memory.no_pages import NoPages
from simalloc.memory.pcp import Pcp
from simalloc.memory.pcp_sizes import PcpSizes, ZoneFacts, sizes_v4_10, sizes_v4_19, sizes_v5_14, sizes_v6_7
from simalloc.memory.size import pages_of, size_of
from simalloc.memory.tuning import Tuning
from simalloc.memory.watermarks import Watermarks
from simalloc.memory.zone import SMALLEST_ZONE, Zone

__all__ = [
    "PAGEBLOCK_ORDER",
    "PAGEBLOCK_PAGES",
    "SMALLEST_ZONE",
    "Buddy",
    "FrameRun",
    "MigrateType",
    "NoPages",
    "Pcp",
    "PcpSizes",
    "Tuning",
    "Watermarks",
    "Zone",
    "ZoneFacts",
    "frame_runs",
    "frames",
    "pages_of",
    "size_of",
    "sizes_v4_10",
    "sizes_v4_19",
    "sizes_v5_14",
    "sizes_v6_7",
    "span",
]
