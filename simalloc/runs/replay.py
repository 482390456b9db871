"""A recorded trace through a simulated allocator: the scenario that does it, and what came of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from simalloc.allocators import VERSIONS
from simalloc.hardware import presets
from simalloc.recorded import Recording, ZoneInfo, read_buddyinfo, read_pagetypeinfo, read_zoneinfo
from simalloc.recorded.files import Progress
from simalloc.results import Result
from simalloc.scenario import Scenario, ScenarioError
from simalloc.scenario.errors import suggestion
from simalloc.scenario.load import with_settings
from simalloc.scenario.zones import ZoneSpec
from simalloc.workloads.replay import ReplaySpec, recording_of

TYPE_KEYS = ("unmovable", "movable", "reclaimable")


def zones_of(zones: Sequence[ZoneInfo], times: int = 1) -> list[dict[str, Any]]:
    """Return a scenario's `memory.zones` for the zones of a machine, those first that are tried first.

    `times`: as if so many times as many CPUs shared them.
    """
    nodes = max((zone.node for zone in zones), default=0) + 1
    return [_zone(zone, nodes, times) for zone in sorted(zones, key=lambda zone: (zone.node, -zone.start))]


def _zone(zone: ZoneInfo, nodes: int, times: int) -> dict[str, Any]:
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
        "local_cpus": max(len(zone.pagesets) // nodes, 1) * times,
    }
    high = max((each.high for each in zone.pagesets), default=0)
    if high:
        entry["pcp_high"] = high
    if zone.blocks:
        entry["free_blocks"] = {
            key: [zone.blocks.get((order, mt), 0) for order in range(11)]
            for mt, key in enumerate(TYPE_KEYS)
            if any(n for (_, of), n in zone.blocks.items() if of == mt)
        }
    return entry


def fraction_of(zones: Sequence[ZoneInfo]) -> int:
    """Return the sysctl percpu_pagelist_high_fraction that the zones' high marks show; 0 if they show none.

    With it each high is pages / fraction / CPUs. It shows if one fraction makes the marks of all zones, two at least,
    and their LOW watermarks do not.
    """
    nodes = max((zone.node for zone in zones), default=0) + 1
    facts = [
        (
            zone.managed // max(len(zone.pagesets) // nodes, 1),
            zone.low // max(len(zone.pagesets) // nodes, 1),
            each.high,
        )
        for zone in zones
        for each in zone.pagesets[:1]
        if each.high
    ]
    if len(facts) < 2 or all(high == low for _, low, high in facts):
        return 0
    share, _, high = max(facts)
    for fraction in range(share // (high + 1), share // high + 2):
        if fraction >= LEAST_FRACTION and all(share // fraction == high for share, _, high in facts):
            return fraction
    return 0


LEAST_FRACTION = 8
"""The least that the sysctl may be. Linux v5.14: MIN_PERCPU_PAGELIST_HIGH_FRACTION."""


def read_zones(zoneinfo: Path, buddyinfo: Path | None = None, pagetypeinfo: Path | None = None) -> list[ZoneInfo]:
    """Return a machine's zones, with the blocks that are free if that is told. Raises RecordedError."""
    zones = read_zoneinfo(zoneinfo)
    if pagetypeinfo is not None:
        read_pagetypeinfo(pagetypeinfo, zones)
    elif buddyinfo is not None:
        read_buddyinfo(buddyinfo, zones)
    return zones


def replay_scenario(
    trace: Path,
    allocator: str,
    *,
    zones: Sequence[ZoneInfo] | None = None,
    preset: str | None = None,
    cpus: int | None = None,
    workload: Mapping[str, Any] | None = None,
    overrides: Sequence[str] = (),
    progress: Progress | None = None,
) -> Scenario:
    """Return the scenario that replays a trace. Raises ScenarioError, and RecordedError for a trace that is none.

    `zones` are those of the machine that was traced; without them it is one zone, large enough. `cpus`: of the machine,
    by default as many as were traced (or online), times the workload's `copies`.
    """
    if allocator not in VERSIONS:
        known = suggestion(allocator, list(VERSIONS))
        raise ScenarioError(f"--allocator {allocator}: there is no such allocator; {known}")
    if preset is not None and preset not in presets():
        raise ScenarioError(f"--machine {preset}: there is no such preset; {suggestion(preset, presets())}")
    keys = dict(workload or {})
    data: dict[str, Any] = {
        "name": _name(trace),
        "machine": {"preset": preset} if preset else {},
        "allocator": allocator,
        "workload": {"kind": "replay", "trace": str(trace), **keys},
    }
    spec = ReplaySpec.model_validate(data["workload"])
    if zones:
        data["memory"] = {"zones": zones_of(zones, spec.copies)}
        fraction = fraction_of(zones)
        if fraction and VERSIONS[allocator].tuning.scales:
            data["memory"]["percpu_pagelist_high_fraction"] = fraction
        ranges = [(zone.first, zone.end) for zone in map(ZoneSpec.model_validate, data["memory"]["zones"])]
    else:
        ranges = []
    recording = recording_of(spec, ranges, progress)
    if not zones:
        data["memory"] = {"zone": _zone_size(recording, spec.copies)}
    online = max((len(zone.pagesets) for zone in zones or ()), default=0)
    wanted = max(online, len(recording.cpus)) * spec.copies
    data["machine"]["cpus"] = cpus or wanted
    options: dict[tuple[str | int, ...], str] = {
        ("allocator",): f"--allocator {allocator}",
        ("machine", "preset"): f"--machine {preset}",
    }
    return with_settings(data, overrides, options)


def _name(trace: Path) -> str:
    """Return what the scenario is called: the file's name, without endings."""
    stem = re.sub(r"(\.(gz|zst|txt|trace|report|script))+$", "", trace.name)
    return re.sub(r"[^A-Za-z0-9._-]", "-", stem).lstrip("._-") or "replay"


def _zone_size(recording: Recording, copies: int) -> str:
    """Return the memory up to the highest page that is told of, for want of anything better; at least 1 GiB."""
    return f"{max(copies * recording.frames, 1 << 18)} pages"


def comparison(result: Result, *, label: str | None = None) -> dict[str, Any]:
    """Return a replay's comparison as plain data: by CPU what the traced kernel did and what was simulated."""
    details = [row for row in result.details if label is None or row["label"] == label]
    cpus = []
    for row in (each for each in details if each["kind"] == "cpu"):
        cpu = row["cpu"]
        of_cpu = [each for each in details if each.get("cpu") == cpu]
        hidden = ("kind", "label", "cpu")
        parted = next((each for each in of_cpu if each["kind"] == "divergence"), None)
        cpus.append(
            {
                "cpu": cpu,
                "recorded": row["recorded"],
                "simulated": row["simulated"],
                "on_pcp_at_end": {"recorded": row["end_recorded"], "simulated": row["end_simulated"]},
                "first_difference": parted and {k: v for k, v in parted.items() if k not in hidden},
                "sizes": [
                    {k: v for k, v in each.items() if k not in hidden} for each in of_cpu if each["kind"] == "size"
                ],
            }
        )
    return {"cpus": cpus, "notes": [row["text"] for row in details if row["kind"] == "note"]}


def agrees(compared: Mapping[str, Any]) -> bool:
    """Whether every refill and drain of every CPU was the same, in the same order, and all lists ended alike."""
    return all(
        cpu["first_difference"] is None and cpu["on_pcp_at_end"]["recorded"] == cpu["on_pcp_at_end"]["simulated"]
        for cpu in compared["cpus"]
    )
