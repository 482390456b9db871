"""What a workload that can give pages back does for an allocator that has too few: kswapd, and direct reclaim."""

from __future__ import annotations

from abc import ABC, abstractmethod

from mypy_extensions import mypyc_attr

from simalloc.machine import Cpu, Program


@mypyc_attr(allow_interpreted_subclasses=True)
class Reclaim(ABC):
    """Takes pages from their users. Linux v4.10 (ea57485af8f4), __alloc_pages_slowpath()."""

    @abstractmethod
    def wake_kswapd(self, cpu: Cpu) -> Program[None]:
        """Have memory reclaimed in the background: the LOW watermark failed."""

    @abstractmethod
    def direct(self, cpu: Cpu) -> Program[int]:
        """Reclaim some pages here and now: the MIN watermark failed; return how many were freed."""
