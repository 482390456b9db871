"""What a generation of the page allocator is made of: one record, whose parts `Linux` puts together.

Each part is a name or a small record; what it means is said here, once, and what it does is in the module named.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from simalloc.memory import PAGEBLOCK_ORDER, PcpSizes, Tuning, ZoneFacts
from simalloc.memory.buddy import FallbackRule

if TYPE_CHECKING:
    from simalloc.allocators.base import Allocator
    from simalloc.allocators.shared_lines import LineSwitches
    from simalloc.allocators.steps import KernelSteps
    from simalloc.machine import Machine
    from simalloc.memory import Zone


@dataclass(frozen=True, slots=True)
class Entry:
    """How the section in which a pcp is used is entered and left, as names of steps (`KernelSteps`).

    `asks` comes before anything else, `enters` in this order; `leaves_alloc` and `leaves_free` end the section.
    `masks`: interrupts are off inside, so that a refill or drain need not mask them. `locks`: the pcp's own lock is
    tried after `enters`; whoever finds it taken goes to the buddy lists, or `waits` for it, which no generation does.
    `bars`: which contexts may not enter at all, and go there too. `site` is the kernel's function for an allocation.
    """

    about: str
    enters: tuple[str, ...]
    leaves_alloc: tuple[str, ...]
    leaves_free: tuple[str, ...]
    masks: bool
    locks: bool = False
    waits: bool = False
    bars: Literal["nobody", "interrupts", "hardirqs"] = "nobody"
    asks: tuple[str, ...] = ()
    site: str = "rmqueue_pcplist"


IRQ_SAVE = Entry(
    "interrupts masked",
    ("irq_save",),
    ("irq_restore_alloc",),
    ("irq_restore_free",),
    masks=True,
    site="rmqueue",
)
"""Every context may enter. Linux v4.10 (ea57485af8f4): local_irq_save() in buffered_rmqueue()."""

PREEMPT = Entry(
    "preemption off; interrupts are barred",
    ("preempt_disable",),
    ("preempt_enable",),
    ("preempt_enable",),
    masks=False,
    bars="interrupts",
)
"""Barred are hardirqs, softirqs, and tasks with bottom halves off: in_interrupt(). Linux v4.11-rc1 (374ad05ab64d)."""

PREEMPT_NO_RESCHED = replace(
    PREEMPT,
    leaves_alloc=("preempt_enable_no_resched",),
    leaves_free=("preempt_enable_no_resched",),
)
"""The same, but who waits to preempt the task is not let in at the end. The series of January 2017, before its fix."""

BH = Entry(
    "bottom halves off; hardirqs are barred",
    ("bh_disable",),
    ("bh_enable",),
    ("bh_enable",),
    masks=False,
    bars="hardirqs",
    asks=("in_irq_test", "irqs_disabled_test"),
)
"""Barred is also who has interrupts masked: bottom halves may not be enabled then, and to find out costs a PUSHF.

Jesper Dangaard Brouer's patch of 27 March 2017 (Message-Id 20170330170708.084bd16c), never merged.
"""

TRYLOCK_IRQSAVE = Entry(
    "interrupts masked, the pcp's lock tried",
    ("preempt_disable", "irq_save"),
    ("irq_restore", "preempt_enable"),
    ("irq_restore", "preempt_enable"),
    masks=True,
    locks=True,
)
"""Only another CPU's drain can make the try fail. Linux v6.1 (01b44456a7aa)."""


LOCAL_LOCK = Entry(
    "a local lock, which masks interrupts",
    ("irq_save",),
    ("irq_restore_alloc",),
    ("irq_restore_free",),
    masks=True,
)
"""The same steps as IRQ_SAVE, but on PREEMPT_RT, which is not simulated. Linux v5.14 (dbbee9d5cd83)."""

TRYLOCK = Entry(
    "interrupts on, the pcp's lock tried",
    ("preempt_disable",),
    ("preempt_enable",),
    ("preempt_enable",),
    masks=False,
    locks=True,
)
"""An interrupt may come while the lock is held, and finds it taken. Linux v6.2 (574907741599)."""


@dataclass(frozen=True, slots=True)
class ListFree:
    """A list is freed in two passes: prepare every page, then commit up to 32 in one section (`list_free.py`).

    `by_zone`: a section is for pages of one zone, as each zone's pcp has a lock. `lock`: whether it is waited for, or
    tried, in which case a page that fails goes to the buddy lists. `restarts`: 32 pages are counted anew where the
    zone changes.
    """

    by_zone: bool
    lock: Literal["none", "wait", "try"]
    restarts: bool


@dataclass(frozen=True, slots=True)
class BulkApi:
    """A call for many pages of order 0 in one section (`bulk.py`). What it may do depends on these.

    `appends`: to a list that has pages; else such a list is refused. `zones`: only the first, or the first of the
    CPU's own node with enough pages. `mark`: pages above this watermark are enough. `prepares`: pages are prepared
    inside the section. `counts`: each page, or all at once. `list_call`: a free of many pages is a call of its own.
    `arrays`: it can fill an array, which a list costs more than; where it cannot, prices of a page have the list in
    them. `lists`: it can make lists.
    """

    appends: bool
    zones: Literal["first", "node"]
    mark: Literal["low", "high"]
    prepares: bool
    counts: Literal["each", "once"]
    list_call: bool
    arrays: bool = True
    lists: bool = True


@dataclass(frozen=True, slots=True)
class Generation:
    """One version of the page allocator, as the parts it is made of. `models` is the commit or the mail that it models.

    Make one from the version before it, with `dataclasses.replace`.
    """

    name: str
    """What scenarios call it."""
    about: str
    """What is new in it, in a sentence."""
    models: str
    """The kernel commit, or the mail."""
    scheme: type[Allocator]
    """The class that puts the parts together: `Linux`, or a person's own."""
    entry: Entry
    """How the section in which a pcp is used is entered."""
    otherwise: Literal["next zone", "buddy lists"]
    """Where an allocation goes whose pcp gave nothing."""
    counters: Literal["inside", "outside"]
    """Whether what is allocated is counted inside the section (and zone->lock's masked window), or after it."""
    hot_cold: bool
    """Whether callers may ask for cold pages, and call those cold that they free."""
    pgfree: Literal["before lock", "under lock", "after"]
    """When a page that goes straight to the buddy lists, in a context that is barred, is counted: masked, with
    zone->lock held, or with interrupts on again. Other blocks are never counted under the lock."""
    min_free_at_most: int
    """min_free_kbytes is no more than this by default, in KiB, but for what huge pages want."""
    sizes: Callable[[ZoneFacts, int | None], PcpSizes]
    """Default batch and high, from what they follow from; with another batch, if one is given."""
    scale_max: int | None
    """By how many doublings a refill or drain may exceed a batch (PCP_BATCH_SCALE_MAX); None: by any."""
    tuning: type[Tuning]
    """How large a refill and a drain are, when a drain is due, and how high follows the load."""
    drain_order: Literal["round robin", "list by list"]
    """Which pages a drain takes."""
    drain_pick: Literal["under lock", "before lock"]
    """Whether a drain takes its pages off the pcp lists with zone->lock held or before."""
    list_free: ListFree | None
    """How a list of pages is freed; None: one by one."""
    bulk: BulkApi | None
    """The bulk allocation; None: there is none."""
    fallback: FallbackRule
    """What a migratetype does whose free lists are empty."""
    drain_chunk: Literal["all", "batch"]
    """How much of a drain that is due goes under one hold of the pcp's lock, which is tried again in between."""
    drain_by: Literal["ipi", "worker", "caller"]
    """How drain_all_pages reaches other CPUs' lists; the caller takes their locks, which its entry must have."""
    drain_all_chunk: Literal["all", "largest"]
    """How much of a pcp drain_all_pages takes under one hold of its lock: all, or as much as the largest drain."""
    pcp_orders: Sequence[int]
    """The orders of which CPUs keep blocks."""
    atomic_blocks: Literal["refill", "one at a time below LOW", "one at a time"] = "refill"
    """What an interrupt takes from the buddy lists that wants a block of order 1 or more and finds none on its pcp."""
    nolock: bool = False
    """Whether there are allocations and frees that wait for no lock, for any context (`nolock.py`)."""
    parameters: Any = None
    """Values of the keys that a person's scheme has of its own, an object of its `Parameters`; None: it has none."""

    @property
    def has_bulk(self) -> bool:
        """Whether there is a bulk allocation."""
        return self.bulk is not None

    def sizes_of(self, zone: ZoneFacts, batch: int | None = None, scale_max: int | None = None) -> PcpSizes:
        """Return the sizes of a zone's pcps, with another batch or cap on doublings than the default's if given."""
        return replace(self.sizes(zone, batch), scale_max=self.scale_max if scale_max is None else scale_max)

    def allocator(
        self,
        machine: Machine,
        zones: Sequence[Zone],
        steps: KernelSteps,
        lines: LineSwitches | None = None,
    ) -> Allocator:
        """Make this version's allocator."""
        return self.scheme(machine, zones, steps, self, lines=lines)


ORDER_0 = (0,)
"""Orders on the pcp up to v5.13."""

BLOCKS = (0, 1, 2, 3, PAGEBLOCK_ORDER)
"""Orders on the pcp since Linux v5.14 (44042b449872): up to PAGE_ALLOC_COSTLY_ORDER, and huge pages."""
