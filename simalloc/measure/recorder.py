"""Records every step as it runs: what `simalloc explain` prints."""

from __future__ import annotations

from dataclasses import dataclass

from mypy_extensions import mypyc_attr

from simalloc.machine import Cpu, Instrument, Step


@dataclass(frozen=True, slots=True)
class Recorded:
    """`times` runs of `step`, begun at cycle `start` on `cpu` in `context`, with interrupts masked or not."""

    cpu: int
    context: str
    step: Step
    times: int
    start: int
    irqs_off: bool

    @property
    def cycles(self) -> int:
        """How long they took together."""
        return self.step.cycles * self.times


@mypyc_attr(allow_interpreted_subclasses=True)
class Recorder(Instrument):
    """Keeps a list of steps until it is emptied with `take`."""

    def __init__(self) -> None:
        self.steps: list[Recorded] = []

    def step(self, cpu: Cpu, step: Step, times: int, start: int) -> None:
        """Write it down."""
        self.steps.append(Recorded(cpu.index, cpu.context.label, step, times, start, cpu.irqs_disabled()))

    def take(self) -> list[Recorded]:
        """Return what was recorded since the last call."""
        steps, self.steps = self.steps, []
        return steps
