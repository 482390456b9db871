"""`simalloc calibrate`: fit the cost model to published figures."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simalloc.cli.app import Overrides, Plugins, ScenarioFile, TextFormat, app, load_plugins
from simalloc.cli.telling import show_progress

if TYPE_CHECKING:
    from simalloc.scenario import Scenario


@app.command()
def calibrate(
    file: ScenarioFile,
    set_: Overrides = None,
    hold_out: Annotated[
        str | None,
        typer.Option(
            metavar="KEY", help="leave out one label, metric or batch after the other, and predict it from the rest"
        ),
    ] = None,
    bootstrap: Annotated[
        int, typer.Option(min=0, max=100_000, metavar="N", help="parametric bootstrap: 95 % intervals from N fits")
    ] = 0,
    write_preset: Annotated[
        Path | None, typer.Option(metavar="FILE", help="write the fit as a preset, with what it was fitted on")
    ] = None,
    plugin: Plugins = None,
    format_: Annotated[TextFormat, typer.Option("--format", help="what to print")] = TextFormat.TABLE,
) -> None:
    """Fit the cost model to the scenario's published figures; print parameters, errors, residuals, predictions."""
    from simalloc.calibration import fit_by_simulation, fit_scenario, simulated_text  # noqa: PLC0415
    from simalloc.calibration.quality import bootstrap as bootstrap_of  # noqa: PLC0415
    from simalloc.calibration.quality import hold_out as hold_out_of  # noqa: PLC0415
    from simalloc.calibration.report import as_json, as_text, bootstrap_text, hold_out_text  # noqa: PLC0415
    from simalloc.scenario import ScenarioError, find, load  # noqa: PLC0415

    load_plugins(plugin)
    scenario = load(file, set_ or ())
    if scenario.calibration.on:
        show_progress(f"{scenario.name}: simulating trial after trial")
        if hold_out or bootstrap:
            raise ScenarioError("--hold-out and --bootstrap: only where steps are counted (pagealloc), not simulated")
        trials = fit_by_simulation(scenario, find(file).resolve().parent, jobs=os.cpu_count() or 1)
        show_progress("")
        typer.echo(json.dumps(asdict(trials), indent=1) if format_ is TextFormat.JSON else simulated_text(trials))
        _write(write_preset, scenario, find(file).resolve().parent, trials.values, scenario.calibration.on)
        return
    show_progress(f"{scenario.name}: counting steps in {len(scenario.cases)} cases")
    found = fit_scenario(scenario, find(file).resolve().parent)
    show_progress("")
    names = list(found.fit.values)
    held = hold_out_of(found.counted, names, hold_out) if hold_out else []
    intervals = bootstrap_of(found.counted, found.fit, bootstrap, scenario.seed) if bootstrap else {}
    if format_ is TextFormat.JSON:
        more = {"hold_out": [asdict(each) for each in held], "bootstrap": intervals}
        typer.echo(json.dumps(as_json(found) | {key: value for key, value in more.items() if value}, indent=1))
    else:
        typer.echo(as_text(found))
        if held:
            typer.echo("\n" + hold_out_text(held, hold_out or ""))
        if intervals:
            typer.echo("\n" + bootstrap_text(intervals, bootstrap))
    fitted_on: dict[str, list[str | int]] = {"metric": list(dict.fromkeys(p.metric for p in found.fit.points))}
    for key in ("label", "batch"):
        fitted_on[key] = list(dict.fromkeys(getattr(point, key) for point in found.fit.points))
    _write(write_preset, scenario, find(file).resolve().parent, found.whole.values, fitted_on)


def _write(
    file: Path | None,
    scenario: Scenario,
    folder: Path,
    values: Mapping[str, float],
    on: Mapping[str, list[str | int]],
) -> None:
    """Write the fitted values as a preset. Raises NotSaved."""
    from simalloc.calibration.provenance import data_hash, preset_text  # noqa: PLC0415
    from simalloc.cli.saving import NotSaved  # noqa: PLC0415
    from simalloc.results import read_published, write_whole  # noqa: PLC0415

    if file is None or scenario.published is None:
        return
    rows = {key: list(each) for key, each in on.items()}
    data = {"table": scenario.published, "rows": rows, "sha256": data_hash(scenario.published, rows, folder)}
    source = f"{scenario.name}: {'; '.join(read_published(scenario.published, folder).sources)[:300]}"
    text = preset_text(file.stem, scenario.machine.cost_model(), values, data, source)
    try:
        write_whole(file, text)
    except OSError as error:
        raise NotSaved(f"{file}: cannot be written: {error.strerror}") from None
    typer.echo(f"wrote {file}", err=True)
