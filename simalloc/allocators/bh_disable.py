"""bh-disable: bottom halves off around the pcp lists, which softirqs may then use too.

Jesper Dangaard Brouer's patch of 27 March 2017 against Linux v4.11-rc (Message-Id 20170330170708.084bd16c), never
merged. Hardirqs are barred; so is whoever has interrupts masked, because bottom halves may not be enabled then, and to
find that out costs a PUSHF.
"""

from __future__ import annotations

from simalloc.allocators.noirq import NoIrqPcp
from simalloc.machine import Cpu, Program, Step
from simalloc.memory import MigrateType, Zone


class BhDisable(NoIrqPcp):
    """As noirq, with local_bh_disable in place of preempt_disable."""

    def rmqueue(self, cpu: Cpu, zone: Zone, mt: MigrateType, *, cold: bool) -> Program[int | None]:
        """Ask whether this context is barred, then as noirq."""
        yield self.k.in_irq_test
        yield self.k.irqs_disabled_test
        return (yield from super().rmqueue(cpu, zone, mt, cold=cold))

    def free_unref_page(self, cpu: Cpu, zone: Zone, pfn: int, *, cold: bool) -> Program[None]:
        """Ask whether this context is barred, then as noirq."""
        yield self.k.in_irq_test
        yield self.k.irqs_disabled_test
        yield from super().free_unref_page(cpu, zone, pfn, cold=cold)

    @property
    def enter(self) -> Step:
        """Bottom halves off."""
        return self.k.bh_disable

    @property
    def leave(self) -> Step:
        """Bottom halves on: a point where pending softirqs run."""
        return self.k.bh_enable

    def is_barred(self, cpu: Cpu) -> bool:
        """Whether this is a hardirq, or has interrupts masked."""
        return cpu.in_irq() or cpu.irqs_disabled()
