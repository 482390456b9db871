"""Plugins to test with, and a package that brings one by entry point."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simalloc.registry import TABLES, load_plugin

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"

SCHEME = """
from simalloc.api import Field, Linux, Parameters, register


@register
class Mine(Linux):
    name = "mine"
    about = "counts more"
    like = "v4.11"

    class Parameters(Parameters):
        extra: int = Field(default=2, ge=0, description="counters")

    def free_unref_page(self, cpu, zone, pfn, order, *, cold):
        yield self.k.event_counter * self.parameters.extra
        yield from super().free_unref_page(cpu, zone, pfn, order, cold=cold)
"""


@contextmanager
def plugin(file: Path, text: str | None = None) -> Iterator[Path]:
    """Load a plugin's file, written first if its text is given, and take out again what it has registered."""
    if text is not None:
        file.write_text(text, encoding="utf-8")
    loaded = load_plugin(file)
    try:
        yield file
    finally:
        for table in TABLES.values():
            table.forget(loaded)


def package(folder: Path, module: str, text: str) -> None:
    """Install a package of one module, which is a plugin, into a folder."""
    (folder / f"{module}.py").write_text(text, encoding="utf-8")
    info = folder / f"{module}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.2\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[simalloc.plugins]\nit = {module}\n", encoding="utf-8")
