"""Closed forms to stand beside simulation: what queueing theory says of CPUs that share locks.

Every system here is closed: N customers (CPUs) think for Z cycles, then queue for a lock that each holds for S cycles
and that takes h more to hand over. Times are in cycles, throughputs in operations per cycle. Nothing here knows the
simulator, so that the two can disagree.
"""

from simalloc.theory.bounds import bounds, saturation
from simalloc.theory.closed import Closed
from simalloc.theory.closed_lock import closed_lock, spinlock
from simalloc.theory.fairness import jain
from simalloc.theory.handover import Handover, mcs, none, qspinlock, ticket
from simalloc.theory.mva import Stations, mva
from simalloc.theory.repairman import constant, exponential
from simalloc.theory.ticket_chain import MarkovLock, collapse_point, markov_lock
from simalloc.theory.usl import Usl, fit

__all__ = [
    "Closed",
    "Handover",
    "MarkovLock",
    "Stations",
    "Usl",
    "bounds",
    "closed_lock",
    "collapse_point",
    "constant",
    "exponential",
    "fit",
    "jain",
    "markov_lock",
    "mcs",
    "mva",
    "none",
    "qspinlock",
    "saturation",
    "spinlock",
    "ticket",
]
