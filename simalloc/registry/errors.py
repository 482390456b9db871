"""What is wrong with a plugin, said with its file and line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from traceback import extract_tb

FILES: set[str] = set()
"""The files of all plugins, as tracebacks name them."""


class PluginError(Exception):
    """A plugin cannot be loaded, or registers what cannot be. Its text begins with file and line."""


class PluginFailed(Exception):  # noqa: N818 - the plugin's failure, not ours
    """A plugin's code raised an error while it ran. Its text begins with file and line."""


def place_in_plugin(error: BaseException) -> tuple[str, str] | None:
    """Return where the innermost plugin code stood when the error was raised: file:line, and the function."""
    at: BaseException | None = error
    while at is not None:
        frames = [frame for frame in extract_tb(at.__traceback__) if frame.filename in FILES]
        if frames:
            return f"{frames[-1].filename}:{frames[-1].lineno}", frames[-1].name
        # SimPy raises a copy of what a process raised, which then is its cause.
        at = at.__cause__
    return None


def one_line(error: BaseException) -> str:
    """Return an error's type and the first line of its text."""
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0]}" if text else type(error).__name__


@contextmanager
def blame(known: tuple[type[Exception], ...]) -> Iterator[None]:
    """Say of an error that came through a plugin's code where that stood.

    Of the errors `known`, whose text is for a person, the place is put before the text; any other becomes a
    PluginFailed. One that no plugin had to do with stays as it is.
    """
    try:
        yield
    except PluginFailed:
        raise
    except Exception as error:
        place = place_in_plugin(error)
        if place is None:
            raise
        where = f"{place[0]}: in {place[1]}"
        if isinstance(error, known):
            if type(error) not in known:
                raise  # a report, which says more
            error.args = (f"{where}: {error}",)
            raise
        raise PluginFailed(f"{where}: {one_line(error)}") from error
