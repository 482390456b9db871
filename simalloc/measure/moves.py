"""Refills and drains: how many pages went between each CPU's pcp lists and the buddy lists, in one go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from simalloc.machine import Cpu, Instrument, SpinLock
from simalloc.memory import Zone

REFILL = "rmqueue_bulk"
DRAIN = "free_pcppages_bulk"
"""The kernel's functions that do it, as `Cpu.site` names them."""


class PageMove:
    """One refill or drain.

    `request` is what the CPU was asked for, as its workload counts; `on_pcp` the pages on its pcp afterwards.
    `order` and `mt` are the list's of a refill, and those of the first block of a drain; `state` is all that the pcp's
    sizes follow from then.
    """

    __slots__ = ("kind", "mt", "on_pcp", "order", "pages", "request", "state", "zone")

    def __init__(
        self, kind: Literal["refill", "drain"], request: int, zone: int, order: int, mt: int, pages: int, on_pcp: int
    ) -> None:
        self.kind: Literal["refill", "drain"] = kind
        self.request = request
        self.zone = zone
        self.order = order
        self.mt = mt
        self.pages = pages
        self.on_pcp = on_pcp
        self.state: tuple[int, ...] = ()


class Moves(Instrument):
    """Keeps every refill and drain of every CPU, in order. A drain in several holds of zone->lock is one drain.

    `request_of` tells which request a CPU is at.
    """

    def __init__(self, zones: Sequence[Zone], cpus: int, request_of: Callable[[int], int]) -> None:
        self.of: list[list[PageMove]] = [[] for _ in range(cpus)]
        self._zones = {id(zone): number for number, zone in enumerate(zones)}
        self._request_of = request_of
        self._in_hold = [False] * cpus

    def pages_removed(self, cpu: Cpu, zone: Any, order: int, mt: int, pfns: list[int]) -> None:
        """A refill has taken blocks off the buddy lists."""
        if cpu.site == REFILL and pfns:
            index = cpu.index
            pcp = zone.pcps[index]
            pages = len(pfns) << order
            move = PageMove(
                "refill", self._request_of(index), self._zones[id(zone)], order, mt, pages, pcp.count + pages
            )
            move.state = pcp.tuning.snapshot()
            self.of[index].append(move)

    def pages_inserted(self, cpu: Cpu, zone: Any, order: int, mt: int, pfns: list[int]) -> None:
        """A drain has given blocks of one list back."""
        if cpu.site != DRAIN or not pfns:
            return
        index = cpu.index
        moves, pcp, request = self.of[index], zone.pcps[index], self._request_of(index)
        pages, number = len(pfns) << order, self._zones[id(zone)]
        last = moves[-1] if moves else None
        same = last is not None and last.kind == "drain" and last.zone == number and last.request == request
        # In the same hold, or in the next with nothing pushed or popped in between.
        if last is not None and same and (self._in_hold[index] or pcp.count + pages == last.on_pcp):
            last.pages += pages
            last.on_pcp = pcp.count
            self._in_hold[index] = True
            return
        move = PageMove("drain", request, number, order, mt, pages, pcp.count)
        move.state = pcp.tuning.snapshot()
        moves.append(move)
        self._in_hold[index] = True

    def lock_released(self, cpu: Cpu, lock: SpinLock, held: int) -> None:  # noqa: ARG002
        """A hold has ended."""
        if lock.name == "zone->lock":
            self._in_hold[cpu.index] = False
