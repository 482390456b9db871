"""Pages of the documentation that are made from the program itself, written into docs/generated before each build.

They cannot lag behind: keys come from the scenarios' JSON Schema, steps and cycles from `simalloc explain`, prices from
the presets, commands from typer, notebooks from build/notebooks.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from simalloc_docs import (
    allocator_pages,
    command_page,
    explorable,
    glossary_links,
    guide_list,
    list_pages,
    machine_pages,
    notebook_pages,
    references,
    scenario_page,
)

if TYPE_CHECKING:
    from sphinx.application import Sphinx

DOCS = Path(__file__).resolve().parent.parent


def pages() -> dict[str, str]:
    """Return every generated page: its path below docs/generated, and its text."""
    return {
        **scenario_page.pages(),
        **allocator_pages.pages(),
        **machine_pages.pages(),
        **list_pages.pages(),
        **command_page.pages(),
        **guide_list.pages(DOCS),
        **notebook_pages.pages(DOCS.parent / "build" / "notebooks"),
    }


def write(folder: Path, texts: Mapping[str, str]) -> None:
    """Make `folder` hold exactly these files; one whose text is the same is left alone, so it is not built anew."""
    wanted = {folder / name: text for name, text in texts.items()}
    for stale in [file for file in folder.rglob("*") if file.is_file() and file not in wanted]:
        stale.unlink()
    for file, text in wanted.items():
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Make the pages before Sphinx looks for files."""
    app.connect("builder-inited", lambda app: write(Path(app.srcdir) / "generated", pages() | explorable.pages()))
    app.connect("missing-reference", references.resolve)
    app.connect("autodoc-process-signature", references.shorten)
    app.connect("doctree-resolved", glossary_links.link_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
