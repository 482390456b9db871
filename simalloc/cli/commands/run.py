"""`simalloc run`: run a scenario, save results, print its table, draw figures."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simalloc.cli import exits
from simalloc.cli.app import Format, MaxMemory, MaxTime, Overrides, Plugins, ScenarioFile, Seed, app, load_plugins
from simalloc.cli.limits import Limits, kept, limits_of
from simalloc.cli.progress import display
from simalloc.cli.saving import NotSaved, draw_figures, run_folder, save_result
from simalloc.cli.signals import Interrupted
from simalloc.cli.streams import telling, write_error
from simalloc.cli.telling import (
    explain_windows,
    print_lock_stat,
    print_result,
    refuse_files,
    tell_of_estimates,
    tell_of_published,
    tell_of_recordings,
    window_of,
)

if TYPE_CHECKING:
    from simalloc.results import Result
    from simalloc.runs.work import Work


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
        str | None,
        typer.Option(metavar="TIME", help="record timelines from this time on, such as 1ms; by default from the start"),
    ] = None,
    trace_for: Annotated[
        str | None, typer.Option(metavar="TIME", help="record timelines for this long, such as 30us or 5000cycles")
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="run under lockdep: report what can go wrong with locks, lists and pages, with exit code 1"
        ),
    ] = False,
    lock_stat: Annotated[
        bool, typer.Option("--lock-stat", help="print lock statistics too, as /proc/lock_stat does")
    ] = False,
    max_time: MaxTime = None,
    max_memory: MaxMemory = None,
) -> None:
    """Run a scenario: save its results, print its table, draw figures, and say where they are."""
    from simalloc.runs.estimate import check_limits, estimate  # noqa: PLC0415
    from simalloc.runs.work import work_of  # noqa: PLC0415
    from simalloc.scenario import ScenarioError, find, load  # noqa: PLC0415

    load_plugins(plugin)
    scenario = load(file, [*(set_ or ()), *(["check=true"] if check else [])], seed)
    if lock_stat and format_ is not Format.TABLE:
        raise ScenarioError(f"--format {format_}: --lock-stat is a table of text; the JSON has it under locks")
    limits, jobs = limits_of(max_time, max_memory), jobs or os.cpu_count() or 1
    check_limits(estimate(scenario), jobs, limits.seconds, limits.bytes)
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
    work = work_of(scenario, find(file).resolve().parent, record, jobs=jobs)
    with run_folder(out) if out is not None else nullcontext():
        _simulate(work, jobs, limits)
        result = work.result()
        code = _code(work, limits)
        files = []
        if result.rows or work.whole or result.broken:
            files = save_result(result, out) if out is not None else []
        if result.rows or work.whole or (result.broken and format_ is Format.JSON):
            _print(result, scenario.about, format_)
            if lock_stat:
                print_lock_stat(result)
            tell_of_recordings(result)
            tell_of_estimates(scenario)
            tell_of_published(scenario, find(file).resolve().parent, result)
            if out is not None:
                code = _draw(result, out, files, code, to_stderr=format_ is not Format.TABLE)
    _tell_of_failures(work, limits)
    if code:
        raise typer.Exit(code)


def _simulate(work: Work, jobs: int, limits: Limits) -> None:
    from simalloc.runs.work import executor  # noqa: PLC0415

    with display(work.plan.scenario.name) as shown:
        workers = executor(work.plan, jobs, shown.watch)
        with kept(limits, workers):
            shown.told(work.plan, 0)
            work.do(workers, lambda _: shown.told(work.plan, len(work.failures)))


def _code(work: Work, limits: Limits) -> int:
    from simalloc.scenario import ScenarioError  # noqa: PLC0415

    if limits.reached:
        return exits.LIMIT
    if isinstance(work.stopped, KeyboardInterrupt):
        return work.stopped.exit_code if isinstance(work.stopped, Interrupted) else 130
    if work.stopped:
        return exits.FAILED
    if not work.failures:
        return 0
    wrong = all(isinstance(failure.exception, ScenarioError) for failure in work.failures)
    return exits.WRONG_INPUT if wrong else exits.FAILED


def _print(result: Result, about: str, format_: Format) -> None:
    with telling():
        if format_ is Format.JSON:
            sys.stdout.write(result.to_json())
        elif format_ is Format.CSV:
            sys.stdout.write(result.to_csv())
        else:
            print_result(about, result)


def _draw(result: Result, out: Path, files: list[Path], code: int, *, to_stderr: bool) -> int:
    """Draw the figures and say what is saved where; return the exit code, FAILED if that could not be."""
    from simalloc.scenario import ScenarioError  # noqa: PLC0415

    wrong: Exception | None = None
    try:
        files += draw_figures(result, out, None, ("png", "svg"))
    except (NotSaved, ScenarioError) as error:
        wrong = error
    with telling():
        text = "\n" + "".join(f"saved {file}\n" for file in files)
        (sys.stderr if to_stderr else sys.stdout).write(text)
    if wrong is None:
        return code
    write_error(str(wrong))
    return code or (exits.WRONG_INPUT if isinstance(wrong, ScenarioError) else exits.FAILED)


def _tell_of_failures(work: Work, limits: Limits) -> None:
    from simalloc.runs.work import finished_cases  # noqa: PLC0415

    several = len(work.plan.scenario.cases) > 1
    for text in dict.fromkeys(_text(failure.run, str(failure.exception), several=several) for failure in work.failures):
        write_error(text)
    if work.stopped:
        result = work.result()
        what = limits.reached or (str(work.stopped) if not isinstance(work.stopped, KeyboardInterrupt) else "")
        finished = f"{finished_cases(result)} of {result.planned} cases finished"
        write_error(f"stopped; {finished}" + (f": {what}" if what else ""))


def _text(run: str, error: str, *, several: bool) -> str:
    return error if not several or error.startswith(run) else f"{run}: {error}"
