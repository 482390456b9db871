"""drain_all_pages: having the pages on every CPU's lists returned, by IPI, by worker, or by who asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simalloc.machine import Await, Cpu, Program, SendIpi, Sync

if TYPE_CHECKING:
    from simalloc.allocators.base import Allocator


class DrainAll:
    """An allocator's way to drain all lists.

    By IPI, in hardirq context, up to Linux v4.10 (ea57485af8f4); by a worker, in a task, from v4.11 (0ccce3b92421); by
    the caller, who takes every pcp's lock in turn, since v6.0 (443c2accd1b6).

    The kernel spares CPUs whose lists it finds empty, by a read that races with their use. Here every list is drained:
    what another CPU's lists hold right now is not known on local clocks, and finding out costs as much.

    From v4.11 on one drain runs at a time (pcpu_drain_mutex, bd233f538d51): a second caller that wants all zones, as
    failed allocations do, goes on at once. `runs` counts the drains.
    """

    def __init__(self, allocator: Allocator) -> None:
        self._allocator = allocator
        self._by = allocator.generation.drain_by
        self._is_running = False
        self.runs = 0

    def expect(self) -> None:
        """Prepare for drains: IPIs may come, or locks be taken by others."""
        allocator = self._allocator
        if self._by == "caller":
            allocator.hits_take_locks = True
        else:
            allocator.machine.expect_ipis(max(1, round(allocator.k.costs["ipi_delivery"])))

    def run(self, cpu: Cpu) -> Program[None]:
        """Drain all lists, and wait until that is done. Raises RuntimeError if drains were not expected."""
        if not self._allocator.drains_on_failure:
            raise RuntimeError("an allocator whose pcp lists are drained must expect it: call expect_drains first")
        yield Sync()
        if self._is_running and self._by != "ipi":
            return
        self._is_running = True
        self.runs += 1
        yield from self._by_caller(cpu) if self._by == "caller" else self._by_others()
        yield Sync()
        self._is_running = False

    def _by_others(self) -> Program[None]:
        allocator, machine = self._allocator, self._allocator.machine
        targets = machine.cpus
        waiting = machine.spin_step if self._by == "ipi" else machine.idle_step
        drain = _Drain(allocator, Await(machine, len(targets), waiting))
        handler = drain.lists if self._by == "ipi" else drain.queue
        for target in targets:
            yield SendIpi(target, "drain_local_pages", handler)
        yield drain.done

    def _by_caller(self, cpu: Cpu) -> Program[None]:
        """Nobody is interrupted, and nobody waited for."""
        allocator = self._allocator
        for owner in allocator.machine.cpus:
            for zone in allocator.zones:
                yield from allocator.drain_pages(cpu, zone, owner)


class _Drain:
    """What each CPU does in one drain of all lists by others; `done` counts those that have done it.

    A class, not functions in a function: the compiled generator of such a function fails when an error is raised in it
    after its end (mypy 2.4).
    """

    def __init__(self, allocator: Allocator, done: Await) -> None:
        self.done = done
        self._allocator = allocator

    def lists(self, target: Cpu) -> Program[None]:
        """Drain all lists of this CPU."""
        for zone in self._allocator.zones:
            yield from self._allocator.drain_pages(target, zone)
        yield Sync()
        self.done.arrive(target)

    def queue(self, target: Cpu) -> Program[None]:
        """Leave that to a worker of this CPU."""
        target.interrupts.queue_work(self.lists)
        yield from ()
