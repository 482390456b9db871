"""What ends a run before its programs do."""

from __future__ import annotations


class RuleBroken(Exception):  # noqa: N818 - the kernel's rule, not our error
    """The simulated kernel did what no kernel may: released a lock it did not hold, unmasked what was not masked."""


class Stuck(Exception):  # noqa: N818
    """CPUs wait for locks that nobody will release, or interrupts leave a task no cycle and nothing ends the run."""


class Deadlock(Stuck):
    """CPUs wait for each other's locks in a ring: the text says who holds what, and waits for what."""


class Livelock(Stuck):
    """A CPU tries a lock again and again, and never gets it."""


class TimeUp(Exception):  # noqa: N818
    """The end of the run has come; raised inside whatever a CPU is doing, and caught by its main loop."""
