"""A folder into which somebody has saved /proc files and what lscpu and sysctl print."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from simalloc.recorded.errors import RecordedError
from simalloc.recorded.proc import (
    CpuInfo,
    ZoneInfo,
    read_buddyinfo,
    read_lscpu,
    read_pagetypeinfo,
    read_sysctl,
    read_zoneinfo,
)

HOW = "cp /proc/zoneinfo /proc/buddyinfo DIR; sudo cp /proc/pagetypeinfo DIR; lscpu > DIR/lscpu; sysctl vm > DIR/sysctl"
"""How to make such a folder."""


@dataclass
class Saved:
    """What the folder told; `files` by what they are."""

    zones: list[ZoneInfo]
    cpus: CpuInfo | None = None
    sysctl: dict[str, str] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)


def read_folder(folder: Path) -> Saved:
    """Read what is there; /proc/zoneinfo must be. Raises RecordedError."""
    if not folder.is_dir():
        raise RecordedError(str(folder), f"there is no such folder; make one: {HOW}")
    files = {name: file for name in NAMES if (file := _named(folder, name)) is not None}
    if "zoneinfo" not in files:
        raise RecordedError(str(folder), f"it has no zoneinfo; save it: {HOW}")
    saved = Saved(read_zoneinfo(files["zoneinfo"]), files=files)
    if "pagetypeinfo" in files:
        read_pagetypeinfo(files["pagetypeinfo"], saved.zones)
    elif "buddyinfo" in files:
        read_buddyinfo(files["buddyinfo"], saved.zones)
    if "lscpu" in files:
        saved.cpus = read_lscpu(files["lscpu"])
    if "sysctl" in files:
        saved.sysctl = read_sysctl(files["sysctl"])
    return saved


NAMES = ("zoneinfo", "buddyinfo", "pagetypeinfo", "lscpu", "sysctl")


def _named(folder: Path, name: str) -> Path | None:
    """Return the file of that name, or the only one whose name has it; packed and named .txt or not."""
    found = sorted(file for file in folder.iterdir() if file.is_file() and name in file.name)
    exact = [file for file in found if file.name.split(".")[0] == name]
    if len(exact) == 1:
        return exact[0]
    if len(found) > 1:
        names = ", ".join(file.name for file in found[:4])
        raise RecordedError(str(folder), f"several files could be {name}: {names}; keep one, or call it {name}")
    return found[0] if found else None
