"""Reading scenario files: YAML 1.2, `--set` overrides on top, every error with file, line and column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from simalloc.registry import load_installed
from simalloc.results import PublishedError, read_published
from simalloc.scenario.errors import Path, Problem, ScenarioError, dotted, one_line, problems_of, shortened, together
from simalloc.scenario.library import find
from simalloc.scenario.model import Scenario, model_at
from simalloc.scenario.reading import CommentedMap, CommentedSeq, parse, parse_value, plain, read_text
from simalloc.workloads.files import locate


def load(name: str, overrides: Sequence[str] = (), seed: int | None = None, *, grid: Sequence[str] = ()) -> Scenario:
    """Read the scenario `name`, a file or the name of a shipped one, and apply `key=value` overrides.

    `grid` adds `key=a,b,c` to the keys it sweeps, or replaces their values. Raises ScenarioError, one line per problem.
    """
    load_installed()
    file = find(name)
    return _scenario(_Source(str(file), parse(str(file), read_text(file))), file.parent, overrides, seed, grid)


def with_settings(
    data: Mapping[str, Any], settings: Sequence[str], options: Mapping[Path, str] | None = None
) -> Scenario:
    """Return the scenario that `data` describes, with `key=value` settings over it. Raises ScenarioError.

    `options` tells which option of a command set a key, for errors.
    """
    load_installed()
    source = _Source("", _mapping(data))
    source.set_by.update(options or {})
    return _scenario(source, None, settings)


def _mapping(data: Mapping[str, Any]) -> CommentedMap:
    return CommentedMap({key: _tree(value) for key, value in data.items()})


def _tree(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _mapping(value)
    return CommentedSeq(map(_tree, value)) if isinstance(value, list) else value


def _scenario(
    source: _Source,
    folder: FilePath | None,
    overrides: Sequence[str],
    seed: int | None = None,
    grid: Sequence[str] = (),
) -> Scenario:
    for override in [overrides] if isinstance(overrides, str) else overrides:
        source.override(override)
    for axis in grid:
        source.add_axis(axis)
    if seed is not None:
        source.override(f"seed={seed}", "--seed")
    try:
        scenario = Scenario.model_validate(locate(source.plain(), folder))
        _ = scenario.cases
        if scenario.published is not None and folder is not None:
            _check_published(scenario, scenario.published, folder)
    except ValidationError as error:
        raise ScenarioError(together([source.located(p) for p in problems_of(error, model_at)])) from None
    except Problem as problem:
        raise ScenarioError(together([source.located(p) for p in problem.all()])) from None
    return scenario


def _check_published(scenario: Scenario, name: str, folder: FilePath) -> None:
    """Raise Problem for a table that cannot be read, or that means one of the scenario's labels and misspells it."""
    try:
        published = read_published(name, folder)
    except PublishedError as error:
        raise Problem(("published",), str(error)) from None
    labels = {case.label for case in scenario.cases}
    meant = {label.casefold().strip(): label for label in labels}
    for label, line in published.labels().items():
        near = meant.get(label.casefold().strip())
        if near is not None and label not in labels:
            raise Problem(("published",), f"{name}:{line}: there is no label {label!r}; did you mean {near!r}?")


class _Source:
    """A parsed file that remembers where each key stands, and which keys came from `--set`."""

    def __init__(self, file: str, data: CommentedMap) -> None:
        self.file = file
        self.data = data
        self.set_by: dict[Path, str] = {}

    def plain(self) -> dict[str, Any]:
        found: dict[str, Any] = plain(self.data)
        return found

    def override(self, text: str, origin: str | None = None) -> None:
        """Apply `key=value`; the value is read as YAML. Raises ScenarioError."""
        origin = origin or f"--set {one_line(text, 80)}"
        key, equals, value_text = text.partition("=")
        if not equals or not all(key.split(".")):
            raise ScenarioError(f"{origin}: write it as key=value, such as allocator.high=1000")
        try:
            value = parse_value(value_text)
        except ValueError:
            raise ScenarioError(f"{origin}: {shortened(value_text)} is not a YAML value") from None
        path: Path = tuple(int(part) if part.isdecimal() and len(part) < 10 else part for part in key.split("."))
        parent: Any = self.data
        for depth, part in enumerate(path[:-1]):
            _check_entry(origin, parent, path[: depth + 1])
            child = _child(parent, part)
            if isinstance(child, str) and part == "allocator":
                child = parent[part] = CommentedMap(name=child)
            elif child is None and isinstance(parent, CommentedMap):
                child = parent[part] = CommentedMap()
            if not isinstance(child, CommentedMap | CommentedSeq):
                raise ScenarioError(f"{origin}: {dotted(path[: depth + 1])} has no keys below it")
            parent = child
        _check_entry(origin, parent, path)
        parent[path[-1]] = value
        self.set_by[path] = origin

    def add_axis(self, text: str) -> None:
        """Apply `key=a,b,c` to the sweep. Raises ScenarioError."""
        origin = f"--grid {one_line(text, 80)}"
        key, equals, values = text.partition("=")
        if not equals or not key.strip() or not values.strip():
            raise ScenarioError(f"{origin}: write it as key=a,b,c, such as machine.cpus=1,2,4")
        try:
            rows = parse_value(f"[{values}]")
        except ValueError:
            raise ScenarioError(f"{origin}: {shortened(values)} are not YAML values with commas between") from None
        sweep = self.data.setdefault("sweep", CommentedMap())
        if not isinstance(sweep, dict):
            raise ScenarioError(
                f"{origin}: the scenario sweeps a list of points; --set 'sweep={{}}' makes room for a grid"
            )
        sweep[key] = rows
        self.set_by["sweep", key] = origin

    def located(self, problem: Problem) -> str:
        """Return the problem with where it stands: file:line:column, or the option that set it."""
        for length in range(len(problem.path), 0, -1):
            if problem.path[:length] in self.set_by:
                return f"{self.set_by[problem.path[:length]]}: {problem}"
        below = [origin for path, origin in self.set_by.items() if path[: len(problem.path)] == problem.path]
        if below and problem.path:
            return f"{below[-1]}: {problem}"
        if not self.file:
            return str(problem)
        line, column = self._position(problem.path)
        if (line, column) == (1, 1) and self.set_by and not (problem.path and _has(self.data, problem.path[0])):
            return f"{list(self.set_by.values())[-1]}: {problem}"
        return f"{self.file}:{line}:{column}: {problem}"

    def _position(self, path: Path) -> tuple[int, int]:
        """Return line and column, from 1, of the key at `path`, or of the nearest key above it that exists."""
        node: Any = self.data
        position: tuple[int, int] | None = (0, 0)
        for part in path:
            if not _has(node, part):
                break
            try:
                position = node.lc.item(part) if isinstance(node, CommentedSeq) else node.lc.key(part)
            except (KeyError, AttributeError, TypeError):  # it came by `<<` or by --set
                break
            node = node[part]
        line, column = position or (0, 0)  # ruamel knows no place of an entry that a tag or `<<` made
        return line + 1, column + 1


def _has(node: Any, part: str | int) -> bool:
    if isinstance(node, CommentedSeq):
        return isinstance(part, int) and part < len(node)
    return isinstance(node, CommentedMap) and part in node


def _check_entry(origin: str, parent: Any, path: Path) -> None:
    """Raise ScenarioError if the last part of the path names an entry that a list has not."""
    last = path[-1]
    if isinstance(parent, CommentedSeq) and not (isinstance(last, int) and last < len(parent)):
        raise ScenarioError(f"{origin}: {dotted(path[:-1])} has {len(parent)} entries, 0 to {len(parent) - 1}")


def _child(node: Any, part: str | int) -> Any:
    return node[part] if _has(node, part) else None
