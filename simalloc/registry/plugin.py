"""What is known of a plugin: where its code is, and exactly which code that was."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal

API_VERSION = 1
"""The version of `simalloc.api`. It is raised when something that authors rely on changes, not for additions."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """One file of a person's code.

    `name` is what people are told: the file's name, a package with its version, or a module of this session. `how` says
    where it came from: a `file` that was named, an `installed` package's entry point, or the `session` that called
    `register`. `file` is its path ("" if it has none), `code` its bytes, from which a worker process runs it again.
    """

    name: str
    how: Literal["file", "installed", "session"]
    file: str
    module: str
    code: bytes = field(default=b"", repr=False)
    api: int = API_VERSION

    @property
    def sha256(self) -> str:
        """The hash of its code, as hexadecimal digits."""
        return sha256(self.code).hexdigest()

    @property
    def key(self) -> tuple[str, str]:
        """What makes it this plugin and no other, whatever its code is by now."""
        return self.how, self.module

    @property
    def travels(self) -> bool:
        """Whether other processes can have it: installed there, or run again from its code."""
        return self.how != "session" or (bool(self.code) and self.module != "__main__")

    def row(self) -> dict[str, Any]:
        """Return what results say of it."""
        return {"name": self.name, "sha256": self.sha256, "api": self.api}
