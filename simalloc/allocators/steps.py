"""The steps page allocators are made of, and which cost each one pays.

The one place where the model's work meets the cost model's parameters. Where two steps share a fitted parameter, the
split between them is the preset's business (kind `estimated`) and only their sum is known.
"""

from __future__ import annotations

from collections.abc import Iterable

from simalloc.hardware import LEVELS, CostModel, share_of_level
from simalloc.machine import LOCK_KINDS, Activity, Effect, Machine, SpinLock, Step


class KernelSteps:
    """Steps of a machine's kernel, priced by `costs`. Allocators of users define their own through `define`."""

    def __init__(self, machine: Machine, costs: CostModel, *, lock_kind: str = "qspinlock", seed: int = 0) -> None:
        self.machine = machine
        self.costs = costs
        self.lock_kind = LOCK_KINDS[lock_kind]
        self._seed = seed
        self._locks = 0
        one = self.primitive
        self.irq_save = one("irq_save", Activity.MASK, Effect.IRQ_OFF)
        self.irq_restore = one("irq_restore", Activity.MASK, Effect.IRQ_ON)
        self.irq_restore_alloc = self.define("irq_restore", Activity.MASK, Effect.IRQ_ON, irq_restore=1, irq_overlap=-1)
        self.irq_restore_free = self.define("irq_restore", Activity.MASK, Effect.IRQ_ON, irq_restore=1, irq_overlap=1)
        self.preempt_disable = one("preempt_disable", Activity.MASK, Effect.PREEMPT_OFF)
        self.preempt_enable = one("preempt_enable", Activity.MASK, Effect.PREEMPT_ON)
        self.spin_lock = one("spin_lock", Activity.LOCK)
        self.spin_unlock = one("spin_unlock", Activity.LOCK)
        self.bh_disable = one("bh_disable", Activity.MASK, Effect.BH_OFF)
        self.bh_enable = one("bh_enable", Activity.MASK, Effect.BH_ON)
        self.in_irq_test = one("in_irq_test", Activity.MASK)
        self.irqs_disabled_test = one("irqs_disabled_test", Activity.MASK)
        self.pool_op = one("pool_op", Activity.LIST)
        machine.price_interrupts(
            entry=one("hardirq_entry", Activity.INTERRUPT),
            leave=one("hardirq_exit", Activity.INTERRUPT),
            softirq=one("softirq_dispatch", Activity.INTERRUPT),
            send_ipi=one("ipi_send", Activity.INTERRUPT),
        )
        self.alloc_call = one("alloc_call", Activity.CALL)
        self.bulk_call = one("bulk_call", Activity.CALL)
        self.bulk_free_call = self.define("bulk_free_call", Activity.CALL, function_call=1)
        self.pcp_pop = one("pcp_pop", Activity.LIST)
        self.pcp_push = one("pcp_push", Activity.LIST)
        self.pcp_pick = one("pcp_pick", Activity.LIST)
        self.pcp_trylock = self.define("pcp_trylock", Activity.LOCK, spin_lock=1)
        self.pcp_unlock = self.define("pcp_unlock", Activity.LOCK, spin_unlock=1)
        self.zone_counters = one("zone_counters", Activity.STATISTICS)
        self.event_counter = one("event_counter", Activity.STATISTICS)
        self.counter_atomic = self.define("counter_atomic", Activity.STATISTICS, put_page=1)
        self.prep_new_page = self.define("prep_new_page", Activity.PREPARE, page_out=1, pcp_pop=-1)
        self.put_page = one("put_page", Activity.PREPARE)
        self.free_prepare = self.define("free_prepare", Activity.PREPARE, page_in=1, pcp_push=-1)
        self.page_check = one("page_check", Activity.PREPARE)
        self.page_scan = self.define("page_scan", Activity.BUDDY_REMOVE, page_check=1)
        self.page_fault = one("page_fault", Activity.WORK)
        self.page_unmap = one("page_unmap", Activity.WORK)
        self.lru_page = one("lru_page", Activity.LIST)
        self.buddy_remove = one("buddy_remove", Activity.BUDDY_REMOVE)
        self.buddy_split = self.define("buddy_split", Activity.BUDDY_REMOVE, buddy_level=1)
        self.buddy_fallback = one("buddy_fallback", Activity.BUDDY_REMOVE)
        self.buddy_insert = one("buddy_insert", Activity.BUDDY_INSERT)
        self.buddy_insert_picked = self.define(
            "buddy_insert_picked", Activity.BUDDY_INSERT, buddy_insert=1, pcp_pick=-1
        )
        self.buddy_merge = self.define("buddy_merge", Activity.BUDDY_INSERT, buddy_level=1)
        self._define_misses()

        # Into a list of the caller's, and out of it: a pcp list is the same kind, and costs that.
        self.list_add = self.define("list_add", Activity.LIST, pcp_push=1)
        self.list_del = self.define("list_del", Activity.LIST, pcp_pop=1)
        self.preempt_enable_no_resched = self.define(
            "preempt_enable", Activity.MASK, Effect.PREEMPT_ON_NO_RESCHED, preempt_enable=1
        )

        self._by_name: dict[str, Step] = {
            "irq_save": self.irq_save,
            "irq_restore": self.irq_restore,
            "irq_restore_alloc": self.irq_restore_alloc,
            "irq_restore_free": self.irq_restore_free,
            "preempt_disable": self.preempt_disable,
            "preempt_enable": self.preempt_enable,
            "preempt_enable_no_resched": self.preempt_enable_no_resched,
            "bh_disable": self.bh_disable,
            "bh_enable": self.bh_enable,
            "in_irq_test": self.in_irq_test,
            "irqs_disabled_test": self.irqs_disabled_test,
        }

    def named(self, names: Iterable[str]) -> list[Step]:
        """Return the steps that an `Entry` names."""
        return [self._by_name[name] for name in names]

    def define(self, name: str, activity: Activity, effect: Effect = Effect.NONE, **weights: float) -> Step:
        """Define a step that costs the weighted sum of the cost model's parameters named."""
        return self.machine.steps.define(name, activity, self.costs.cycles(weights), effect, weights)

    def _define_misses(self) -> None:
        """Define what cold struct pages cost: those near the last one used by level, others by where they are."""
        self.struct_page_miss = [
            self.define("struct_page_miss", Activity.CACHE_MISS, struct_page_miss=share_of_level(level))
            for level in range(LEVELS)
        ]
        self.from_llc, self.from_memory = (self._if_known(name) for name in ("llc_latency", "memory_latency"))
        self.cold_remove = self._if_known("cold_remove", Activity.BUDDY_REMOVE)
        self.cold_insert = self._if_known("cold_insert", Activity.BUDDY_INSERT)

    def _if_known(self, name: str, activity: Activity = Activity.CACHE_MISS) -> Step:
        """Define a step that costs a parameter which not every preset has; nothing where it has not."""
        weights = {name: 1.0} if name in self.costs.parameters else {}
        return self.machine.steps.define(name, activity, self.costs.cycles(weights), Effect.NONE, weights)

    def primitive(self, name: str, activity: Activity, effect: Effect = Effect.NONE) -> Step:
        """Define a step that costs the parameter of its own name."""
        return self.define(name, activity, effect, **{name: 1.0})

    def lock(
        self,
        name: str,
        protected_lines: float = 0,
        *,
        acquire: Step | None = None,
        release: Step | None = None,
        of: str = "",
    ) -> SpinLock:
        """Make a spinlock that pays this kernel's prices, over so many lines of data that move with it.

        `of` names the object it protects.
        """
        self._locks += 1
        return SpinLock(
            self.machine,
            name,
            acquire or self.spin_lock,
            release or self.spin_unlock,
            lines=protected_lines,
            kind=self.lock_kind,
            seed=hash((self._seed, self._locks)),
            of=of,
        )
