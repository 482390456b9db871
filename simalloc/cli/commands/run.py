"""`simalloc run`: run a scenario, print its table, save results and figures."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from simalloc.cli.app import Format, Overrides, Plugins, ScenarioFile, Seed, app, load_plugins
from simalloc.cli.saving import make_folder, save_run
from simalloc.cli.telling import (
    explain_windows,
    print_result,
    refuse_files,
    show_progress,
    tell_of_recordings,
    window_of,
)


@app.command()
def run(
    file: ScenarioFile,
    set_: Overrides = None,
    plugin: Plugins = None,
    seed: Seed = None,
    out: Annotated[Path | None, typer.Option(help="folder for results and figures; without it, results/NAME")] = None,
    format_: Annotated[Format, typer.Option("--format", help="what to print")] = Format.TABLE,
    jobs: Annotated[int, typer.Option(min=0, help="processes; 0 = one a core. Results do not depend on it")] = 0,
    explain_irqsoff: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="stop at the first window with interrupts off longer than this, such as 20us"
        ),
    ] = None,
    trace_from: Annotated[
        str | None, typer.Option(metavar="TIME", help="record timelines from here, such as 1ms, not from the start")
    ] = None,
    trace_for: Annotated[
        str | None, typer.Option(metavar="TIME", help="record timelines for so long, such as 30us or 5000cycles")
    ] = None,
) -> None:
    """Run a scenario: print its table, save results and figures, say where."""
    from simalloc.runs import Stopped  # noqa: PLC0415
    from simalloc.runs import run as simulate  # noqa: PLC0415
    from simalloc.scenario import ScenarioError, find, load  # noqa: PLC0415

    load_plugins(plugin)
    scenario = load(file, set_ or (), seed)
    folder = find(file).resolve().parent
    if explain_irqsoff is not None:
        if format_ is not Format.TABLE:
            raise ScenarioError(f"--format {format_}: --explain-irqsoff tells a story, as text only; leave one out")
        refuse_files({"--trace-from": trace_from, "--trace-for": trace_for, "--out": out})
        explain_windows(scenario, explain_irqsoff)
        return
    record = window_of(scenario, trace_from, trace_for)
    if record and out is None and format_ is not Format.TABLE:
        raise ScenarioError(f"--format {format_.value}: timelines are files, and need a folder; add --out DIR")
    if format_ is Format.TABLE:
        out = out or Path("results") / scenario.name
    if out is not None:
        make_folder(out)
    total, done = len(scenario.cases), [0]

    def progress(label: str) -> None:
        done[0] += 1
        show_progress(f"{scenario.name}: {done[0]} of {total} cases simulated ({label})")

    show_progress(f"{scenario.name}: simulating {total} cases")
    try:
        result = simulate(scenario, jobs=jobs or os.cpu_count() or 1, folder=folder, progress=progress, record=record)
    except Stopped as stopped:
        show_progress("")
        if stopped.result.rows:
            save_run(stopped.result, out or Path("results") / scenario.name, sys.stderr.write, whole=False)
        raise
    show_progress("")
    tell_of_recordings(result)
    if format_ is Format.JSON:
        sys.stdout.write(result.to_json())
    elif format_ is Format.CSV:
        sys.stdout.write(result.to_csv())
    else:
        print_result(scenario.about, result)
    if out is not None:
        save_run(result, out, sys.stdout.write if format_ is Format.TABLE else sys.stderr.write)
