"""Flat tables of a run: save, load, compare with published figures, print."""

from simalloc.results.comparison import Compared, compared, comparison_text, locks_side_by_side, of_result
from simalloc.results.errors import Errors, errors, relative_error
from simalloc.results.figures import FIGURE_ABOUT
from simalloc.results.files import write_whole
from simalloc.results.latency_table import latency_table
from simalloc.results.lock_stat import LockStatError, lock_stat_rows, lock_stat_text, read_lock_stat
from simalloc.results.metric_table import metric_table
from simalloc.results.published import Published, PublishedError, read_published
from simalloc.results.result import Result, Row, load_result, parameters, swept_beside, swept_value
from simalloc.results.shape import NotAResult
from simalloc.results.sweep_table import sweep_table
from simalloc.results.table import comparison_table, error_lines

__all__ = [
    "FIGURE_ABOUT",
    "Compared",
    "Errors",
    "LockStatError",
    "NotAResult",
    "Published",
    "PublishedError",
    "Result",
    "Row",
    "compared",
    "comparison_table",
    "comparison_text",
    "error_lines",
    "errors",
    "latency_table",
    "load_result",
    "lock_stat_rows",
    "lock_stat_text",
    "locks_side_by_side",
    "metric_table",
    "of_result",
    "parameters",
    "read_lock_stat",
    "read_published",
    "relative_error",
    "sweep_table",
    "swept_beside",
    "swept_value",
    "write_whole",
]
