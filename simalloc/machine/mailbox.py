"""A queue from one CPU to another, whose reader sleeps while it is empty: a socket, seen from the page allocator."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from simpy.events import Event

from simalloc.machine.context import Context
from simalloc.machine.op import Op

if TYPE_CHECKING:
    from simalloc.machine.cpu import Cpu
    from simalloc.machine.op import Events


class Mailbox:
    """At most `size` items, in order of posting. One CPU reads; `receive` is the op to do it."""

    def __init__(self, name: str, size: int) -> None:
        self.name = name
        self.size = size
        self.items: deque[Any] = deque()
        self.reader: Event | None = None
        self.reader_cpu: Cpu | None = None
        self.receive = Receive(self)

    def post(self, item: Any) -> Post:
        """Return the op that puts `item` in."""
        return Post(self, item)


class Post(Op):
    """Op: put one item in, and wake the reader; gives back whether there was room."""

    __slots__ = ("box", "item")

    def __init__(self, box: Mailbox, item: Any) -> None:
        self.box = box
        self.item = item

    def perform(self, cpu: Cpu) -> Events[bool]:
        """Do it when every CPU has come this far."""
        yield from cpu.sync()
        box = self.box
        if len(box.items) >= box.size:
            return False
        box.items.append(self.item)
        if box.reader is not None and box.reader_cpu is not None:
            cpu.machine.fire(box.reader, box.reader_cpu)
            box.reader = None
        return True


class Receive(Op):
    """Op: take the first item, idle until there is one."""

    __slots__ = ("box",)

    def __init__(self, box: Mailbox) -> None:
        self.box = box

    def perform(self, cpu: Cpu) -> Events[Any]:
        """Sleep in the idle context; interrupts are served meanwhile."""
        box = self.box
        for saw in cpu.machine.hooks.waiting:
            saw(cpu, f"receive from {box.name}", True)
        yield from cpu.sync()
        while not box.items:
            box.reader, box.reader_cpu = Event(cpu.machine.queue), cpu
            previous = cpu.switch(Context.IDLE)
            yield from cpu.wait(box.reader, cpu.machine.idle_step)
            cpu.switch(previous)
            yield from cpu.sync()
        return box.items.popleft()
