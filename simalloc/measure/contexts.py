"""The contexts each CPU is in, one inside the other, followed by the hooks that tell of switches."""

from __future__ import annotations

from dataclasses import dataclass

from simalloc.machine import Context, Cpu


@dataclass(slots=True)
class Stay:
    """A stay in a context that has not ended. `name` is the interrupt's, `latency` how long that had to wait (or -1).

    `flags` and `idle` are as in `simalloc.measure.records`.
    """

    context: Context
    since: int
    name: str
    latency: int
    flags: str
    idle: bool


class Contexts:
    """Stays of each CPU, outermost first. Idle time is always the outermost, and ends whenever something comes."""

    def __init__(self) -> None:
        self._stays: dict[int, list[Stay]] = {}
        self._irqs: dict[int, tuple[str, int]] = {}

    def of(self, cpu: Cpu) -> list[Stay]:
        """Return the CPU's stays."""
        return self._stays.setdefault(cpu.index, [Stay(Context.IDLE, 0, "", -1, ".....", True)])

    def expect(self, cpu: Cpu, name: str, latency: int) -> None:
        """Say which interrupt the CPU enters next."""
        self._irqs[cpu.index] = (name, latency)

    def switch(self, cpu: Cpu, previous: Context, context: Context) -> Stay | None:
        """Enter a context inside the one before, or return to the one around; return the stay that ends by it."""
        stays = self.of(cpu)
        if previous is context:
            return None
        if len(stays) > 1 and stays[-2].context is context:
            ended = stays.pop()
            if context is Context.IDLE:
                stays[-1].since = cpu.clock
            return ended
        name, latency = self._irqs.pop(cpu.index, ("", -1)) if context >= Context.HARDIRQ else ("", -1)
        stays.append(Stay(context, cpu.clock, name, latency, "", False))
        return stays[-2] if previous is Context.IDLE else None

    def open(self, cpu: Cpu) -> list[Stay]:
        """Return the stays that the end of a run ends, innermost first: not idle time beneath others."""
        stays = self.of(cpu)
        return stays[-1:] if len(stays) == 1 else stays[:0:-1]

    def flags(self, cpu: Cpu) -> str:
        """Return the latency column that ftrace would print now. A held spinlock disables preemption once.

        Linux v6.1 (830b3c68c1fb), kernel/trace/trace_output.c: trace_print_lat_fmt.
        """
        contexts = [stay.context for stay in self.of(cpu)]
        masked = cpu.irqs_disabled()
        masks = ("D" if masked else "b") if cpu.bh_depth else ("d" if masked else ".")
        softirq = Context.SOFTIRQ in contexts
        if Context.NMI in contexts:
            where = "Z" if Context.HARDIRQ in contexts else "z"
        elif Context.HARDIRQ in contexts:
            where = "H" if softirq else "h"
        else:
            where = "s" if softirq else "."
        depth = min(cpu.preempt_depth + sum(map(len, (cpu.held, *cpu.below))), 15)
        return f"{masks}.{where}{f'{depth:x}' if depth else '.'}."

    def no_task(self, cpu: Cpu) -> bool:
        """Whether no task is beneath whatever runs."""
        return all(stay.context is not Context.TASK for stay in self.of(cpu))
