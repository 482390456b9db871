"""A receive ring: packets that have arrived and wait for a poll, and those that found no room."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field


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
        while self._next() <= now:
            time = self.ahead.popleft()
            self._count_area(time)
            if len(self.waiting) < self.size:
                self.waiting.append(time)
            else:
                self.dropped.append(time)
        self._count_area(now)

    def _next(self) -> int:
        if not self.ahead:
            self.ahead.append(next(self.times))
        return self.ahead[0]

    def _count_area(self, now: int) -> None:
        self.area += len(self.waiting) * (now - self._seen)
        self._seen = now

    def take(self, now: int, most: int) -> int:
        """Take up to `most` packets at cycle `now`; return how many."""
        self.advance(now)
        count = min(most, len(self.waiting))
        for _ in range(count):
            self.waited += now - self.waiting.popleft()
        self.taken += count
        return count

    def when(self, count: int) -> int:
        """Return the cycle at which `count` packets wait, if none is taken; looks ahead, takes nothing."""
        if len(self.waiting) >= count:
            return self.waiting[count - 1]
        missing = count - len(self.waiting)
        while len(self.ahead) < missing:
            self.ahead.append(next(self.times))
        return self.ahead[missing - 1]
