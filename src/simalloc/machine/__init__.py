"""Who runs, and when: CPUs with local clocks, contexts, masks, locks. The only package that knows SimPy."""

from simalloc.machine.context import Context
from simalloc.machine.cpu import Cpu, Program, RuleBroken, Sleep, Sync
from simalloc.machine.instrument import Instrument
from simalloc.machine.lock import SpinLock
from simalloc.machine.machine import Machine, Stuck
from simalloc.machine.step import Activity, Burst, Effect, Step, StepTable

__all__ = [
    "Activity",
    "Burst",
    "Context",
    "Cpu",
    "Effect",
    "Instrument",
    "Machine",
    "Program",
    "RuleBroken",
    "Sleep",
    "SpinLock",
    "Step",
    "StepTable",
    "Stuck",
    "Sync",
]
