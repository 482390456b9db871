"""A scenario's machine and memory out of what a real machine says of itself, and how its kernel comes to the sizes."""

from __future__ import annotations

from collections.abc import Iterator
from math import isqrt
from typing import Any

from simalloc.memory import Watermarks, ZoneFacts, sizes_v5_14
from simalloc.memory.size import PAGE_SIZE
from simalloc.recorded import CpuInfo, ZoneInfo
from simalloc.recorded.folder import Saved
from simalloc.runs.replay import zones_of

KIB = 1024
PAGE_KIB = PAGE_SIZE // KIB
FREE_KBYTES = "vm.min_free_kbytes"
SCALE = "vm.watermark_scale_factor"
FRACTION = "vm.percpu_pagelist_high_fraction"
DEFAULT_SCALE = 10
HIGH_FRACTION = 8
"""high_max is the CPUs' share of an eighth of the zone. Linux v6.7 (90b41691b988)."""


def sections(saved: Saved, preset: str) -> dict[str, Any]:
    """Return the sections `machine` and `memory` of a scenario; prices are the preset's."""
    online = max((len(zone.pagesets) for zone in saved.zones), default=1)
    machine: dict[str, Any] = {"preset": preset, "cpus": max(online, 1)}
    if saved.cpus is not None:
        topology = _topology(saved.cpus)
        if topology:
            machine["topology"] = topology
    return {"machine": machine, "memory": {"zones": zones_of(saved.zones)}}


def _topology(cpus: CpuInfo) -> dict[str, int]:
    """Return how the machine is made up, where lscpu tells all of it."""
    if not cpus.cores_per_socket:
        return {}
    nodes_per_socket = max(cpus.nodes // cpus.sockets, 1)
    nodes = nodes_per_socket * cpus.sockets
    llcs = max((cpus.llcs or nodes) // nodes, 1)
    cores = cpus.cores_per_socket // nodes_per_socket // llcs
    if cores * llcs * nodes * cpus.threads_per_core != cpus.cpus:
        return {}
    return {
        "sockets": cpus.sockets,
        "nodes_per_socket": nodes_per_socket,
        "llcs_per_node": llcs,
        "cores_per_llc": cores,
        "threads_per_core": cpus.threads_per_core,
    }


def explained(saved: Saved) -> Iterator[str]:
    """Yield, line by line, how the kernel's rules arrive at each zone's watermarks, batch and high.

    Linux v6.1 (830b3c68c1fb), mm/page_alloc.c: calculate_min_free_kbytes(), __setup_per_zone_wmarks(),
    zone_batchsize(), zone_highsize(). The kernel computes at boot, when zones have a little fewer pages than later.
    """
    managed = sum(zone.managed for zone in saved.zones)
    rule = min(max(isqrt(managed * PAGE_KIB * 16), 128), 262144)
    given = saved.sysctl.get(FREE_KBYTES, "")
    kbytes = int(given) if given.isdecimal() else rule
    yield (
        f"min_free_kbytes: sqrt(16 x {managed * PAGE_KIB} KiB of memory) = {rule}, from 128 to 262144"
        + (f"; the machine has {kbytes}{_why(kbytes, rule)}" if given else " (no sysctl was saved)")
    )
    scale_text = saved.sysctl.get(SCALE, "")
    scale = int(scale_text) if scale_text.isdecimal() else DEFAULT_SCALE
    fraction_text = saved.sysctl.get(FRACTION, "0")
    fraction = int(fraction_text) if fraction_text.isdecimal() else 0
    nodes = max(zone.node for zone in saved.zones) + 1
    for zone in saved.zones:
        yield ""
        yield from _zone(zone, kbytes, managed, scale, fraction, max(len(zone.pagesets) // nodes, 1))


def _zone(zone: ZoneInfo, kbytes: int, managed: int, scale: int, fraction: int, cpus: int) -> Iterator[str]:
    yield f"zone {zone.name} of node {zone.node}, {zone.managed} pages"
    pages = kbytes // PAGE_KIB
    least = pages * zone.managed // managed
    yield (
        f"  min: its share of min_free_kbytes, {pages} pages x {zone.managed} / {managed} = {least}"
        f"{_is(zone.min, least)}"
    )
    gap = max(zone.min // 4, zone.managed * scale // 10000)
    yield (
        f"  low: min + max(min / 4, pages x watermark_scale_factor / 10000) = {zone.min} + max({zone.min // 4}, "
        f"{zone.managed} x {scale} / 10000) = {zone.min + gap}{_is(zone.low, zone.min + gap)}"
    )
    yield f"  high watermark: min + twice that = {zone.min + 2 * gap}{_is(zone.high, zone.min + 2 * gap)}"
    if not zone.pagesets:
        return
    batch = sizes_v5_14(ZoneFacts(zone.managed, cpus, Watermarks(zone.min, zone.low, zone.high))).batch
    real = zone.pagesets[0]
    quarter = max(min(zone.managed // 1024, 1024 * KIB // PAGE_SIZE) // 4, 1)
    yield (
        f"  batch: a quarter of min(pages / 1024, 1 MiB) = {quarter}, half as much again, rounded down to a power of "
        f"two, less 1, at least 1 = {batch}{_is(real.batch, batch)}"
    )
    if fraction:
        share = zone.managed // fraction // cpus
        how = f"pages / percpu_pagelist_high_fraction / CPUs = {zone.managed} / {fraction} / {cpus}"
    else:
        share = zone.low // cpus
        how = f"low / CPUs of the node = {zone.low} / {cpus}"
    least_high = max(share, 4 * batch)
    most = least_high if fraction else max(zone.managed // HIGH_FRACTION // cpus, least_high)
    highs = sorted({each.high for each in zone.pagesets})
    told = str(highs[0]) if len(highs) == 1 else f"{highs[0]} to {highs[-1]}"
    adapts = any(high != least_high for high in highs)
    yield f"  pcp high: {how}, at least 4 x batch = {least_high}" + (
        f"; the machine has {told}: from Linux v6.7 on it follows the load, from that to pages / 8 / CPUs = {most}"
        if adapts
        else ", as the machine has"
    )


def _is(real: int, rule: int) -> str:
    return ", as the machine has" if real == rule else f"; the machine has {real}{_why(real, rule)}"


def _why(real: int, rule: int) -> str:
    if real == rule:
        return ""
    near = abs(real - rule) <= max(rule // 50, 2)
    return ", computed at boot, when zones had other sizes" if near else ", set by somebody, or by huge pages"
