"""What each event of the page allocator committed, in the order in which it was committed.

A single free shows mm_page_free and is done. A list free shows mm_page_free for every page of the list, which only
prepares them, and then mm_page_free_batched for each as it is committed (Linux v4.15, 9cca35d42eb6). So an mm_page_free
is not understood until the same code does something else. Events that an interrupt brought in between wait as well, so
that what is given out is in order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from enum import IntEnum

from simalloc.recorded.events import TASK, Event, Kind


class Did(IntEnum):
    """What was done to the lists."""

    ALLOC = 0
    FREE = 1
    COMMIT = 2
    BYPASS = 3
    LOCKED = 4
    DRAIN = 5
    EXTFRAG = 6
    VMSTAT = 7
    MARKER = 8


"""FREE: a single free. COMMIT: a page of a list free, on the pcp. BYPASS: one of a list free that went past it."""

DID = {
    Kind.ALLOC: Did.ALLOC,
    Kind.LOCKED: Did.LOCKED,
    Kind.DRAIN: Did.DRAIN,
    Kind.EXTFRAG: Did.EXTFRAG,
    Kind.VMSTAT: Did.VMSTAT,
    Kind.MARKER: Did.MARKER,
}


class Deed:
    """Something done at `time`, by the event that shows it. `begins`: it is the first of its list free."""

    __slots__ = ("begins", "did", "event", "time", "waits")

    def __init__(
        self, did: Did, event: Event, time: int | None = None, *, waits: bool = False, begins: bool = False
    ) -> None:
        self.did = did
        self.event = event
        self.time = event.time if time is None else time
        self.waits = waits
        self.begins = begins


Code = tuple[int, int]
"""Who acts on a CPU: its context, and the task if it is one."""


class _Prepared:
    """Frees of one task or handler that are not understood yet; `committing` once a list has begun to be committed."""

    __slots__ = ("committing", "deeds")

    def __init__(self) -> None:
        self.deeds: deque[Deed] = deque()
        self.committing = False


class _Cpu:
    __slots__ = ("by_code", "queue")

    def __init__(self) -> None:
        self.queue: deque[Deed] = deque()
        self.by_code: dict[Code, _Prepared] = {}


class Order:
    """Takes events as they stand in the trace, gives deeds CPU by CPU in the order in which they took place."""

    def __init__(self) -> None:
        self._cpus: dict[int, _Cpu] = {}
        self._waiting: dict[int, tuple[_Cpu, Code]] = {}

    def of(self, events: Iterator[Event]) -> Iterator[Deed]:
        """Yield what the events show, and at the end what was still open."""
        for event in events:
            kind = event.kind
            if kind is Kind.MARKER:
                self._cpus.clear()
                self._waiting.clear()
            cpu = self._cpus.get(event.cpu)
            if cpu is None:
                cpu = self._cpus[event.cpu] = _Cpu()
            if event.pfn in self._waiting and kind is not Kind.BATCHED:
                yield from self._decide_page(event.pfn)
            if not cpu.by_code and not cpu.queue and kind is not Kind.FREE and kind is not Kind.BATCHED:
                yield Deed(DID[kind], event)
                continue
            self._take(cpu, event)
            yield from self._ready(cpu)
        for cpu in self._cpus.values():
            for code in list(cpu.by_code):
                self._decide(cpu, code)
            yield from self._ready(cpu)

    def _take(self, cpu: _Cpu, event: Event) -> None:
        level, kind = event.level, event.kind
        code = (level, event.pid if level == TASK else 0)
        for other in list(cpu.by_code):
            # A handler that it interrupted has ended, or another task runs: what those freed, they have freed.
            if other != code and other[0] >= level:
                self._decide(cpu, other)
        prepared = cpu.by_code.get(code)
        if kind is Kind.FREE:
            if prepared is None:
                prepared = cpu.by_code[code] = _Prepared()
            elif prepared.committing:
                self._decide(cpu, code)
                prepared = cpu.by_code[code] = _Prepared()
            deed = Deed(Did.FREE, event, waits=True)
            prepared.deeds.append(deed)
            cpu.queue.append(deed)
            self._waiting[event.pfn] = cpu, code
        elif kind is Kind.BATCHED:
            self._commit(cpu, code, event)
        else:
            if kind is not Kind.DRAIN or (prepared is not None and not prepared.committing):
                self._decide(cpu, code)
            cpu.queue.append(Deed(DID[kind], event))

    def _commit(self, cpu: _Cpu, code: Code, event: Event) -> None:
        prepared = cpu.by_code.get(code)
        if prepared is None or not any(deed.event.pfn == event.pfn for deed in prepared.deeds):
            cpu.queue.append(Deed(Did.COMMIT, event, begins=prepared is None or not prepared.committing))
            return
        begins = not prepared.committing
        while (deed := prepared.deeds.popleft()).event.pfn != event.pfn:
            # Before a list begins: single frees. Within one: pages whose trylock failed.
            self._understood(deed)
            if not begins:
                cpu.queue.append(Deed(Did.BYPASS, deed.event))
        if begins:
            # All that is left was only prepared where it stands; so that what follows need not wait for it.
            for each in (deed, *prepared.deeds):
                each.did, each.waits = Did.MARKER, False
            prepared.committing = True
        self._waiting.pop(event.pfn, None)
        cpu.queue.append(Deed(Did.COMMIT, deed.event, event.time, begins=begins))
        if not prepared.deeds:
            del cpu.by_code[code]

    def _understood(self, deed: Deed) -> None:
        deed.waits = False
        self._waiting.pop(deed.event.pfn, None)

    def _decide(self, cpu: _Cpu, code: Code) -> None:
        """Take the frees of a task or handler that are not understood yet for single ones, or for past the pcp."""
        prepared = cpu.by_code.pop(code, None)
        if prepared is not None:
            for deed in prepared.deeds:
                self._understood(deed)
                if prepared.committing:
                    cpu.queue.append(Deed(Did.BYPASS, deed.event))

    def _decide_page(self, pfn: int) -> Iterator[Deed]:
        """Do so with the CPU that has freed this page: something else is known of it by now."""
        cpu, _ = self._waiting[pfn]
        for code in list(cpu.by_code):
            self._decide(cpu, code)
        yield from self._ready(cpu)

    @staticmethod
    def _ready(cpu: _Cpu) -> Iterator[Deed]:
        queue = cpu.queue
        while queue and not queue[0].waits:
            deed = queue.popleft()
            if deed.did is not Did.MARKER or deed.event.kind is Kind.MARKER:
                yield deed
