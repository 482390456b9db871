"""Small systems to test allocators with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simalloc.machine import Context, Cpu, Program
from simalloc.measure import Recorder
from simalloc.runs import Model
from simalloc.testing.programs import Outcome, model, random_operation, random_run, run_one

__all__ = ["Outcome", "model", "random_operation", "random_run", "run_one", "steps_of"]


def steps_of(allocator: str, program: Callable[[Model, Cpu], Program[Any]], context: Context = Context.TASK) -> str:
    """The names of the steps that `program` takes after a first allocation has claimed its pageblock."""
    recorder = Recorder()
    system = model(allocator, [recorder])

    def whole(cpu: Cpu) -> Program[None]:
        page = yield from system.allocator.alloc_pages(cpu)
        assert page is not None
        yield from system.allocator.free_pages(cpu, page)
        recorder.take()
        yield from program(system, cpu)

    run_one(system, whole, context)
    return " ".join(each.step.name for each in recorder.steps)
