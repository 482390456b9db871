"""Runs on a Dask cluster: the same runs, in processes of other machines."""

from __future__ import annotations

from collections.abc import Iterator
from socket import create_connection
from typing import Any
from urllib.parse import urlsplit

from simalloc.runs.task import RunFailed, Take, Task, execute, failed
from simalloc.scenario import ScenarioError

TIMEOUT = 10
"""Seconds to wait for the scheduler."""


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
        try:
            self._client = self._dask.Client(address, timeout=TIMEOUT, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            raise ScenarioError(f"--cluster {address}: no scheduler there: {_first_line(error)}") from None

    def outcomes(self, take: Take) -> Iterator[tuple[Task, str]]:
        """Do all runs that `take` gives. Raises RunFailed if the cluster goes away."""
        tasks: dict[str, Task] = {}
        finished = self._dask.as_completed(self._submitted(take, tasks), loop=self._client.loop, raise_errors=False)
        for future in finished:
            task = tasks.pop(future.key)
            if future.status == "cancelled":
                raise RunFailed("the cluster went away")
            yield (
                task,
                future.result() if future.status == "finished" else failed(task, _first_line(future.exception())),
            )
            future.release()
            finished.update(self._submitted(take, tasks))

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
        self._client.close()


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
