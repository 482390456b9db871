"""The scenarios that come with simalloc, found by name from anywhere."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from simalloc.scenario.errors import ScenarioError, one_line, suggestion

PACKAGE = Path(__file__).resolve().parent.parent


MISTAKES = "mistakes"
"""The folder, beside the others, of scenarios that break a rule on purpose: they end with a report and exit code 1."""


def shipped() -> dict[str, Path]:
    """Return name -> file of every shipped scenario that runs to its end, in order of their names."""
    return _files("")


def mistakes() -> dict[str, Path]:
    """Return name -> file of every shipped scenario that ends with a report of a broken rule."""
    return _files(MISTAKES)


@cache
def _files(folder: str) -> dict[str, Path]:
    """Look in the wheel inside the package, in a checkout beside it."""
    for scenarios in (PACKAGE / "scenarios", PACKAGE.parent / "scenarios"):
        files = sorted((scenarios / folder).glob("*.yaml"))
        if files:
            return {file.stem: file for file in files}
    return {}


def find(name: str) -> Path:
    """Return the file that `name` means: a path, or a shipped scenario. Raises ScenarioError."""
    path = Path(name)
    try:
        if path.is_dir():
            raise ScenarioError(f"{name}: is a directory; give a scenario file inside it")
        if path.is_symlink() or path.exists():
            return path
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "not a name of a file"
        raise ScenarioError(f"{one_line(name, 80)}: cannot be read: {why}") from None
    known, folder = shipped() | mistakes(), path.parent.as_posix()
    if path.name.removesuffix(".yaml") in known and folder in (".", "scenarios", MISTAKES, f"scenarios/{MISTAKES}"):
        return known[path.name.removesuffix(".yaml")]
    near = suggestion(path.stem, list(known))
    advice = near if near.startswith("did you mean") else "simalloc list scenarios has their names"
    raise ScenarioError(f"{one_line(name, 80)}: no such file, and no shipped scenario; {advice}")
