"""A figure that a run gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Measured:
    """One figure: `metric` = `value` in `unit`, at these parameters; `ci95` is half its 95 % confidence interval."""

    metric: str
    value: float
    unit: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    ci95: float | None = None
