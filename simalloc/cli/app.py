"""The typer application that commands add themselves to, and the options that several of them have."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from importlib import import_module
from importlib.metadata import version as version_of
from pathlib import Path
from pkgutil import iter_modules
from typing import Annotated

import typer

app = typer.Typer(
    name="simalloc",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


class Format(StrEnum):
    """How results go to stdout."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


class TextFormat(StrEnum):
    """Formats of commands whose output is no table of rows."""

    TABLE = "table"
    JSON = "json"


ScenarioFile = Annotated[str, typer.Argument(metavar="FILE", help="scenario file, or the name of a shipped one")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="change a key, such as allocator.high=1000; repeatable"),
]
RunFolder = Annotated[Path, typer.Argument(metavar="DIR", help="where a run was saved")]
Check = Annotated[
    bool,
    typer.Option("--check", help="run under lockdep and follow every page; a broken rule gives exit code 1"),
]
Plugins = Annotated[
    list[Path] | None,
    typer.Option("--plugin", metavar="FILE", help="Python file with your own allocator or workload; repeatable"),
]
MaxTime = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="refuse or stop a run that takes longer, such as 20min; a day by default"),
]
MaxMemory = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        help="refuse or stop runs if all processes together need more, such as 8GiB; by default 90 % of "
        "the available memory",
    ),
]
Seed = Annotated[int | None, typer.Option(help="seed of all random numbers, instead of the scenario's")]


def load_plugins(files: Iterable[Path] | None) -> None:
    """Run the plugins named, so that what they register can be named. Raises PluginError."""
    from simalloc.registry import load_plugin  # noqa: PLC0415

    for file in files or ():
        load_plugin(file)


def _tell_version(asked: bool) -> None:
    if asked:
        from simalloc.compiled import BUILD  # noqa: PLC0415

        typer.echo(f"simalloc {version_of('simalloc')} ({BUILD})")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="show the version and exit")
    ] = False,
) -> None:
    """Simulate how CPUs share the Linux page allocator, in cycles."""


def load_commands() -> typer.Typer:
    """Import every module of `simalloc.cli.commands`, by name: each adds its command to `app`, which is returned."""
    package = import_module("simalloc.cli.commands")
    for module in sorted(found.name for found in iter_modules(package.__path__)):
        import_module(f"simalloc.cli.commands.{module}")
    return app
