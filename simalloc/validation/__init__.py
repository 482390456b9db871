"""The published record, run through the simulator: tables with their bands, outcomes, and how they are told."""

from simalloc.validation.judge import Joined, Judged, NotJoined, Outcome, judge, scenario_of, validate
from simalloc.validation.table import Band, Limits, NotSimulated, Table
from simalloc.validation.tables import NOT_SIMULATED, TABLES

__all__ = [
    "NOT_SIMULATED",
    "TABLES",
    "Band",
    "Joined",
    "Judged",
    "Limits",
    "NotJoined",
    "NotSimulated",
    "Outcome",
    "Table",
    "judge",
    "scenario_of",
    "validate",
]
