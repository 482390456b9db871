"""`simalloc new`: write the beginning of a plugin."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from simalloc.cli.app import app


class Kind(StrEnum):
    """What there are skeletons of."""

    ALLOCATOR = "allocator"


@app.command()
def new(
    kind: Annotated[Kind, typer.Argument(help="what to write")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Python file to write, such as my_scheme.py")],
) -> None:
    """Write a plugin as a starting point: an allocator of your own that runs without a change."""
    from simalloc.api.skeleton import skeleton  # noqa: PLC0415
    from simalloc.scenario import ScenarioError  # noqa: PLC0415

    text, name = skeleton(kind.value, file)
    try:
        with file.open("x", encoding="utf-8") as out:
            out.write(text)
    except FileExistsError:
        raise ScenarioError(f"{file}: is there already; give another name") from None
    except OSError as error:
        raise ScenarioError(f"{file}: cannot be written: {error.strerror}") from None
    typer.echo(f"saved {file}; next: simalloc explain {name} --plugin {file}")
