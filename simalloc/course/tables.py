"""Steps and prices as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from simalloc.hardware import preset
from simalloc.runs.explain import Explained, explain

if TYPE_CHECKING:
    from pandas import DataFrame


def path(allocator: str, start: str, *, context: str = "task", costs: Mapping[str, float] | None = None) -> Explained:
    """Return the path of `allocator` whose name starts with `start`, recorded from a run of it.

    `costs` are over those of the preset seed-2017, in its units. Raises KeyError, with the names there are, if no path
    or more than one starts so; ScenarioError for an allocator or a cost that does not exist.
    """
    machine: dict[str, Any] = {"costs": dict(costs)} if costs else {}
    there = [found for found in explain(allocator, machine) if found.context == context]
    matching = [found for found in there if found.path.startswith(start)]
    if len(matching) != 1:
        raise KeyError(f"{start!r} names {len(matching)} paths in {context}; there are {[each.path for each in there]}")
    return matching[0]


def steps(*paths: Explained) -> DataFrame:
    """Return the steps of paths in the order in which they ran, with cycles, and a total below."""
    from pandas import DataFrame  # noqa: PLC0415 - half a second that only its users should pay

    rows = [
        {
            "path": shown.path,
            "step": each.step.name + (f" x {each.times}" if each.times > 1 else ""),
            "what for": each.step.activity.value,
            "cycles": each.cycles,
            "interrupts": "masked" if each.irqs_off else "",
        }
        for shown in paths
        for each in shown.steps
    ]
    masked = sum(shown.irqs_off for shown in paths)
    total = sum(shown.cycles for shown in paths)
    rows.append({"path": "sum", "step": "", "what for": "", "cycles": total, "interrupts": f"{masked} masked"})
    return DataFrame(rows).set_index(["path", "step"])


def prices(names: Sequence[str], machine: str = "seed-2017") -> None:
    """Print the prices of a machine preset, what they are and where they come from.

    Raises KeyError for a name that it does not have.
    """
    for name in names:
        price = preset(machine).parameters[name]
        print(f"{name}: {price.cycles:g} cycles ({price.kind}). {price.about}.\n    From: {price.source}\n")
