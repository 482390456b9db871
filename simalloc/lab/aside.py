"""Work that a page asks for once, such as a recording: a process of its own, ended when the page is closed."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from simalloc.runs.local import as_workers_start
from simalloc.scenario import ScenarioError

PLACES = asyncio.Semaphore(max(1, (os.cpu_count() or 2) // 2))
"""How many such processes there are at once, of all pages together."""


class Aside:
    """A page's one piece of work at a time; a new one ends the last."""

    def __init__(self) -> None:
        self._process: BaseProcess | None = None

    async def do(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Return what `work(*arguments)` returns, in a process of its own; None if it was ended.

        Raises ScenarioError with the text of whatever it raised.
        """
        self.end()
        async with PLACES:
            context = multiprocessing.get_context("spawn")
            ours, theirs = context.Pipe(duplex=False)
            process = context.Process(target=_child, args=(theirs, work, arguments), daemon=True)
            with as_workers_start():
                process.start()
            theirs.close()
            self._process = process
            told = await asyncio.get_running_loop().run_in_executor(None, _read, ours)
            process.join()
        if told is None:
            return None
        good, found = told
        if not good:
            raise ScenarioError(found)
        return found

    def end(self) -> None:
        """End what goes on."""
        if self._process is not None and self._process.is_alive():
            self._process.kill()


def _child(pipe: Connection, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    try:
        pipe.send((True, work(*arguments)))
    except Exception as error:
        pipe.send((False, str(error) or type(error).__name__))


def _read(pipe: Connection) -> Any:
    try:
        return pipe.recv()
    except (EOFError, OSError):
        return None
    finally:
        pipe.close()
