"""The zones of a case, in the state they start in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simalloc.memory import MigrateType, Zone, pages_of
from simalloc.memory.buddy import TOP_PAGES
from simalloc.memory.initial import fragment, warm
from simalloc.memory.layout import lay_out
from simalloc.memory.zone import FIRST_FRAME
from simalloc.scenario import Case, Scenario, ScenarioError
from simalloc.scenario.zones import ZoneSpec
from simalloc.workloads.arrivals import stream


def make_zones(scenario: Scenario, case: Case) -> Iterator[Zone]:
    """Make them: those that the scenario lists, else the zones of every node in use, all alike."""
    if case.memory.zones:
        yield from _listed(case, case.memory.zones)
        return
    memory, start, zones = case.memory, FIRST_FRAME, 0
    pages = pages_of(memory.zone)
    for node in case.nodes():
        for number in range(memory.zones_per_node):
            zone = Zone(
                f"Normal {node}.{number}",
                pages,
                case.machine.cpus,
                case.sizes,
                start,
                node=node,
                pcp_orders=case.version.pcp_orders,
                tuning=case.version.tuning,
                marks=case.watermarks,
                fallback=case.version.fallback,
            )
            if memory.initial == "warmed":
                warm(zone, MigrateType.UNMOVABLE)
            elif memory.initial == "fragmented":
                span = min(pages_of(memory.span), pages)
                random = stream(scenario.seed, 0, *([zones] if zones else []))
                fragment(zone, span, memory.free_share, MigrateType[memory.free_type.upper()], random)
            yield zone
            zones += 1
            start += -(-pages // TOP_PAGES) * TOP_PAGES


def _listed(case: Case, zones: Sequence[ZoneSpec]) -> Iterator[Zone]:
    for spec in zones:
        zone = Zone(
            spec.name,
            spec.pages,
            case.machine.cpus,
            case.sizes_in(spec.facts(case.machine.cpus_per_node(), case.memory.percpu_pagelist_high_fraction or 0)),
            spec.first,
            node=spec.node,
            pcp_orders=case.version.pcp_orders,
            tuning=case.version.tuning,
            marks=spec.watermarks(),
            fallback=case.version.fallback,
            end=spec.end,
        )
        blocks = spec.free_blocks.counts() if spec.free_blocks else {}
        try:
            lay_out(zone, spec.pages if spec.free is None else spec.free, blocks)
        except ValueError as error:
            raise ScenarioError(f"memory.zones: {error}") from None
        if spec.pcp_high is not None:
            for pcp in zone.pcps:
                pcp.tuning.start_at(spec.pcp_high)
        yield zone
