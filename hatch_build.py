"""Builds the wheel with a compiled core: a hook of hatchling, off unless asked for (`HATCH_BUILD_HOOKS_ENABLE=1`).

What simulates is compiled with mypyc; the modules stay in the wheel beside what was made of them, for tracebacks and
for whoever reads them. Nothing is written into the source tree, so that a checkout stays pure Python whatever was built
from it. docs/design.md says why this hook and not hatch-mypyc.
"""

from __future__ import annotations

import os
import shutil
from contextlib import chdir
from fnmatch import fnmatch
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE = "simalloc"


class CompiledCore(BuildHookInterface):
    """Compiles the modules that `compile` names, without those that `interpreted` names (globs, from the root)."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile into a folder of its own, and let the wheel take the libraries from there."""
        if version == "editable":
            return
        self._folder = TemporaryDirectory(prefix="simalloc-compiled-")
        build = Path(self._folder.name)
        shutil.copytree(Path(self.root, PACKAGE), build / PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
        for library in compiled(build, self.modules(), self.config.get("optimize", "2")):
            build_data["force_include"][str(library)] = str(library.relative_to(build))
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Throw the folder away."""
        if version != "editable":
            self._folder.cleanup()

    def modules(self) -> list[str]:
        """Return the modules to compile, as paths from the root."""
        root = Path(self.root)
        found = {str(path.relative_to(root)) for glob in self.config["compile"] for path in root.glob(glob)}
        skipped = self.config["interpreted"]
        return sorted(path for path in found if not any(fnmatch(path, glob) for glob in skipped))


def compiled(build: Path, modules: list[str], optimize: str) -> list[Path]:
    """Compile these modules of the copy in `build`, in place; return the libraries."""
    # Not at the top: hatchling loads this module before it has installed what it needs.
    from mypyc.build import mypycify  # noqa: PLC0415
    from setuptools import Distribution  # noqa: PLC0415
    from setuptools.command.build_ext import build_ext  # noqa: PLC0415

    options = ["--config-file=", "--ignore-missing-imports", "--explicit-package-bases", "--cache-dir=cache"]
    with chdir(build):
        extensions = mypycify(
            [*options, *modules], opt_level=optimize, debug_level="0", target_dir="generated", group_name=PACKAGE
        )
        if os.name == "posix":
            for extension in extensions:
                # Of the three minutes that gcc would take it spends two on warnings about code that nobody wrote.
                extension.extra_compile_args.append("-Wno-all")
        command = build_ext(Distribution({"name": PACKAGE, "ext_modules": extensions}))
        command.inplace = True
        command.build_temp = "objects"
        command.ensure_finalized()
        command.run()
        suffix = Path(command.get_ext_filename("x")).name[1:]
    return sorted(path for path in build.rglob(f"*{suffix}") if "objects" not in path.parts)
