"""Puts the page together from its template, its style, its script and a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from simalloc.plots import wanted
from simalloc.report.numbers import text_of
from simalloc.report.svg import inline_svg
from simalloc.report.tables import Table, price_table, result_tables
from simalloc.report.timeline import timeline_data
from simalloc.results import FIGURE_ABOUT, Result

SHORT = 110
"""Characters of YAML that fit on a line."""


def report_html(result: Result, compared: Sequence[Table] = ()) -> str:
    """Return the page as HTML: the same bytes for the same result. Raises NoSuchFigure as `plots.wanted` does.

    `compared` are tables that set it beside other runs, as `comparison_tables` makes them; they come first.
    """
    templates = environment()
    timeline = timeline_data(result)
    page: str = templates.get_template("report.html").render(
        result=result,
        about=result.definition.get("about", ""),
        clock="; ".join(result.machines()),
        figures=[(name, FIGURE_ABOUT[name], Markup(inline_svg(result, name))) for name in wanted(result)],
        tables=[*compared, *result_tables(result)],
        prices=price_table(result),
        timeline=timeline,
        scenario=scenario_text(result.definition),
        style=asset(templates, "report.css"),
        scripts=[asset(templates, name) for name in ("sort.js", "timeline.js")[: 2 if timeline else 1]],
    )
    return page


def environment() -> Environment:
    """Return what pages are rendered with: its templates escape."""
    loader = PackageLoader("simalloc.report", "web")
    found = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    found.filters["text"] = text_of
    return found


def asset(templates: Environment, name: str) -> Markup:
    """Return a file of ours as it is: style and script are no HTML to be escaped."""
    assert templates.loader is not None
    return Markup(templates.loader.get_source(templates, name)[0])


def scenario_text(definition: Mapping[str, Any]) -> str:
    """Return a scenario as people write it: what is short on one line."""
    yaml: Any = YAML()
    text = StringIO()
    yaml.width = 10_000  # the page wraps what is longer
    yaml.dump(CommentedMap({key: _laid_out(value) for key, value in definition.items()}), text)
    return text.getvalue()


def _laid_out(value: Any) -> Any:
    if isinstance(value, dict):
        node: Any = CommentedMap({key: _laid_out(each) for key, each in value.items()})
    elif isinstance(value, list):
        node = CommentedSeq(map(_laid_out, value))
    else:
        return value
    if len(str(value)) < SHORT:
        node.fa.set_flow_style()
    return node
