"""Worker processes that stay: for a program whose users ask, change their minds, and ask again.

`Processes` does one plan and ends. Here several askers share the workers, turn about, and an asker may lose interest in
a run that goes on: then its process is ended in the middle of it, and another takes its place.
"""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable
from threading import Condition, Thread
from time import monotonic
from typing import Protocol

from simalloc.runs.local import as_workers_start, serve
from simalloc.runs.task import Task, failed

LOOK_EVERY = 0.05
"""Seconds between two looks at whether somebody still wants the run."""

SPARED = 0.3
"""Seconds below which a run nobody wants any more is let finish: a new process takes longer to start."""


class Asker(Protocol):
    """Whoever has runs to do, asked from the threads of a crew."""

    def take(self) -> Task | None:
        """Return the next run to do, None if there is none for now."""

    def wants(self, task: Task) -> bool:
        """Whether a run that goes on is still wanted."""

    def told(self, task: Task, line: str) -> None:
        """Be told a run's line for the journal, also of one that is not wanted any more but has finished."""


class Crew:
    """So many worker processes, and a thread for each that gives it runs. Use it as a context."""

    def __init__(self, jobs: int) -> None:
        self._askers: deque[Asker] = deque()
        self._changed = Condition()
        self._open = True
        self._threads = [Thread(target=self._work, daemon=True, name=f"crew-{i}") for i in range(jobs)]
        self.ended = 0  # processes that were ended because nobody wanted their run
        for thread in self._threads:
            thread.start()

    def join(self, asker: Asker) -> None:
        """Have an asker's runs done, from now on."""
        with self._changed:
            self._askers.append(asker)
            self._changed.notify_all()

    def leave(self, asker: Asker) -> None:
        """Ask this one no more; what runs for it is ended if it does not want it."""
        with self._changed:
            if asker in self._askers:
                self._askers.remove(asker)

    def wake(self) -> None:
        """Say that an asker may have runs again."""
        with self._changed:
            self._changed.notify_all()

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._open = False
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        worker = _Worker()
        while found := self._next():
            asker, task = found
            line = worker.do(task, lambda asker=asker, task=task: self._open and asker.wants(task))  # type: ignore[misc]
            if line is not None:
                asker.told(task, line)
            elif self._open:
                self.ended += 1
        worker.stop()

    def _next(self) -> tuple[Asker, Task] | None:
        """Wait for a run; each asker is asked in its turn. None when the crew goes home."""
        with self._changed:
            while self._open:
                for _ in range(len(self._askers)):
                    asker = self._askers[0]
                    self._askers.rotate(-1)
                    task = asker.take()
                    if task is not None:
                        return asker, task
                self._changed.wait()
        return None


class _Worker:
    """A process at the end of a pipe; a new one where it dies or is ended."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs,), daemon=True)
        with as_workers_start():
            self.process.start()
        theirs.close()

    def do(self, task: Task, wanted: Callable[[], bool]) -> str | None:
        """Return the line of a run; None if it was ended because `wanted()` said no."""
        began = monotonic()
        try:
            self.pipe.send(task)
            while True:
                if self.pipe.poll(LOOK_EVERY):
                    told = self.pipe.recv()
                    if isinstance(told, str) and told != "ready":
                        return told
                elif not wanted() and monotonic() - began > SPARED:
                    break
        except (EOFError, OSError):
            self.process.join()
            code = self.process.exitcode
            self.stop()
            self._start()
            return failed(task, f"the worker process ended with exit code {code}")
        self.stop()
        self._start()
        return None

    def stop(self) -> None:
        """End the process, in the middle of a run if need be."""
        self.pipe.close()
        self.process.kill()
        self.process.join()
