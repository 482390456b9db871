"""What /proc and lscpu say of a machine: zones, free blocks, CPUs, and the settings that sizes follow from.

Linux v6.12 (adc218676eef): mm/vmstat.c, zoneinfo_show_print() and its neighbours. Older kernels print the same with
fewer lines; what is not there is left out here too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from simalloc.recorded.errors import RecordedError
from simalloc.recorded.files import lines_of


@dataclass
class Pageset:
    """One CPU's pcp of a zone, in pages. `high_min` and `high_max` are printed from Linux v6.14 on."""

    cpu: int
    count: int = 0
    high: int = 0
    batch: int = 1
    high_min: int | None = None
    high_max: int | None = None


@dataclass
class ZoneInfo:
    """A zone, in pages; `start` is its first page frame."""

    node: int
    name: str
    free: int = 0
    min: int = 0
    low: int = 0
    high: int = 0
    spanned: int = 0
    present: int = 0
    managed: int = 0
    start: int = 0
    pagesets: list[Pageset] = field(default_factory=list)
    blocks: dict[tuple[int, int], int] = field(default_factory=dict)
    """Free blocks by order and migratetype, from pagetypeinfo (or, all taken for movable, from buddyinfo)."""

    def __contains__(self, pfn: int) -> bool:
        return self.start <= pfn < self.start + self.spanned


HEAD = re.compile(r"Node\s+(\d+), zone\s+(\w+)")
NUMBER = re.compile(r"\s*(?:pages )?(\w+):?\s+(\d+)\s*$")
MARKS = ("min", "low", "high", "spanned", "present", "managed")
ORDERS = 11
TYPES = {"Unmovable": 0, "Movable": 1, "Reclaimable": 2}


P = ParamSpec("P")
T = TypeVar("T")


def _numbers_are_told(read: Callable[Concatenate[Path, P], T]) -> Callable[Concatenate[Path, P], T]:
    """Have a number that Python takes for none, of 5000 digits for example, told as what is wrong with the file."""

    @wraps(read)
    def reads(file: Path, /, *arguments: P.args, **named: P.kwargs) -> T:
        try:
            return read(file, *arguments, **named)
        except (ValueError, OverflowError):
            raise RecordedError(str(file), "it has a number that no kernel prints; save the file again") from None

    return reads


@_numbers_are_told
def read_zoneinfo(file: Path) -> list[ZoneInfo]:
    """Return the zones that have pages, in order. Raises RecordedError."""
    zones: list[ZoneInfo] = []
    in_pagesets = False
    for number, line in lines_of(file):
        head = HEAD.match(line)
        if head:
            zones.append(ZoneInfo(int(head[1]), head[2]))
            in_pagesets = False
        elif line.strip() == "pagesets":
            in_pagesets = True
        elif not zones and line.strip():
            right = 'a zone begins with "Node 0, zone Normal"'
            raise RecordedError(str(file), f"this is no /proc/zoneinfo: {right}", number)
        elif zones and (found := NUMBER.match(line)):
            in_pagesets = in_pagesets and found[1] != "start_pfn"
            if in_pagesets:
                _pageset_line(zones[-1].pagesets, found[1], int(found[2]))
            else:
                _zone_line(zones[-1], line, found[1], int(found[2]))
    if not zones:
        raise RecordedError(str(file), "this is no /proc/zoneinfo: it has no zone")
    kept = [zone for zone in zones if zone.managed]
    if not kept:
        raise RecordedError(str(file), "no zone has managed pages; /proc/zoneinfo of Linux v3.10 or later is needed")
    return kept


def _pageset_line(pagesets: list[Pageset], name: str, value: int) -> None:
    if name == "cpu":
        pagesets.append(Pageset(value))
    elif pagesets and hasattr(pagesets[-1], name):
        setattr(pagesets[-1], name, value)


def _zone_line(zone: ZoneInfo, line: str, name: str, value: int) -> None:
    if line.lstrip().startswith("pages free"):
        zone.free = value
    elif name == "start_pfn":
        zone.start = value
    elif name in MARKS:
        setattr(zone, name, value)


@_numbers_are_told
def read_buddyinfo(file: Path, zones: Iterable[ZoneInfo]) -> None:
    """Give zones the free blocks that /proc/buddyinfo tells by order, not by type. Raises RecordedError."""
    known = {(zone.node, zone.name): zone for zone in zones}
    for number, line in lines_of(file):
        head = HEAD.match(line)
        counts = line.split()[4:] if head else []
        if not head or not counts or not all(map(str.isdecimal, counts)):
            raise RecordedError(str(file), 'a line is "Node 0, zone Normal" and free blocks by order', number)
        zone = known.get((int(head[1]), head[2]))
        if zone is not None:
            zone.blocks = {(order, TYPES["Movable"]): int(count) for order, count in enumerate(counts)}


@_numbers_are_told
def read_pagetypeinfo(file: Path, zones: Iterable[ZoneInfo]) -> None:
    """Give zones the free blocks that /proc/pagetypeinfo tells by order and migratetype. Raises RecordedError."""
    known = {(zone.node, zone.name): zone for zone in zones}
    found = False
    for number, line in lines_of(file):
        head = HEAD.match(line)
        parts = line.partition(", type ")[2].split()
        if not head or not parts:
            continue
        found = True
        counts = [part.lstrip(">") for part in parts[1:]]
        if not all(map(str.isdecimal, counts)):
            raise RecordedError(str(file), "free blocks by order are whole numbers", number)
        zone = known.get((int(head[1]), head[2]))
        if zone is not None and parts[0] in TYPES:
            zone.blocks.update({(order, TYPES[parts[0]]): int(count) for order, count in enumerate(counts)})
    if not found:
        raise RecordedError(str(file), "this is no /proc/pagetypeinfo: it has no free counts by type (root reads it)")


@dataclass
class CpuInfo:
    """What lscpu tells."""

    model: str = ""
    cpus: int = 0
    threads_per_core: int = 1
    cores_per_socket: int = 0
    sockets: int = 1
    nodes: int = 1
    mhz: float | None = None
    llcs: int | None = None


@_numbers_are_told
def read_lscpu(file: Path) -> CpuInfo:
    """Return what `lscpu` printed. Raises RecordedError."""
    info = CpuInfo()
    for _, line in lines_of(file):
        key, colon, value = (part.strip() for part in line.partition(":"))
        if not colon or not value:
            continue
        number = re.match(r"\d+(?:\.\d+)?", value)
        if key == "Model name":
            info.model = value
        elif key in ("CPU MHz", "CPU max MHz") and number:
            info.mhz = info.mhz or float(number[0])
        elif key in LSCPU and number:
            setattr(info, LSCPU[key], int(float(number[0])))
        elif key == "L3 cache":
            instances = re.search(r"\((\d+) instance", value)
            info.llcs = int(instances[1]) if instances else None
    if not info.cpus:
        raise RecordedError(str(file), 'this is no output of lscpu (in English): it has no line "CPU(s):"')
    return info


LSCPU = {
    "CPU(s)": "cpus",
    "Thread(s) per core": "threads_per_core",
    "Core(s) per socket": "cores_per_socket",
    "Socket(s)": "sockets",
    "NUMA node(s)": "nodes",
}


def read_sysctl(file: Path) -> dict[str, str]:
    """Return settings by name, as `sysctl -a` or `grep . /proc/sys/vm/*` print them: vm.min_free_kbytes = 67584."""
    settings = {}
    for _, line in lines_of(file):
        name, equals, value = line.partition("=")
        if not equals:
            name, equals, value = line.partition(":")
        if equals:
            name = name.strip()
            name = name.removeprefix("/proc/sys/").replace("/", ".") if name.startswith("/proc/sys/") else name
            settings[name] = value.strip()
    return settings
