"""The page checker: no page given out twice, none freed that nobody has, none lost."""

from __future__ import annotations

from mypy_extensions import mypyc_attr

from simalloc.machine import Cpu, Instrument, RuleBroken
from simalloc.memory import Zone


@mypyc_attr(allow_interpreted_subclasses=True)
class PageChecker(Instrument):
    """Knows every page that a caller holds. Raises RuleBroken at the first page that is in two places."""

    def __init__(self) -> None:
        self.held: dict[int, int] = {}

    def page_allocated(self, cpu: Cpu, pfn: int, order: int) -> None:
        """Note who has it now."""
        for frame in range(pfn, pfn + (1 << order)):
            if frame in self.held:
                raise RuleBroken(
                    f"cpu {cpu.index} at cycle {cpu.clock} was given page {frame}, which cpu {self.held[frame]} holds"
                )
            self.held[frame] = cpu.index

    def page_freed(self, cpu: Cpu, pfn: int, order: int) -> None:
        """Nobody has it any more."""
        for frame in range(pfn, pfn + (1 << order)):
            if self.held.pop(frame, None) is None:
                raise RuleBroken(f"cpu {cpu.index} at cycle {cpu.clock} freed page {frame}, which nobody holds")

    def check_none_lost(self, zone: Zone, usable_pages: int, *, cut_short: bool = False) -> None:
        """Compare pages held, parked and free with the `usable_pages` the zone began with; RuleBroken if they differ.

        NR_FREE_PAGES must also be what the buddy lists really have. A run that was cut short has pages on their way
        from one place to the other; of it only too many are wrong.
        """
        held = sum(frame in zone for frame in self.held)
        free, parked = zone.buddy.free_pages(), zone.parked_pages()
        if free != zone.free_pages:
            raise RuleBroken(f"zone {zone.name}: NR_FREE_PAGES is {zone.free_pages}, the buddy lists have {free}")
        found = held + free + parked
        if found > usable_pages or (found < usable_pages and not cut_short):
            raise RuleBroken(
                f"zone {zone.name}: {held} held + {free} free + {parked} on pcp lists is not {usable_pages} pages"
            )
