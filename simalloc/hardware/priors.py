"""How far a cost may be from its source, as a share of it, by its kind. What is fitted has no source but its data."""

from __future__ import annotations

from typing import Final

OFF_BY: Final[dict[str, float]] = {"sourced": 0.05, "derived": 0.15, "estimated": 0.5}
