"""Recordings of real kernels that come with the package, to try things on."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def shipped() -> dict[str, Path]:
    """Return the traces that are shipped, by name; beside each lies its zoneinfo."""
    folder = Path(str(files("simalloc.data") / "traces"))
    return {file.name.removesuffix(".trace.zst"): file for file in sorted(folder.glob("*.trace.zst"))}


def zoneinfo_of(name: Path) -> Path | None:
    """Return the zoneinfo of a shipped trace; None for a file of somebody's own."""
    file = None if name.exists() else shipped().get(str(name))
    return None if file is None else file.with_name(f"{name}.zoneinfo.txt")
