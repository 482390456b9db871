"""The page checker: no page given out twice, none freed that nobody has, none lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mypy_extensions import mypyc_attr

from simalloc.machine import Cpu, Instrument
from simalloc.measure.broken import Broken, Report, side
from simalloc.memory import Zone


@mypyc_attr(allow_interpreted_subclasses=True)
class PageChecker(Instrument):
    """Knows every page that a caller holds, and those that a call of the allocator has in hand.

    Raises Broken at the first page that is in two places, or in none when the call that had it has ended. Calls are
    told apart by CPU and by how many contexts theirs has interrupted.

    `keeps`: the allocator has places of its own for pages, of which nobody is told. What a call has in hand at its end
    may be there; whether all of it is shows at the end of the run.
    """

    def __init__(self) -> None:
        self.every_page = False
        self.keeps = False
        self.held: dict[int, int] = {}
        self._hands: dict[tuple[int, int], set[int]] = {}

    def _hand(self, cpu: Cpu) -> set[int]:
        key = cpu.index, len(cpu.below)
        hand = self._hands.get(key)
        if hand is None:
            hand = self._hands[key] = set()
        return hand

    # Callers

    def pages_owned(self, pfns: Sequence[int]) -> None:
        """Note that a workload has them."""
        self.held.update(dict.fromkeys(pfns, -1))

    def page_allocated(self, cpu: Cpu, pfn: int, order: int) -> None:
        """Note who has it now."""
        held, hand = self.held, self._hand(cpu)
        for frame in range(pfn, pfn + (1 << order)) if order else (pfn,):
            if frame in held:
                owner = held[frame]
                by = f"cpu {owner}" if owner >= 0 else "its workload since before the run"
                raise _broken(cpu, f"was given page {frame}, which is held already: by {by}")
            held[frame] = cpu.index
        if hand:
            hand.difference_update(range(pfn, pfn + (1 << order)))

    def page_freed(self, cpu: Cpu, pfn: int, order: int) -> None:
        """Note that a call has it in hand."""
        held = self.held
        for frame in range(pfn, pfn + (1 << order)) if order else (pfn,):
            if held.pop(frame, None) is None:
                raise _broken(cpu, f"freed page {frame}, which nobody holds")
        self._hand(cpu).update(range(pfn, pfn + (1 << order)))

    def pages_allocated(self, cpu: Cpu, pfns: Sequence[int]) -> None:
        """Note who has them now."""
        held, hand = self.held, self._hand(cpu)
        new = dict.fromkeys(pfns, cpu.index)
        if len(new) == len(pfns) and held.keys().isdisjoint(new):
            held.update(new)
            if hand:
                hand.difference_update(pfns)
        else:
            super().pages_allocated(cpu, pfns)

    def pages_freed(self, cpu: Cpu, pfns: Sequence[int]) -> None:
        """Note that a call has them in hand."""
        held, gone = self.held, set(pfns)
        if len(gone) == len(pfns) and held.keys() >= gone:
            for pfn in pfns:
                held.pop(pfn, None)
            self._hand(cpu).update(pfns)
        else:
            super().pages_freed(cpu, pfns)

    # The allocator

    def pages_removed(self, cpu: Cpu, zone: Zone, order: int, mt: int, pfns: list[int]) -> None:  # noqa: ARG002
        """A call has taken them off the buddy lists."""
        self._hand(cpu).update(_frames(pfns, order))

    def pages_inserted(self, cpu: Cpu, zone: Zone, order: int, mt: int, pfns: list[int]) -> None:  # noqa: ARG002
        """They are on the buddy lists."""
        self._hand(cpu).difference_update(_frames(pfns, order))

    def pages_parked(self, cpu: Cpu, pcp: Any, pfns: Sequence[int], order: int) -> None:  # noqa: ARG002
        """They are on a pcp's lists."""
        self._hand(cpu).difference_update(_frames(pfns, order))

    def pages_unparked(self, cpu: Cpu, pcp: Any, pfns: Sequence[int], order: int) -> None:  # noqa: ARG002
        """A call has taken them off a pcp's lists."""
        self._hand(cpu).update(_frames(pfns, order))

    def pages_left(self, cpu: Cpu, zone: Zone, order: int, pfns: list[int]) -> None:  # noqa: ARG002
        """They are on the zone's lockless list."""
        self._hand(cpu).difference_update(_frames(pfns, order))

    def call_ended(self, cpu: Cpu) -> None:
        """Raise Broken if the call has pages in hand that are nowhere else."""
        hand = self._hand(cpu)
        if hand and self.keeps:
            hand.clear()
        elif hand:
            pages = f"{len(hand)} pages" if len(hand) > 1 else "a page"
            raise _broken(cpu, f"has lost {pages}: page {min(hand)} is with nobody, and on no list")

    def check_none_lost(self, zone: Zone, usable_pages: int) -> None:
        """Compare pages held, in hand, parked and free with the `usable_pages` of the zone; Broken if they differ.

        Pages that calls have in hand are on their way: the run was cut short. NR_FREE_PAGES must also be what the
        buddy lists really have.
        """
        held = sum(frame in zone for frame in self.held)
        in_hand = sum(frame in zone for hand in self._hands.values() for frame in hand)
        free, parked = zone.buddy.free_pages(), zone.parked_pages()
        if free != zone.free_pages:
            raise _lost(f"zone {zone.name}: NR_FREE_PAGES is {zone.free_pages}, the buddy lists have {free}")
        if held + in_hand + free + parked != usable_pages:
            raise _lost(
                f"zone {zone.name}: {held} held + {in_hand} on their way + {free} free + {parked} on pcp lists is not "
                f"{usable_pages} pages"
            )


def _frames(pfns: Sequence[int], order: int) -> Sequence[int]:
    return [frame for pfn in pfns for frame in range(pfn, pfn + (1 << order))] if order else pfns


def _broken(cpu: Cpu, what: str) -> Broken:
    finding = (f"cpu {cpu.index} at cycle {cpu.clock} {what}.",)
    return Broken(Report("page", "BUG: Bad page state", finding, (side(cpu, what),)))


def _lost(what: str) -> Broken:
    return Broken(Report("page", "BUG: Bad page state", (f"at the end of the run: {what}.",), ()))
