"""Flat tables of a run: save, load, compare with published figures, print."""

from simalloc.results.errors import Errors, errors, relative_error
from simalloc.results.published import Published, PublishedError, read_published
from simalloc.results.result import Result, Row, load_result
from simalloc.results.table import comparison_table, error_lines

__all__ = [
    "Errors",
    "Published",
    "PublishedError",
    "Result",
    "Row",
    "comparison_table",
    "error_lines",
    "errors",
    "load_result",
    "read_published",
    "relative_error",
]
