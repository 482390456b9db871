"""What commands tell a person. Heavy imports happen inside, so that --help answers at once."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from simalloc.experiments import Swept
    from simalloc.results import Result
    from simalloc.runs import Window
    from simalloc.scenario import Scenario

MOST_POINTS = 60
"""Points of a sweep that are printed."""


def show_progress(text: str) -> None:
    """Show one line of progress, over the last; to a terminal only."""
    if sys.stderr.isatty():
        with suppress(OSError):
            sys.stderr.write(f"\r\033[K{text}")
            sys.stderr.flush()


def bar(share: float) -> str:
    """Return a bar that is full at a share of 1, and the share in percent."""
    full = round(20 * share)
    return f"[{'#' * full}{'.' * (20 - full)}] {100 * share:3.0f} %"


def refuse_files(options: dict[str, object]) -> None:
    """Raise ScenarioError if a command that saves nothing is told where to save."""
    from simalloc.scenario import ScenarioError  # noqa: PLC0415

    for option, value in options.items():
        if value is not None:
            raise ScenarioError(f"{option} {value}: --explain-irqsoff saves no files; leave one out")


def explain_windows(scenario: Scenario, time: str) -> None:
    """Print, for each case, the first window with interrupts off that is longer than `time`."""
    from simalloc.runs.explain import first_long_window, window_text  # noqa: PLC0415

    _cycles("--explain-irqsoff", time, scenario.machine.cost_model().clock_ghz)  # a mistake in it is told at once
    for index, case in enumerate(scenario.cases):
        ghz = case.machine.cost_model().clock_ghz
        show_progress(f"{case.label}: looking for a window longer than {time}")
        window = first_long_window(scenario, index, _cycles("--explain-irqsoff", time, ghz))
        show_progress("")
        typer.echo(typer.style(f"{case.label} ({case.version.name})", bold=True))
        text = window_text(window, ghz) if window else f"no window with interrupts off is longer than {time}"
        typer.echo(f"{text}\n")


def print_result(about: str, result: Result) -> None:
    """Print a run's table, latencies, and errors against published figures."""
    from simalloc.results import comparison_table, error_lines, latency_table, metric_table, sweep_table  # noqa: PLC0415
    from simalloc.results.profile_table import profile_points, profile_table  # noqa: PLC0415

    typer.echo(f"{result.scenario}: {about}" if about else result.scenario)
    if result.partial:
        typer.echo(f"PARTIAL: {result.partial} are done; figures of the rest are missing, or of fewer replications")
    machine, *others = result.machines()
    typer.echo(f"machine {machine}, seed {result.seed}")
    typer.echo("".join(f"{other}\n" for other in others))
    swept = any(row["metric"] == "alloc" and "batch" in row for row in result.rows)
    points = result.planned // max(len(result.cases), 1)
    if result.swept and points > MOST_POINTS:
        typer.echo(f"{points} points, more than a table shows; rows.csv has them all")
    elif profile_points(result):
        typer.echo(profile_table(result))
        return
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


def tell_of_published(scenario: Scenario, folder: Path, result: Result) -> None:
    """Say, on stderr, what of the published table stands beside nothing, and what was converted."""
    from simalloc.results import read_published  # noqa: PLC0415

    if scenario.published is not None:
        published = read_published(scenario.published, folder)
        for note in (*published.notes, *published.left_over(result)):
            typer.echo(f"published: {note}", err=True)


def tell_of_estimates(scenario: Scenario) -> None:
    """Say, on stderr, which presets run page faults whose costs nobody has measured or fitted on that machine."""
    from simalloc.hardware import preset  # noqa: PLC0415

    faulting = {
        case.machine.preset: case.machine.costs for case in scenario.cases if case.workload.kind == "page-fault"
    }
    for name, changed in faulting.items():
        costs = [cost for cost in ("page_fault", "lru_page") if cost not in changed]
        estimated = [cost for cost in costs if preset(name).parameters[cost].kind == "estimated"]
        if estimated:
            typer.echo(
                f"page-fault: {name} has only an estimate of {' and '.join(estimated)}. Compare allocators with it; do "
                "not take its scores and shares for this machine's",
                err=True,
            )


def print_lock_stat(result: Result) -> None:
    """Print each case's lock statistics as /proc/lock_stat does."""
    from simalloc.results import LockStatError, lock_stat_rows, lock_stat_text  # noqa: PLC0415
    from simalloc.scenario import ScenarioError  # noqa: PLC0415

    cases: dict[str, list[dict[str, object]]] = {}
    try:
        found = lock_stat_rows(result)
    except LockStatError as error:
        raise ScenarioError(f"--lock-stat: {error}") from None
    for row in found:
        name = ", ".join([str(row["label"]), *(f"{key} {row.get(key)}" for key in result.swept)])
        cases.setdefault(name, []).append(row)
    for name, rows in cases.items():
        typer.echo(f"\n{name}:")
        typer.echo(lock_stat_text(rows), nl=False)


def print_swept(swept: Swept, out: Path) -> None:
    """Print how far a sweep came, to stderr what failed, and where it is."""
    typer.echo(f"\n{swept.finished} of {swept.total} runs done, {swept.reused} of them before")
    for failure in swept.failures:
        typer.echo(f"failed: {failure}", err=True)
    if swept.stopped is not None:
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


def window_of(scenario: Scenario, start: str | None, length: str | None) -> Window | None:
    """Return the window to record, None if none is asked for. Raises ScenarioError."""
    from simalloc.runs import Window  # noqa: PLC0415
    from simalloc.scenario import ScenarioError  # noqa: PLC0415

    if length is None:
        if start is not None:
            raise ScenarioError("--trace-from says where a timeline begins; add --trace-for TIME to say how long it is")
        return None
    ghz = scenario.machine.cost_model().clock_ghz
    _cycles("--trace-from", start or "0us", ghz)
    if _cycles("--trace-for", length, ghz) == 0:
        raise ScenarioError(f"--trace-for: {length!r} is not one cycle at {ghz:g} GHz; write more")
    return Window(start or "0us", length)


def tell_of_recordings(result: Result) -> None:
    """Say which timelines are shorter than asked for."""
    from simalloc.traces import recordings  # noqa: PLC0415

    for each in recordings(result):
        begin, end, run_end = (f"{each.microseconds(at):g}us" for at in (each.start, each.end, each.run_end))
        if each.full:
            typer.echo(f"{each.name}: the timeline is full, and ends at {end}; record for less", err=True)
        elif each.start >= each.run_end:
            typer.echo(f"{each.name}: no timeline: the run ended at {run_end}, before {begin}", err=True)
