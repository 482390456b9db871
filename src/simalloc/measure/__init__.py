"""Observers of a run: ledger, lock statistics, sections, the page checker, the step recorder."""

from simalloc.measure.ledger import LedgerRow, ledger
from simalloc.measure.lock_stat import LockClass, LockStat
from simalloc.measure.pages import PageChecker
from simalloc.measure.recorder import Recorded, Recorder
from simalloc.measure.sections import Sections

__all__ = [
    "LedgerRow",
    "LockClass",
    "LockStat",
    "PageChecker",
    "Recorded",
    "Recorder",
    "Sections",
    "ledger",
]
