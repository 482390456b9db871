"""Where the command line begins, and how whatever goes wrong in it is told."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from simalloc.cli.app import EXIT_FAILED, EXIT_STOPPED, EXIT_WRONG_INPUT, load_commands


def main() -> None:
    """Run the command line; wrong input is one message and exit code 2, a broken rule exit code 1."""
    try:
        with _told_errors():
            load_commands()()
    except KeyboardInterrupt:
        typer.echo("stopped", err=True)
        sys.exit(EXIT_STOPPED)


@contextmanager
def _told_errors() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        code = _exit_code(error)
        if code is None:
            raise
        typer.echo(str(error), err=True)
        sys.exit(code)


def _exit_code(error: Exception) -> int | None:
    from simalloc.machine import RuleBroken, Stuck  # noqa: PLC0415
    from simalloc.registry import PluginError, PluginFailed  # noqa: PLC0415
    from simalloc.runs import Stopped  # noqa: PLC0415
    from simalloc.scenario import ScenarioError  # noqa: PLC0415

    if isinstance(error, Stopped):
        return EXIT_STOPPED
    if isinstance(error, ScenarioError | PluginError):
        return EXIT_WRONG_INPUT
    failures: list[type[Exception]] = [RuleBroken, Stuck, PluginFailed]
    if "simalloc.experiments" in sys.modules:
        from simalloc.experiments import SweepFailed  # noqa: PLC0415

        failures.append(SweepFailed)
    return EXIT_FAILED if isinstance(error, tuple(failures)) else None
