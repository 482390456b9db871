"""Runs in this process, or in worker processes beside it."""

from __future__ import annotations

import multiprocessing
import pickle
import signal
from collections import deque
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from threading import current_thread, main_thread
from time import monotonic

from simalloc.runs.task import SweepFailed, Take, Task, execute, failed

SHORT = 0.1
"""Seconds of a run that is short: waiting for the next would be felt, waiting behind another would not."""

AHEAD_BYTES = 16384


class InProcess:
    """Does one run after the other, here."""

    def __enter__(self) -> InProcess:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def outcomes(self, take: Take) -> Iterator[tuple[Task, str]]:
        """Do all runs that `take` gives."""
        while task := take():
            yield task, execute(task)


class Processes:
    """Worker processes, each at the end of a pipe of its own: one that dies takes only its own run with it.

    Chosen over concurrent.futures, where a dying worker breaks the pool and no one knows which run killed it. Workers
    are spawned, not forked: a fork copies locks that other threads hold, and the journal's lock with them. They end
    when their pipe does, so that none outlives a killed sweep by more than a run.
    """

    def __init__(self, jobs: int) -> None:
        """Start so many."""
        self._workers = [_Worker() for _ in range(jobs)]

    def outcomes(self, take: Take) -> Iterator[tuple[Task, str]]:
        """Do all runs that `take` gives, each on the first worker that is free."""
        returned: list[Task] = []

        def next_task() -> Task | None:
            return returned.pop() if returned else take()

        while True:
            for worker in self._workers:
                worker.fill(next_task)
            busy = {worker.pipe: worker for worker in self._workers if worker.tasks}
            if not busy:
                return
            for pipe in wait(list(busy)):
                worker = busy[pipe]  # type: ignore[index]
                finished = worker.finished(returned)
                worker.fill(next_task)
                if finished:
                    yield finished

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.stop()


class _Worker:
    """A process and what it has to do: a run and, if runs are short, the next, so that it need not wait for us.

    A run is given ahead only if the pipe holds it beside another: nobody then waits to write to one who waits to write.
    """

    def __init__(self) -> None:
        self.tasks: deque[Task] = deque()
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.ready = self.short = False
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs,), daemon=True)
        # Ctrl-C reaches every process of the terminal, but is the parent's to answer.
        ours = signal.signal(signal.SIGINT, signal.SIG_IGN) if current_thread() is main_thread() else None
        try:
            self.process.start()
        finally:
            if ours is not None:
                signal.signal(signal.SIGINT, ours)
        theirs.close()

    def fill(self, take: Take) -> None:
        """Give it what it has room for."""
        while len(self.tasks) < 1 + self.short and (task := take()):
            message = pickle.dumps(task)
            self.short = self.short and len(message) < AHEAD_BYTES
            self.tasks.append(task)
            self.began = monotonic()
            try:
                self.pipe.send_bytes(message)
            except OSError:
                return  # it has died: `finished` finds out

    def finished(self, returned: list[Task]) -> tuple[Task, str] | None:
        """Return the run it has finished; None if it only has started up. What a dead one had ahead is `returned`."""
        try:
            line = self.pipe.recv()
        except (EOFError, OSError):
            task = self.tasks.popleft()
            returned += self.tasks
            self.tasks.clear()
            return task, failed(task, self._died())
        if not self.ready:
            self.ready = True
            return None
        self.short = monotonic() - self.began < SHORT
        return self.tasks.popleft(), line

    def _died(self) -> str:
        """Start anew, and return how it died. Raises SweepFailed if it never came up."""
        self.process.join()
        code = self.process.exitcode or 0
        if not self.ready and code >= 0:
            raise SweepFailed(
                "worker processes do not start; in a script, call simalloc.sweep under `if __name__ == '__main__':`"
            )
        self.stop()
        self._start()
        if code >= 0:
            return f"the worker process ended with exit code {code}"
        name = signal.Signals(-code).name
        return f"the worker process died of {name}" + (" (out of memory?)" if name == "SIGKILL" else "")

    def stop(self) -> None:
        """End the process, in the middle of a run if need be."""
        self.pipe.close()
        self.process.terminate()
        self.process.join()


def serve(pipe: Connection) -> None:
    """Do runs as they come, until the other end is closed. The target of worker processes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        pipe.send("ready")
        while True:
            pipe.send(execute(pipe.recv()))
    except (EOFError, OSError):
        return
