"""What model code yields: a named piece of work with its cost.

A step is indivisible to the model (its state change happens at its end) but not to time: an unmasked interrupt may
fall inside it. Every CPU counts how often it ran each step, in each context; cycles = count x cost, so those counts
*are* the ledger, and calibration reads its design matrix from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Final


class Effect(IntEnum):
    """What a step does to its CPU's masks when it ends. The three masks nest.

    Where the last lets preemption in again, waiting work does not come at once, but with the next that does.
    """

    NONE = 0
    IRQ_OFF = 1
    IRQ_ON = 2
    BH_OFF = 3
    BH_ON = 4
    PREEMPT_OFF = 5
    PREEMPT_ON = 6
    PREEMPT_ON_NO_RESCHED = 7


NONE: Final = Effect.NONE
IRQ_OFF: Final = Effect.IRQ_OFF
IRQ_ON: Final = Effect.IRQ_ON
BH_OFF: Final = Effect.BH_OFF
BH_ON: Final = Effect.BH_ON
PREEMPT_OFF: Final = Effect.PREEMPT_OFF
PREEMPT_ON: Final = Effect.PREEMPT_ON
PREEMPT_ON_NO_RESCHED: Final = Effect.PREEMPT_ON_NO_RESCHED
"""The effects by name: looking an attribute of an Enum up is slow, and done at every step that masks."""


class Activity(StrEnum):
    """What kind of work a cycle went into: the second key of the ledger, after the context."""

    CALL = "call overhead"
    MASK = "mask/unmask"
    LIST = "list"
    STATISTICS = "statistics"
    PREPARE = "prepare"
    BUDDY_REMOVE = "buddy removal"
    BUDDY_INSERT = "buddy insertion"
    CACHE_MISS = "cache miss"
    LOCK = "lock acquire/release"
    TRANSFER = "line transfer"
    SPIN = "spin"
    MEASURE = "measurement"
    WORK = "own work"
    INTERRUPT = "interrupt entry/exit"
    IDLE = "idle"


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A named piece of work.

    `cycles` is its cost. `weights` says how that cost is made of the cost model's parameters (name -> factor), which
    is what a calibration needs; it is empty for steps whose length is not a cost (spinning, idling).
    """

    index: int
    name: str
    activity: Activity
    cycles: int
    effect: Effect = Effect.NONE
    weights: Mapping[str, float] = field(default_factory=dict)

    def __mul__(self, times: int) -> Burst:
        """The same step `times` times in a row."""
        return Burst((self, times))


class Burst:
    """Runs of steps, pairs of a step and how often, with nothing between them: one trip through the CPU's loop for all.

    None of them masks or unmasks.
    """

    __slots__ = ("runs",)

    def __init__(self, *runs: tuple[Step, int]) -> None:
        self.runs = runs


class StepTable:
    """Every step a machine knows, in order of definition; a step's index is its place in every CPU's tally.

    `cheaper` says by how many percent steps of these names cost less than they are defined with: a virtual speed-up.
    """

    def __init__(self) -> None:
        self._steps: list[Step] = []
        self.cheaper: Mapping[str, float] = {}

    def define(
        self,
        name: str,
        activity: Activity,
        cycles: int,
        effect: Effect = Effect.NONE,
        weights: Mapping[str, float] | None = None,
    ) -> Step:
        """Add a step of `cycles` cycles. Raises ValueError if it would run backwards in time."""
        if cycles < 0:
            raise ValueError(f"step {name!r} would cost {cycles} cycles; a cost is 0 or more")
        if name in self.cheaper:
            cycles = round(cycles * (1 - self.cheaper[name] / 100))
        step = Step(len(self._steps), name, activity, cycles, effect, dict(weights or {}))
        self._steps.append(step)
        return step

    def names(self) -> set[str]:
        """Return the names of all steps there are."""
        return {step.name for step in self._steps}

    def __len__(self) -> int:
        return len(self._steps)

    def __getitem__(self, index: int) -> Step:
        return self._steps[index]
