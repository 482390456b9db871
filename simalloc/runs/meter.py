"""How far the run that goes on in this process has come, and how much memory processes have."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from simalloc.machine import Machine, Step

Tell = Callable[[float], None]
"""Told which share of a run is done."""


class _Running:
    """The run of this process, read by another thread: whole numbers that only grow."""

    machine: Machine | None = None
    steps: Sequence[int] = ()
    calls: int = 0
    until: int | None = None


_running = _Running()


def begin(machine: Machine, steps: Sequence[Step], calls: int, until: int | None) -> None:
    """Note which run goes on: it ends at cycle `until`, or when its CPUs have taken these steps `calls` times."""
    _running.machine, _running.steps = machine, [step.index for step in steps]
    _running.calls, _running.until = calls * len(machine.cpus), until


def share_done() -> float:
    """Return which share of the run is done, from 0 to 1; 0 where that cannot be known."""
    machine, until, calls = _running.machine, _running.until, _running.calls
    if machine is None:
        return 0.0
    with suppress(Exception):  # it is read while it changes; the next look is half a second away
        done = machine.now / until if until else _taken(machine) / calls
        return min(max(float(done), 0.0), 1.0)
    return 0.0


def _taken(machine: Machine) -> int:
    return sum(tally[step] for cpu in machine.cpus for tally in cpu.tallies for step in _running.steps)


def memory_of(pid: int | None) -> int:
    """Return the bytes that a process has in memory; 0 where that cannot be known."""
    with suppress(OSError, ValueError, IndexError):
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    return 0


def memory_available() -> int | None:
    """Return the bytes that processes can still have, as the kernel and the control group say; None if unknown."""
    found = []
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                found.append(int(line.split()[1]) * 1024)
    with suppress(OSError, ValueError):
        group = Path("/sys/fs/cgroup")
        most = (group / "memory.max").read_text(encoding="ascii").strip()
        if most != "max":
            found.append(int(most) - int((group / "memory.current").read_text(encoding="ascii")))
    return min(found, default=None)
