"""Man pages made from the commands: `python -m simalloc_docs.man FOLDER`."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from typer.main import get_command

from simalloc.cli.app import load_commands
from simalloc_docs.command_page import EXIT_CODES


def escaped(text: str) -> str:
    """Return a text as roff takes it."""
    return text.replace("\\", "\\\\").replace("-", "\\-").replace("\n.", "\n\\&.")


def page(name: str, command: Any, below: list[str]) -> str:
    """Return the man page of a command, or of simalloc itself with the names of its commands."""
    about = " ".join(str(command.help or "").split())
    lines = [
        f'.TH "{name.upper()}" 1 "" "simalloc {version("simalloc")}" "simalloc"',
        ".SH NAME",
        f"{escaped(name)} \\- {escaped(about.rstrip('.'))}",
        ".SH SYNOPSIS",
        f".B {escaped(name.replace('-', ' ', 1))}",
        escaped(" ".join(command.collect_usage_pieces(command.make_context(name, [], resilient_parsing=True)))),
        ".SH OPTIONS",
    ]
    for each in command.params:
        names = ", ".join(each.opts) if each.param_type_name == "option" else str(each.metavar or each.name).upper()
        lines += [".TP", f".B {escaped(names)}", escaped(" ".join(str(getattr(each, "help", "") or "").split()))]
    if below:
        lines += [".SH COMMANDS", *(f".BR simalloc\\-{escaped(each)} (1)\n.br" for each in below)]
    lines += [".SH EXIT STATUS"]
    for code, meaning in EXIT_CODES:
        lines += [".TP", f".B {code}", escaped(meaning)]
    return "\n".join(lines) + "\n"


def main(folder: Path) -> None:
    """Write simalloc.1 and a page per command."""
    folder.mkdir(parents=True, exist_ok=True)
    group: Any = get_command(load_commands())
    (folder / "simalloc.1").write_text(page("simalloc", group, sorted(group.commands)), encoding="utf-8")
    for name, command in sorted(group.commands.items()):
        (folder / f"simalloc-{name}.1").write_text(page(f"simalloc-{name}", command, []), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
