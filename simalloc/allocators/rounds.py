"""Rounds of equal work on one CPU: those that can only repeat the ones before are counted, not run again.

A round allocates and frees and leaves nothing behind but the state of its CPU's pcp lists. Once they are as they were
some rounds ago, with nothing shared touched since, the rounds between come again and again: a period. As lists are last
in, first out, a round often turns one over and the next turns it back, which makes a period of two. After the first
period, which settles how long ago each page was used, one is run and measured; all that fit before the next thing that
matters are then taken at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from simalloc.machine import Cpu, Program
from simalloc.memory import frame_runs

if TYPE_CHECKING:
    from simalloc.allocators.base import Allocator

T = TypeVar("T")

LONGEST_PERIOD = 2

HEARD = ("irqs_window", "bh_window", "lock_released", "lock_hits")
"""Hooks whose observers are told of rounds that are counted. A lock let go of there is one that only this CPU takes."""

Windows = list[tuple[str, str, tuple[Any, ...]]]
"""Hooks' names, where in the kernel, and what they were told: windows with interrupts or bottom halves off."""


@dataclass(frozen=True, slots=True)
class _State:
    """What a round may depend on, or give away that it was not alone. `uses` are those of struct pages so far."""

    lists: tuple[Any, ...]
    shared: tuple[Any, ...]
    uses: int

    def is_again(self, other: _State) -> bool:
        return self.lists == other.lists and self.shared == other.shared


class Rounds:
    """Runs rounds for an allocator's callers."""

    def __init__(self, allocator: Allocator) -> None:
        self._allocator = allocator

    def run(self, cpu: Cpu, times: int, body: Callable[[], Program[T]]) -> Program[list[tuple[T, int]]]:
        """Run the program that `body` makes `times` times; return what came out, each with how often it did.

        Nothing but the CPU's pcp lists may carry over from one to the next. Where nothing can be counted (in lockstep,
        under observers of pages or steps, where a hit takes a real lock, which observers hear of, for a scheme that
        does not declare its hits constant) every round is run; the result is the same, to the cycle.
        """
        results: list[tuple[T, int]] = []
        past = [self._state(cpu)]
        left = times
        while left:
            results.append(((yield from body()), 1))
            left -= 1
            now = self._state(cpu)
            period = next((ago for ago, then in enumerate(reversed(past), 1) if now.is_again(then)), 0)
            if period and left > period and self._may_count(cpu):
                uses = now.uses - past[-period].uses
                measured, more = yield from self._measure(cpu, period, uses, (left - period) // period, body)
                results += [(result, 1 + more) for result in measured]
                left -= period * (1 + more)
                past, now = [], self._state(cpu)
            past = [*past, now][-LONGEST_PERIOD:]
        return results

    def _may_count(self, cpu: Cpu) -> bool:
        allocator, hooks = self._allocator, self._allocator.hooks
        may = allocator.counts_hits and not allocator.hits_take_locks and not hooks.every_page
        return may and cpu.room() > 0 and not cpu.interrupts.forbid_strides()

    def _measure(
        self, cpu: Cpu, period: int, uses: int, wanted: int, body: Callable[[], Program[T]]
    ) -> Program[tuple[list[T], int]]:
        """Run one period; then count as many more as may be, up to `wanted`. Return its results, and how many more.

        None are if it was not like the one before, in which `uses` struct pages were used.
        """
        before, clock, holding = self._state(cpu), cpu.clock, cpu.held_so_far()
        tally = cpu.tally.copy()
        elsewhere = [each.copy() for each in cpu.tallies if each is not cpu.tally]
        results = []
        with self._listening(cpu) as windows:
            for _ in range(period):
                results.append((yield from body()))
        after = self._state(cpu)
        interrupted = elsewhere != [each for each in cpu.tallies if each is not cpu.tally]
        if interrupted or not after.is_again(before) or after.uses - before.uses != uses:
            return results, 0
        cycles = cpu.clock - clock
        more = min(wanted, cpu.room() // max(cycles, 1))
        if more <= 0:
            return results, 0
        steps = [(i, now - then) for i, (now, then) in enumerate(zip(cpu.tally, tally, strict=True)) if now != then]
        cpu.note_hold((cpu.held_so_far() - holding) * more)
        cpu.stride(steps, cycles, more)
        pages = [pfn for zone in self._allocator.zones for each in zone.pcps[cpu.index].lists for pfn in each]
        self._allocator.recency[cpu.index].repeat(uses, more, frame_runs(pages))
        self._tell(cpu, windows, cycles, more)
        return results, more

    def _state(self, cpu: Cpu) -> _State:
        allocator = self._allocator
        pcps = [(zone, zone.pcps[cpu.index]) for zone in allocator.zones]
        return _State(
            tuple((tuple(map(tuple, pcp.lists)), pcp.tuning.snapshot()) for _, pcp in pcps),
            (
                cpu.tally[allocator.k.spin_lock.index],
                *((pcp.refilled, pcp.drained, zone.free_pages) for zone, pcp in pcps),
            ),
            allocator.recency[cpu.index].uses,
        )

    @contextmanager
    def _listening(self, cpu: Cpu) -> Iterator[Windows]:
        """Note what observers of masked windows and locks are told of this CPU meanwhile, if there are any.

        Other CPUs may run, and listen, in between.
        """
        hooks = self._allocator.hooks
        heard: Windows = []

        def hearing(name: str) -> Callable[..., None]:
            return lambda whose, *told: heard.append((name, cpu.site, told)) if whose is cpu else None

        ears = {name: hearing(name) for name in HEARD if getattr(hooks, name)}
        for name, ear in ears.items():
            setattr(hooks, name, (*getattr(hooks, name), ear))
        try:
            yield heard
        finally:
            for name, ear in ears.items():
                setattr(hooks, name, tuple(each for each in getattr(hooks, name) if each is not ear))

    def _tell(self, cpu: Cpu, windows: Windows, cycles: int, more: int) -> None:
        """Tell observers of the windows of the periods counted: those of the last, so many times."""
        here = cpu.site
        hooks = self._allocator.hooks
        for name, cpu.site, told in windows:
            if name == "lock_released":
                for saw in hooks.lock_hits:
                    saw(cpu, *told, more)
            elif name == "lock_hits":
                lock, held, times = told
                for saw in hooks.lock_hits:
                    saw(cpu, lock, held, times * more)
            else:
                start, end, *rest, times = told
                for saw in getattr(hooks, name):
                    saw(cpu, start + more * cycles, end + more * cycles, *rest, times * more)
        cpu.site = here
