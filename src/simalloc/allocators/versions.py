"""Which kernel version is which mechanism, with which sizes. The names scenarios use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simalloc.allocators.base import Allocator
from simalloc.allocators.irq_disable import IrqDisable
from simalloc.allocators.noirq import NoIrq
from simalloc.memory import PcpSizes, sizes_v4_10


@dataclass(frozen=True, slots=True)
class Version:
    """A kernel version's page allocator: its mechanism and its rule for batch and high."""

    name: str
    mechanism: type[Allocator]
    sizes: Callable[[int], PcpSizes]
    about: str
    models: str


VERSIONS: dict[str, Version] = {
    version.name: version
    for version in (
        Version(
            "v4.10",
            IrqDisable,
            sizes_v4_10,
            "interrupts masked around every pcp operation; any context may use the pcp",
            "Linux v4.10 (ea57485af8f4)",
        ),
        Version(
            "noirq-v2",
            NoIrq,
            sizes_v4_10,
            "pcp for !in_interrupt() callers only, preemption off instead of interrupts; bulk API",
            "January 2017 series v2r7 (Message-Id 20170109163518.6001-1), on Linux v4.10-rc2",
        ),
    )
}
