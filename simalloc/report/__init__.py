"""One HTML file that says all about a run: figures, tables, timeline, scenario, prices. It opens without a network."""

from simalloc.report.page import report_html

__all__ = ["report_html"]
