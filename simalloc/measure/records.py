"""What a timeline is made of: flat records, each of one CPU, from cycle `start` to `end` (equal if it has no length).

`flags` is the kernel's latency column (`d.h2.`: interrupts off, in a hardirq, two locks held or preemption off twice),
`idle` whether no task runs on the CPU beneath whatever does. Cycles throughout.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(slots=True)
class Record:
    """Anything that happened on a CPU."""

    kind: ClassVar[str]
    cpu: int
    start: int
    end: int

    def row(self) -> dict[str, Any]:
        """Return it as a flat row, its kind first."""
        return {"kind": self.kind, **{name: getattr(self, name) for name in self.__dataclass_fields__}}


@dataclass(slots=True)
class Ran(Record):
    """`times` runs of a step, with whatever interrupted them inside; `site` is the function they ran in."""

    kind = "step"
    context: str
    site: str
    step: str
    activity: str
    times: int


@dataclass(slots=True)
class InContext(Record):
    """A stay in a context, with the interrupts that fell into it inside. `name` is the interrupt's.

    `latency` is how long that had to wait for the CPU; -1 where there was none. Idle time has nothing inside it.
    """

    kind = "context"
    context: str
    name: str
    latency: int
    flags: str
    idle: bool


@dataclass(slots=True)
class Softirq(Record):
    """The handler of softirq `number`; without length, its being raised."""

    kind = "softirq"
    number: int
    raised: bool
    flags: str
    idle: bool


@dataclass(slots=True)
class Wait(Record):
    """A wait for a lock that CPU `owner` had, or was about to have, when it began.

    CPU `giver` let go of the lock at cycle `given`, and this one got it; -1 if the wait had no end. `number` tells
    locks of one name apart.
    """

    kind = "wait"
    lock: str
    number: int
    owner: int
    giver: int
    given: int
    site: str
    flags: str
    idle: bool


@dataclass(slots=True)
class Hold(Record):
    """A lock held, taken in `site`."""

    kind = "hold"
    lock: str
    number: int
    site: str


@dataclass(slots=True)
class IrqsOff(Record):
    """Interrupts masked, unmasked in `site`."""

    kind = "irqs_off"
    site: str


@dataclass(slots=True)
class PcpCount(Record):
    """A CPU's pages of a zone, after a change; and the limits they had then. The first is the count at the beginning.

    A change is seen when the CPU's next step begins, which is when it happened; what another CPU drains (v6.1), at one
    of this CPU's steps thereabouts.
    """

    kind = "pcp"
    zone: str
    count: int
    high: int
    batch: int


@dataclass(slots=True)
class Moved(Record):
    """Blocks that left a zone's buddy lists (`removed`) or joined them, under zone->lock; the free pages after that."""

    kind = "moved"
    zone: str
    removed: bool
    order: int
    migratetype: int
    pfns: list[int]
    free_pages: int
    site: str
    flags: str
    idle: bool


@dataclass(slots=True)
class FreeArea(Record):
    """A zone's free blocks of each order, of all migratetypes together, after a change by this CPU.

    The first row of a zone is what it has at the beginning; its CPU is -1.
    """

    kind = "free_area"
    zone: str
    blocks: list[int]


@dataclass(slots=True)
class PageCall(Record):
    """A block handed to a caller (`allocated`) or given back by one; of the migratetype that its pageblock has."""

    kind = "page"
    allocated: bool
    pfn: int
    order: int
    migratetype: int
    flags: str
    idle: bool


@dataclass(slots=True)
class Recording(Record):
    """The recording itself, of `cpus` CPUs at `ghz`; when the run ended; whether it stopped because it was full."""

    kind = "recording"
    ghz: float
    cpus: int
    run_end: int
    full: bool
