"""What is wrong with a scenario, said where it stands: `file:line:column: key: what; what would be right`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from simalloc.workloads import WORKLOADS

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

Path = tuple[str | int, ...]


class ScenarioError(Exception):
    """The input is wrong. Its text is one line per problem, each located; nothing was simulated."""


class Problem(Exception):  # noqa: N818
    """One thing wrong at one key; the loader knows where that key stands in the file."""

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(f"{dotted(path)}: {message}")
        self.path = path
        self.message = message


def dotted(path: Path) -> str:
    """Return a key as people write it: `compare[1].workload.api`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "the scenario"


def shortened(value: object, most: int = 60) -> str:
    """Return a value as a message shows it: on one line, and never more than so many characters of it."""
    try:
        text = repr(value)
    except ValueError:  # a number of more digits than Python writes
        return "a number of thousands of digits"
    return text if len(text) <= most else f"{text[: most - 3]}..."


def suggestion(word: str, known: Sequence[str]) -> str:
    """Return `did you mean "x"?` if some known word is near, else the list of what there is."""
    near = get_close_matches(word, known, n=1, cutoff=0.6)
    return f'did you mean "{near[0]}"?' if near else f"known are {', '.join(known)}"


def problems_of(error: ValidationError, models: Callable[[Path], type[BaseModel] | None]) -> list[Problem]:
    """Turn pydantic's findings into problems, one per place; `models` tells which model a path leads into."""
    found: dict[Path, list[Mapping[str, Any]]] = {}
    for detail in error.errors():
        found.setdefault(_written_path(detail), []).append(detail)
    return [Problem(path, _explain(details, models)) for path, details in found.items()]


def _written_path(detail: Mapping[str, Any]) -> Path:
    """Return the path as it stands in the file: without what pydantic adds to tell the branches of a union."""
    raw: Path = detail["loc"]
    path = tuple(part for part in raw if not _is_union_branch(part))
    if path[:1] == ("workload",) and len(path) > 1 and path[1] in WORKLOADS:
        path = ("workload", *path[2:])
    if path[:1] == ("sweep",) and path[1:2] in (("grid",), ("points",)):
        path = ("sweep", *path[2:])
    return (*path, "kind") if detail["type"].startswith("union_tag") else path


def _is_union_branch(part: str | int) -> bool:
    return (
        isinstance(part, str)
        and re.fullmatch(r"(literal|constrained|function|list|int|float|str|ReplicationsSpec)\b.*", part) is not None
    )


def _explain(details: list[Mapping[str, Any]], models: Callable[[Path], type[BaseModel] | None]) -> str:
    # Of the branches of a union, one whose own check failed knows best what is wrong.
    detail = next((each for each in details if each["type"] == "value_error"), details[0])
    match detail["type"]:
        case "extra_forbidden":
            model = models(detail["loc"][:-1])
            known = sorted(model.model_fields) if model else []
            return f"unknown key; {suggestion(str(detail['loc'][-1]), known)}"
        case "missing":
            return "required, and missing"
        case "value_error":
            return str(detail["ctx"]["error"])
        case "union_tag_invalid":
            kind = str(detail["ctx"]["tag"])
            return f'there is no workload "{kind}"; {suggestion(kind, list(WORKLOADS))}'
        case "union_tag_not_found":
            return f"required, and missing; known are {', '.join(WORKLOADS)}"
    wanted = [_wanted(each) for each in details]
    wanted = list(dict.fromkeys(each for each in wanted if not each.startswith("instance of")))
    verb = "" if wanted[0].startswith("it should") else "it should be "
    return f"{detail['input']!r} is wrong: {verb}{' or '.join(wanted)}"


def _wanted(detail: Mapping[str, Any]) -> str:
    """Return what pydantic would have, in words of YAML and without names of classes."""
    message = re.sub(r" or instance of \w+", "", str(detail["msg"])).replace("dictionary", "mapping")
    return message.removeprefix("Input should be ").replace("Input should", "it should")
