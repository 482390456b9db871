"""Where the command line begins, and how whatever goes wrong in it is told."""

from __future__ import annotations

import os
import sys

from simalloc.cli import exits
from simalloc.cli.signals import Interrupted, answer_signals
from simalloc.cli.streams import exit_code, give_up_stdout, open_streams, write_error


def main() -> None:
    """Run the command line and exit: wrong input is one message and exit code 2, a broken rule exit code 1.

    Nothing gets past it as a traceback; SIMALLOC_TRACEBACK=1 in the environment shows one for a fault of the program.
    """
    answer_signals()
    open_streams()
    sys.exit(exit_code(_run()))


def _run() -> int:
    try:
        try:
            from simalloc.cli.app import load_commands  # noqa: PLC0415 - it takes long enough to be interrupted

            load_commands()()
        except Exception as error:
            return _told(error)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else exits.FAILED if stop.code else 0
    except KeyboardInterrupt as stop:
        write_error("stopped")
        return stop.exit_code if isinstance(stop, Interrupted) else 130
    return 0


def _told(error: Exception) -> int:
    """Write what is wrong to stderr; return the exit code."""
    if isinstance(error, OSError) and error.filename is None and not os.environ.get("SIMALLOC_TRACEBACK"):
        give_up_stdout(error)
        return 0
    if isinstance(error, ImportError):
        write_error(f"simalloc cannot be loaded: {error}. Install it whole: python -m pip install simalloc")
        return exits.FAILED
    code = _known(error)
    if code is not None:
        write_error(str(error))
        return code
    if os.environ.get("SIMALLOC_TRACEBACK"):
        raise error
    if isinstance(error, OSError):
        write_error(f"{error.filename}: {error.strerror}")
        return exits.FAILED
    if isinstance(error, MemoryError):
        write_error("there is not enough memory for this; simulate less, or on fewer processes (--jobs 1)")
        return exits.FAILED
    what = f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')[:200]}"
    write_error(f"a fault in simalloc: {what}. Please report it; SIMALLOC_TRACEBACK=1 shows where")
    return exits.FAILED


def _known(error: Exception) -> int | None:
    """Return the exit code of an error whose text is for a person, None for any other."""
    from simalloc.cli.saving import NotSaved  # noqa: PLC0415
    from simalloc.registry import PluginError, PluginFailed  # noqa: PLC0415
    from simalloc.scenario.errors import ScenarioError  # noqa: PLC0415

    if isinstance(error, ScenarioError | PluginError):
        return exits.WRONG_INPUT
    failures: list[type[Exception]] = [NotSaved, PluginFailed]
    if "simalloc.runs" in sys.modules:
        from simalloc.machine import RuleBroken, Stuck  # noqa: PLC0415
        from simalloc.runs import RunFailed  # noqa: PLC0415

        failures += [RuleBroken, Stuck, RunFailed]
    return exits.FAILED if isinstance(error, tuple(failures)) else None
