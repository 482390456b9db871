"""The conformance suite: rules that hold for every allocator, checked by running it.

What runs is drawn at random with fixed seeds: the same scheme passes or fails everywhere. Each check is a function that
raises if the rule is broken; its docstring is the rule, as it is printed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from simalloc.machine import RuleBroken, Stuck
from simalloc.registry import PluginFailed, blame
from simalloc.scenario import ScenarioError, build
from simalloc.testing.rules import RULES


@dataclass(frozen=True, slots=True)
class Checked:
    """One rule, and how it is broken; `fault` is empty if it holds."""

    name: str
    rule: str
    fault: str


@dataclass(frozen=True, slots=True)
class Conformance:
    """What came of all checks of an allocator. As text: a line for each, and below it what is wrong."""

    allocator: str
    checks: tuple[Checked, ...]

    @property
    def passed(self) -> bool:
        """Whether all rules hold."""
        return not any(each.fault for each in self.checks)

    def __str__(self) -> str:
        lines = [f"{self.allocator}:"]
        for each in self.checks:
            lines.append(f"  {'FAILS' if each.fault else 'holds'}  {each.name:<10} {each.rule}")
            lines += [f"         {line}" for line in each.fault.splitlines()]
        return "\n".join(lines)


class NotConformant(AssertionError):  # noqa: N818
    """An allocator breaks a rule; the text says which, and how."""


def examine(allocator: str | dict[str, Any] | type) -> Conformance:
    """Check every rule, and return what came of it.

    `allocator` is what a scenario may have there: a name, or a mapping of `name` and keys; or the class that was
    registered. Raises ScenarioError if there is no such allocator.
    """
    asked = allocator.name if isinstance(allocator, type) and hasattr(allocator, "name") else allocator
    if not isinstance(asked, str | dict):
        raise ScenarioError(f"{allocator!r} is no allocator; give its name, or the class that was registered")
    wanted = {"name": asked} if isinstance(asked, str) else dict(asked)
    build({"name": "conformance", "allocator": wanted, "workload": {"kind": "pagealloc", "batches": [1]}})
    return Conformance(str(wanted["name"]), tuple(_checked(wanted)))


def conformance(allocator: str | dict[str, Any] | type) -> Conformance:
    """Check every rule. Raises NotConformant, which says all that is wrong."""
    found = examine(allocator)
    if not found.passed:
        raise NotConformant(str(found))
    return found


def _checked(allocator: dict[str, Any]) -> Iterable[Checked]:
    for name, check in RULES.items():
        yield Checked(name, str(check.__doc__).splitlines()[0].rstrip("."), _fault(check, allocator))


def _fault(check: Callable[[dict[str, Any]], None], allocator: dict[str, Any]) -> str:
    """Return how a rule is broken, with the file and line of a plugin's code where that had to do with it."""
    try:
        with blame((RuleBroken, Stuck)):
            check(allocator)
    except (AssertionError, RuleBroken, Stuck, PluginFailed, ScenarioError) as error:
        return str(error) or type(error).__name__
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""
