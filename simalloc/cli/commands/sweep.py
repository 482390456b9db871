"""`simalloc sweep`: run a scenario at every point, and go on where it was."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from simalloc.cli import exits
from simalloc.cli.app import Check, MaxMemory, MaxTime, Overrides, Plugins, ScenarioFile, Seed, app, load_plugins
from simalloc.cli.limits import kept, limits_of
from simalloc.cli.progress import display
from simalloc.cli.saving import make_folder
from simalloc.cli.signals import Interrupted
from simalloc.cli.streams import telling, write_error
from simalloc.cli.telling import print_result, print_swept, tell_of_estimates, tell_of_published


@app.command()
def sweep(
    file: ScenarioFile,
    out: Annotated[Path, typer.Option(help="folder for the runs; a run that is there already is not done again")],
    grid: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=A,B,C",
            help="values of a key; they replace the key's values in the sweep, or add the key to it; repeatable",
        ),
    ] = None,
    set_: Overrides = None,
    plugin: Plugins = None,
    seed: Seed = None,
    replications: Annotated[
        int | None, typer.Option(min=1, max=1000, help="runs of each case, instead of the scenario's number")
    ] = None,
    jobs: Annotated[int, typer.Option(min=0, help="processes; 0 = one a core. Results do not depend on it")] = 0,
    cluster: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Dask scheduler that distributes the runs, such as tcp://10.0.0.1:8786"),
    ] = None,
    check: Check = False,
    max_time: MaxTime = None,
    max_memory: MaxMemory = None,
) -> None:
    """Run a scenario at every point, on all cores. If it is stopped or killed, the same command goes on from there."""
    from simalloc.experiments import run_sweep  # noqa: PLC0415
    from simalloc.runs.estimate import check_limits, estimate  # noqa: PLC0415
    from simalloc.scenario import find, load  # noqa: PLC0415

    fixed = [] if replications is None else [f"replications={replications}"]
    fixed += ["check=true"] if check else []
    load_plugins(plugin)
    scenario = load(file, [*(set_ or ()), *fixed], seed, grid=grid or ())
    limits, jobs = limits_of(max_time, max_memory), jobs or os.cpu_count() or 1
    check_limits(estimate(scenario), 1000 if cluster else jobs, limits.seconds, limits.bytes)
    make_folder(out)
    with display(scenario.name) as shown, kept(limits):
        swept = run_sweep(
            scenario,
            out=out,
            jobs=jobs,
            cluster=cluster,
            folder=find(file).resolve().parent,
            told=lambda plan, _, failed: shown.told(plan, failed),
            watch=shown.watch,
        )
    with telling():
        print_result(scenario.about, swept.result)
        print_swept(swept, out)
        tell_of_estimates(scenario)
        tell_of_published(scenario, find(file).resolve().parent, swept.result)
    if limits.reached:
        write_error(f"stopped: {limits.reached}; the same command does the rest")
        raise typer.Exit(exits.LIMIT)
    if swept.stopped:
        raise typer.Exit(swept.stopped.exit_code if isinstance(swept.stopped, Interrupted) else 130)
    if swept.failures:
        raise typer.Exit(exits.FAILED)
