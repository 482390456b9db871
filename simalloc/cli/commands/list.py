"""`simalloc list`: say what there is."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simalloc.cli.app import Plugins, app, load_plugins

if TYPE_CHECKING:
    from simalloc.registry import Table


class Kind(StrEnum):
    """What `list` lists."""

    ALLOCATORS = "allocators"
    WORKLOADS = "workloads"
    MACHINES = "machines"
    LOCKS = "locks"
    INSTRUMENTS = "instruments"
    SCENARIOS = "scenarios"
    FIGURES = "figures"


@app.command("list")
def list_(kind: Annotated[Kind, typer.Argument(help="what to list")], plugin: Plugins = None) -> None:
    """List allocators, workloads, machines and so on, one a line."""
    load_plugins(plugin)
    entries = _listing(kind)
    width = max(map(len, entries), default=0)
    for name, about in entries.items():
        typer.echo(f"{name:<{width}}  {about}")


def _listing(kind: Kind) -> dict[str, str]:
    from simalloc.allocators import VERSIONS  # noqa: PLC0415
    from simalloc.hardware import preset, presets  # noqa: PLC0415
    from simalloc.machine import LOCK_KINDS  # noqa: PLC0415
    from simalloc.measure import INSTRUMENTS  # noqa: PLC0415
    from simalloc.registry import load_installed  # noqa: PLC0415
    from simalloc.results import FIGURE_ABOUT  # noqa: PLC0415
    from simalloc.scenario import load, mistakes, shipped  # noqa: PLC0415
    from simalloc.workloads import WORKLOADS  # noqa: PLC0415

    load_installed()
    match kind:
        case Kind.ALLOCATORS:
            return _rows(VERSIONS, lambda version: f"{version.about} [{version.models}]")
        case Kind.MACHINES:
            return {name: preset(name).about for name in presets()}
        case Kind.SCENARIOS:
            return {name: load(str(file)).about for name, file in (shipped() | mistakes()).items()}
        case Kind.FIGURES:
            return _rows(FIGURE_ABOUT, str)
    others: dict[Kind, Table[Any]] = {
        Kind.WORKLOADS: WORKLOADS,
        Kind.LOCKS: LOCK_KINDS,
        Kind.INSTRUMENTS: INSTRUMENTS,
    }
    return _rows(others[kind], lambda entry: entry.about)


def _rows(table: Table[Any], about: Callable[[Any], str]) -> dict[str, str]:
    """Say of each entry what it is and, if a plugin has added it, where it is from."""
    return {name: f"{about(entry)}{table.whose(name)}" for name, entry in table.items()}
