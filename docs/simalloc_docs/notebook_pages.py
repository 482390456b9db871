"""The notebooks as `make notebooks` has run them, if it has."""

from __future__ import annotations

from pathlib import Path

from simalloc_docs.markdown import toctree

HEAD = "# Notebooks\n\nA course that runs from top to bottom: a question, a prediction, an experiment, exercises.\n\n"
TEMPLATE = "00-"
"""What a new notebook starts from; no page."""

NONE = "They were not run before these pages were built. `make notebooks docs` runs them and puts them here.\n"


def pages(executed: Path) -> dict[str, str]:
    """Return a copy of each notebook in the folder `executed`, and the page that lists them."""
    files = [file for file in sorted(executed.glob("*.ipynb")) if not file.name.startswith(TEMPLATE)]
    found = {f"notebooks/{file.name}": file.read_text(encoding="utf-8") for file in files}
    listed = toctree([Path(name).stem for name in found]) if found else NONE
    return {"notebooks/index.md": HEAD + listed, **found}
