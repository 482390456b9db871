"""The event queue: SimPy's, and what the machine needs of it beyond SimPy's public interface.

Every private part of SimPy that simalloc uses is in this module and nowhere else; `tests/test_queue.py` compares each
with what SimPy's public methods do, so that a new SimPy that moves one fails there first.
"""

from __future__ import annotations

from heapq import heapify, heappush

from simpy import Environment
from simpy.events import Event, EventPriority

RANK_OF_FIRST_CPU = 2
"""Event priorities below this are SimPy's own (URGENT 0, NORMAL 1)."""


class EventQueue(Environment):
    """Events in order of cycle, then place. All delays are whole cycles, so the time is one too."""

    @property
    def cycle(self) -> int:
        """The cycle of the event that happens now: nobody will act on anything shared before it."""
        return self._now  # type: ignore[return-value]

    def advance(self, cycle: int) -> bool:
        """Move the time to `cycle` if no event is due up to then; return whether it was moved."""
        queue = self._queue
        if queue and queue[0][0] <= cycle:
            return False
        self._now = cycle
        return True

    def fire(self, event: Event, delay: int, place: int) -> None:
        """Let `event` happen `delay` cycles from now, as number `place` among those of its cycle.

        This is `event.succeed()` with a delay and a priority, without SimPy's two calls for it.
        """
        event._ok = True
        event._value = None
        priority = EventPriority(RANK_OF_FIRST_CPU + place)
        heappush(self._queue, (self._now + delay, priority, next(self._eid), event))

    def cancel(self, event: Event) -> None:
        """Take an event that has not happened yet out of the queue: nothing dead stays there."""
        queue = self._queue
        queue[:] = [entry for entry in queue if entry[3] is not event]
        heapify(queue)
