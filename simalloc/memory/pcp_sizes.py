"""How large pcp lists are by default: batch and high, as each kernel computes them from its zone."""

from __future__ import annotations

from dataclasses import dataclass

from simalloc.memory.size import PAGE_SIZE


@dataclass(frozen=True, slots=True)
class PcpSizes:
    """`batch`: pages moved per refill and drain. `high`: the count at which a free drains. Both in pages."""

    batch: int
    high: int

    def with_batch(self, batch: int) -> PcpSizes:
        """Return the sizes of a kernel made to use this batch: `high` stays the same multiple of it.

        Where `high` follows from the zone (Linux v5.14 and later) it only stays at least four batches.
        """
        if self.high == 6 * self.batch:
            return PcpSizes(batch, 6 * batch)
        return PcpSizes(batch, max(self.high, 4 * batch))


def sizes_v4_10(managed_pages: int, local_cpus: int, low: int) -> PcpSizes:  # noqa: ARG001 - all rules have one shape
    """Return batch and high: 31 and 186 for any zone of 512 MiB or more, however many CPUs share it.

    Linux v4.10 (ea57485af8f4), zone_batchsize() and pageset_set_batch().
    """
    batch = _batch(managed_pages, 512 * 1024)
    return PcpSizes(batch=max(batch, 1), high=6 * batch)


def sizes_v5_14(managed_pages: int, local_cpus: int, low: int) -> PcpSizes:
    """Return batch and high: 63 for any zone of 1 GiB or more, and the CPUs' shares of the LOW watermark `low`.

    With all lists of the `local_cpus` CPUs of the zone's node full, as much is parked as the watermark keeps free.
    Linux v5.14 (44042b449872), zone_batchsize() and zone_highsize(); the batch since Linux v4.19 (d8a759b57035).
    """
    batch = max(_batch(managed_pages, 1024 * 1024), 1)
    return PcpSizes(batch, high=max(low // local_cpus, 4 * batch))


def _batch(managed_pages: int, at_most_bytes: int) -> int:
    """Return a quarter of 1/1024 of the zone, rounded to just under a power of two so that it spreads over caches."""
    quarter = max(min(managed_pages // 1024, at_most_bytes // PAGE_SIZE) // 4, 1)
    return (1 << ((quarter + quarter // 2).bit_length() - 1)) - 1
