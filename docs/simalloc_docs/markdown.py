"""Small pieces of MyST Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table; a column whose name ends in `>` is set to the right."""
    marks = ["---:" if name.endswith(">") else "---" for name in columns]
    head = [name.removesuffix(">") for name in columns]
    return "\n".join("| " + " | ".join(map(cell, row)) + " |" for row in (head, marks, *rows)) + "\n"


def cell(value: object) -> str:
    """Return a value as a table cell: bars would end it."""
    return str(value).replace("|", "\\|").replace("\n", " ")


def literal(text: str) -> str:
    """Return text that Markdown leaves as it is: `_`, `*`, `<` and `[` mean nothing in it."""
    for character in "\\*_<[":
        text = text.replace(character, f"\\{character}")
    return text


def sentence(text: str) -> str:
    """Return text as a sentence: a capital first, a full stop last."""
    return f"{literal(text[:1].upper() + text[1:]).removesuffix('.')}."


def toctree(names: Iterable[str], *options: str) -> str:
    """Return a toctree of these pages."""
    lines = ["```{toctree}", *(f":{option}:" for option in options), *names, "```"]
    return "\n".join(lines) + "\n"
