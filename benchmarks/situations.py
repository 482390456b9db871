"""The situations whose simulation is timed and counted, each as simalloc runs it and as `obvious.py` does.

A situation is built, then run; only running is measured. What both find (the cycle at which each CPU ended, or the
packets each queue passed on) must be equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import obvious

from simalloc.machine import Activity, Cpu, Program, Step
from simalloc.scenario import build
from simalloc.simulation import Model, build_model
from simalloc.workloads import NicRx
from simalloc.workloads.arrivals import poisson, stream

Run = Callable[[], list[int]]


@dataclass(frozen=True)
class Situation:
    """`operations` page operations (an allocation or a free) a run; `ours` and `obvious` make one ready to run."""

    name: str
    about: str
    operations: int
    ours: Callable[[], Run]
    obvious: Callable[[], Run] | None = None


def spill_model(cpus: int) -> Model:
    """v4.10 on so many CPUs of one node, without instruments."""
    scenario = build(
        {
            "name": "benchmark",
            "machine": {"preset": "nic-2017", "cpus": cpus},
            "allocator": "v4.10",
            "memory": {"zone": "16GiB"},
            "workload": {"kind": "pagealloc", "batches": [64]},
        }
    )
    return build_model(scenario, scenario.cases[0])


def start_steps(model: Model) -> list[Step]:
    """CPUs do not begin in step: each does own work of up to 20,000 cycles first."""
    return [
        model.machine.steps.define("start", Activity.WORK, int(stream(1, 9, cpu.index).integers(1, 20_000)))
        for cpu in model.machine.cpus
    ]


def spill_ours(cpus: int, pages: int, rounds: int) -> Run:
    """Allocate so many pages and free them, so many times, on every CPU."""
    model = spill_model(cpus)
    ends = [0] * cpus

    def program(cpu: Cpu, start: Step) -> Program[None]:
        yield start
        for _ in range(rounds):
            held: list[int] = []
            yield from model.allocator.alloc_pages_each(cpu, pages, held)
            yield from model.allocator.free_pages_each(cpu, held)
        ends[cpu.index] = cpu.clock

    def run() -> list[int]:
        programs = [program(cpu, start) for cpu, start in zip(model.machine.cpus, starts, strict=True)]
        model.machine.run(programs)
        return ends

    starts = start_steps(model)
    return run


def spill_obvious(cpus: int, pages: int, rounds: int) -> Run:
    """The same."""
    model = spill_model(cpus)
    kernel = obvious.Kernel(model.machine, model.zone, model.steps)
    ends = [0] * cpus

    def run() -> list[int]:
        for cpu, start in zip(kernel.cpus, starts, strict=True):
            cpu.process = kernel.env.process(obvious.spill(kernel, cpu, start, pages, rounds, ends))
        kernel.env.run()
        return ends

    starts = start_steps(model)
    return run


def spill(name: str, about: str, cpus: int, pages: int, rounds: int) -> Situation:
    return Situation(
        name,
        about,
        2 * cpus * pages * rounds,
        lambda: spill_ours(cpus, pages, rounds),
        lambda: spill_obvious(cpus, pages, rounds),
    )


def nic_model(milliseconds: float) -> tuple[Model, NicRx]:
    """Eight receive queues on v4.10 at two thirds of what they can carry, and a device that interrupts beside."""
    scenario = build(
        {
            "name": "benchmark",
            "machine": {"preset": "nic-2017", "cpus": 8},
            "allocator": "v4.10",
            "memory": {"zone": "4GiB"},
            "workload": {
                "kind": "nic-rx",
                "gbits": 50,
                "packet_cycles": 3400,
                "warmup_ms": 0,
                "milliseconds": milliseconds,
            },
        }
    )
    model = build_model(scenario, scenario.cases[0])
    nic = NicRx(scenario.cases[0].workload, model.allocator, model.steps)
    nic.prepare(model.machine, 1)
    return model, nic


def tick_times(model: Model, cpu: int) -> Iterator[int]:
    """20,000 interrupts a second."""
    return poisson(model.machine.ghz * 1e9 / 20_000, stream(1, 8, cpu))


def tick_work(model: Model) -> Step:
    return model.machine.steps.define("tick", Activity.WORK, 500)


def nic_ours(milliseconds: float) -> Run:
    """Receive for so long; what counts is how many packets each queue took, and how long they had waited."""
    model, nic = nic_model(milliseconds)
    machine, work = model.machine, tick_work(model)

    def handler(_cpu: Cpu) -> Program[None]:
        yield work

    for cpu in machine.cpus:
        cpu.interrupts.attach("tick", tick_times(model, cpu.index), handler)

    def run() -> list[int]:
        machine.run([nic.program(cpu) for cpu in machine.cpus], until=machine.milliseconds(milliseconds))
        return [figure for queue in nic.queues for figure in (queue.ring.taken, queue.ring.waited)]

    return run


def nic_obvious(milliseconds: float) -> Run:
    """The same."""
    model, nic = nic_model(milliseconds)
    kernel, work = obvious.Kernel(model.machine, model.zone, model.steps), tick_work(model)
    queues = [obvious.Queue(kernel, cpu, nic, queue.ring) for cpu, queue in zip(kernel.cpus, nic.queues, strict=True)]

    def run() -> list[int]:
        for cpu, queue in zip(kernel.cpus, queues, strict=True):
            cpu.process = kernel.env.process(queue.main())
            kernel.env.process(obvious.ticks(cpu, tick_times(model, cpu.index), work))
        kernel.env.run(until=model.machine.milliseconds(milliseconds))
        return [figure for queue in queues for figure in (queue.ring.taken, queue.ring.waited)]

    return run


SITUATIONS: list[Situation] = [
    spill("1 CPU", "rounds of 128 pages, all pcp hits after the first", 1, 128, 400),
    spill("8 CPUs", "rounds of 2048 pages: refills and drains at one zone->lock", 8, 2048, 2),
    spill("64 CPUs", "rounds of 512 pages: all wait for one zone->lock", 64, 512, 1),
    Situation(
        "NIC receive",
        "8 queues, 50 Gbit/s, a page a packet, 20,000 other interrupts a second and CPU, 4 ms",
        2 * 8 * 512 + 2 * 16_700,
        lambda: nic_ours(4),
        lambda: nic_obvious(4),
    ),
]
