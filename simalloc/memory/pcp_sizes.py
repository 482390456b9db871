"""How large pcp lists are by default: batch and high, as each kernel computes them from its zone."""

from __future__ import annotations

from dataclasses import dataclass

from simalloc.memory.size import PAGE_SIZE
from simalloc.memory.watermarks import Watermarks


@dataclass(frozen=True, slots=True)
class PcpSizes:
    """`batch`: pages moved per refill and drain. `high`: the count at which a free drains. Both in pages.

    Where high follows the load (Linux v6.7), `high` is the least it may be, high_min, and `high_max` the most.
    `scale_max`: by how many doublings a refill or drain may exceed a batch; None: by any.
    """

    batch: int
    high: int
    high_max: int | None = None
    scale_max: int | None = None

    def as_dict(self) -> dict[str, int]:
        """Return the sizes as tables and JSON show them."""
        sizes = {"batch": self.batch, "high": self.high}
        return sizes if self.high_max is None else {**sizes, "high_min": self.high, "high_max": self.high_max}


@dataclass(frozen=True, slots=True)
class ZoneFacts:
    """What sizes follow from: the zone's pages, the CPUs local to it, its watermarks.

    `high_fraction` is the sysctl percpu_pagelist_high_fraction; 0: not set.
    """

    pages: int
    local_cpus: int
    watermarks: Watermarks
    high_fraction: int = 0


def sizes_v4_10(zone: ZoneFacts, batch: int | None = None) -> PcpSizes:
    """Return batch and high: 31 and 186 for any zone of 512 MiB or more, however many CPUs share it.

    Linux v4.10 (ea57485af8f4), zone_batchsize() and pageset_set_batch(): high is six batches. A kernel made to use
    another `batch` keeps that.
    """
    return _six_batches(batch or _batch(zone.pages, 512 * 1024))


def sizes_v4_19(zone: ZoneFacts, batch: int | None = None) -> PcpSizes:
    """Return batch and high: 63 and 378 for any zone of 1 GiB or more.

    Linux v4.19 (d8a759b57035): twice the pages at most; high is still six batches.
    """
    return _six_batches(batch or _batch(zone.pages, 1024 * 1024))


def sizes_v5_14(zone: ZoneFacts, batch: int | None = None) -> PcpSizes:
    """Return batch and high: 63 for any zone of 1 GiB or more, and the CPUs' shares of the LOW watermark.

    With all lists of the CPUs of the zone's node full, as much is parked as the watermark keeps free; with
    percpu_pagelist_high_fraction, that part of the zone. High is at least four batches. Linux v5.14 (44042b449872),
    zone_highsize().
    """
    used = batch or max(_batch(zone.pages, 1024 * 1024), 1)
    parked = zone.pages // zone.high_fraction if zone.high_fraction else zone.watermarks.low
    return PcpSizes(used, max(parked // zone.local_cpus, 4 * used))


def sizes_v6_7(zone: ZoneFacts, batch: int | None = None) -> PcpSizes:
    """Return batch and high_min as v5.14's batch and high; high_max is the CPUs' shares of an eighth of the zone.

    With percpu_pagelist_high_fraction both are that, and high stays where it is. Linux v6.7 (90b41691b988),
    zone_set_pageset_high_and_batch().
    """
    least = sizes_v5_14(zone, batch)
    if zone.high_fraction:
        return PcpSizes(least.batch, least.high, high_max=least.high)
    most = max(zone.pages // HIGH_MAX_FRACTION // zone.local_cpus, 4 * least.batch)
    return PcpSizes(least.batch, least.high, high_max=most)


HIGH_MAX_FRACTION = 8
"""MIN_PERCPU_PAGELIST_HIGH_FRACTION: of the zone, all CPUs together may park this part."""


def _six_batches(batch: int) -> PcpSizes:
    return PcpSizes(max(batch, 1), 6 * batch)


def _batch(managed_pages: int, at_most_bytes: int) -> int:
    """Return a quarter of 1/1024 of the zone, rounded to just under a power of two so that it spreads over caches."""
    quarter = max(min(managed_pages // 1024, at_most_bytes // PAGE_SIZE) // 4, 1)
    return (1 << ((quarter + quarter // 2).bit_length() - 1)) - 1
