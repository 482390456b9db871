"""`simalloc tune`: the batch and high that meet a goal."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simalloc.cli.app import Overrides, Plugins, ScenarioFile, TextFormat, app, load_plugins
from simalloc.cli.streams import telling
from simalloc.cli.telling import show_progress

if TYPE_CHECKING:
    from simalloc.studies.question import Found
    from simalloc.studies.tune import Limit


@app.command()
def tune(
    file: ScenarioFile,
    set_: Overrides = None,
    goal: Annotated[
        str,
        typer.Option(
            metavar="METRIC", help="figure that should be best; `throughput` stands for the workload's main one"
        ),
    ] = "throughput",
    most: Annotated[
        bool | None,
        typer.Option(
            "--most/--least", help="whether more is better or less; by default rates should be large and times small"
        ),
    ] = None,
    limit: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE", help="limit to keep, such as irq_off=20us, parked=500, lock_wait=5 (%); repeatable"
        ),
    ] = None,
    batch: Annotated[str, typer.Option(metavar="LOW,HIGH", help="batches to search, pages")] = "1,512",
    high: Annotated[str, typer.Option(metavar="LOW,HIGH", help="highs to search, pages; never below batch")] = "4,8192",
    budget: Annotated[
        int, typer.Option(min=1, max=100_000, help="about how many sizes to simulate; if there are fewer, all")
    ] = 60,
    replications: Annotated[
        int | None, typer.Option(min=1, max=1000, help="runs of each size, instead of the scenario's number")
    ] = None,
    jobs: Annotated[int, typer.Option(min=0, help="processes; 0 = one a core. Results do not depend on it")] = 0,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="folder for tune.json and the figure")] = None,
    plugin: Plugins = None,
    format_: Annotated[TextFormat, typer.Option("--format", help="what to print")] = TextFormat.TABLE,
) -> None:
    """Search the batch and high that reach a goal best within limits; print them, and what other sizes give."""
    from simalloc.scenario import load  # noqa: PLC0415
    from simalloc.studies import questions  # noqa: PLC0415
    from simalloc.studies.tune import goal_of  # noqa: PLC0415
    from simalloc.studies.tune import tune as search  # noqa: PLC0415
    from simalloc.studies.tune_report import as_data, text  # noqa: PLC0415

    load_plugins(plugin)
    ranges = _range("--batch", batch), _range("--high", high)
    scenario = load(file, [*(set_ or ()), "profile=true", "latency=true"])
    processes = jobs or os.cpu_count() or 1
    found: list[dict[str, Any]] = []
    for question in questions(scenario):
        first = question.simulate([{}], {}, jobs=processes, replications=replications)[0]

        def told(done: int, name: str = question.name) -> None:
            show_progress(f"{name}: {done} sizes simulated")

        tuned = search(
            question,
            goal_of(question, first, goal, most),
            [_limit(each, first) for each in limit or ()],
            *ranges,
            budget=budget,
            replications=replications,
            jobs=processes,
            seed=scenario.seed,
            told=told,
        )
        found.append(as_data(tuned))
    show_progress("")
    with telling():
        told_text = json.dumps(found, indent=1) if format_ is TextFormat.JSON else "\n\n".join(map(text, found))
        sys.stdout.write(told_text + "\n")
    if out:
        _save(found, out)


MOST_PAGES = 1 << 20


def _range(option: str, written: str) -> tuple[int, int]:
    from simalloc.scenario import ScenarioError  # noqa: PLC0415

    low, _, top = written.partition(",")
    try:
        ends = int(low), int(top or low)
    except ValueError:
        raise ScenarioError(f"{option} {written}: write LOW,HIGH in pages, such as 8,512") from None
    if not 1 <= ends[0] <= ends[1] <= MOST_PAGES:
        raise ScenarioError(f"{option} {written}: write LOW,HIGH with 1 <= LOW <= HIGH <= {MOST_PAGES}")
    return ends


def _limit(written: str, first: Found) -> Limit:
    """Return a limit; times may have a unit, as in irq_off=20us. Raises ScenarioError."""
    from simalloc.hardware.times import NANOSECONDS, cycles_of  # noqa: PLC0415
    from simalloc.scenario import ScenarioError  # noqa: PLC0415
    from simalloc.studies.tune import limit_of  # noqa: PLC0415

    name, equals, value = written.partition("=")
    if not equals:
        raise ScenarioError(f"--limit {written}: write NAME=VALUE, such as irq_off=20us")
    limit_of(name, 1.0, first)  # a wrong name is told before a wrong value
    try:
        if name == "irq_off" and not value.replace(".", "", 1).isdigit():
            most = cycles_of(value, 1.0) / NANOSECONDS["us"]  # at 1 GHz a cycle is a ns
        else:
            most = float(value)
    except ValueError as error:
        wrong = error if name == "irq_off" else f"{value!r} is no number; {name} takes one without a unit"
        raise ScenarioError(f"--limit {written}: {wrong}") from None
    if not 0 < most < 1e12:
        raise ScenarioError(f"--limit {written}: must be more than 0 and less than 1e12")
    return limit_of(name, most, first)


def _save(found: list[dict[str, Any]], out: Path) -> None:
    """Save the search and a figure for each of its cases. Raises NotSaved."""
    from simalloc.cli.saving import NotSaved, make_folder  # noqa: PLC0415
    from simalloc.plots import frontier, style  # noqa: PLC0415
    from simalloc.results import write_whole  # noqa: PLC0415

    make_folder(out)
    try:
        files = [out / "tune.json"]
        write_whole(files[0], json.dumps(found, indent=1) + "\n")
        for number, case in enumerate(found):
            name = "frontier" if len(found) == 1 else f"frontier-{number + 1}"
            files += style.save(frontier.draw(case), out / name)
    except OSError as error:
        raise NotSaved(f"{error.filename or out}: cannot be written: {error.strerror}") from None
    typer.echo("\n".join(f"saved {file}" for file in files), err=True)
