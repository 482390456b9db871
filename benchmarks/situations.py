"""The situations whose simulation is timed and counted, each as simalloc runs it and as `obvious.py` does.

A situation is built, then run; only running is measured. What both find (the cycle at which each CPU ended, or the
packets each queue passed on) must be equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import obvious

from simalloc.machine import Activity, Cpu, Program, Step
from simalloc.runs import Model, build_model
from simalloc.scenario import build
from simalloc.workloads import NicRx, NicRxSpec
from simalloc.workloads.arrivals import poisson, stream

Run = Callable[[], list[int]]

RING = 512
"""Pages of a receive ring, all allocated at the start."""


@dataclass(frozen=True)
class Situation:
    """`operations` page operations (an allocation or a free) a run; `ours` and `obvious` make one ready to run."""

    name: str
    about: str
    operations: int
    ours: Callable[[], Run]
    obvious: Callable[[], Run]


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


def nic_model(milliseconds: float) -> tuple[Model, NicRx]:
    """Eight receive queues on v4.10 at the load of scenarios/nic-rx-2017.yaml, and a device that interrupts beside."""
    scenario = build(
        {
            "name": "benchmark",
            "machine": {"preset": "nic-2017", "cpus": 8},
            "allocator": "v4.10",
            "memory": {"zone": "4GiB"},
            "workload": {
                "kind": "nic-rx",
                "gbits": 60.3,
                "packet_cycles": 3400,
                "warmup_ms": 0,
                "milliseconds": milliseconds,
            },
        }
    )
    model = build_model(scenario, scenario.cases[0])
    spec = scenario.cases[0].workload
    assert isinstance(spec, NicRxSpec)
    nic = NicRx(spec, model.allocator, model.steps)
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


def repeat_ours(pages: int, rounds: int) -> Run:
    """Rounds of pcp hits through `Rounds`: those that can only repeat are counted."""
    model = spill_model(1)
    ends = [0]

    def body(cpu: Cpu) -> Program[None]:
        held: list[int] = []
        yield from model.allocator.alloc_pages_each(cpu, pages, held)
        yield from model.allocator.free_pages_each(cpu, held)

    def program(cpu: Cpu, start: Step) -> Program[None]:
        yield start
        yield from model.allocator.rounds.run(cpu, rounds, partial(body, cpu))
        ends[0] = cpu.clock

    def run() -> list[int]:
        model.machine.run([program(cpu, start) for cpu, start in zip(model.machine.cpus, starts, strict=True)])
        return ends

    starts = start_steps(model)
    return run


def spill(name: str, about: str, cpus: int, pages: int, rounds: int) -> Situation:
    return Situation(
        name,
        about.format(pages=pages, rounds=rounds),
        2 * cpus * pages * rounds,
        partial(spill_ours, cpus, pages, rounds),
        partial(spill_obvious, cpus, pages, rounds),
    )


def situations(*, short: bool = False) -> list[Situation]:
    """Every situation; short ones are for counting bytecodes, which takes fifty times as long as running them."""
    ms = 0.5 if short else 4.0
    rounds = 20 if short else 400
    return [
        spill("1 CPU", "{rounds} rounds of {pages} pages: pcp hits after the first", 1, 128, rounds),
        Situation(
            "1 CPU, counted",
            f"the same {rounds} rounds where those that can only repeat are counted",
            2 * 128 * rounds,
            partial(repeat_ours, 128, rounds),
            partial(spill_obvious, 1, 128, rounds),
        ),
        spill(
            "8 CPUs",
            "{rounds} rounds of {pages} pages: refills and drains at one zone->lock",
            8,
            512 if short else 2048,
            1 if short else 2,
        ),
        spill("64 CPUs", "{rounds} round of {pages} pages: all wait for one zone->lock", 64, 64 if short else 512, 1),
        Situation(
            "NIC receive",
            f"8 queues, 60 Gbit/s, 20,000 other interrupts a second and CPU, {ms:g} ms",
            2 * 8 * RING + round(2 * ms * 60.3e6 / (8 * 1500)),
            partial(nic_ours, ms),
            partial(nic_obvious, ms),
        ),
    ]
