"""The ledger's activities in groups, each with its colour and hatch: the same in every figure that stacks them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Group:
    """Activities shown together."""

    name: str
    activities: tuple[str, ...]
    colour: str
    hatch: str


GROUPS = (
    Group("own work", ("own work",), "#0072B2", ""),
    Group("calls, lists, preparing pages", ("call overhead", "prepare", "statistics", "list"), "#A6D8F5", ""),
    Group("masking interrupts, preemption", ("mask/unmask",), "#222222", "//"),
    Group("buddy allocator", ("buddy removal", "buddy insertion"), "#5CC3A1", ""),
    Group("cache misses", ("cache miss",), "#F0E442", ".."),
    Group("taking and releasing locks", ("lock acquire/release",), "#7A4F9A", "||"),
    Group("moving cache lines", ("line transfer",), "#E69F00", "\\\\"),
    Group("waiting for locks", ("spin",), "#D55E00", "xx"),
    Group("interrupt entry and exit", ("interrupt entry/exit",), "#CC79A7", "--"),
    Group("measuring", ("measurement",), "#999999", "++"),
    Group("idle", ("idle",), "#EEEEEE", ""),
)
"""From the inside of a bar to its end."""

BY_ACTIVITY = {activity: group for group in GROUPS for activity in group.activities}
