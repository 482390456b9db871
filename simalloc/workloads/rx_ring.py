"""A receive ring: packets that have arrived and wait for a poll, and those that found no room."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

AT_ONCE = 64
"""Arrivals looked at when more must be; they never end."""


@dataclass
class Ring:
    """Packets that have arrived and wait, as their arrival cycles; `size` may, more are dropped.

    `ahead` are arrivals still to come that were looked at. `area` is the integral of the number waiting over time
    (packet cycles), `waited` the sum of waits of those taken.
    """

    times: Iterator[int]
    size: int
    waiting: deque[int] = field(default_factory=deque)
    ahead: deque[int] = field(default_factory=deque)
    dropped: list[int] = field(default_factory=list)
    area: int = 0
    waited: int = 0
    taken: int = 0
    _seen: int = 0

    def advance(self, now: int) -> None:
        """Let everything arrive that has by cycle `now`."""
        ahead, waiting = self.ahead, self.waiting
        seen, area = self._seen, self.area
        while True:
            if not ahead:
                ahead.extend(islice(self.times, AT_ONCE))
            time = ahead[0]
            if time > now:
                break
            ahead.popleft()
            area += len(waiting) * (time - seen)
            seen = time
            if len(waiting) < self.size:
                waiting.append(time)
            else:
                self.dropped.append(time)
        self.area = area + len(waiting) * (now - seen)
        self._seen = now

    def take(self, now: int, most: int) -> int:
        """Take up to `most` packets at cycle `now`; return how many."""
        self.advance(now)
        count = min(most, len(self.waiting))
        self.waited += count * now - sum([self.waiting.popleft() for _ in range(count)])
        self.taken += count
        return count

    def when(self, count: int) -> int:
        """Return the cycle at which `count` packets wait, if none is taken; looks ahead, takes nothing."""
        if len(self.waiting) >= count:
            return self.waiting[count - 1]
        missing = count - len(self.waiting)
        while len(self.ahead) < missing:
            self.ahead.extend(islice(self.times, AT_ONCE))
        return self.ahead[missing - 1]
