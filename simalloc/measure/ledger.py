"""Where each cycle went: context x activity x step, per CPU. Sums exactly to the simulated time."""

from __future__ import annotations

from dataclasses import dataclass

from simalloc.machine import Context, Machine


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """`count` runs of `step` in `context` on `cpu` took `cycles` cycles."""

    cpu: int
    context: str
    activity: str
    step: str
    count: int
    cycles: int


def ledger(machine: Machine) -> list[LedgerRow]:
    """Read the ledger off a machine whose run has ended; steps of one name (one per cost level) are added up.

    A step that the end of the run cut short counts with the cycles it had, and 0 times.
    """
    rows = []
    for cpu in machine.cpus:
        for context in Context:
            sums: dict[tuple[str, str], list[int]] = {}
            for index, count in enumerate(cpu.tallies[context]):
                if count:
                    step = machine.steps[index]
                    entry = sums.setdefault((step.activity.value, step.name), [0, 0])
                    entry[0] += count
                    entry[1] += count * step.cycles
            for cut_context, step, cycles in cpu.unfinished:
                if cut_context is context:
                    sums.setdefault((step.activity.value, step.name), [0, 0])[1] += cycles
            rows += [
                LedgerRow(cpu.index, context.label, activity, name, count, cycles)
                for (activity, name), (count, cycles) in sorted(sums.items())
            ]
    return rows
