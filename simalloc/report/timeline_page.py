"""A timeline on a page of its own, to be shown inside another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from simalloc.report.page import asset, environment
from simalloc.report.timeline import timeline_data
from simalloc.results import Result, Row


def timeline_html(result: Result, rows: Sequence[Row]) -> str | None:
    """Return a page with the timeline of what was recorded, None if that is nothing.

    `rows` are records with the label of their case, as `Result.timeline` has them; `result` is the run they are of.
    """
    here = replace(result, timeline=list(rows), swept=[])
    data = timeline_data(here)
    if data is None:
        return None
    templates = environment()
    style, script = (asset(templates, name) for name in ("report.css", "timeline.js"))
    page: str = templates.get_template("timeline_page.html").render(timeline=data, style=style, script=script)
    return page
