"""Files that a workload reads, named relative to the scenario that names them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema

from simalloc.recorded.library import shipped


class InFolder(str):
    """A file's name as it was written, and the folder it is relative to. Elsewhere it is that name and nothing more."""

    folder: Path | None = None

    def path(self) -> Path:
        """Return where the file is; a shipped recording may be named."""
        file = (self.folder or Path()) / Path(str(self)).expanduser()
        return file if file.exists() else shipped().get(str(self), file)

    def __reduce__(self) -> tuple[Any, ...]:
        return located, (str(self), self.folder)


def located(name: str, folder: Path | None) -> InFolder:
    """Return a file's name with the folder it is relative to."""
    file = InFolder(name)
    file.folder = folder
    return file


def _file(value: Any) -> InFolder:
    if isinstance(value, InFolder):
        return value
    if isinstance(value, str) and value:
        return InFolder(value)
    raise ValueError(f"{value!r} is no file name")


FileName = Annotated[InFolder, PlainValidator(_file), WithJsonSchema({"type": "string", "minLength": 1})]

FILE_KEYS = ("trace",)
"""Keys of workloads whose values are files."""


def locate(data: Mapping[str, Any], folder: Path | None) -> dict[str, Any]:
    """Return a scenario's data in which files that workloads read are relative to its folder, if it has one."""
    if folder is None:
        return dict(data)
    folder = folder.resolve()
    changed = dict(data)
    for key in ("workload",):
        if isinstance(changed.get(key), Mapping):
            changed[key] = _located_in(changed[key], folder)
    if isinstance(changed.get("compare"), list):
        changed["compare"] = [
            each | {"workload": _located_in(each["workload"], folder)}
            if isinstance(each, dict) and isinstance(each.get("workload"), Mapping)
            else each
            for each in changed["compare"]
        ]
    sweep = changed.get("sweep")
    if isinstance(sweep, Mapping):
        changed["sweep"] = {
            key: [located(each, folder) if isinstance(each, str) else each for each in values]
            if isinstance(values, list) and key in {f"workload.{name}" for name in FILE_KEYS}
            else values
            for key, values in sweep.items()
        }
    return changed


def _located_in(workload: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    return {
        key: located(value, folder) if key in FILE_KEYS and isinstance(value, str) else value
        for key, value in workload.items()
    }
