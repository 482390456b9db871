"""A recorded trace through a simulated allocator, and what both did, beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simalloc.recorded import ZoneInfo


def zones_of(zones: Sequence[ZoneInfo]) -> list[dict[str, Any]]:
    """Return a scenario's `memory.zones` for the zones of a machine, those first that are tried first."""
    nodes = max((zone.node for zone in zones), default=0) + 1
    listed = []
    for zone in sorted(zones, key=lambda zone: (zone.node, -zone.start)):
        entry: dict[str, Any] = {
            "name": zone.name,
            "node": zone.node,
            "start": zone.start,
            "span": max(zone.spanned, zone.managed),
            "pages": zone.managed,
            "free": min(zone.free, zone.managed),
            "min": zone.min,
            "low": zone.low,
            "high": zone.high,
            "local_cpus": max(len(zone.pagesets) // nodes, 1),
        }
        high = max((each.high for each in zone.pagesets), default=0)
        if high:
            entry["pcp_high"] = high
        listed.append(entry)
    return listed
