"""Kinds of spinlocks: who is next, and what the hand-over costs. Policies over the one wait queue of `lock.py`.

A hand-over comes between a release and the next owner's first instruction; it does not depend on how long the section
is. c is the transfer of one cache line between the two CPUs, w how many waited at the release.

Sources: Boyd-Wickizer, Kaashoek, Morris and Zeldovich, "Non-scalable locks are dangerous" (OLS 2012) for the ticket
lock; Mellor-Crummey and Scott (TOCS 1991) for MCS; Linux v4.10 (ea57485af8f4), kernel/locking/qspinlock.c; the
compact NUMA-aware series (Kogan, linux-arch, v15) for CNA.
"""

from __future__ import annotations

from abc import ABC
from typing import TYPE_CHECKING, ClassVar

from mypy_extensions import mypyc_attr

from simalloc.registry import Table

if TYPE_CHECKING:
    from simalloc.machine.cpu import Cpu
    from simalloc.machine.lock import SpinLock, Waiter


@mypyc_attr(allow_interpreted_subclasses=True)
class LockKind(ABC):
    """First come, first served; nothing to pay. Subclasses say what differs. An object serves many locks."""

    name: ClassVar[str]
    about: ClassVar[str]
    line_moves: ClassVar[bool] = True
    """Whether who finds the lock free fetches its line from the last holder."""
    may_be_overtaken: ClassVar[bool] = False
    """Whether another may get the lock while it is on its way: what `overtakes` decides."""
    delays_release: ClassVar[bool] = False
    """Whether those who spin hold up the release: what `release_delay` decides."""

    def take_next(self, lock: SpinLock, releaser: Cpu) -> Waiter:  # noqa: ARG002
        """Take who is next out of the queue, which is not empty."""
        return lock.waiters.popleft()

    def handover(self, lock: SpinLock, releaser: Cpu, chosen: Cpu, held: int) -> int:  # noqa: ARG002
        """Return the cycles from the release to the owner `chosen`, who was among `1 + len(lock.waiters)` waiting."""
        return 0

    def settled(self, lock: SpinLock, releaser: Cpu, first: Cpu, held: int) -> int | None:  # noqa: ARG002
        """Return the cycles of the hand-over, ahead of a release, if nobody who may yet come could change them.

        None if one could, or if it need not be `first`, who has waited longest, that is next.
        """
        return None

    def release_delay(self, lock: SpinLock, releaser: Cpu) -> int:  # noqa: ARG002
        """Return how many cycles the release itself is held up by those who spin."""
        return 0

    def overtakes(self, lock: SpinLock, cpu: Cpu) -> bool:  # noqa: ARG002
        """Whether `cpu`, asking while the lock is on its way to another, takes it away from that one."""
        return False


@mypyc_attr(allow_interpreted_subclasses=True)
class Fifo(LockKind):
    """An ideal queue lock."""

    name = "fifo"
    about = "ideal queue: granted in order of arrival, the lock's own line moves for nothing"
    line_moves = False

    def settled(self, lock: SpinLock, releaser: Cpu, first: Cpu, held: int) -> int | None:  # noqa: ARG002
        """Return 0."""
        return 0


@mypyc_attr(allow_interpreted_subclasses=True)
class TestAndTestAndSet(LockKind):
    """Everybody reads until the lock looks free, then all try: the line goes round among them.

    Unfair: a releaser that asks again at once mostly wins, because it still has the line; others win at random, the
    nearer the likelier.
    """

    name = "ttas"
    about = "test-and-test-and-set: all waiters refetch and race at a release, c(1 + w/2); unfair, seeded"

    may_be_overtaken = True

    overtaking: ClassVar[float] = 0.9
    """Chance that a releaser who asks again during the hand-over wins: two CPUs measured change owner in 1-15 % of
    the releases (own measurements, Zen 4)."""

    def take_next(self, lock: SpinLock, releaser: Cpu) -> Waiter:
        """Draw one: by rejection, each with a chance proportional to 1 / distance from the releaser."""
        waiters, topology = lock.waiters, lock.machine.topology
        while True:
            place = lock.random.randrange(len(waiters))
            distance = topology.transfer(releaser.index, waiters[place][0].index)
            if lock.random.random() * distance <= topology.nearest:
                break
        # The order of those left does not matter: the last takes the place of who goes.
        waiters[place], waiters[-1] = waiters[-1], waiters[place]
        return waiters.pop()

    def handover(self, lock: SpinLock, releaser: Cpu, chosen: Cpu, held: int) -> int:  # noqa: ARG002
        """Return c(1 + w/2): one invalidation, and on average half of the refetches before the winner's."""
        c = lock.machine.topology.transfer(releaser.index, chosen.index)
        return round(c * (1 + (1 + len(lock.waiters)) / 2))

    def overtakes(self, lock: SpinLock, cpu: Cpu) -> bool:
        """Let the last owner have it again, mostly."""
        return lock.last_holder is cpu and lock.random.random() < self.overtaking


@mypyc_attr(allow_interpreted_subclasses=True)
class TestAndSet(TestAndTestAndSet):
    """Everybody tries to write all the time, so the releaser's own store has to queue for the line."""

    name = "tas"
    about = "test-and-set: waiters write all the time, the release too waits for the line, c(1 + w/2); unfair, seeded"

    delays_release = True

    def release_delay(self, lock: SpinLock, releaser: Cpu) -> int:
        """Return c(1 + w/2) if anybody spins: the line is with one of them, and half of them come first."""
        if not lock.waiters:
            return 0
        c = lock.machine.topology.transfer(lock.waiters[0][0].index, releaser.index)
        return round(c * (1 + len(lock.waiters) / 2))


@mypyc_attr(allow_interpreted_subclasses=True)
class Ticket(LockKind):
    """Fair, but everybody spins on one word: at a release the line's home answers waiters one by one."""

    name = "ticket"
    about = "ticket (Linux 2.6.25 to 4.1): FIFO, all waiters refetch one line, c w/2; collapses"

    def handover(self, lock: SpinLock, releaser: Cpu, chosen: Cpu, held: int) -> int:  # noqa: ARG002
        """Return c w/2: on average half of the waiters are answered before the one whose turn it is."""
        c = lock.machine.topology.transfer(releaser.index, chosen.index)
        return round(c * (1 + len(lock.waiters)) / 2)


@mypyc_attr(allow_interpreted_subclasses=True)
class Mcs(LockKind):
    """Each waiter spins on a line of its own, which the releaser writes."""

    name = "mcs"
    about = "MCS queue: FIFO, each waiter spins on its own line; one transfer however many wait"

    def handover(self, lock: SpinLock, releaser: Cpu, chosen: Cpu, held: int) -> int:  # noqa: ARG002
        """Return c."""
        return lock.machine.topology.transfer(releaser.index, chosen.index)

    def settled(self, lock: SpinLock, releaser: Cpu, first: Cpu, held: int) -> int | None:
        """Return c."""
        return self.handover(lock, releaser, first, held)


@mypyc_attr(allow_interpreted_subclasses=True)
class QSpinLock(Mcs):
    """Linux since v4.2: one waiter spins on the lock word (pending), further ones queue as in MCS.

    The predecessor tells the head of that queue so, when it gets the lock itself; if the section is shorter than this
    takes, the rest is added to the hand-over.
    """

    name = "qspinlock"
    about = "qspinlock (Linux 4.2 and later): pending bit, then MCS queue; c, and the promotion where it shows"

    def handover(self, lock: SpinLock, releaser: Cpu, chosen: Cpu, held: int) -> int:
        """Return c, and from two waiters on what is left of the promotion, c - hold."""
        c = lock.machine.topology.transfer(releaser.index, chosen.index)
        return c if held >= c or not lock.waiters else c + c - held

    def settled(self, lock: SpinLock, releaser: Cpu, first: Cpu, held: int) -> int | None:
        """Return c if no promotion shows, however many wait."""
        c = super().handover(lock, releaser, first, held)
        return c if held >= c else None


@mypyc_attr(allow_interpreted_subclasses=True)
class Cna(Mcs):
    """Compact NUMA-aware lock: MCS that prefers waiters on the releaser's node; the others move to a second queue.

    After so many hand-overs within a node the second queue goes first.
    """

    name = "cna"
    about = "compact NUMA-aware (patch series, never merged): MCS, waiters of the owner's node first, others in turn"

    handovers: ClassVar[int] = 1 << 16
    """Hand-overs within a node before the others' turn: as in the series' first versions (later ones count time)."""

    def settled(self, lock: SpinLock, releaser: Cpu, first: Cpu, held: int) -> int | None:  # noqa: ARG002
        """Return None: somebody of the owner's node may yet come."""
        return None

    def take_next(self, lock: SpinLock, releaser: Cpu) -> Waiter:
        """Take the first waiter on the releaser's node, unless there is none or it is the others' turn."""
        node = lock.machine.topology.node
        home = node(releaser.index)
        lock.local_handovers += 1
        if lock.local_handovers <= self.handovers:
            skipped = 0
            while lock.waiters:
                waiter = lock.waiters.popleft()
                if node(waiter[0].index) == home:
                    return waiter
                lock.set_aside.append(waiter)
                skipped += 1
        lock.local_handovers = 0
        lock.set_aside.extend(lock.waiters)
        lock.waiters, lock.set_aside = lock.set_aside, lock.waiters
        lock.set_aside.clear()
        return lock.waiters.popleft()


LOCK_KINDS: Table[LockKind] = Table(
    "lock",
    {kind.name: kind for kind in (QSpinLock(), Mcs(), Cna(), Ticket(), TestAndTestAndSet(), TestAndSet(), Fifo())},
)
"""The kinds there are; the first is the default."""
