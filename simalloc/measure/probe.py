"""Instruments that a scenario names, and whose figures stand in its table."""

from __future__ import annotations

from typing import ClassVar

from simalloc.machine import Instrument
from simalloc.measure.measured import Measured
from simalloc.registry import Table


class Probe(Instrument):
    """An instrument that scenarios call by its `name`. There is a new one for each run."""

    name: ClassVar[str]
    about: ClassVar[str]

    def measured(self) -> list[Measured]:
        """Return its figures, when the run has ended."""
        return []


INSTRUMENTS: Table[type[Probe]] = Table("instrument", {})
"""Those that scenarios may name. simalloc ships none of them: its own are keys such as `latency` and `check`."""
