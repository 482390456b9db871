"""Figures, one a file. Importing this package loads matplotlib; nothing below it does."""

from pathlib import Path

from simalloc.plots import cost_by_batch, style
from simalloc.results import Result


def draw(result: Result, folder: Path) -> list[Path]:
    """Draw every figure that applies to the result into `folder`; return the files."""
    files = []
    if cost_by_batch.applies(result):
        files += style.save(cost_by_batch.cost_by_batch(result), folder / "cost_by_batch")
    return files


__all__ = ["draw"]
