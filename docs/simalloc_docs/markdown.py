"""Small pieces of MyST Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_CODE = re.compile(r"(`[^`]*`)")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table; a column whose name ends in `>` is set to the right."""
    marks = ["---:" if name.endswith(">") else "---" for name in columns]
    head = [name.removesuffix(">") for name in columns]
    return "\n".join("| " + " | ".join(map(cell, row)) + " |" for row in (head, marks, *rows)) + "\n"


def cell(value: object) -> str:
    """Return a value as a table cell: bars would end it."""
    return str(value).replace("|", "\\|").replace("\n", " ")


def literal(text: str) -> str:
    """Return text in which `_`, `*`, `<` and `[` mean nothing to Markdown, and code in backticks stays code."""
    return "".join(
        part if part.startswith("`") else re.sub(r"([\\*_<\[])", r"\\\1", part) for part in _CODE.split(text)
    )


def sentence(text: str) -> str:
    """Return text as a sentence: a capital first, a full stop last."""
    return f"{literal(text[:1].upper() + text[1:]).removesuffix('.')}."


def toctree(names: Iterable[str], *, hidden: bool = False) -> str:
    """Return a toctree of these pages, shown as a list unless it is `hidden`, in the sidebar only."""
    lines = ["```{toctree}", ":hidden:" if hidden else ":maxdepth: 1", *names, "```"]
    return "\n".join(lines) + "\n"
