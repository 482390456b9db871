"""The commands; each a few lines over the Python API. Heavy imports happen inside, so that --help answers at once."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from importlib.metadata import version as version_of
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from simalloc.experiments import Swept
    from simalloc.results import Result
    from simalloc.scenario import Scenario
    from simalloc.simulation import Window

app = typer.Typer(
    name="simalloc",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

EXIT_FAILED = 1
EXIT_WRONG_INPUT = 2
EXIT_STOPPED = 130

MOST_POINTS = 60
"""Points of a sweep that are printed."""


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
        typer.echo(f"simalloc {version_of('simalloc')}")
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
        _refuse_files({"--trace-from": trace_from, "--trace-for": trace_for, "--out": out})
        _explain_windows(scenario, explain_irqsoff)
        return
    record = _window(scenario, trace_from, trace_for)
    if record and out is None and format_ is not Format.TABLE:
        raise ScenarioError(f"--format {format_.value}: timelines are files, and need a folder; add --out DIR")
    if format_ is Format.TABLE:
        out = out or Path("results") / scenario.name
    if out is not None:
        _make_folder(out)
    total, done = len(scenario.cases), [0]

    def progress(label: str) -> None:
        done[0] += 1
        _progress(f"{scenario.name}: {done[0]} of {total} cases simulated ({label})")

    _progress(f"{scenario.name}: simulating {total} cases")
    try:
        result = simulate(scenario, jobs=jobs or os.cpu_count() or 1, folder=folder, progress=progress, record=record)
    except Stopped as stopped:
        _progress("")
        if stopped.result.rows:
            _save(stopped.result, out or Path("results") / scenario.name, sys.stderr.write, whole=False)
        raise
    _progress("")
    _tell_of_recordings(result)
    if format_ is Format.JSON:
        sys.stdout.write(result.to_json())
    elif format_ is Format.CSV:
        sys.stdout.write(result.to_csv())
    else:
        _print_result(scenario.about, result)
    if out is not None:
        _save(result, out, sys.stdout.write if format_ is Format.TABLE else sys.stderr.write)


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
    _make_folder(out)
    swept = run_sweep(scenario, out=out, jobs=jobs, cluster=cluster, folder=find(file).resolve().parent)
    _print_result(scenario.about, swept.result)
    _print_swept(swept, out)
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
        _progress(f"{scenario.name}: simulating trial after trial")
        trials = fit_by_simulation(scenario, find(file).resolve().parent, jobs=os.cpu_count() or 1)
        _progress("")
        typer.echo(json.dumps(asdict(trials), indent=1) if format_ is TextFormat.JSON else simulated_text(trials))
        return
    _progress(f"{scenario.name}: counting steps in {len(scenario.cases)} cases")
    found = fit_scenario(scenario, find(file).resolve().parent)
    _progress("")
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

    result = _saved(folder)
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
        page = report_html(_saved(folder))
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


def _progress(text: str) -> None:
    """Show one line of progress, over the last; to a terminal only."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()


def _refuse_files(options: dict[str, object]) -> None:
    from simalloc.scenario import ScenarioError  # noqa: PLC0415

    for option, value in options.items():
        if value is not None:
            raise ScenarioError(f"{option} {value}: --explain-irqsoff saves no files; leave one out")


def _explain_windows(scenario: Scenario, time: str) -> None:
    """Print, for each case, the first window with interrupts off that is longer than `time`."""
    from simalloc.explain import first_long_window, window_text  # noqa: PLC0415

    ghz = scenario.machine.cost_model().clock_ghz
    limit = _cycles("--explain-irqsoff", time, ghz)
    for index, case in enumerate(scenario.cases):
        _progress(f"{case.label}: looking for a window longer than {time}")
        window = first_long_window(scenario, index, limit)
        _progress("")
        typer.echo(typer.style(f"{case.label} ({case.version.name})", bold=True))
        text = window_text(window, ghz) if window else f"no window with interrupts off is longer than {time}"
        typer.echo(f"{text}\n")


def _print_result(about: str, result: Result) -> None:
    from simalloc.results import comparison_table, error_lines, latency_table, metric_table, sweep_table  # noqa: PLC0415

    clock = result.clock
    typer.echo(f"{result.scenario}: {about}" if about else result.scenario)
    typer.echo(f"machine {clock['preset']}, {clock['unit']} at {clock['ghz']:g} GHz, seed {result.seed}\n")
    swept = any(row["metric"] == "alloc" and "batch" in row for row in result.rows)
    points = result.planned // max(len(result.cases), 1)
    if result.swept and points > MOST_POINTS:
        typer.echo(f"{points} points, more than a table shows; rows.csv has them all")
    elif result.swept:
        typer.echo(sweep_table(result))
    else:
        typer.echo(comparison_table(result) if swept else metric_table(result))
    latencies = latency_table(result)
    if latencies:
        typer.echo(latencies)
    errors = error_lines(result) if swept or result.swept else []
    if errors:
        typer.echo("\n" + "\n".join(errors))
    for source in result.sources if any("published" in row for row in result.rows) else ():
        typer.echo(f"published: {source}")


def _print_swept(swept: Swept, out: Path) -> None:
    """Print how far a sweep came, to stderr what failed, and where it is."""
    typer.echo(f"\n{swept.finished} of {swept.total} runs done, {swept.reused} of them before")
    for failure in swept.failures:
        typer.echo(f"failed: {failure}", err=True)
    if swept.stopped:
        typer.echo("stopped; the same command does the rest", err=True)
    typer.echo("".join(f"saved {file}\n" for file in swept.files) + f"figures: simalloc plot {out}")


def _cycles(option: str, time: str, ghz: float) -> int:
    """Return how many cycles an option's time is. Raises ScenarioError, which names the option."""
    from simalloc.hardware.times import cycles_of  # noqa: PLC0415
    from simalloc.scenario import ScenarioError  # noqa: PLC0415

    try:
        return cycles_of(time, ghz)
    except ValueError as error:
        raise ScenarioError(f"{option}: {error}") from None


def _window(scenario: Scenario, start: str | None, length: str | None) -> Window | None:
    from simalloc.scenario import ScenarioError  # noqa: PLC0415
    from simalloc.simulation import Window  # noqa: PLC0415

    if length is None:
        if start is not None:
            raise ScenarioError("--trace-from says where a timeline begins; add --trace-for TIME to say how long it is")
        return None
    ghz = scenario.machine.cost_model().clock_ghz
    _cycles("--trace-from", start or "0us", ghz)
    if _cycles("--trace-for", length, ghz) == 0:
        raise ScenarioError(f"--trace-for: {length!r} is not one cycle at {ghz:g} GHz; write more")
    return Window(start or "0us", length)


def _tell_of_recordings(result: Result) -> None:
    """Say which timelines are shorter than asked for."""
    from simalloc.traces import recordings  # noqa: PLC0415

    for each in recordings(result):
        begin, end, run_end = (f"{each.microseconds(at):g}us" for at in (each.start, each.end, each.run_end))
        if each.full:
            typer.echo(f"{each.name}: the timeline is full, and ends at {end}; record for less", err=True)
        elif each.start >= each.run_end:
            typer.echo(f"{each.name}: no timeline: the run ended at {run_end}, before {begin}", err=True)


def _save(result: Result, out: Path, write: Callable[[str], object], *, whole: bool = True) -> None:
    """Save a run and the figures it asks for. Raises ScenarioError, the run saved, if it has not what one shows.

    Of a run that is not `whole`, all figures that apply are drawn.
    """
    from simalloc.plots import NoSuchFigure, applying, draw, wanted  # noqa: PLC0415
    from simalloc.scenario import ScenarioError  # noqa: PLC0415
    from simalloc.traces import write_traces  # noqa: PLC0415

    files = [*result.save(out), *write_traces(result, out)]
    try:
        files += draw(result, out, wanted(result) if whole else applying(result))
    except NoSuchFigure as error:
        raise ScenarioError(f"plots: {error}. The run is saved in {out}") from None
    write("\n" + "".join(f"saved {file}\n" for file in files))


def _saved(folder: Path) -> Result:
    """Read a saved run. Raises ScenarioError."""
    from simalloc.results import load_result  # noqa: PLC0415
    from simalloc.scenario import ScenarioError  # noqa: PLC0415

    advice = "give the folder that `simalloc run` or `simalloc sweep` named"
    try:
        return load_result(folder)
    except FileNotFoundError as error:
        raise ScenarioError(f"{folder}: no saved run: there is no {error.filename}; {advice}") from None
    except OSError as error:
        raise ScenarioError(f"{folder}: no saved run: {error.filename}: {error.strerror}; {advice}") from None
    except (ValueError, TypeError, KeyError, EOFError):
        fault = "its files are not whole, or not of this version; run it again"
        raise ScenarioError(f"{folder}: no saved run that can be read: {fault}") from None


def _make_folder(out: Path) -> None:
    """Make the folder before anything is simulated: a run that cannot be saved should not be waited for."""
    from simalloc.scenario import ScenarioError  # noqa: PLC0415

    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ScenarioError(f"--out {out}: cannot be written: {error.strerror}") from None


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
