"""Four figures that all workloads have, so that generations can be compared over several of them at once."""

from __future__ import annotations

from collections.abc import Sequence

from simalloc.machine import Machine
from simalloc.measure import Latency, LockStat
from simalloc.memory import Zone
from simalloc.workloads import Measured, NicRxSpec, WorkloadSpec


def profile(
    machine: Machine,
    zones: Sequence[Zone],
    spec: WorkloadSpec,
    measured: Sequence[Measured],
    locks: LockStat,
    latency: Latency,
) -> list[Measured]:
    """Return cycles per operation, longest IRQ-off window, share of time waiting for zone->lock, pages parked.

    An operation is the workload's own: a page allocated and freed, touched, unmapped or passed on; a packet received.
    The window is the longest of any CPU in the whole run, in us; pages are those on pcp lists at its end, per CPU.
    """
    cpus = len(machine.cpus)
    windows = [lengths.longest[0] for (kind, _, _), lengths in latency.lengths.items() if kind == "irqs_off"]
    waited = sum(entry.wait.total for entry in locks.classes.values() if entry.lock.startswith("zone->lock"))
    time = sum(cpu.clock for cpu in machine.cpus)
    parked = sum(zone.parked_pages() for zone in zones) / cpus
    figures = [
        Measured("irqsoff_longest", max(windows, default=0) / machine.ghz / 1000, "us"),
        Measured("zone_lock_wait", 100 * waited / time if time else 0.0, "%"),
        Measured("parked", parked, "pages"),
    ]
    cycles = _cycles_per_operation(machine, spec, {each.metric: each.value for each in reversed(measured)})
    return figures if cycles is None else [Measured("cycles_per_op", cycles, "cycles"), *figures]


def _cycles_per_operation(machine: Machine, spec: WorkloadSpec, found: dict[str, float]) -> float | None:
    """Return what an operation costs in CPU cycles; None for a workload that has no such figure."""
    ghz, cpus = machine.ghz, len(machine.cpus)
    if isinstance(spec, NicRxSpec):
        packets = found["throughput"] * 1e9 / 8 / spec.packet_bytes
        return cpus * ghz * 1e9 * (1 - found["idle_share"] / 100) / packets if packets else None
    if "total" in found:
        return found["total"]
    if found.get("score"):
        return cpus * ghz * 1e9 / found["score"]
    if "time_per_op" in found:
        return found["time_per_op"] * ghz
    if "alloc" in found and "free" in found:
        return (found["alloc"] + found["free"]) * ghz
    return None
