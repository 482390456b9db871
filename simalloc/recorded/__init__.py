"""What was recorded on a real kernel: traces of its page allocator, and what /proc says of its memory."""

from simalloc.recorded.errors import RecordedError
from simalloc.recorded.follow import follow
from simalloc.recorded.proc import (
    CpuInfo,
    Pageset,
    ZoneInfo,
    read_buddyinfo,
    read_lscpu,
    read_pagetypeinfo,
    read_sysctl,
    read_zoneinfo,
)
from simalloc.recorded.recording import CpuRecording, Move, Op, Recording, Request, Totals

__all__ = [
    "CpuInfo",
    "CpuRecording",
    "Move",
    "Op",
    "Pageset",
    "RecordedError",
    "Recording",
    "Request",
    "Totals",
    "ZoneInfo",
    "follow",
    "read_buddyinfo",
    "read_lscpu",
    "read_pagetypeinfo",
    "read_sysctl",
    "read_zoneinfo",
]
