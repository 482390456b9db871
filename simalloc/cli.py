"""The commands; each a few lines over the Python API. Heavy imports happen inside, so that --help answers at once."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from importlib.metadata import version as version_of
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simalloc.console import (
    explain_windows,
    make_folder,
    print_result,
    print_swept,
    refuse_files,
    save_run,
    saved_run,
    show_progress,
    tell_of_recordings,
    window_of,
)

if TYPE_CHECKING:
    pass

app = typer.Typer(
    name="simalloc",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

EXIT_FAILED = 1
EXIT_WRONG_INPUT = 2
EXIT_STOPPED = 130


class Format(StrEnum):
    """How results go to stdout."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


class TextFormat(StrEnum):
    """Formats of commands whose output is no table of rows."""

    TABLE = "table"
    JSON = "json"


class FigureFormat(StrEnum):
    """Files a figure goes to."""

    PNG = "png"
    SVG = "svg"
    BOTH = "both"


class Kind(StrEnum):
    """What `list` lists."""

    ALLOCATORS = "allocators"
    WORKLOADS = "workloads"
    MACHINES = "machines"
    LOCKS = "locks"
    SCENARIOS = "scenarios"
    FIGURES = "figures"


ScenarioFile = Annotated[str, typer.Argument(metavar="FILE", help="scenario file, or the name of a shipped one")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="change a key, such as allocator.high=1000; repeatable"),
]
RunFolder = Annotated[Path, typer.Argument(metavar="DIR", help="where a run was saved")]
Seed = Annotated[int | None, typer.Option(help="seed of everything random, over the scenario's")]


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


@app.command()
def run(
    file: ScenarioFile,
    set_: Overrides = None,
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
    from simalloc.scenario import ScenarioError, find, load  # noqa: PLC0415
    from simalloc.simulation import Stopped  # noqa: PLC0415
    from simalloc.simulation import run as simulate  # noqa: PLC0415

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


@app.command()
def sweep(
    file: ScenarioFile,
    out: Annotated[Path, typer.Option(help="folder for its runs; those that are there are not done again")],
    grid: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=A,B,C", help="values of a key, beside those swept or instead of its own; repeatable"),
    ] = None,
    set_: Overrides = None,
    seed: Seed = None,
    replications: Annotated[
        int | None, typer.Option(min=1, max=1000, help="runs of each case, over the scenario's")
    ] = None,
    jobs: Annotated[int, typer.Option(min=0, help="processes; 0 = one a core. Results do not depend on it")] = 0,
    cluster: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Dask scheduler to do it, such as tcp://10.0.0.1:8786")
    ] = None,
) -> None:
    """Run a scenario at every point, on all cores; stopped or killed, the same command goes on where it was."""
    from simalloc.experiments import run_sweep  # noqa: PLC0415
    from simalloc.scenario import find, load  # noqa: PLC0415

    fixed = [] if replications is None else [f"replications={replications}"]
    scenario = load(file, [*(set_ or ()), *fixed], seed, grid=grid or ())
    make_folder(out)
    swept = run_sweep(scenario, out=out, jobs=jobs, cluster=cluster, folder=find(file).resolve().parent)
    print_result(scenario.about, swept.result)
    print_swept(swept, out)
    if swept.stopped:
        raise typer.Exit(EXIT_STOPPED)
    if swept.failures:
        raise typer.Exit(EXIT_FAILED)


@app.command()
def check(files: Annotated[list[str], typer.Argument(metavar="FILE...", help="scenario files")]) -> None:
    """Validate scenarios, and run nothing."""
    from simalloc.scenario import ScenarioError, load  # noqa: PLC0415

    wrong = False
    for file in files:
        try:
            scenario = load(file)
        except ScenarioError as error:
            typer.echo(str(error), err=True)
            wrong = True
        else:
            typer.echo(f"{file}: ok, {scenario.name} with {len(scenario.cases)} case(s)")
    if wrong:
        raise typer.Exit(EXIT_WRONG_INPUT)


@app.command("list")
def list_(kind: Annotated[Kind, typer.Argument(help="what to list")]) -> None:
    """List what there is, a line each."""
    entries = _listing(kind)
    width = max(map(len, entries))
    for name, about in entries.items():
        typer.echo(f"{name:<{width}}  {about}")


@app.command()
def explain(
    allocator: Annotated[str, typer.Argument(help="an allocator; `simalloc list allocators`")],
    format_: Annotated[TextFormat, typer.Option("--format", help="what to print")] = TextFormat.TABLE,
) -> None:
    """Show the steps of each path of an allocator, in each context, recorded from a run of them."""
    from simalloc.explain import explain as record  # noqa: PLC0415
    from simalloc.explain import explain_text  # noqa: PLC0415

    paths = record(allocator)
    if format_ is TextFormat.JSON:
        rows = [row for path in paths for row in path.rows()]
        typer.echo(json.dumps({"allocator": allocator, "unit": "cycles", "rows": rows}, indent=1))
    else:
        typer.echo(explain_text(allocator, paths, lambda text: typer.style(text, bold=True)))


@app.command()
def calibrate(
    file: ScenarioFile,
    set_: Overrides = None,
    format_: Annotated[TextFormat, typer.Option("--format", help="what to print")] = TextFormat.TABLE,
) -> None:
    """Fit the cost model to the scenario's published figures; print parameters, errors, residuals, predictions."""
    from simalloc.calibration import fit_by_simulation, fit_scenario, simulated_text  # noqa: PLC0415
    from simalloc.calibration.report import as_json, as_text  # noqa: PLC0415
    from simalloc.scenario import find, load  # noqa: PLC0415

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


@app.command()
def plot(
    folder: RunFolder,
    kind: Annotated[
        list[str] | None,
        typer.Option(help="figure to draw, such as cycles; repeatable; without it, those the scenario asks for"),
    ] = None,
    format_: Annotated[FigureFormat, typer.Option("--format", help="what to write")] = FigureFormat.BOTH,
) -> None:
    """Draw figures of a saved run again."""
    from simalloc.plots import NoSuchFigure, checked, draw, wanted  # noqa: PLC0415
    from simalloc.scenario import ScenarioError  # noqa: PLC0415

    result = saved_run(folder)
    try:
        names = wanted(result) if kind is None else checked(result, kind)
    except NoSuchFigure as error:
        raise ScenarioError(f"{'--kind' if kind else 'plots'}: {error}") from None
    formats = ("png", "svg") if format_ is FigureFormat.BOTH else (format_.value,)
    for file in draw(result, folder, names, formats):
        typer.echo(f"saved {file}")


@app.command()
def report(
    folder: RunFolder,
    out: Annotated[Path | None, typer.Option(help="file to write; without it, DIR/report.html")] = None,
) -> None:
    """Write one HTML file about a saved run: figures, tables, timeline, scenario, prices. It needs no network."""
    from simalloc.plots import NoSuchFigure  # noqa: PLC0415
    from simalloc.report import report_html  # noqa: PLC0415
    from simalloc.scenario import ScenarioError  # noqa: PLC0415

    file = out or folder / "report.html"
    try:
        page = report_html(saved_run(folder))
        file.write_text(page, encoding="utf-8")
    except NoSuchFigure as error:
        raise ScenarioError(f"plots: {error}") from None
    except OSError as error:
        raise ScenarioError(f"{file}: cannot be written: {error.strerror}") from None
    typer.echo(f"saved {file}")


@app.command()
def schema() -> None:
    """Print the JSON Schema of scenarios, for editors."""
    from simalloc.scenario.model import schema_text  # noqa: PLC0415

    sys.stdout.write(schema_text())


def main() -> None:
    """Run the command line; wrong input is one message and exit code 2, a broken rule exit code 1."""
    try:
        with _told_errors():
            app()
    except KeyboardInterrupt:
        typer.echo("stopped", err=True)
        sys.exit(EXIT_STOPPED)


@contextmanager
def _told_errors() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        code = _exit_code(error)
        if code is None:
            raise
        typer.echo(str(error), err=True)
        sys.exit(code)


def _exit_code(error: Exception) -> int | None:
    from simalloc.machine import RuleBroken, Stuck  # noqa: PLC0415
    from simalloc.scenario import ScenarioError  # noqa: PLC0415
    from simalloc.simulation import Stopped  # noqa: PLC0415

    if isinstance(error, Stopped):
        return EXIT_STOPPED
    if isinstance(error, ScenarioError):
        return EXIT_WRONG_INPUT
    failures: list[type[Exception]] = [RuleBroken, Stuck]
    if "simalloc.experiments" in sys.modules:
        from simalloc.experiments import SweepFailed  # noqa: PLC0415

        failures.append(SweepFailed)
    return EXIT_FAILED if isinstance(error, tuple(failures)) else None


def _listing(kind: Kind) -> dict[str, str]:
    from simalloc.allocators import VERSIONS  # noqa: PLC0415
    from simalloc.hardware import preset, presets  # noqa: PLC0415
    from simalloc.machine import LOCK_KINDS  # noqa: PLC0415
    from simalloc.results import FIGURE_ABOUT  # noqa: PLC0415
    from simalloc.scenario import load, shipped  # noqa: PLC0415
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
            return {name: load(str(file)).about for name, file in shipped().items()}
        case Kind.FIGURES:
            return FIGURE_ABOUT


if __name__ == "__main__":
    main()
