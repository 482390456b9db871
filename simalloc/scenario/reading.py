"""A file from somebody, read with care: a regular file of bounded size, YAML of bounded depth and number of entries.

What a scenario may be is bounded far above any that says something, and far below what takes a machine down.
"""

from __future__ import annotations

import os
import stat
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError

from simalloc.scenario.errors import Path as Key
from simalloc.scenario.errors import Problem, ScenarioError, shortened

MOST_BYTES = 1 << 20
MOST_ENTRIES = 20000
"""Entries of lists and mappings as they are written."""

MOST_NODES = 50000
"""Entries once aliases are followed: nine anchors of nine aliases each are 400 million."""

DEEPEST = 30
LONGEST_KEY = 200


def read_text(file: Path) -> str:
    """Return what a scenario's file says. Raises ScenarioError for what is no regular file of text, or too large."""
    try:
        with os.fdopen(os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as opened:
            if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
                raise ScenarioError(f"{file}: not a regular file; a scenario is a YAML file")
            data = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise ScenarioError(f"{file}: cannot be read: {error.strerror}") from None
    if len(data) > MOST_BYTES:
        raise ScenarioError(f"{file}: larger than {MOST_BYTES >> 20} MiB; no scenario is")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        utf16 = " (it looks like UTF-16: save it as UTF-8)" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ""
        line = data.count(b"\n", 0, error.start) + 1
        raise ScenarioError(f"{file}:{line}:1: not a text file; a scenario is YAML in UTF-8{utf16}") from None
    if sum(map(text.count, ",\n:[{")) > MOST_ENTRIES:
        raise ScenarioError(f"{file}: more than {MOST_ENTRIES} lines and entries; no scenario has so many")
    return text


def parse(file: str, text: str) -> CommentedMap:
    """Return the mapping that a scenario's text is. Raises ScenarioError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an anchor that is used twice is no error of YAML's
            data = YAML(typ="rt", pure=True).load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{mark.line + 1}:{mark.column + 1}" if mark else "1:1"
        reason = (error.problem or "cannot be parsed").splitlines()[0][:200]
        hint = "; indent with spaces, not tabs" if "'\\t'" in reason else ""
        raise ScenarioError(f"{file}:{place}: not valid YAML: {reason}{hint}") from None
    except RecursionError:
        raise ScenarioError(f"{file}:1:1: not a scenario: nested too deeply") from None
    except Exception as error:  # a constructor of ruamel's raises what its Python code raises
        reason = next(iter(str(error).splitlines()), type(error).__name__)[:200]
        raise ScenarioError(f"{file}:1:1: not valid YAML: {reason}") from None
    if data is None:
        raise ScenarioError(f"{file}:1:1: the file is empty; a scenario needs at least name and workload")
    if not isinstance(data, CommentedMap):
        kind = "a list" if isinstance(data, list) else "plain text"
        raise ScenarioError(f"{file}:1:1: this is {kind}, not a scenario; it should be keys such as name, workload")
    return data


def parse_value(text: str) -> Any:
    """Return a value of YAML, as `--set` has it. Raises ValueError."""
    if len(text) > MOST_BYTES or sum(map(text.count, ",\n:[{")) > MOST_ENTRIES:
        raise ValueError("too long")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return YAML(typ="safe", pure=True).load(text)
    except Exception:
        raise ValueError("not YAML") from None


def plain(data: Any) -> Any:
    """Return the tree as plain mappings, lists, texts and numbers. Raises Problem, at the key that is none of these."""
    return _Plainer().of(data, ())


class _Plainer:
    def __init__(self) -> None:
        self.nodes = 0

    def of(self, node: Any, path: Key) -> Any:
        self.nodes += 1
        if self.nodes > MOST_NODES:
            raise Problem(path[:1], f"more than {MOST_NODES} entries once its aliases are followed; write fewer")
        if len(path) > DEEPEST:
            raise Problem(path[:1], f"nested more than {DEEPEST} deep; no scenario is")
        if isinstance(node, Mapping):
            return {self._key(key, path): self.of(value, (*path, key)) for key, value in node.items()}
        if isinstance(node, list | tuple):
            return [self.of(value, (*path, i)) for i, value in enumerate(node)]
        if node is None or isinstance(node, bool):
            return node
        for kind in (int, float, str):
            if isinstance(node, kind):  # ruamel's own know how they were written; who names a file keeps its folder
                return kind(node) if type(node).__module__.startswith("ruamel") else node
        raise Problem(path, f"{shortened(str(node))} is no number, text, list or mapping; put text in quotes")

    @staticmethod
    def _key(key: Any, path: Key) -> str:
        if not isinstance(key, str):
            raise Problem(path, f"its key {shortened(str(key))} is no text; keys are names such as cpus")
        if len(key) > LONGEST_KEY:
            raise Problem(path, f"its key {shortened(key)} is longer than any there is")
        return str(key)


__all__ = ["CommentedMap", "CommentedSeq", "parse", "parse_value", "plain", "read_text"]
