"""What authors of plugins may use, and nothing else: allocators, workloads, lock kinds, instruments, figures.

`API_VERSION` is its version, a whole number. Names here, what they take and return, and what may be overridden stay as
they are while it does; names are added without a change of it. What is not here may change with any release.

A plugin is a Python file (`--plugin FILE`, `simalloc.load_plugin`), a module that a package names as an entry point of
the group `simalloc.plugins`, or a cell of a notebook. In each of them `register` marks what scenarios may name.
"""

from pydantic import Field, field_validator, model_validator

from simalloc.allocators import VERSIONS as GENERATIONS
from simalloc.allocators import Allocator, Generation, KernelSteps, Linux
from simalloc.allocators.generation import (
    BH,
    BLOCKS,
    IRQ_SAVE,
    ORDER_0,
    PREEMPT,
    TRYLOCK_IRQSAVE,
    BulkApi,
    Entry,
    ListFree,
)
from simalloc.api.marking import Figure, register
from simalloc.machine import (
    Activity,
    Burst,
    Context,
    Cpu,
    Effect,
    Instrument,
    LockKind,
    Machine,
    Program,
    RuleBroken,
    Sleep,
    SpinLock,
    Step,
    Sync,
)
from simalloc.machine.lock_kinds import Fifo, Mcs, QSpinLock, TestAndTestAndSet, Ticket
from simalloc.measure import Measured, Probe
from simalloc.memory import MigrateType, Pcp, PcpSizes, Tuning, Zone
from simalloc.memory.pcp import Run
from simalloc.registry import API_VERSION, PluginError
from simalloc.workloads import Strict, Workload, WorkloadSpec
from simalloc.workloads.arrivals import stream
from simalloc.workloads.durations import Duration
from simalloc.workloads.steady import SteadySpec, SteadyWorkload

Parameters = Strict
"""Base of what a scheme's own keys in a scenario are: fields with types, defaults and descriptions."""

__all__ = [
    "API_VERSION",
    "BH",
    "BLOCKS",
    "GENERATIONS",
    "IRQ_SAVE",
    "ORDER_0",
    "PREEMPT",
    "TRYLOCK_IRQSAVE",
    "Activity",
    "Allocator",
    "BulkApi",
    "Burst",
    "Context",
    "Cpu",
    "Duration",
    "Effect",
    "Entry",
    "Field",
    "Fifo",
    "Figure",
    "Generation",
    "Instrument",
    "KernelSteps",
    "Linux",
    "ListFree",
    "LockKind",
    "Machine",
    "Mcs",
    "Measured",
    "MigrateType",
    "Parameters",
    "Pcp",
    "PcpSizes",
    "PluginError",
    "Probe",
    "Program",
    "QSpinLock",
    "RuleBroken",
    "Run",
    "Sleep",
    "SpinLock",
    "SteadySpec",
    "SteadyWorkload",
    "Step",
    "Strict",
    "Sync",
    "TestAndTestAndSet",
    "Ticket",
    "Tuning",
    "Workload",
    "WorkloadSpec",
    "Zone",
    "field_validator",
    "model_validator",
    "register",
    "stream",
]
