"""Marking what a plugin has, so that scenarios may name it; and telling its author at once what is missing."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from inspect import Parameter, getsource, isclass, signature
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from simalloc.allocators import VERSIONS, Allocator, Generation
from simalloc.machine import LOCK_KINDS, LockKind
from simalloc.measure import INSTRUMENTS, Probe
from simalloc.registry import Plugin, PluginError, loaded_from
from simalloc.results import FIGURE_ABOUT, Result
from simalloc.results.metric_table import TITLES
from simalloc.workloads import WORKLOADS, Kind, Strict, Workload, WorkloadSpec

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of a person's own: whether a result has what it shows, and what draws it."""

    name: str
    about: str
    applies: Callable[[Result], bool]
    draw: Callable[[Result], Drawing]


def register(thing: T) -> T:
    """Let scenarios name a class or an object, and return it, so that it also serves as a decorator of classes.

    - A subclass of `Allocator` or `Linux`: class variables `name`, `about`, and `like`, the generation whose parts it
      has; `parts` are those that differ, `models` what it models, and a class `Parameters` in it has keys of its own.
    - A `Generation`: other parts, without code.
    - A subclass of `Workload`: `spec`, its description, whose `kind` is its name; `about`; `metrics` are titles of its
      figures.
    - A subclass of `LockKind`: `name` and `about`.
    - A subclass of `Probe`: `name` and `about`, and `metrics`.
    - A `Figure`.

    Raises PluginError, with file and line, if something is missing, or its name is taken.
    """
    frame = sys._getframe(1)
    try:
        _file(thing, _plugin(thing, frame))
    except PluginError as error:
        raise PluginError(f"{frame.f_code.co_filename}:{frame.f_lineno}: {error}") from None
    return thing


def _file(thing: Any, plugin: Plugin) -> None:
    """Put it into its table."""
    if isinstance(thing, Generation):
        VERSIONS.add(_checked_name(thing.name), thing, plugin)
    elif isinstance(thing, Figure):
        _figure(thing, plugin)
    elif isclass(thing) and issubclass(thing, Allocator):
        VERSIONS.add(_own(thing, "name"), _generation(thing), plugin)
    elif isclass(thing) and issubclass(thing, Workload):
        kind = _kind(thing)
        WORKLOADS.add(_name_of_kind(kind.spec), kind, plugin)
        _titles(thing, plugin)
    elif isclass(thing) and issubclass(thing, LockKind):
        _own(thing, "about")
        LOCK_KINDS.add(_own(thing, "name"), thing(), plugin)
    elif isclass(thing) and issubclass(thing, Probe):
        _own(thing, "about")
        INSTRUMENTS.add(_own(thing, "name"), thing, plugin)
        _titles(thing, plugin)
    else:
        kinds = "a subclass of Allocator, Linux, Workload, LockKind or Probe, a Generation or a Figure"
        raise PluginError(f"{_called(thing)} cannot be registered; it should be {kinds}")


def _plugin(thing: Any, frame: FrameType) -> Plugin:
    """Return whose it is: the plugin that is being loaded, or what is known of the module that calls `register`."""
    module = str(frame.f_globals.get("__name__", "__main__"))
    known = loaded_from(module)
    if known is not None:
        return known
    file = str(frame.f_globals.get("__file__") or "")
    code = b""
    with suppress(OSError, TypeError):
        code = Path(file).read_bytes() if file else getsource(thing).encode()
    return Plugin("this session" if module == "__main__" else f"module {module}", "session", file, module, code)


# Allocators


def _generation(scheme: type[Allocator]) -> Generation:
    """Return the generation that a scheme is of: that it is `like`, but for its `parts`."""
    about = _own(scheme, "about")
    like = getattr(scheme, "like", None)
    if not isinstance(like, str) or like not in VERSIONS:
        fault = f'like = "{like}" is no allocator' if isinstance(like, str) else "has no `like`"
        there = VERSIONS.advice(like if isinstance(like, str) else "")
        raise PluginError(f"{scheme.__name__} {fault}; it names the allocator whose parts the scheme has; {there}")
    for method in ("rmqueue", "free_unref_page"):
        if getattr(scheme, method) is getattr(Allocator, method):
            raise PluginError(f"{scheme.__name__} has no {method}; write it, or derive from Linux, which has one")
    _check_signatures(scheme, Allocator)
    parts = dict(getattr(scheme, "parts", {}))
    known = [each.name for each in fields(Generation)]
    for part in parts:
        if part not in known or part in ("name", "about", "models", "scheme", "parameters"):
            raise PluginError(f"{scheme.__name__}: parts has {part!r}, which is no part; {_advice(part, known)}")
    own = getattr(scheme, "Parameters", None)
    return replace(
        VERSIONS[like],
        name=_own(scheme, "name"),
        about=about,
        models=str(vars(scheme).get("models", "no kernel")),
        scheme=scheme,
        parameters=None if own is None else _defaults(scheme, own),
        **parts,
    )


def _defaults(scheme: type, own: Any) -> Strict:
    """Return a scheme's parameters as they are if a scenario says nothing."""
    if not (isclass(own) and issubclass(own, Strict)):
        raise PluginError(f"{scheme.__name__}.Parameters should be a subclass of simalloc.api.Parameters")
    for name, each in own.model_fields.items():
        if each.is_required():
            raise PluginError(f"{scheme.__name__}.Parameters: {name} needs a default")
        if name in ("name", "batch", "high"):
            raise PluginError(f"{scheme.__name__}.Parameters: {name} is a key of every allocator; choose another name")
    return own()


# Workloads, instruments, figures


def _kind(workload: type[Workload]) -> Kind:
    spec = getattr(workload, "spec", None)
    if not (isclass(spec) and issubclass(spec, WorkloadSpec)):
        raise PluginError(f"{workload.__name__} has no `spec`, the subclass of WorkloadSpec that describes it")
    for method in ("program", "measured"):
        if getattr(workload, method) is getattr(Workload, method):
            raise PluginError(f"{workload.__name__} has no {method}")
    return Kind(spec, workload, _own(workload, "about"))


def _name_of_kind(spec: type[WorkloadSpec]) -> str:
    field = spec.model_fields.get("kind")
    names = get_args(field.annotation) if field else ()
    if len(names) != 1 or not isinstance(names[0], str):
        raise PluginError(f'{spec.__name__}: write `kind: Literal["its-name"]`, by which scenarios name the workload')
    return _checked_name(names[0])


def _titles(thing: type, plugin: Plugin) -> None:
    """File the titles of the figures a workload or an instrument gives."""
    titles: Mapping[str, str] = getattr(thing, "metrics", {})
    if not isinstance(titles, Mapping):
        raise PluginError(f"{thing.__name__}: metrics should be a mapping from a metric to its title")
    for metric, title in titles.items():
        if TITLES.get(metric) != title:
            TITLES.add(metric, title, plugin)


def _figure(figure: Figure, plugin: Plugin) -> None:
    from simalloc import plots  # noqa: PLC0415 - loads matplotlib, for those who draw

    name = _checked_name(figure.name)
    FIGURE_ABOUT.add(name, figure.about, plugin)
    plots.FIGURES.add(name, plots.Kind(figure.applies, figure.draw), plugin)


# What an author must have written


def _own(thing: type, attribute: str) -> str:
    """Return a text that the class itself must have, so that a subclass is not taken for what it comes from."""
    text = vars(thing).get(attribute)
    if not isinstance(text, str) or not text:
        raise PluginError(f'{thing.__name__} has no {attribute}; write `{attribute} = "..."` in it')
    return _checked_name(text) if attribute == "name" else text


def _checked_name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise PluginError(f"{name!r} is no name; use letters, digits, dots, dashes and underscores")
    return name


def _check_signatures(scheme: type, base: type) -> None:
    """Raise PluginError for a method that cannot be called as the one that it overrides is."""
    for name, method in vars(scheme).items():
        theirs = getattr(base, name, None)
        if name.startswith("__") or not callable(method) or not callable(theirs):
            continue
        try:
            has, wanted = signature(method).parameters, signature(theirs).parameters
        except (TypeError, ValueError):
            continue
        if any(each.kind is Parameter.VAR_KEYWORD for each in has.values()):
            continue
        missing = [each for each in wanted if each not in has]
        if missing:
            raise PluginError(f"{scheme.__name__}.{name} lacks {', '.join(missing)}; it takes {signature(theirs)}")


def _called(thing: Any) -> str:
    return thing.__name__ if isclass(thing) else repr(thing)


def _advice(word: str, known: list[str]) -> str:
    near = get_close_matches(word, known, n=1, cutoff=0.6)
    return f'did you mean "{near[0]}"?' if near else f"parts are {', '.join(known)}"
