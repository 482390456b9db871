"""How long the lab's six questions take, against `simalloc run`: `python benchmarks/lab.py [JOBS]`.

From the moment an address is opened, workers standing by: seconds to the first points drawn, and to all of them with
intervals. Drawing in the browser is not in it. `simalloc run` has its start-up, tables and figures in it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time

from simalloc.compiled import BUILD
from simalloc.lab.asked import Asked, origin_of, question_files, scenario_of
from simalloc.lab.charts import chart, metrics
from simalloc.lab.session import Cache, Session
from simalloc.runs.standing import Crew


def asked(crew: Crew, number: str) -> tuple[float, float]:
    """Return seconds to the first picture and to the full one."""
    began, first = time.perf_counter(), 0.0
    session = Session(crew, Cache())
    question = Asked("q", number)
    origin = origin_of(question)
    session.ask(scenario_of(question, origin), origin.folder)
    seen = -1
    while True:
        if session.version != seen:
            seen = session.version
            result = session.result()
            if result is not None and result.rows:
                chart(result, next(iter(metrics(result))))
                first = first or time.perf_counter() - began
        if session.progress.error:
            raise SystemExit(f"question {number}: {session.progress.error}")
        if session.progress.full is not None and session.version == seen:
            break
        time.sleep(0.005)
    full = time.perf_counter() - began
    session.close()
    return first, full


def ran(number: str, jobs: int) -> float:
    """Return the seconds that `simalloc run` takes for a question."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "simalloc", "run", str(question_files()[number]), "--jobs", str(jobs)]
        began = time.perf_counter()
        subprocess.run([*command, "--out", folder], check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - began


def main(jobs: int = 2) -> None:
    print(f"{BUILD}, {jobs} processes; seconds")
    print(f"{'question':<26}{'first picture':>15}{'full picture':>14}{'simalloc run':>14}{'lab / run':>11}")
    with Crew(jobs) as crew:
        asked(crew, "2")  # workers and figures are loaded
        for number, file in question_files().items():
            first, full = asked(crew, number)
            whole = ran(number, jobs)
            print(f"{file.stem:<26}{first:>15.2f}{full:>14.2f}{whole:>14.2f}{full / whole:>11.2f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
