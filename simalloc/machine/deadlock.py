"""Who waits for whom: a ring of waits is a deadlock, because whoever waits lets go of nothing.

True whatever the clocks of the CPUs: a lock held by a CPU that waits stays held until the wait ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from simalloc.machine.context import IDLE
from simalloc.machine.rules import Deadlock, Livelock

FEW_TRIES = 100_000
MANY_TRIES = 1_000_000
"""Tries of a lock in a row, all in vain: of one whose holder cannot let go, and of any."""

if TYPE_CHECKING:
    from simalloc.machine.cpu import Cpu
    from simalloc.machine.lock import SpinLock


def named(lock: SpinLock) -> str:
    """Return the lock's class and which object it is of, such as `zone->lock (Normal 0.0)`."""
    return f"{lock.name} ({lock.of})" if lock.of else lock.name


def blocks(cpu: Cpu) -> Cpu | None:
    """Return the CPU that must let go of a lock before this one goes on; None if it runs, or is about to.

    A lock may have come to a CPU whose handler waits for another one: that CPU is not about to run. A handler that came
    while its CPU waits, and does not wait itself, runs.
    """
    return _who_lets_go(cpu.waits[-1].lock) if _waits_now(cpu) else None


def _who_lets_go(lock: SpinLock) -> Cpu | None:
    """Return the CPU that must let go of a lock; None if nobody has it, or it is on its way to who waits."""
    holder = lock.holder
    comes = lock.in_transit and holder is not None and _waits_now(holder) and holder.waits[-1].lock is lock
    return None if comes else holder


def _waits_now(cpu: Cpu) -> bool:
    return bool(cpu.waits) and cpu.waits[-1].depth == len(cpu.below)


def ring_from(cpu: Cpu) -> list[Cpu]:
    """Return the CPUs of the ring of waits that this one has just closed; empty if there is none."""
    ring: list[Cpu] = []
    at: Cpu | None = cpu
    while at is not None and at not in ring:
        ring.append(at)
        at = blocks(at)
    return ring if at is cpu else []


def check_for_ring(cpu: Cpu) -> None:
    """Raise Deadlock if this CPU, which has begun to wait or gets a lock while a handler of it waits, closes a ring."""
    waits = cpu.waits
    lock = waits[-1].lock
    if len(waits) > 1 and lock in [each.lock for each in waits[:-1]]:
        raise Deadlock(f"deadlock: cpu {cpu.index} waits for what only it could get\n{chain([cpu])}")
    holder = _who_lets_go(lock)
    if holder is not None and (holder is cpu or holder.waits):
        ring = ring_from(cpu)
        if len(ring) == 1:
            raise Deadlock(f"deadlock: cpu {cpu.index} waits for a lock that it holds\n{chain(ring)}")
        if ring:
            raise Deadlock("deadlock: each of these CPUs waits for the next\n" + chain(ring))


def check_for_livelock(cpu: Cpu, lock: SpinLock) -> None:
    """Count a try in vain. Raise Livelock after so many in a row that it will never succeed.

    Fewer are enough where the holder cannot let go: it waits itself, has ended, or is what this handler interrupts.
    """
    cpu.tries_in_vain = cpu.tries_in_vain + 1 if cpu.tried_in_vain is lock else 1
    cpu.tried_in_vain = lock
    if cpu.tries_in_vain % FEW_TRIES:
        return
    holder = lock.holder
    blocked = holder is not None and (holder is cpu or _waits_now(holder) or holder.context is IDLE)
    if blocked or cpu.tries_in_vain >= MANY_TRIES:
        who = [cpu] if holder is None or holder is cpu else [cpu, holder]
        raise Livelock(
            f"livelock: cpu {cpu.index} has tried {named(lock)} {cpu.tries_in_vain} times in a row up to cycle "
            f"{cpu.clock}, and never got it\n{chain(who)}"
        )


def chain(cpus: Sequence[Cpu]) -> str:
    """Return what each CPU holds, since when and where it took it, and what it waits for."""
    return "\n".join(line for cpu in cpus for line in _lines(cpu))


def _lines(cpu: Cpu) -> list[str]:
    lines = [f"cpu {cpu.index} in {cpu.context.label}, {cpu.site or 'unnamed code'}:"]
    for lock in (lock for frame in (*cpu.below, cpu.held) for lock in frame):
        where = f"taken in {lock.taken_in or 'unnamed code'} ({lock.taken_by.label})"
        lines.append(f"  holds {named(lock)} since cycle {lock.held_since}, {where}")
    for wait in cpu.waits:
        holder = wait.lock.holder
        by = "nobody" if holder is None else "itself" if holder is cpu else f"cpu {holder.index}"
        where = f"in {wait.site or 'unnamed code'} ({wait.context.label})"
        lines.append(f"  waits for {named(wait.lock)} since cycle {wait.since}, {where}; held by {by}")
    if not cpu.waits:
        runs = "waits for something that nobody will do" if cpu.waits_for is not None else "runs"
        lines.append(f"  {'has ended its program' if cpu.context is IDLE else runs}")
    return lines
