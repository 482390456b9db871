"""Where commands save what they made, and read it from. Heavy imports happen inside, so that --help answers at once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simalloc.results import Result
    from simalloc.results.run_comparison import SavedRun

STALE = ("*.trace.json.gz", "*.ftrace.txt", "report.html")
"""What is made of a run beside its figures: it goes when another run's result comes."""


class NotSaved(Exception):  # noqa: N818
    """Something could not be written, or not be drawn; the text says what, and what there is all the same."""


@contextmanager
def run_folder(out: Path) -> Iterator[None]:
    """Have a folder for one run, before anything is simulated: what cannot be saved should not be waited for.

    Raises ScenarioError if it cannot be written to, if it is a sweep's, and if another command is writing into it.
    """
    from simalloc.results.files import InUse, alone_in  # noqa: PLC0415
    from simalloc.scenario import ScenarioError  # noqa: PLC0415

    make_folder(out)
    if (out / "runs.jsonl").exists():
        raise ScenarioError(f"--out {out}: has a sweep in it, whose result would be overwritten; give another --out")
    try:
        with alone_in(out):
            yield
    except InUse as error:
        raise ScenarioError(f"--out {error}") from None


def make_folder(out: Path) -> None:
    """Make the folder and write into it, to see that it can be. Raises ScenarioError."""
    from simalloc.results import write_whole  # noqa: PLC0415
    from simalloc.scenario import ScenarioError  # noqa: PLC0415

    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / f".probe.{os.getpid()}"
        write_whole(probe, "")
        probe.unlink(missing_ok=True)
    except OSError as error:
        raise ScenarioError(f"--out {out}: cannot be written: {error.strerror}") from None


def save_result(result: Result, out: Path) -> list[Path]:
    """Save a run, and take away what an earlier run left: a folder never mixes two. Return the files.

    Raises NotSaved if there is no room.
    """
    from simalloc.results import FIGURE_ABOUT  # noqa: PLC0415
    from simalloc.traces import write_traces  # noqa: PLC0415

    stale = [out / f"{name}.{ending}" for name in FIGURE_ABOUT for ending in ("png", "svg")]
    stale += [file for pattern in STALE for file in out.glob(pattern)]
    try:
        for file in stale:
            file.unlink(missing_ok=True)
        return [*result.save(out), *write_traces(result, out)]
    except OSError as error:
        raise NotSaved(f"{error.filename or out}: cannot be written: {error.strerror}") from None


def draw_figures(result: Result, out: Path, names: list[str] | None, formats: tuple[str, ...]) -> list[Path]:
    """Draw figures of a run, those the scenario asks for unless `names` says which; return the files.

    Of a partial run, without names, all that apply. Raises NotSaved, or ScenarioError for a figure that the run has not
    what it takes.
    """
    from simalloc.scenario import ScenarioError  # noqa: PLC0415

    os.environ["MPLBACKEND"] = "agg"  # figures go to files: whatever shows them elsewhere is not asked for
    kept, asked = f"The run is saved in {out}", names
    try:
        from simalloc.plots import NoSuchFigure, applying, checked, draw, wanted  # noqa: PLC0415
    except Exception as error:  # a broken matplotlib can raise anything
        raise NotSaved(f"figures cannot be drawn: {type(error).__name__}: {error}. {kept}") from None
    try:
        if names is None:
            names = applying(result) if result.partial else wanted(result)
        return draw(result, out, checked(result, names), formats)
    except NoSuchFigure as error:
        raise ScenarioError(f"{'plots' if asked is None else '--kind'}: {error}. {kept}") from None
    except OSError as error:
        raise NotSaved(f"{error.filename or out}: cannot be written: {error.strerror}. {kept}") from None


def saved_run(folder: Path) -> Result:
    """Read a saved run. Raises ScenarioError."""
    from simalloc.results import NotAResult, load_result  # noqa: PLC0415
    from simalloc.scenario import ScenarioError  # noqa: PLC0415

    advice = "give the folder that `simalloc run` or `simalloc sweep` named"
    try:
        return load_result(folder)
    except FileNotFoundError as error:
        raise ScenarioError(f"{folder}: no saved run: there is no {error.filename}; {advice}") from None
    except OSError as error:
        raise ScenarioError(f"{folder}: no saved run: {error.filename or folder}: {error.strerror}; {advice}") from None
    except NotAResult as error:
        raise ScenarioError(f"{folder}: no saved run that can be read: {error}; run it again") from None


def saved_runs(folders: Sequence[Path]) -> list[SavedRun]:
    """Read saved runs to be compared: each under its folder's name, or its path where two have one name.

    Raises ScenarioError.
    """
    from simalloc.results.run_comparison import SavedRun  # noqa: PLC0415

    names = [folder.resolve().name for folder in folders]
    runs = []
    for folder, name in zip(folders, names, strict=True):
        result = saved_run(folder)
        own = name if names.count(name) == 1 else str(folder)
        runs.append(SavedRun(own, result, _asked(result.definition)))
    return runs


def _asked(definition: dict[str, Any]) -> dict[str, Any]:
    """Return a scenario with its defaults; as it is if it needs what this simalloc has not."""
    from simalloc.scenario import ScenarioError, build  # noqa: PLC0415

    try:
        return build(definition).model_dump(mode="json")
    except ScenarioError:
        return definition
