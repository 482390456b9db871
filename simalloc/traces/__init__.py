"""Timelines for other programs: Perfetto and Chrome (JSON), and scripts that read kernel traces (text)."""

from __future__ import annotations

from pathlib import Path

from simalloc.results import Result, write_whole
from simalloc.traces import ftrace, perfetto
from simalloc.traces.recording import Recording, functions, recordings


def write_traces(result: Result, folder: Path) -> list[Path]:
    """Write each recording into `folder` as LABEL.trace.json.gz and LABEL.ftrace.txt; return the files.

    A window that lies after the end of the run gives none.
    """
    about = {
        "scenario": result.scenario,
        "seed": result.seed,
        "config": result.config,
        "simalloc": result.simalloc,
    }
    files = []
    for recording in recordings(result):
        if recording.end == recording.start:
            continue
        trace, text = (folder / f"{recording.stem}.{ending}" for ending in ("trace.json.gz", "ftrace.txt"))
        clock = {"clock": recording.clock}
        write_whole(trace, perfetto.to_json_gz(recording, about | clock))
        write_whole(text, ftrace.to_text(recording))
        files += [trace, text]
    return files


__all__ = ["Recording", "functions", "recordings", "write_traces"]
