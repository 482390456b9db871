"""Figures as SVG that many can stand in one page."""

from __future__ import annotations

import re
from html import escape
from io import StringIO

from matplotlib import rc_context

from simalloc.plots import FIGURES, style
from simalloc.results import FIGURE_ABOUT, Result


def inline_svg(result: Result, name: str) -> str:
    """Draw a figure; return it as an `<svg>` element, with a title, whose ids begin with the figure's name."""
    text = StringIO()
    with rc_context(style.PARAMETERS):
        FIGURES[name].draw(result).savefig(text, format="svg", metadata={"Date": None})
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    # Two figures of one page may have parts of the same name that differ.
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'(href="|url\()#', rf"\1#{name}-", svg)
    title = f'<title id="{name}-title">{escape(result.scenario)}: {escape(FIGURE_ABOUT[name])}</title>'
    opening = re.sub(r' (width|height)="[^"]*"', "", svg[: svg.index(">")])
    return f'{opening} role="img" aria-labelledby="{name}-title">{title}{svg[svg.index(">") + 1 :]}'
