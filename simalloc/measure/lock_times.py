"""What CPUs spend on locks: waiting, holding, and fetching the lines that come with a lock. Cycles."""

from __future__ import annotations

from collections.abc import Callable

from mypy_extensions import mypyc_attr

from simalloc.machine import Cpu, Instrument, Machine, SpinLock

Tell = Callable[[str, int, int, float], None]


class _Hold:
    """A hold that has not ended: in which stretches its CPU did nothing with another lock, and what it fetched.

    `fetched` is what the context had fetched when the hold began, plus what other locks have fetched inside it.
    """

    __slots__ = ("began", "fetched", "lock", "stretches", "tally")

    def __init__(self, lock: SpinLock, began: int, tally: list[int], fetched: int) -> None:
        self.lock = lock
        self.began = began
        self.tally = tally
        self.fetched = fetched
        self.stretches: list[tuple[int, int]] = []


class _Names:
    """What `tell` hears of a lock class: made once, for it hears them all the time."""

    __slots__ = ("held", "in_use", "moved", "waited")

    def __init__(self, lock: str) -> None:
        self.waited = f"{lock} waited"
        self.moved = f"{lock} moved"
        self.held = f"{lock} held"
        self.in_use = f"{lock} in use"


@mypyc_attr(allow_interpreted_subclasses=True)
class LockTimes(Instrument):
    """Sums per CPU and lock class; `tell(what, start, end, cycles)` hears each of them, and when it was.

    A cycle counts once: to the wait that goes on, else to the lock taken last. Waiting includes the hand-over of the
    lock's own line; `moved` are the lines fetched inside a hold, which is the rest of `held`. `... in use` is told of
    too: from a lock's acquisition to its release, whatever else its holder did meanwhile.

    A lock that no other CPU asks for (a pcp's own) is left out: it is its CPU's own work, and keeps nobody waiting.
    """

    def __init__(self, tell: Tell | None = None) -> None:
        self.waited: dict[tuple[int, str], int] = {}
        self.held: dict[tuple[int, str], int] = {}
        self.moved: dict[tuple[int, str], int] = {}
        self._holds: dict[int, list[_Hold]] = {}
        self._counted_to: dict[int, int] = {}
        self._tell = tell
        self._names: dict[str, _Names] = {}

    def lock_acquired(self, cpu: Cpu, lock: SpinLock, waited: int, contended: bool) -> None:
        """Count the wait; a hold begins."""
        if lock.is_private:
            return
        now, holds = cpu.clock, self._holds.setdefault(cpu.index, [])
        tally, fetched = cpu.tally, cpu.tally[cpu.machine.transfer_step.index]
        if contended:
            self._count(cpu, now - waited)
            self._wait(cpu, lock, now)
            if holds and holds[-1].tally is tally:
                holds[-1].fetched += cpu.handover
        elif holds or cpu.waits:
            self._count(cpu, now)
        self._counted_to[cpu.index] = now
        holds.append(_Hold(lock, now, tally, fetched))

    def lock_released(self, cpu: Cpu, lock: SpinLock, held: int) -> None:
        """Count the hold."""
        if lock.is_private:
            return
        holds = self._holds[cpu.index]
        self._count(cpu, cpu.clock)
        place = next(i for i in range(len(holds) - 1, -1, -1) if holds[i].lock is lock)
        self._end(cpu, holds.pop(place), held)

    def _count(self, cpu: Cpu, to: int) -> None:
        """Count the cycles up to `to` to what went on in them: a wait that has not ended, or else a hold."""
        holds, start = self._holds.get(cpu.index), self._counted_to.get(cpu.index, 0)
        wait = cpu.waits[-1] if cpu.waits else None
        waits_since = min(wait.since, to) if wait is not None else to
        if holds and wait is not None and holds[-1].began > wait.since:
            waits_since = to
        if holds and start < waits_since:
            holds[-1].stretches.append((start, waits_since))
        self._counted_to[cpu.index] = max(start, waits_since)
        if wait is not None and waits_since < to:
            self._wait(cpu, wait.lock, to)

    def _wait(self, cpu: Cpu, lock: SpinLock, to: int) -> None:
        start, key = self._counted_to.get(cpu.index, 0), (cpu.index, lock.name)
        if start < to:
            self.waited[key] = self.waited.get(key, 0) + to - start
            self._counted_to[cpu.index] = to
            if self._tell:
                self._tell(self._named(lock.name).waited, start, to, to - start)

    def _named(self, lock: str) -> _Names:
        names = self._names.get(lock)
        if names is None:
            names = self._names[lock] = _Names(lock)
        return names

    def _end(self, cpu: Cpu, hold: _Hold, held: int) -> None:
        key = cpu.index, hold.lock.name
        moved = hold.tally[cpu.machine.transfer_step.index] - hold.fetched
        total = 0
        for start, end in hold.stretches:
            total += end - start
        holds = self._holds[cpu.index]
        if holds and holds[-1].tally is hold.tally:
            holds[-1].fetched += moved
        self.moved[key] = self.moved.get(key, 0) + moved
        self.held[key] = self.held.get(key, 0) + total - moved
        if self._tell:
            names = self._named(hold.lock.name)
            for start, end in hold.stretches:
                share = moved * (end - start) / total
                self._tell(names.moved, start, end, share)
                self._tell(names.held, start, end, end - start - share)
            self._tell(names.in_use, cpu.clock - held, cpu.clock, held)

    def finish(self, machine: Machine) -> None:
        """Count what the end of the run has cut short: waits, and holds, that have not ended."""
        for cpu in machine.cpus:
            self._count(cpu, cpu.clock)
            holds = self._holds.get(cpu.index, [])
            while holds:
                hold = holds.pop()
                self._end(cpu, hold, cpu.clock - hold.began)

    def of(self, cpu: Cpu) -> tuple[int, int, int]:
        """Return what this CPU has waited, held and fetched so far, over all locks."""
        sums = [sum(c for (index, _), c in each.items() if index == cpu.index) for each in self.all()]
        return sums[0], sums[1], sums[2]

    def all(self) -> tuple[dict[tuple[int, str], int], ...]:
        """Return waited, held, moved."""
        return self.waited, self.held, self.moved
