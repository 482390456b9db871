"""`simalloc replay`: a recorded kernel trace through a simulated allocator."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from simalloc.cli import exits
from simalloc.cli.app import Overrides, TextFormat, app
from simalloc.cli.saving import draw_figures, run_folder, save_result
from simalloc.cli.telling import bar, show_progress

File = Path | None


@app.command()
def replay(
    trace: Annotated[
        Path,
        typer.Argument(
            help="text of tracefs, `trace-cmd report` or `perf script` (plain, gzip or zstd), or the name of a "
            "shipped trace"
        ),
    ],
    allocator: Annotated[str, typer.Option(help="an allocator; `simalloc list allocators`")],
    zoneinfo: Annotated[File, typer.Option(help="/proc/zoneinfo of the machine, saved before the recording")] = None,
    pagetypeinfo: Annotated[
        File, typer.Option(help="/proc/pagetypeinfo of the machine, which lists free blocks")
    ] = None,
    buddyinfo: Annotated[
        File, typer.Option(help="/proc/buddyinfo of the machine, if pagetypeinfo was not readable")
    ] = None,
    machine: Annotated[
        str | None,
        typer.Option(
            metavar="PRESET",
            help="also print cycles, lock waits and windows with interrupts off, with the prices of this machine",
        ),
    ] = None,
    cpus: Annotated[int | None, typer.Option(min=1, help="number of CPUs; by default those in the trace")] = None,
    copies: Annotated[int, typer.Option(min=1, help="how many copies to replay at once, each on CPUs of its own")] = 1,
    closed: Annotated[
        bool,
        typer.Option("--closed", help="keep think times instead of points in time, so that faster code is done sooner"),
    ] = False,
    event_cost: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="with --closed: time that tracing an event took, such as 580cycles"),
    ] = None,
    clock_ghz: Annotated[
        float | None, typer.Option(help="ticks per nanosecond, for a trace whose clock counts ticks, such as x86-tsc")
    ] = None,
    marker: Annotated[str, typer.Option(help="leave out everything before a marker with this text")] = "DRAINED",
    set_: Overrides = None,
    seed: Annotated[int | None, typer.Option(help="seed of all random numbers")] = None,
    out: Annotated[Path | None, typer.Option(help="folder for results and figures")] = None,
    format_: Annotated[TextFormat, typer.Option("--format", help="what to print")] = TextFormat.TABLE,
    strict: Annotated[
        bool, typer.Option("--strict", help="exit code 1 if anything differs from the recording")
    ] = False,
) -> None:
    """Replay a recorded trace of a kernel's page allocator, and compare what that kernel did with what is simulated."""
    from simalloc.cli.replay_text import replay_text  # noqa: PLC0415
    from simalloc.recorded import RecordedError  # noqa: PLC0415
    from simalloc.recorded.library import zoneinfo_of  # noqa: PLC0415
    from simalloc.runs import run  # noqa: PLC0415
    from simalloc.runs.replay import agrees, comparison, read_zones, replay_scenario  # noqa: PLC0415
    from simalloc.scenario import ScenarioError  # noqa: PLC0415

    zoneinfo = zoneinfo or zoneinfo_of(trace)
    keys: dict[str, object] = {"marker": marker, "copies": copies}
    if closed:
        keys["loop"] = "closed"
    keys |= {name: value for name, value in (("event_cost", event_cost), ("clock_ghz", clock_ghz)) if value is not None}
    if event_cost is not None and not closed:
        raise ScenarioError(f"--event-cost {event_cost}: times are as recorded without --closed; add it")
    if zoneinfo is None and (pagetypeinfo or buddyinfo):
        raise ScenarioError("--pagetypeinfo and --buddyinfo tell the free blocks of zones; add --zoneinfo FILE")

    def reading(share: float) -> None:
        show_progress(f"{trace}: {bar(share)} read")

    try:
        zones = read_zones(zoneinfo, buddyinfo, pagetypeinfo) if zoneinfo is not None else None
        scenario = replay_scenario(
            trace,
            allocator,
            zones=zones,
            preset=machine,
            cpus=cpus,
            workload=keys,
            overrides=[*(set_ or ()), *([] if seed is None else [f"seed={seed}"])],
            progress=reading,
        )
    except RecordedError as error:
        raise ScenarioError(str(error)) from None
    finally:
        show_progress("")
    show_progress(f"{trace}: replaying on {allocator}")
    result = run(scenario)
    show_progress("")
    compared = comparison(result)
    if format_ is TextFormat.JSON:
        head = {"trace": str(trace), "allocator": allocator, "loop": "closed" if closed else "open"}
        figures = {"rows": result.rows, "locks": result.locks, "latency": result.latency} if machine else {}
        sys.stdout.write(json.dumps(head | compared | figures, indent=1) + "\n")
    else:
        typer.echo(replay_text(result, compared, timed=machine is not None))
    if out is not None:
        with run_folder(out):
            files = [*save_result(result, out), *draw_figures(result, out, None, ("png", "svg"))]
        write = sys.stdout.write if format_ is TextFormat.TABLE else sys.stderr.write
        write("\n" + "".join(f"saved {file}\n" for file in files))
    if strict and not agrees(compared):
        raise typer.Exit(exits.FAILED)
