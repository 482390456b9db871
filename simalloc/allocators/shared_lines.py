"""Cache lines beside the lock's own that CPUs take from each other, and what they cost. Each can be switched on alone.

- `zone`: so many lines of struct zone move with zone->lock, whatever is done under it (an estimate, `zone_lines`).
- `free_area`: the list heads of each order are a line; whoever changes one fetches it from the CPU that did so last.
- `struct_pages`: a page that comes from another CPU brings its struct page; the next ones in memory are prefetched, so
  only the share `struct_page_shown` of each transfer shows.
- `counters`: NR_FREE_PAGES is counted per CPU; a delta beyond the threshold goes to two shared lines (zone and machine)
  by two atomic adds. Linux v4.10 (ea57485af8f4), mm/vmstat.c: calculate_normal_threshold, __mod_zone_page_state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from simalloc.allocators.steps import KernelSteps
from simalloc.hardware import CHUNK_MASK, PerFrame, in_chunk
from simalloc.machine import Cpu, Machine, Program
from simalloc.memory import FrameRun, Zone, frame_runs

PAGES_OF_128_MIB = 1 << 15

NOBODY: Final = -1
"""The owner of a struct page that nobody has used yet."""


@dataclass(frozen=True, slots=True)
class LineSwitches:
    """Which of them are simulated."""

    zone: bool = True
    free_area: bool = False
    struct_pages: bool = False
    counters: bool = False


def stat_threshold(cpus: int, managed_pages: int) -> int:
    """Return how many pages a CPU's delta may reach before it is added to the shared counter."""
    memory = (managed_pages // PAGES_OF_128_MIB).bit_length()
    return min(125, 2 * cpus.bit_length() * (1 + memory))


class SharedLines:
    """Who wrote which line last. It changes under zone->lock; struct pages with their owner."""

    def __init__(self, machine: Machine, steps: KernelSteps, switches: LineSwitches) -> None:
        self.switches = switches
        self.any = switches.free_area or switches.struct_pages or switches.counters
        self._transfer = machine.topology.transfer
        self._step = machine.transfer_step
        self._atomic = steps.counter_atomic
        self._shown = steps.costs["struct_page_shown"]
        self._cpus = len(machine.cpus)
        self._list_writers: dict[tuple[Zone, int], int] = {}
        self._owners = PerFrame(NOBODY)
        self._deltas: dict[tuple[Zone, int], int] = {}
        self._counted_last: dict[Zone, int] = {}

    def buddy(self, cpu: Cpu, zone: Zone, change: int, taken: Sequence[FrameRun], order: int = 0) -> Program[None]:
        """Pay for what a CPU has just done to a zone's lists: `change` free pages more, blocks `taken` it has."""
        cycles = 0.0
        if self.switches.free_area:
            # The first block of a list has a line of its own, which who links one before it writes, too.
            cycles += self._lists(cpu, zone) * (2 if order else 1)
        if self.switches.struct_pages:
            cycles += self._blocks(cpu, taken, order) if order else self._pages(cpu, taken)
        if self.switches.counters:
            cycles += yield from self._count(cpu, zone, change)
        if round(cycles):
            yield self._step * round(cycles)

    def pages(self, cpu: Cpu, pfns: Sequence[int], order: int = 0) -> Program[None]:
        """Pay for struct pages of blocks that their owner hands to the allocator on this CPU."""
        cycles = 0
        if self.switches.struct_pages:
            runs = frame_runs(pfns)
            cycles = round(self._blocks(cpu, runs, order) if order else self._pages(cpu, runs))
        if cycles:
            yield self._step * cycles

    def own(self, cpu: Cpu, runs: Sequence[FrameRun]) -> bool:
        """Whether all these pages' struct pages were last used on this CPU, or nobody looks.

        Those that nobody has used yet are its own from now on, as one by one.
        """
        if not self.switches.struct_pages:
            return True
        index = cpu.index
        for owners, chunk, place, step in self._owned(runs):
            if owners.count(index) == len(owners):
                continue
            if owners.count(NOBODY) == len(owners):
                chunk[place : place + len(owners)] = [index] * len(owners)
                continue
            for at in range(len(owners))[::step]:
                if owners[at] == NOBODY:
                    chunk[place + at] = index
                elif owners[at] != index:
                    return False
        return True

    def _owned(self, runs: Sequence[FrameRun]) -> list[tuple[list[int], list[int], int, int]]:
        """Return, chunk by chunk, the owners of runs, in ascending order; the chunk, and where in it they are from."""
        found = []
        for first, left, step in runs:
            while left:
                count = in_chunk(first, left, step)
                low = first if step > 0 else first - count + 1
                chunk, place = self._owners.chunk(low), low & CHUNK_MASK
                found.append((chunk[place : place + count], chunk, place, step))
                first += count * step  # noqa: PLW2901 - what is left of the run
                left -= count  # noqa: PLW2901
        return found

    def _lists(self, cpu: Cpu, zone: Zone) -> int:
        written, order, cycles = zone.buddy.written, 0, 0
        zone.buddy.written = 0
        while written:
            if written & 1:
                last = self._list_writers.get((zone, order), cpu.index)
                cycles += self._transfer(last, cpu.index)
                self._list_writers[zone, order] = cpu.index
            written >>= 1
            order += 1
        return cycles

    def _pages(self, cpu: Cpu, runs: Sequence[FrameRun]) -> float:
        index, transfer, cycles = cpu.index, self._transfer, 0
        for owners, chunk, place, _ in self._owned(runs):
            count, last = len(owners), owners[0]
            chunk[place : place + count] = [index] * count
            if owners.count(last) == count:
                cycles += 0 if last in (NOBODY, index) else transfer(last, index) * count
            else:
                cycles += sum(transfer(last, index) for last in owners if last not in (NOBODY, index))
        return cycles * self._shown

    def _blocks(self, cpu: Cpu, firsts: Sequence[FrameRun], order: int) -> float:
        """Fetch all struct pages of blocks. A prefetcher follows a block, and from one to the next where they adjoin.

        So the first struct page of any other block costs all of its transfer. That of single pages is part of the
        share that was fitted on them.
        """
        cycles, expected = 0.0, -1
        for first, count, step in firsts:
            for pfn in range(first, first + count * step, step):
                last = self._owners.chunk(pfn)[pfn & CHUNK_MASK]
                cycles += self._pages(cpu, [(pfn, 1 << order, 1)])
                if pfn != expected and last not in (NOBODY, cpu.index):
                    cycles += self._transfer(last, cpu.index) * (1 - self._shown)
                expected = pfn + (1 << order)
        return cycles

    def _count(self, cpu: Cpu, zone: Zone, change: int) -> Program[int]:
        delta = self._deltas.get((zone, cpu.index), 0) + change
        if abs(delta) <= stat_threshold(self._cpus, zone.pages):
            self._deltas[zone, cpu.index] = delta
            return 0
        self._deltas[zone, cpu.index] = 0
        yield self._atomic * 2
        last = self._counted_last.get(zone, cpu.index)
        self._counted_last[zone] = cpu.index
        return 2 * self._transfer(last, cpu.index)
