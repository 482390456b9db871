"""What CPUs spend on locks: waiting, holding, and fetching the lines that come with a lock. Cycles."""

from __future__ import annotations

from collections.abc import Callable

from mypy_extensions import mypyc_attr

from simalloc.machine import Cpu, Instrument, SpinLock

Tell = Callable[[str, int, float], None]


@mypyc_attr(allow_interpreted_subclasses=True)
class LockTimes(Instrument):
    """Sums per CPU and lock class; `tell(what, cycle, cycles)` hears each of them too.

    Waiting includes the hand-over of the lock's own line; `moved` are the lines fetched inside a hold, which is the
    rest of `held`.
    """

    def __init__(self, tell: Tell | None = None) -> None:
        self.waited: dict[tuple[int, str], int] = {}
        self.held: dict[tuple[int, str], int] = {}
        self.moved: dict[tuple[int, str], int] = {}
        self._moved_before: dict[tuple[int, str], int] = {}
        self._tell = tell

    def lock_acquired(self, cpu: Cpu, lock: SpinLock, waited: int, contended: bool) -> None:  # noqa: ARG002
        """Count the wait."""
        key = cpu.index, lock.name
        self._moved_before[key] = cpu.cycles_of(cpu.machine.transfer_step)
        if waited:
            self.waited[key] = self.waited.get(key, 0) + waited
            if self._tell:
                self._tell(f"{lock.name} waited", cpu.clock, waited)

    def lock_released(self, cpu: Cpu, lock: SpinLock, held: int) -> None:
        """Count the hold."""
        key = cpu.index, lock.name
        moved = cpu.cycles_of(cpu.machine.transfer_step) - self._moved_before[key]
        self.moved[key] = self.moved.get(key, 0) + moved
        self.held[key] = self.held.get(key, 0) + held - moved
        if self._tell:
            self._tell(f"{lock.name} moved", cpu.clock, moved)
            self._tell(f"{lock.name} held", cpu.clock, held - moved)
            self._tell(f"{lock.name} in use", cpu.clock, held)

    def of(self, cpu: Cpu) -> tuple[int, int, int]:
        """Return what this CPU has waited, held and fetched so far, over all locks."""
        sums = [sum(c for (index, _), c in each.items() if index == cpu.index) for each in self.all()]
        return sums[0], sums[1], sums[2]

    def all(self) -> tuple[dict[tuple[int, str], int], ...]:
        """Return waited, held, moved."""
        return self.waited, self.held, self.moved
