"""Runs the examples of a page of documentation, in order, in a folder of its own. Sybil finds them; these rules hold:

- a `console` block runs each `$ simalloc ...` line (`> file` too) and compares what follows, errors included;
- a `python` block is run; a `text` block right after one that prints is compared with what it printed;
- a `yaml` block with `name:` is saved as NAME.yaml; if it has `parameters:`, as a machine preset of that name.

`...` in an output stands for anything. The folder is the current one.
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE, OutputChecker
from io import StringIO
from pathlib import Path
from unittest.mock import patch

from sybil import Document, Example, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.myst import CodeBlockParser

from simalloc.cli import main


class Examples:
    """What the blocks of one page share: what was printed last, the last exit code, where presets are saved."""

    def __init__(self, presets: Path) -> None:
        self.presets = presets
        self.printed = ""
        self.code = 0

    def of(self, page: Path) -> Document:
        """Return the page with its examples."""
        rules: dict[str, Callable[[Example], str | None]] = {
            "console": self.console,
            "python": self.python,
            "text": self.text,
            "yaml": self.yaml,
        }
        return Sybil([CodeBlockParser(language, rule) for language, rule in rules.items()]).parse(page)

    def console(self, example: Example) -> str | None:
        """Run each command and compare its output."""
        for command, expected in commands(example.parsed):
            found = self.run(command)
            if not matches(expected, found):
                return f"{command}\nshould print\n{expected}\nprinted\n{found}"
        return None

    def run(self, command: str) -> str:
        """Return what a command prints, stdout and stderr together; or put stdout into the file after `>`."""
        if command == "echo $?":
            return f"{self.code}\n"
        words = shlex.split(command, comments=True)
        assert words[0] == "simalloc", f"{command!r}: only simalloc is run here; use another language than console"
        words, target = (words[:-2], words[-1]) if words[-2:-1] == [">"] else (words, None)
        out, err = StringIO(), StringIO()
        both = err if target else out
        with redirect_stdout(out), redirect_stderr(both), patch.object(sys, "argv", words):
            try:
                main()
            except SystemExit as end:
                self.code = end.code if isinstance(end.code, int) else 0
        if target:
            Path(target).write_text(out.getvalue(), encoding="utf-8")
        return both.getvalue()

    def python(self, example: Example) -> None:
        """Run the code and keep what it prints."""
        with redirect_stdout(StringIO()) as out:
            PythonEvaluator()(example)
        self.printed = out.getvalue()

    def text(self, example: Example) -> str | None:
        """Compare with what the Python block before it printed, if it did."""
        found, self.printed = self.printed, ""
        if found and not matches(example.parsed, found):
            return f"should have printed\n{example.parsed}\nprinted\n{found}"
        return None

    def yaml(self, example: Example) -> None:
        """Save a scenario, or a machine preset, under its name."""
        name = re.search(r"^name: *(\S+)", example.parsed, re.MULTILINE)
        if name:
            folder = self.presets if "\nparameters:" in example.parsed else Path()
            (folder / f"{name[1]}.yaml").write_text(example.parsed, encoding="utf-8")


def commands(block: str) -> Iterator[tuple[str, str]]:
    """Give each `$ command` of a console block with the lines that follow it."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        while command.endswith("\\"):
            more, _, expected = expected.partition("\n")
            command = command[:-1] + more.removeprefix("> ")
        yield command, expected


def matches(expected: str, found: str) -> bool:
    """Whether an output is as the page says; how many blanks stand between words does not matter."""
    expected = re.sub(r"\s*\.\.\.\s*$", "...", expected.strip())
    return OutputChecker().check_output(f"{expected}\n", f"{found.strip()}\n", ELLIPSIS | NORMALIZE_WHITESPACE)
