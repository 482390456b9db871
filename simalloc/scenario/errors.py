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


LONGEST = 400
"""Characters of a message: it never repeats what is wrong in full."""

MOST_PROBLEMS = 20
"""Problems of a file that are told one by one."""


class Problem(Exception):  # noqa: N818
    """One thing wrong at one key; the loader knows where that key stands in the file."""

    def __init__(self, path: Path, message: str) -> None:
        message = one_line(message, LONGEST)
        super().__init__(f"{dotted(path)}: {message}")
        self.path = path
        self.message = message
        self.others: list[Problem] = []

    def all(self) -> list[Problem]:
        """Return it and those found with it."""
        return [self, *self.others]


def dotted(path: Path) -> str:
    """Return a key as people write it: `compare[1].workload.api`."""
    text = ""
    for part in path:
        name = str(part) if isinstance(part, int) else one_line(part, 60)
        text += f"[{name}]" if isinstance(part, int) else f".{name}" if text else name
    return text or "the scenario"


def one_line(text: str, most: int) -> str:
    """Return a text on one line, with what is no sign escaped, and never more than so many characters of it."""
    if len(text) > most:
        text = f"{text[: most - 3]}..."
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def together(problems: Sequence[str]) -> str:
    """Return problems as they are told: a line each, and how many more there are after the twentieth."""
    more = len(problems) - MOST_PROBLEMS
    return "\n".join([*problems[:MOST_PROBLEMS], *([f"and {more} more"] if more > 0 else [])])


def raise_all(problems: Sequence[Problem]) -> None:
    """Raise the first of these problems with the others in it; do nothing if there is none."""
    if problems:
        problems[0].others += [each for other in problems[1:] for each in other.all()]
        raise problems[0]


def shortened(value: object, most: int = 60) -> str:
    """Return a value as a message shows it: on one line, and never more than so many characters of it."""
    try:
        text = repr(value)
    except ValueError:  # a number of more digits than Python writes
        return "a number of thousands of digits"
    return text if len(text) <= most else f"{text[: most - 3]}..."


def suggestion(word: str, known: Sequence[str]) -> str:
    """Return `did you mean "x"?` if some known word is near, else the list of what there is."""
    near = get_close_matches(word[:100], known, n=1, cutoff=0.6)
    return f'did you mean "{near[0]}"?' if near else f"known are {', '.join(known)}"


def problems_of(error: ValidationError, models: Callable[[Path], type[BaseModel] | None]) -> list[Problem]:
    """Turn pydantic's findings into problems, one per place; `models` tells which model a path leads into."""
    found: dict[Path, list[Mapping[str, Any]]] = {}
    for detail in error.errors(include_url=False):
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
            return f"there is no workload {shortened(kind)}; {suggestion(kind, list(WORKLOADS))}"
        case "union_tag_not_found":
            return f"required, and missing; known are {', '.join(WORKLOADS)}"
    wanted = [_wanted(each) for each in details]
    wanted = list(dict.fromkeys(each for each in wanted if not each.startswith("instance of")))
    verb = "" if wanted[0].startswith("it should") else "it should be "
    hint = _hint(detail["input"], {each["type"] for each in details})
    return f"{shortened(detail['input'])} is wrong: {verb}{' or '.join(wanted)}{hint}"


def _hint(value: object, kinds: set[str]) -> str:
    """Return what is probably meant: a number without its unit, a whole number, a size or time with its unit."""
    if isinstance(value, str) and kinds & {"int_type", "float_type"}:
        number = re.match(r"\s*[\d.]+(?:e\d+)?", value[:40])
        return f"; write the number alone, such as {number[0].strip()}" if number else ""
    if isinstance(value, float) and "int_type" in kinds and value.is_integer() and abs(value) < 1e15:
        return f"; write {int(value)}"
    if isinstance(value, int | float) and not isinstance(value, bool) and kinds == {"string_type"}:
        return "; write it with its unit, such as 4GiB, or in quotes"
    return ""


def _wanted(detail: Mapping[str, Any]) -> str:
    """Return what pydantic would have, in words of YAML and without names of classes."""
    message = re.sub(r" or instance of \w+", "", str(detail["msg"])).replace("dictionary", "mapping")
    return message.removeprefix("Input should be ").replace("Input should", "it should")
