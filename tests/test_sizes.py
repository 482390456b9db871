"""Sizes of pcps: as real kernels printed them, and as each generation lets them follow the load."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from simalloc.memory import PcpSizes, Tuning, Watermarks, ZoneFacts, sizes_v5_14, sizes_v6_7
from simalloc.memory.tuning import BELOW_HIGH, RECLAIM, AutoTuned, BlocksDrainAll, DoublingDrains, LaterBursts
from simalloc.runs.explain import explained_scenario, sizes
from simalloc.scenario import ScenarioError

# Debian's 6.1.192 and 6.12.117 under QEMU: what their modules and /proc/zoneinfo printed.
REAL = list(csv.DictReader((Path(__file__).parent / "data" / "batch_high.csv").read_text("utf-8").splitlines()))


def facts_of(row: dict[str, str]) -> ZoneFacts:
    marks = Watermarks(*(int(row[f"wmark_{name}"]) for name in ("min", "low", "high")))
    fraction = 200 if row["run"].endswith("_hf") else 0
    return ZoneFacts(int(row["managed"]), int(row["ncpu"]), marks, fraction)


@pytest.mark.parametrize("row", REAL, ids=lambda row: f"{row['run']}-{row['zone']}")
def test_batch_and_high_are_those_of_real_kernels(row: dict[str, str]) -> None:
    if row["kernel"] == "6.1":
        found = sizes_v5_14(facts_of(row))
        assert (found.batch, found.high) == (int(row["pageset_batch"]), int(row["pcp_high"]))
    else:
        found = sizes_v6_7(facts_of(row))
        assert (found.batch, found.high) == (int(row["pageset_batch"]), int(row["high_min"]))


@pytest.mark.parametrize("row", [row for row in REAL if row["high_max"]], ids=lambda row: f"{row['run']}-{row['zone']}")
def test_high_max_is_that_of_real_kernels_within_1_percent(row: dict[str, str]) -> None:
    # The kernel computes it at boot, before the memory of its own start-up code has come to the zone.
    found = sizes_v6_7(facts_of(row))
    assert found.high_max == pytest.approx(int(row["high_max"]), rel=0.01)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (["memory.zone=245310 pages", "memory.min_free_kbytes=3896"], {"batch": 63, "high": 1219}),
        (["memory.zone=245310 pages", "memory.min_free_kbytes=3896", "machine.cpus=2"], {"batch": 63, "high": 609}),
        (["memory.zone=116478 pages", "memory.min_free_kbytes=2652"], {"batch": 31, "high": 828}),
    ],
)
def test_explain_gives_the_sizes_for_zone_cpus_and_min_free_kbytes(settings: list[str], expected: object) -> None:
    assert sizes(explained_scenario("6.1-stable", settings=[*settings, "machine.preset=seed-2017"])) == expected


def test_explain_gives_both_ends_where_high_follows_the_load() -> None:
    settings = ["memory.zone=243995 pages", "memory.min_free_kbytes=3888"]
    found = sizes(explained_scenario("v6.12", settings=settings))
    assert found == {"batch": 63, "high": 1215, "high_min": 1215, "high_max": 243995 // 8}


def test_a_high_fraction_fixes_high() -> None:
    settings = ["memory.zone=243995 pages", "memory.percpu_pagelist_high_fraction=200"]
    assert sizes(explained_scenario("v6.12", settings=settings)) == {
        "batch": 63,
        "high": 1219,
        "high_min": 1219,
        "high_max": 1219,
    }


@pytest.mark.parametrize("setting", ["memory.percpu_pagelist_high_fraction=8", "allocator.batch_scale_max=3"])
def test_a_key_that_a_version_does_not_know_is_refused(setting: str) -> None:
    with pytest.raises(ScenarioError, match=r"v4\.19.*v5\.14"):
        explained_scenario("v4.19", settings=[setting])


# Drains that double (v5.14), capped in 6.1-stable: the sequence of the real traces, for high 1217


def in_a_row(tuning: Tuning, drains: int, order: int = 0) -> list[int]:
    """Pages of the first drains of a long burst of frees from an empty pcp."""
    seen: list[int] = []
    count = 0
    while len(seen) < drains:
        count += 1 << order
        tuning.on_free(1, order)
        pages = tuning.drain(count, order)
        count -= min(pages, count)
        if pages:
            seen.append(pages)
    return seen


def test_a_long_free_burst_drains_63_126_252_504_1008_1154_on_6_1() -> None:
    tuning = DoublingDrains(PcpSizes(63, 1217, scale_max=5))
    assert in_a_row(tuning, 7) == [63, 126, 252, 504, 1008, 1154, 1154]


def test_free_factor_is_capped_at_5_in_stable_kernels() -> None:
    assert in_a_row(DoublingDrains(PcpSizes(63, 9999, scale_max=5)), 8)[-2:] == [2016, 2016]


def test_free_factor_is_not_capped_up_to_v6_6() -> None:
    assert in_a_row(DoublingDrains(PcpSizes(63, 9999)), 8)[-2:] == [4032, 8064]


def test_each_allocation_halves_the_doublings_of_the_next_drain() -> None:
    tuning = DoublingDrains(PcpSizes(63, 1217, scale_max=5))
    in_a_row(tuning, 4)
    tuning.on_alloc(1)
    assert (tuning.free_factor, tuning.drain(1217, 0)) == (4 >> 1, 252)


def test_a_block_freed_after_a_drain_drains_everything() -> None:
    tuning = BlocksDrainAll(PcpSizes(63, 1217))
    in_a_row(tuning, 1)
    assert tuning.drain(1156, 2) == 1156


def test_while_kswapd_works_four_batches_are_the_mark() -> None:
    tuning = DoublingDrains(PcpSizes(63, 1217))
    assert (tuning.drain(251, 0, RECLAIM), tuning.drain(252, 0, RECLAIM), tuning.drain(252, 0)) == (0, 63, 0)


# High that follows the load (v6.7)


def auto(**over: int) -> AutoTuned:
    return AutoTuned(PcpSizes(**{"batch": 63, "high": 1215, "high_max": 30221, "scale_max": 5, **over}))


def test_refills_double_up_to_32_batches() -> None:
    tuning = auto()
    assert [tuning.refill(0, 0) for _ in range(7)] == [63, 126, 252, 504, 1008, 2016, 2016]


def test_each_free_halves_the_doublings_of_the_next_refill() -> None:
    tuning = auto()
    for _ in range(6):
        tuning.refill(0, 0)
    tuning.on_free(2, 0)
    assert (tuning.alloc_factor, tuning.refill(0, 0)) == (5 >> 2, 126)


def test_a_refill_raises_high_by_as_much_up_to_high_max() -> None:
    tuning = auto(high_max=1400)
    highs = []
    for _ in range(3):
        tuning.refill(0, 0)
        highs.append(tuning.high)
    assert highs == [1278, 1400, 1400]


def test_below_the_high_watermark_a_refill_raises_nothing() -> None:
    tuning = auto()
    tuning.refill(0, 0, BELOW_HIGH)
    assert tuning.high == 1215


@pytest.mark.parametrize(("order", "blocks"), [(1, 31), (2, 15), (3, 7), (9, 2)])
def test_blocks_come_a_batch_at_a_time(order: int, blocks: int) -> None:
    tuning = auto()
    tuning.refill(0, 0)
    assert tuning.refill(0, order) == blocks


def test_a_drain_gives_back_what_was_freed_in_a_row_and_leaves_a_batch() -> None:
    # Freed from empty lists up to high: all but a batch go; then 1152 more, and the count has grown to its cap.
    assert in_a_row(auto(high_max=1215), 3) == [1152, 1152, 1152]


def test_free_count_is_capped_at_32_batches() -> None:
    tuning = auto()
    tuning.on_free(5000, 0)
    assert tuning.free_count == 2016


@pytest.mark.parametrize(("frees", "order"), [(1, 0), (700, 0), (2015, 0), (2017, 0), (250, 3), (3, 9), (5, 9)])
def test_many_frees_at_once_are_as_many_one_by_one(frees: int, order: int) -> None:
    once, each = auto(), auto()
    once.on_free(frees, order)
    for _ in range(frees):
        each.on_free(1, order)
    assert once.snapshot() == each.snapshot()


def test_an_allocation_halves_free_count() -> None:
    tuning = auto()
    tuning.on_free(1000, 0)
    tuning.on_alloc(2)
    assert tuning.free_count == 250


def test_high_rises_to_hold_what_is_freed_in_a_row() -> None:
    tuning = auto()
    tuning.on_free(1400, 0)
    tuning.drain(1400, 0)
    assert tuning.high == 1400 + 63


def test_below_the_high_watermark_high_falls_and_pages_go_now() -> None:
    tuning = auto()
    tuning.high = 3000
    tuning.on_free(1, 0)
    assert (tuning.drain(1500, 0, BELOW_HIGH), tuning.high) == (63, 3000 - 63)


def test_a_burst_of_blocks_takes_up_to_32_batches_along() -> None:
    tuning = auto()
    tuning.on_free(63, 0)
    tuning.on_free(1, 2)
    first = tuning.drain(500, 2)
    tuning.on_free(1, 2)
    assert (first, tuning.drain(504, 2)) == (0, 504)


def test_a_burst_of_blocks_begins_later_in_v6_16() -> None:
    tuning = LaterBursts(PcpSizes(63, 1215, high_max=30221, scale_max=5))
    tuning.on_free(600, 0)
    tuning.on_free(2, 2)
    early = tuning.drain(700, 2)
    tuning.on_free(20, 2)
    tuning.on_free(1, 2)
    assert (early, tuning.drain(784, 2)) == (0, 784)


def test_idle_high_decays_by_an_eighth_a_second_and_the_rest_is_drained() -> None:
    tuning = auto()
    tuning.high = 8000
    assert [(tuning.decay(6500), tuning.high) for _ in range(3)] == [(0, 7000), (375, 6125), (1140, 5360)]


def test_the_names_of_the_sizes_are_those_of_zoneinfo() -> None:
    assert json.dumps(PcpSizes(63, 378).as_dict()) == '{"batch": 63, "high": 378}'
