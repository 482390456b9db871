"""Sphinx: how the site is built. `make docs` runs it with -W -n, so a broken link is an error."""

from __future__ import annotations

import sys
from importlib.metadata import version as installed
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

project = "simalloc"
author = "The simalloc founders"
project_copyright = "The simalloc founders"
version = release = installed("simalloc")

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.viewcode", "simalloc_docs"]
exclude_patterns = ["simalloc_docs"]
templates_path: list[str] = []

# Notebooks come executed from `make notebooks`; nothing runs while pages are built.
nb_execution_mode = "off"
nb_ipywidgets_js: dict[str, object] = {}
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4

# Docstrings are prose; `this` in them is code.
default_role = "literal"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
# Names of other projects cannot be looked up: the build uses no network.
# Type variables and aliases of requests are in annotations only.
nitpick_ignore_regex = [
    ("py:.*", r"(?!simalloc).*"),
    ("py:.*", r"simalloc\.machine\..*\.(Op|T|Post)"),
    # Inner classes that signatures name, and that neither callers nor authors of plugins need.
    ("py:.*", r"simalloc\.(api\.marking\.T|registry\.plugin\.Plugin|registry\.table\.Table)"),
    ("py:.*", r"simalloc\.(testing\.conformance\.Checked|runs\.plan\.Plan|runs\.task\.Task)"),
    ("py:.*", r"simalloc\.recorded\.recording\.Totals"),
]
# `Tuning` is described where it is defined and where it is imported from.
suppress_warnings = ["ref.python"]

maximum_signature_line_length = 80

html_theme = "furo"
html_title = f"simalloc {release}"
# The graph of the lab draws the explorable figures too.
html_static_path = ["static", "../simalloc/lab/web/chart.js"]
html_css_files = ["site.css"]
html_js_files = ["chart.js", "explorable.js"]
html_show_sphinx = False
html_copy_source = False
