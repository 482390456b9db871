"""Guides that lie beside docs/index.md: they are listed without being named anywhere."""

from __future__ import annotations

from pathlib import Path

from simalloc_docs.markdown import toctree

OTHERS = {
    "index",
    "quickstart",
    "explore",
    "reference",
    "model",
    "validation",
    "design",
    "faults",
    "release",
    "glossary",
}
"""Pages there that are no guides: docs/index.md has them in its own list."""


def pages(docs: Path) -> dict[str, str]:
    """Return what docs/guides/index.md includes: a toctree of them, or nothing."""
    found = sorted(page.stem for page in docs.glob("*.md") if page.stem not in OTHERS)
    return {"more-guides.txt": toctree([f"/{name}" for name in found]) if found else ""}
