"""Heads of a table's columns: a label longer than its column goes on in the next line."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap


def heads(labels: Sequence[str], width: int) -> list[str]:
    """Return the lines above columns of `width` signs each: labels at the right, the last line of each at the bottom.

    One sign between columns stays free, so that labels never touch.
    """
    parts = [wrap(label, width - 1) or [""] for label in labels]
    most = max((len(each) for each in parts), default=1)
    padded = [[""] * (most - len(each)) + each for each in parts]
    return ["".join(f"{lines[i]:>{width}}" for lines in padded) for i in range(most)]
