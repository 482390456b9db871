"""`simalloc calibrate`: fit the cost model to published figures."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import Annotated

import typer

from simalloc.cli.app import Overrides, Plugins, ScenarioFile, TextFormat, app, load_plugins
from simalloc.cli.telling import show_progress


@app.command()
def calibrate(
    file: ScenarioFile,
    set_: Overrides = None,
    plugin: Plugins = None,
    format_: Annotated[TextFormat, typer.Option("--format", help="what to print")] = TextFormat.TABLE,
) -> None:
    """Fit the cost model to the scenario's published figures; print parameters, errors, residuals, predictions."""
    from simalloc.calibration import fit_by_simulation, fit_scenario, simulated_text  # noqa: PLC0415
    from simalloc.calibration.report import as_json, as_text  # noqa: PLC0415
    from simalloc.scenario import find, load  # noqa: PLC0415

    load_plugins(plugin)
    scenario = load(file, set_ or ())
    if scenario.calibration.on:
        show_progress(f"{scenario.name}: simulating trial after trial")
        trials = fit_by_simulation(scenario, find(file).resolve().parent, jobs=os.cpu_count() or 1)
        show_progress("")
        typer.echo(json.dumps(asdict(trials), indent=1) if format_ is TextFormat.JSON else simulated_text(trials))
        return
    show_progress(f"{scenario.name}: counting steps in {len(scenario.cases)} cases")
    found = fit_scenario(scenario, find(file).resolve().parent)
    show_progress("")
    typer.echo(json.dumps(as_json(found), indent=1) if format_ is TextFormat.JSON else as_text(found))
