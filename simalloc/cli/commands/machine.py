"""`simalloc machine`: scenarios' machines out of real ones."""

from __future__ import annotations

import json
import sys
from io import StringIO
from pathlib import Path
from typing import Annotated

import typer

from simalloc.cli.app import TextFormat, app

machine = typer.Typer(no_args_is_help=True, help="Make a scenario's machine out of a real one.")
app.add_typer(machine, name="machine")


@machine.callback()
def about() -> None:
    """Make a scenario's machine out of a real one."""


@machine.command("from-proc")
def from_proc(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="folder with zoneinfo, and buddyinfo, pagetypeinfo, lscpu, sysctl if there are"
        ),
    ],
    preset: Annotated[
        str,
        typer.Option("--machine", metavar="PRESET", help="preset from which prices are taken, because /proc has none"),
    ] = "seed-2017",
    format_: Annotated[TextFormat, typer.Option("--format", help="table = YAML with comments")] = TextFormat.TABLE,
) -> None:
    """Write the sections machine: and memory: of a scenario, and say how the kernel comes to these sizes."""
    from ruamel.yaml import YAML  # noqa: PLC0415

    from simalloc.hardware import presets  # noqa: PLC0415
    from simalloc.recorded import RecordedError  # noqa: PLC0415
    from simalloc.recorded.folder import read_folder  # noqa: PLC0415
    from simalloc.runs.from_proc import explained, sections  # noqa: PLC0415
    from simalloc.scenario import ScenarioError  # noqa: PLC0415
    from simalloc.scenario.errors import suggestion  # noqa: PLC0415

    if preset not in presets():
        raise ScenarioError(f"--machine {preset}: there is no such preset; {suggestion(preset, presets())}")
    try:
        saved = read_folder(folder)
    except RecordedError as error:
        raise ScenarioError(str(error)) from None
    made = sections(saved, preset)
    if format_ is TextFormat.JSON:
        sys.stdout.write(json.dumps(made | {"explained": list(explained(saved))}, indent=1) + "\n")
        return
    text = StringIO()
    yaml = YAML()
    yaml.default_flow_style = None
    yaml.width = 120
    yaml.dump(made, text)
    head = f"# from {folder}: {', '.join(file.name for file in saved.files.values())}"
    if saved.cpus is not None and saved.cpus.model:
        head += f"\n# {saved.cpus.model}"
    lines = "\n".join(f"# {line}".rstrip() for line in explained(saved))
    sys.stdout.write(f"{head}\n{text.getvalue()}\n# How the kernel comes to these sizes\n#\n{lines}\n")
