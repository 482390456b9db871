"""The contexts Linux code runs in, from the one anything interrupts to the one nothing does."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class Context(IntEnum):
    """What a CPU is doing. Higher values interrupt lower ones, never the other way round."""

    IDLE = 0
    TASK = 1
    SOFTIRQ = 2
    HARDIRQ = 3
    NMI = 4

    @property
    def label(self) -> str:
        """The name as the kernel and our tables write it: `task`, `softirq`, ..."""
        return self.name.lower()


IDLE: Final = Context.IDLE
TASK: Final = Context.TASK
SOFTIRQ: Final = Context.SOFTIRQ
HARDIRQ: Final = Context.HARDIRQ
NMI: Final = Context.NMI
"""The contexts by name: looking an attribute of an Enum up is slow, and done at every interrupt."""
