"""The scenarios that come with simalloc, found by name from anywhere."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from simalloc.scenario.errors import ScenarioError, one_line, suggestion

PACKAGE = Path(__file__).resolve().parent.parent


@cache
def shipped() -> dict[str, Path]:
    """Return name -> file of every shipped scenario: in the wheel inside the package, in a checkout beside it."""
    for folder in (PACKAGE / "scenarios", PACKAGE.parent / "scenarios"):
        files = sorted(folder.glob("*.yaml"))
        if files:
            return {file.stem: file for file in files}
    return {}


def find(name: str) -> Path:
    """Return the file that `name` means: a path, or a shipped scenario. Raises ScenarioError."""
    path, known = Path(name), shipped()
    try:
        if path.is_dir():
            raise ScenarioError(f"{name}: is a directory; give a scenario file inside it")
        if path.is_symlink() or path.exists():
            return path
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "not a name of a file"
        raise ScenarioError(f"{one_line(name, 80)}: cannot be read: {why}") from None
    if path.name.removesuffix(".yaml") in known and len(path.parts) == 1:
        return known[path.name.removesuffix(".yaml")]
    raise ScenarioError(
        f"{one_line(name, 80)}: no such file, and no shipped scenario; {suggestion(path.stem, list(known))}"
    )
