"""Which kernel version is which mechanism, with which sizes. The names scenarios use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from simalloc.allocators.base import Allocator, DrainBy
from simalloc.allocators.bh_disable import BhDisable
from simalloc.allocators.irq_disable import IrqDisable
from simalloc.allocators.noirq import NoIrq, NoIrqPcp
from simalloc.allocators.pcp_spinlock import PcpSpinlock
from simalloc.allocators.shared_lines import LineSwitches
from simalloc.allocators.steps import KernelSteps
from simalloc.allocators.two_phase_drain import TwoPhaseDrain
from simalloc.machine import Machine
from simalloc.memory import PcpSizes, Zone, sizes_v4_10, sizes_v5_14


@dataclass(frozen=True, slots=True)
class Version:
    """A kernel version's page allocator: mechanism, rule for batch and high, and how it drains all CPUs.

    The rule takes the zone's pages and the number of CPUs local to it.
    """

    name: str
    mechanism: type[Allocator]
    sizes: Callable[[int, int], PcpSizes]
    drain_by: DrainBy
    about: str
    models: str

    def allocator(
        self,
        machine: Machine,
        zones: Sequence[Zone],
        steps: KernelSteps,
        lines: LineSwitches = LineSwitches(),  # noqa: B008 - frozen
    ) -> Allocator:
        """Make this version's allocator."""
        return self.mechanism(machine, zones, steps, drain_by=self.drain_by, lines=lines)


VERSIONS: dict[str, Version] = {
    version.name: version
    for version in (
        Version(
            "v4.10",
            IrqDisable,
            sizes_v4_10,
            "ipi",
            "interrupts masked around every pcp operation; any context may use the pcp",
            "Linux v4.10 (ea57485af8f4)",
        ),
        Version(
            "noirq-v2",
            NoIrq,
            sizes_v4_10,
            "ipi",
            "pcp for !in_interrupt() callers only, preemption off instead of interrupts; bulk API",
            "January 2017 series v2r7 (Message-Id 20170109163518.6001-1), on Linux v4.10-rc2",
        ),
        Version(
            "v4.11-rc",
            NoIrqPcp,
            sizes_v4_10,
            "worker",
            "the series as merged, without the bulk API: interrupts go to the buddy lists; drain by worker",
            "Linux v4.11-rc1 (374ad05ab64d)",
        ),
        Version(
            "bh-disable",
            BhDisable,
            sizes_v4_10,
            "worker",
            "bottom halves off around the pcp, so that softirqs may use it; hardirqs go to the buddy lists",
            "patch of 27 March 2017 on Linux v4.11-rc3 (Message-Id 20170330170708.084bd16c), never merged",
        ),
        Version(
            "v4.11",
            IrqDisable,
            sizes_v4_10,
            "worker",
            "the revert: v4.10's locking, with the worker drain kept",
            "Linux v4.11 (d34b0733b452)",
        ),
        Version(
            "v4.17",
            TwoPhaseDrain,
            sizes_v4_10,
            "worker",
            "interrupts masked, once for up to 32 pages of a list free; drains pick pages before they lock the zone",
            "Linux v4.17 (97334162e4d7)",
        ),
        Version(
            "v6.1",
            PcpSpinlock,
            sizes_v5_14,
            "caller",
            "a lock in each pcp, tried with interrupts masked; blocks on the pcp; drains that grow; bulk API",
            "Linux v6.1 (01b44456a7aa)",
        ),
    )
}
