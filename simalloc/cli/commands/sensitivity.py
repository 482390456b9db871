"""`simalloc sensitivity`: what changes a result most."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simalloc.cli.app import Overrides, Plugins, ScenarioFile, TextFormat, app, load_plugins
from simalloc.cli.streams import telling
from simalloc.cli.telling import show_progress

if TYPE_CHECKING:
    from simalloc.studies import Lever, Question


@app.command()
def sensitivity(
    file: ScenarioFile,
    set_: Overrides = None,
    figure: Annotated[
        list[str] | None, typer.Option(metavar="METRIC", help="figure to explain; by default the workload's main ones")
    ] = None,
    vary: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="cost or key to vary; repeatable; by default all costs, batch and high"),
    ] = None,
    step: Annotated[float, typer.Option(min=0.1, max=90, help="by how many % costs are varied, down and up")] = 10.0,
    cheaper: Annotated[
        float, typer.Option(min=0, max=100, help="virtual speed-up: make each step so many % cheaper; 0 leaves it out")
    ] = 20.0,
    sobol: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="N",
            help="Sobol indices from N x (costs and keys varied + 2) settings; N must be a power of 2",
        ),
    ] = 0,
    range_: Annotated[
        list[str] | None,
        typer.Option(
            "--range",
            metavar="NAME=LOW,HIGH",
            help="range of a cost for Sobol indices; repeatable; by default all costs, in the range of their kind",
        ),
    ] = None,
    replications: Annotated[
        int | None, typer.Option(min=1, max=1000, help="runs of each setting, instead of the scenario's number")
    ] = None,
    jobs: Annotated[int, typer.Option(min=0, help="processes; 0 = one a core. Results do not depend on it")] = 0,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="folder for sensitivity.json and figures")] = None,
    plugin: Plugins = None,
    format_: Annotated[TextFormat, typer.Option("--format", help="what to print")] = TextFormat.TABLE,
) -> None:
    """Say which cost, size or step changes a result most: elasticities, virtual speed-ups, Sobol indices."""
    from simalloc.scenario import load  # noqa: PLC0415
    from simalloc.studies import (  # noqa: PLC0415
        check_samples,
        chosen,
        costs_of,
        main_figures,
        questions,
        range_of,
        sizes_of,
        speed_ups,
    )
    from simalloc.studies import sensitivity as elasticities  # noqa: PLC0415
    from simalloc.studies import sobol as indices_of  # noqa: PLC0415
    from simalloc.studies.report import case_data, text  # noqa: PLC0415

    if sobol:
        check_samples(sobol)
    load_plugins(plugin)
    scenario = load(file, set_ or ())
    cases = questions(scenario)
    processes = jobs or os.cpu_count() or 1
    study: dict[str, Any] = {"scenario": scenario.name, "step": step / 100, "cheaper": cheaper, "cases": []}
    for question in cases:

        def told(done: int, total: int, what: str = question.name) -> None:
            show_progress(f"{what}: {done} of {total} runs")

        base = question.simulate([{}], {}, jobs=processes, replications=replications)[0]
        figures = main_figures(question, base, figure or ())
        levers = chosen(question, vary) if vary else [*costs_of(question), *sizes_of(question)]
        ranges = _given(question, range_ or ())
        found = elasticities(
            question, base, figures, levers, step=step / 100, replications=replications, jobs=processes, told=told
        )
        ups = {
            key: speed_ups(question, base, key, cheaper=cheaper, replications=replications, jobs=processes, told=told)
            for key in (figures if cheaper else [])
        }
        ranges = ranges or {
            lever: range_of(lever)
            for lever in levers
            if lever.name not in found.without_effect and lever.kind != "scenario"
        }
        indices = (
            indices_of(
                question,
                figures,
                ranges,
                samples=sobol,
                replications=replications,
                jobs=processes,
                seed=scenario.seed,
                told=told,
            )
            if sobol
            else {}
        )
        study["cases"].append(case_data(found, ups, indices))
    show_progress("")
    with telling():
        sys.stdout.write((json.dumps(study, indent=1) if format_ is TextFormat.JSON else text(study)) + "\n")
    if out:
        _save(study, out)


def _given(question: Question, ranges: Iterable[str]) -> dict[Lever, tuple[float, float]]:
    """Return the ranges of Sobol indices that are given. Raises ScenarioError."""
    from simalloc.scenario import ScenarioError  # noqa: PLC0415
    from simalloc.studies import chosen  # noqa: PLC0415

    found = {}
    for each in ranges:
        name, equals, ends = each.partition("=")
        low, comma, high = ends.partition(",")
        try:
            values = float(low), float(high)
        except ValueError:
            raise ScenarioError(f"--range {each}: write NAME=LOW,HIGH, such as buddy_remove=20,60") from None
        if not (equals and comma and 0 <= values[0] < values[1] < 1e9):
            raise ScenarioError(f"--range {each}: write NAME=LOW,HIGH with 0 <= LOW < HIGH")
        found[chosen(question, [name])[0]] = values
    return found


def _save(study: dict[str, Any], out: Path) -> None:
    """Save the study and a tornado figure for each of its figures. Raises NotSaved."""
    from simalloc.cli.saving import NotSaved, make_folder  # noqa: PLC0415
    from simalloc.plots import style, tornado  # noqa: PLC0415
    from simalloc.results import write_whole  # noqa: PLC0415

    make_folder(out)
    try:
        files = [out / "sensitivity.json"]
        write_whole(files[0], json.dumps(study, indent=1) + "\n")
        for number, case in enumerate(study["cases"]):
            for place, figure in enumerate(case["figures"]):
                name = "tornado" + (
                    f"-{number + 1}-{place + 1}" if len(study["cases"]) + len(case["figures"]) > 2 else ""
                )
                files += style.save(tornado.draw(case["case"], figure, study["step"]), out / name)
    except OSError as error:
        raise NotSaved(f"{error.filename or out}: cannot be written: {error.strerror}") from None
    typer.echo("\n".join(f"saved {file}" for file in files), err=True)
