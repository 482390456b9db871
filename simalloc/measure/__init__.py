"""Observers of a run: ledger, lock statistics, latencies, sections, the page checker, the step recorder."""

from simalloc.measure.broken import Broken, Report, Side
from simalloc.measure.irqsoff import Found, IrqsOffTracer, LongWindow
from simalloc.measure.latency import Latency
from simalloc.measure.ledger import LedgerRow, ledger
from simalloc.measure.lock_stat import ClassStat, LockStat
from simalloc.measure.lock_times import LockTimes
from simalloc.measure.lock_use import LockUse
from simalloc.measure.lockdep import Lockdep, TracingLockdep
from simalloc.measure.measured import Measured
from simalloc.measure.pages import PageChecker
from simalloc.measure.probe import INSTRUMENTS, Probe
from simalloc.measure.recorder import Recorded, Recorder
from simalloc.measure.sections import Sections
from simalloc.measure.steady import mser5
from simalloc.measure.timeline import Timeline

__all__ = [
    "INSTRUMENTS",
    "Broken",
    "ClassStat",
    "Found",
    "IrqsOffTracer",
    "Latency",
    "LedgerRow",
    "LockStat",
    "LockTimes",
    "LockUse",
    "Lockdep",
    "LongWindow",
    "Measured",
    "PageChecker",
    "Probe",
    "Recorded",
    "Recorder",
    "Report",
    "Sections",
    "Side",
    "Timeline",
    "TracingLockdep",
    "ledger",
    "mser5",
]
