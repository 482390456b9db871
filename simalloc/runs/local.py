"""Runs in this process, or in worker processes beside it."""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import signal
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from threading import Event, Lock, Thread
from time import monotonic

from simalloc.runs import meter
from simalloc.runs.task import RunFailed, Take, Task, Watch, execute, failed

SHORT = 0.1
"""Seconds of a run that is short: waiting for the next would be felt, waiting behind another would not."""

AHEAD_BYTES = 16384

TELL_EVERY = 0.5
"""Seconds between two looks at how far a run has come."""

THRESHOLDS = 20_000, 20, 20
"""When garbage in cycles is looked for (`gc.set_threshold`): a run makes little of it, and most of what it makes lasts.

With Python's own thresholds a fifteenth of a run is spent on looking.
"""

PARENTS_SIGNALS = {
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT") if hasattr(signal, name)
}
"""They reach every process of a terminal or of a service, but are the parent's to answer."""


class InProcess:
    """Does one run after the other, here. `watch` is told how far each has come."""

    def __init__(self, watch: Watch | None = None) -> None:
        self._watch = watch

    def __enter__(self) -> InProcess:
        """Take what is in memory out of garbage collection, which looks at all of it after each run otherwise."""
        gc.collect()
        gc.freeze()
        self._thresholds = gc.get_threshold()
        gc.set_threshold(*THRESHOLDS)
        return self

    def __exit__(self, *_: object) -> None:
        gc.set_threshold(*self._thresholds)
        gc.unfreeze()

    def outcomes(self, take: Take) -> Iterator[tuple[Task, str]]:
        """Do all runs that `take` gives."""
        watch = self._watch
        while task := take():
            if watch is None:
                yield task, execute(task)
                continue
            with _reporting(lambda share, task=task: watch(task, share)):  # type: ignore[misc]
                line = execute(task)
            yield task, line


class Processes:
    """Worker processes, each at the end of a pipe of its own: one that dies takes only its own run with it.

    Chosen over concurrent.futures, where a dying worker breaks the pool and no one knows which run killed it. Workers
    are spawned, not forked: a fork copies locks that other threads hold, and the journal's lock with them. They end
    when their parent does, in the middle of a run if need be.
    """

    def __init__(self, jobs: int, watch: Watch | None = None) -> None:
        """Start so many."""
        self._workers = [_Worker() for _ in range(jobs)]
        self._watch = watch

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
                finished = worker.finished(returned, self._watch)
                worker.fill(next_task)
                if finished:
                    yield finished

    def memory(self) -> int:
        """Return the bytes that all workers have in memory; 0 where that cannot be known."""
        return sum(meter.memory_of(worker.process.pid) for worker in self._workers)

    def end_largest(self, why: str) -> None:
        """Kill the worker that has most memory; what it did has failed, with `why` as its error."""
        largest = max(self._workers, key=lambda worker: meter.memory_of(worker.process.pid))
        largest.why = why
        largest.process.kill()

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
        self.why = ""
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs,), daemon=True)
        with as_workers_start():
            self.process.start()
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

    def finished(self, returned: list[Task], watch: Watch | None) -> tuple[Task, str] | None:
        """Return the run it has finished; None if it only tells of one. What a dead one had ahead is `returned`."""
        try:
            told = self.pipe.recv()
        except (EOFError, OSError):
            task = self.tasks.popleft()
            returned += self.tasks
            self.tasks.clear()
            return task, failed(task, self._died())
        if isinstance(told, float):
            if watch:
                watch(self.tasks[0], told)
            return None
        if not self.ready:
            self.ready = True
            return None
        self.short = monotonic() - self.began < SHORT
        return self.tasks.popleft(), told

    def _died(self) -> str:
        """Start anew, and return how it died. Raises RunFailed if it never came up."""
        self.process.join()
        code, why = self.process.exitcode or 0, self.why
        if not self.ready and code >= 0:
            raise RunFailed(
                "worker processes do not start; in a script, call simalloc under `if __name__ == '__main__':`"
            )
        self.stop()
        self._start()
        if why:
            return why
        if code >= 0:
            return f"the worker process ended with exit code {code}"
        name = signal.Signals(-code).name
        return f"the worker process died of {name}" + (" (out of memory?)" if name == "SIGKILL" else "")

    def stop(self) -> None:
        """End the process, in the middle of a run if need be."""
        self.pipe.close()
        self.process.kill()
        self.process.join()


@contextmanager
def as_workers_start() -> Iterator[None]:
    """Have a process start deaf to the signals that are ours, and without importing files of the current folder."""
    safe = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    blocks = hasattr(signal, "pthread_sigmask")
    before = signal.pthread_sigmask(signal.SIG_BLOCK, PARENTS_SIGNALS) if blocks else set()
    try:
        yield
    finally:
        if safe is None:
            del os.environ["PYTHONSAFEPATH"]
        else:
            os.environ["PYTHONSAFEPATH"] = safe
        if blocks:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def serve(pipe: Connection) -> None:
    """Do runs as they come, until the other end is closed. The target of worker processes."""
    sending, parent = Lock(), os.getppid()

    def tell(what: str | float) -> None:
        with sending:
            pipe.send(what)

    def tell_share(share: float) -> None:
        if os.getppid() != parent:
            os._exit(1)
        tell(share)

    try:
        tell("ready")
        gc.freeze()  # as in InProcess
        gc.set_threshold(*THRESHOLDS)
        while True:
            task = pipe.recv()
            with _reporting(tell_share):
                line = execute(task)
            tell(line)
    except (EOFError, OSError):
        os._exit(0)


@contextmanager
def _reporting(tell: meter.Tell) -> Iterator[None]:
    """Have a thread tell, twice a second, which share of the run that goes on here is done."""
    over = Event()

    def report() -> None:
        while not over.wait(TELL_EVERY):
            try:
                tell(meter.share_done())
            except OSError:
                os._exit(1)  # whom it was told is gone

    thread = Thread(target=report, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
