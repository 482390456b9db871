"""Where commands save what they made, and read it from. Heavy imports happen inside, so that --help answers at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simalloc.results import Result


def save_run(result: Result, out: Path, write: Callable[[str], object], *, whole: bool = True) -> None:
    """Save a run and the figures it asks for. Raises ScenarioError, the run saved, if it has not what one shows.

    Of a run that is not `whole`, all figures that apply are drawn.
    """
    from simalloc.plots import NoSuchFigure, applying, draw, wanted  # noqa: PLC0415
    from simalloc.scenario import ScenarioError  # noqa: PLC0415
    from simalloc.traces import write_traces  # noqa: PLC0415

    files = [*result.save(out), *write_traces(result, out)]
    try:
        files += draw(result, out, wanted(result) if whole else applying(result))
    except NoSuchFigure as error:
        raise ScenarioError(f"plots: {error}. The run is saved in {out}") from None
    write("\n" + "".join(f"saved {file}\n" for file in files))


def saved_run(folder: Path) -> Result:
    """Read a saved run. Raises ScenarioError."""
    from simalloc.results import load_result  # noqa: PLC0415
    from simalloc.scenario import ScenarioError  # noqa: PLC0415

    advice = "give the folder that `simalloc run` or `simalloc sweep` named"
    try:
        return load_result(folder)
    except FileNotFoundError as error:
        raise ScenarioError(f"{folder}: no saved run: there is no {error.filename}; {advice}") from None
    except OSError as error:
        raise ScenarioError(f"{folder}: no saved run: {error.filename}: {error.strerror}; {advice}") from None
    except (ValueError, TypeError, KeyError, EOFError):
        fault = "its files are not whole, or not of this version; run it again"
        raise ScenarioError(f"{folder}: no saved run that can be read: {fault}") from None


def make_folder(out: Path) -> None:
    """Make the folder before anything is simulated: a run that cannot be saved should not be waited for."""
    from simalloc.scenario import ScenarioError  # noqa: PLC0415

    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ScenarioError(f"--out {out}: cannot be written: {error.strerror}") from None
