"""Who runs, and when: CPUs with local clocks, contexts, masks, interrupts, locks. The only package that knows SimPy."""

from simalloc.machine.context import NMI, Context
from simalloc.machine.cpu import Cpu
from simalloc.machine.instrument import Instrument
from simalloc.machine.interrupts import FOREVER, Handler
from simalloc.machine.ipi import Await, Barrier, SendIpi
from simalloc.machine.lock import SpinLock
from simalloc.machine.lock_class import LockClass
from simalloc.machine.lock_kinds import LOCK_KINDS, LockKind
from simalloc.machine.machine import Machine
from simalloc.machine.mailbox import Mailbox
from simalloc.machine.op import Op, Program
from simalloc.machine.rules import Deadlock, Livelock, RuleBroken, Stuck
from simalloc.machine.sleep import Sleep, Sync
from simalloc.machine.step import Activity, Burst, Effect, Step, StepTable
from simalloc.machine.topology import Topology, Uniform

__all__ = [
    "FOREVER",
    "LOCK_KINDS",
    "NMI",
    "Activity",
    "Await",
    "Barrier",
    "Burst",
    "Context",
    "Cpu",
    "Deadlock",
    "Effect",
    "Handler",
    "Instrument",
    "Livelock",
    "LockClass",
    "LockKind",
    "Machine",
    "Mailbox",
    "Op",
    "Program",
    "RuleBroken",
    "SendIpi",
    "Sleep",
    "SpinLock",
    "Step",
    "StepTable",
    "Stuck",
    "Sync",
    "Topology",
    "Uniform",
]
