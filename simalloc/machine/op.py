"""What a program yields, and what it and the events inside the machine are as types."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, TypeVar

from mypy_extensions import mypyc_attr
from simpy.events import Event

from simalloc.machine.step import Burst, Step

if TYPE_CHECKING:
    from simalloc.machine.cpu import Cpu

T = TypeVar("T")

Events = Generator[Event, Any, T]
"""What runs inside the machine: yields SimPy events, returns a T."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Op:
    """Base of all that a program may yield and that is more than cycles."""

    __slots__ = ()

    def perform(self, cpu: Cpu) -> Events[Any] | None:
        """Do it on `cpu`; what the events return is what the program's `yield` gives back. None: it is done already."""
        raise NotImplementedError


Program = Generator[Step | Burst | Op, Any, T]
"""What runs on a CPU: yields steps and ops, returns a T."""
