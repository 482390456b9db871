"""`simalloc list`: say what there is."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from simalloc.cli.app import app


class Kind(StrEnum):
    """What `list` lists."""

    ALLOCATORS = "allocators"
    WORKLOADS = "workloads"
    MACHINES = "machines"
    LOCKS = "locks"
    SCENARIOS = "scenarios"
    FIGURES = "figures"


@app.command("list")
def list_(kind: Annotated[Kind, typer.Argument(help="what to list")]) -> None:
    """List what there is, a line each."""
    entries = _listing(kind)
    width = max(map(len, entries))
    for name, about in entries.items():
        typer.echo(f"{name:<{width}}  {about}")


def _listing(kind: Kind) -> dict[str, str]:
    from simalloc.allocators import VERSIONS  # noqa: PLC0415
    from simalloc.hardware import preset, presets  # noqa: PLC0415
    from simalloc.machine import LOCK_KINDS  # noqa: PLC0415
    from simalloc.results import FIGURE_ABOUT  # noqa: PLC0415
    from simalloc.scenario import load, mistakes, shipped  # noqa: PLC0415
    from simalloc.workloads import WORKLOADS  # noqa: PLC0415

    match kind:
        case Kind.ALLOCATORS:
            return {name: f"{version.about} [{version.models}]" for name, version in VERSIONS.items()}
        case Kind.WORKLOADS:
            return {name: kind.about for name, kind in WORKLOADS.items()}
        case Kind.MACHINES:
            return {name: preset(name).about for name in presets()}
        case Kind.LOCKS:
            return {name: kind.about for name, kind in LOCK_KINDS.items()}
        case Kind.SCENARIOS:
            return {name: load(str(file)).about for name, file in (shipped() | mistakes()).items()}
        case Kind.FIGURES:
            return FIGURE_ABOUT
