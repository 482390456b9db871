"""Runs on a Dask cluster: the same runs, in processes of other machines."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from socket import create_connection
from threading import Thread
from time import monotonic, sleep
from typing import Any
from urllib.parse import urlsplit

from simalloc.runs.task import RunFailed, Take, Task, execute, failed
from simalloc.scenario import ScenarioError

TIMEOUT = 10
"""Seconds to wait for the scheduler, and for its first worker."""

WITHOUT_WORKERS = 20
"""Seconds after the last worker has gone until the sweep gives up."""

LOOK_EVERY = 0.02


class Cluster:
    """A Dask scheduler. What a lost worker was doing is done again elsewhere; a run that loses four workers has failed.

    A run carries its point's scenario, about a kilobyte, so that nothing scattered can be lost with a worker.
    """

    def __init__(self, address: str) -> None:
        """Connect to `address`, such as tcp://10.0.0.1:8786. Raises ScenarioError if that cannot be done."""
        try:
            import distributed  # noqa: PLC0415 - an extra, and a second to load
        except ImportError:
            raise ScenarioError("--cluster: needs dask.distributed; pip install 'simalloc[cluster]'") from None
        _check_address(address)
        self._dask: Any = distributed
        logging.getLogger("distributed").setLevel(logging.CRITICAL + 1)  # what goes wrong is told here, once
        self._client = self._connected(address)
        try:
            self._client.wait_for_workers(1, timeout=TIMEOUT)
        except (TimeoutError, OSError):
            self._client.close(timeout=1)
            raise ScenarioError(
                f"--cluster {address}: the scheduler has no workers; start some (dask worker {address}) and try again"
            ) from None

    def _connected(self, address: str) -> Any:
        """Return a client. Dask does not keep its own limit where somebody listens and says nothing."""
        found: list[Any] = []

        def connect() -> None:
            try:
                found.append(self._dask.Client(address, timeout=TIMEOUT, set_as_default=False))
            except Exception as error:  # of Dask, tornado, ssl
                found.append(error)

        thread = Thread(target=connect, daemon=True)
        thread.start()
        thread.join(TIMEOUT + 2)
        if not found:
            raise ScenarioError(f"--cluster {address}: something listens there, but it does not answer as a scheduler")
        if isinstance(found[0], Exception):
            raise ScenarioError(f"--cluster {address}: no scheduler there: {_first_line(found[0])}")
        return found[0]

    def outcomes(self, take: Take) -> Iterator[tuple[Task, str]]:
        """Do all runs that `take` gives. Raises RunFailed if the cluster goes away."""
        tasks: dict[str, Task] = {}
        finished = self._dask.as_completed(self._submitted(take, tasks), loop=self._client.loop, raise_errors=False)
        while finished.count():
            self._await(finished)
            future = next(finished)
            if future.status == "lost":  # a worker was lost with what it had done: it is done again elsewhere
                finished.add(future)
                continue
            task = tasks.pop(future.key)
            if future.status == "cancelled":
                raise RunFailed("the cluster went away")
            yield (
                task,
                future.result() if future.status == "finished" else failed(task, _first_line(future.exception())),
            )
            future.release()
            finished.update(self._submitted(take, tasks))

    def _await(self, finished: Any) -> None:
        """Wait for a run to finish. Raises RunFailed if for a while there has been no worker to finish any."""
        seen = monotonic()
        while not finished.has_ready():
            sleep(LOOK_EVERY)
            if self._client.status != "running":
                raise RunFailed("the cluster went away")
            if self._client.scheduler_info()["workers"]:
                seen = monotonic()
            elif monotonic() - seen > WITHOUT_WORKERS:
                raise RunFailed(f"the cluster has had no workers for {WITHOUT_WORKERS} s; start some")

    def _submitted(self, take: Take, tasks: dict[str, Task]) -> list[Any]:
        futures = []
        while task := take():
            key = "-".join(["simalloc", task.head["simalloc"], *map(str, task.key)])
            tasks[key] = task
            futures.append(self._client.submit(execute, task, key=key, pure=False))
        return futures

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close(timeout=2)


def _check_address(address: str) -> None:
    """Knock, because Dask itself would try again and again. Raises ScenarioError."""
    try:
        parts = urlsplit(address)
        if not parts.hostname or not parts.port:
            raise ValueError(address)
    except ValueError:
        raise ScenarioError(f"--cluster {address}: write it as tcp://host:port") from None
    try:
        create_connection((parts.hostname, parts.port), TIMEOUT).close()
    except OSError as error:
        raise ScenarioError(f"--cluster {address}: no scheduler there: {error.strerror or error}") from None


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
