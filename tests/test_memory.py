"""Sizes, pcp lists, zones, initial states, recency."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simalloc.hardware import LEVELS, Recency
from simalloc.memory import (
    MigrateType,
    Pcp,
    PcpSizes,
    Tuning,
    Zone,
    ZoneFacts,
    frame_runs,
    frames,
    pages_of,
    size_of,
    sizes_v4_10,
    sizes_v4_19,
    sizes_v5_14,
    span,
)
from simalloc.memory.initial import fragment, warm
from simalloc.memory.tuning import DoublingDrains
from simalloc.memory.watermarks import min_free_kib, watermarks

U, M, R = MigrateType.UNMOVABLE, MigrateType.MOVABLE, MigrateType.RECLAIMABLE


@pytest.mark.parametrize(
    ("text", "pages"), [("4GiB", 1 << 20), ("16 MiB", 4096), ("1.5GiB", 393216), ("300 pages", 300), ("8KiB", 2)]
)
def test_sizes_are_read(text: str, pages: int) -> None:
    assert pages_of(text) == pages


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("4GB", "unknown unit 'GB'"),
        ("lots", "is not a size"),
        ("5KiB", "whole number of pages"),
        ("-4GiB", "not a size"),
    ],
)
def test_what_is_no_size_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        pages_of(text)


@given(st.integers(1, 1 << 30))
def test_sizes_survive_being_written(pages: int) -> None:
    assert pages_of(size_of(pages)) == pages


# Published: Daniel Jordan, linux-mm, 2018, for kernels 2005 to 4.18.
PUBLISHED_SIZES = [
    ("64MiB", 3, 18),
    ("128MiB", 7, 42),
    ("256MiB", 15, 90),
    ("512MiB", 31, 186),
    ("1GiB", 31, 186),
    ("4GiB", 31, 186),
    ("64GiB", 31, 186),
    ("1TiB", 31, 186),
]


def facts(zone: str, local_cpus: int = 1, *, huge_pages: bool = False) -> ZoneFacts:
    """A zone that is all of a machine."""
    pages = pages_of(zone)
    marks = watermarks(pages, pages, min_free_kib(pages, 1, huge_pages=huge_pages))
    return ZoneFacts(pages, local_cpus, marks)


@pytest.mark.parametrize(("zone", "batch", "high"), PUBLISHED_SIZES)
def test_batch_and_high_are_the_published_ones(zone: str, batch: int, high: int) -> None:
    assert sizes_v4_10(facts(zone, 8)) == PcpSizes(batch, high)


def test_a_tiny_zone_has_batch_1_and_high_0() -> None:
    assert sizes_v4_10(facts("16MiB")) == PcpSizes(batch=1, high=0)


@pytest.mark.parametrize("batch", [1, 10, 31, 4096])
def test_high_is_six_batches_whatever_the_batch_up_to_v5_13(batch: int) -> None:
    assert [rule(facts("16MiB"), batch) for rule in (sizes_v4_10, sizes_v4_19)] == [PcpSizes(batch, 6 * batch)] * 2


def test_watermarks_of_4_gib() -> None:
    # min_free_kbytes = sqrt(4194304 x 16) = 8192; the gap is 0.1 % of the zone.
    marks = facts("4GiB").watermarks
    assert (marks.min, marks.low, marks.high) == (2048, 2048 + 1048, 2048 + 2 * 1048)


@pytest.mark.parametrize(
    ("memory", "zones", "kib"), [("2GiB", 1, 45056), ("64GiB", 1, 67584), ("256GiB", 2, 90112), ("64MiB", 1, 3276)]
)
def test_huge_pages_raise_min_free_kbytes_to_what_x86_servers_show(memory: str, zones: int, kib: int) -> None:
    assert min_free_kib(pages_of(memory), zones) == kib


@pytest.mark.parametrize(("at_most", "kib"), [(65536, 65536), (262144, 131072)])
def test_min_free_kbytes_of_a_tib_is_clamped_later_in_newer_kernels(at_most: int, kib: int) -> None:
    assert min_free_kib(pages_of("1TiB"), 1, at_most=at_most, huge_pages=False) == kib


def test_zones_share_min_free_kbytes_by_their_size() -> None:
    shares = [watermarks(pages, 4000, 4000).min for pages in (1000, 3000)]
    assert shares == [250, 750]


def test_a_zone_of_three_pages_is_refused() -> None:
    with pytest.raises(ValueError, match="smallest is 4096 pages"):
        Zone("Normal", 3, 1, PcpSizes(31, 186))


def filled(**pages: int) -> Pcp:
    pcp = Pcp(Tuning(PcpSizes(31, 186)))
    first = 0
    for name, count in pages.items():
        for pfn in range(first, first + count):
            pcp.push(pfn, MigrateType[name])
        first += 1000
    return pcp


def test_hot_pages_are_last_in_first_out() -> None:
    pcp = filled(MOVABLE=3)
    assert [pcp.pop(M) for _ in range(3)] == [2, 1, 0]


def test_cold_pages_come_from_the_tail() -> None:
    pcp = filled(MOVABLE=3)
    assert pcp.pop(M, cold=True) == 0


def test_a_cold_free_goes_to_the_tail() -> None:
    pcp = filled(MOVABLE=2)
    pcp.push(7, M, cold=True)
    assert pcp.lists[M] == [7, 0, 1]


@pytest.mark.parametrize("cold", [False, True])
def test_whoever_asked_for_a_refill_meets_its_pages_in_order(cold: bool) -> None:
    pcp = Pcp(Tuning(PcpSizes(4, 24)))
    pcp.refill([10, 11, 12, 13], U, cold=cold)
    assert [pcp.pop(U, cold=cold) for _ in range(4)] == [10, 11, 12, 13]


def test_a_drain_of_one_list_takes_the_coldest() -> None:
    assert [pfn for _, _, pfns in filled(MOVABLE=40).take_round_robin(5) for pfn in pfns] == [0, 1, 2, 3, 4]


def test_a_drain_goes_round_the_lists_from_movable() -> None:
    pcp = filled(UNMOVABLE=9, MOVABLE=9, RECLAIMABLE=9)
    assert pcp.take_round_robin(4) == [(0, M, [1000]), (0, R, [2000]), (0, U, [0]), (0, M, [1001])]


def test_an_empty_list_met_on_the_way_doubles_the_next_share() -> None:
    pcp = filled(UNMOVABLE=9, MOVABLE=9)
    # movable gives 1; reclaimable is empty, so unmovable gives 2; and so on.
    assert pcp.take_round_robin(6) == [(0, M, [1000]), (0, U, [0, 1]), (0, M, [1001]), (0, U, [2, 3])]


@given(st.tuples(*[st.integers(0, 60)] * 3), st.data())
def test_a_drain_takes_as_many_as_asked_and_none_twice(counts: tuple[int, int, int], data: st.DataObject) -> None:
    pcp = filled(UNMOVABLE=counts[0], MOVABLE=counts[1], RECLAIMABLE=counts[2])
    wanted = data.draw(st.integers(0, sum(counts)))
    taken = [pfn for _, _, pfns in pcp.take_round_robin(wanted) for pfn in pfns]
    assert len(set(taken)) == wanted
    assert pcp.count == sum(counts) - wanted == sum(map(len, pcp.lists))


# Since Linux v5.14: zones of less than 512 MiB have the batch of v4.10, those of 1 GiB and more have 63.
@pytest.mark.parametrize(
    ("zone", "batch"), [("16MiB", 1), ("64MiB", 3), ("256MiB", 15), ("512MiB", 31), ("1GiB", 63), ("64GiB", 63)]
)
def test_batch_since_v5_14(zone: str, batch: int) -> None:
    assert sizes_v5_14(facts(zone)).batch == batch


@pytest.mark.parametrize(("cpus", "high"), [(1, 3096), (8, 387), (12, 258), (13, 4 * 63), (1024, 4 * 63)])
def test_high_since_v5_14_is_a_cpus_share_of_the_low_watermark_and_at_least_4_batches(cpus: int, high: int) -> None:
    assert sizes_v5_14(facts("4GiB", cpus)).high == high


def scaled(batch: int = 63, high: int = 3096) -> Pcp:
    return Pcp(DoublingDrains(PcpSizes(batch, high)), orders=(0, 1, 2, 3, 9))


def test_drains_double_up_to_all_but_a_batch() -> None:
    pcp = scaled()
    assert [pcp.tuning.drain(pcp.high, 0) for _ in range(8)] == [63, 126, 252, 504, 1008, 2016, 3033, 3033]


def test_a_drain_is_never_less_than_a_batch_nor_more_than_high_leaves() -> None:
    pcp = scaled(high=252)
    assert [pcp.tuning.drain(pcp.high, 0) for _ in range(4)] == [63, 126, 189, 189]


@pytest.mark.parametrize("high", [63, 64])
def test_a_high_set_so_low_that_no_batch_can_stay_still_drains(high: int) -> None:
    assert scaled(high=high).tuning.drain(high, 0) == 1


@pytest.mark.parametrize(("order", "blocks"), [(0, 63), (1, 31), (2, 15), (3, 7), (9, 2)])
def test_a_refill_is_a_batch_of_pages_or_two_blocks(order: int, blocks: int) -> None:
    assert scaled().tuning.refill(0, order) == blocks


def test_a_batch_of_1_refills_one() -> None:
    assert scaled(batch=1, high=4).tuning.refill(0, 3) == 1


def test_the_count_is_in_pages() -> None:
    pcp = scaled()
    pcp.refill([0, 8], pcp.place(3, M))
    pcp.push(512, pcp.place(9, U))
    pcp.pop(pcp.place(3, M))
    assert (pcp.count, pcp.refilled) == (8 + 512, 16)


def test_a_drain_empties_list_by_list_from_the_one_asked_for() -> None:
    pcp = scaled()
    for place, pages in ((pcp.place(0, U), [1, 2]), (pcp.place(0, R), [3, 4]), (pcp.place(1, M), [6, 8])):
        for pfn in pages:
            pcp.push(pfn, place)
    assert list(pcp.take_list_by_list(7, first=R)) == [(0, R, [3, 4]), (1, M, [6, 8]), (0, U, [1])]


def test_a_drain_takes_whole_blocks() -> None:
    pcp = scaled()
    for pfn in (0, 8, 16):
        pcp.push(pfn, pcp.place(3, M))
    taken = list(pcp.take_list_by_list(9, first=0))
    assert (taken, pcp.count, pcp.drained) == ([(3, M, [0, 8])], 8, 16)


@given(st.lists(st.tuples(st.sampled_from((0, 1, 2, 3, 9)), st.sampled_from(MigrateType)), max_size=80), st.data())
def test_a_drain_list_by_list_takes_as_many_as_asked_and_no_block_more(
    blocks: list[tuple[int, MigrateType]], data: st.DataObject
) -> None:
    pcp = scaled()
    for number, (order, mt) in enumerate(blocks):
        pcp.push(number << 9, pcp.place(order, mt))
    before, wanted = pcp.count, data.draw(st.integers(0, pcp.count))
    taken = list(pcp.take_list_by_list(wanted, data.draw(st.integers(0, len(pcp.lists) - 1))))
    pages = sum(len(pfns) << order for order, _, pfns in taken)
    assert wanted <= pages < wanted + (1 << (taken[-1][0] if taken else 0))
    assert pcp.count == before - pages


def test_warmed_lists_are_where_a_drain_leaves_them() -> None:
    zone = Zone("Normal", pages_of("64MiB"), 2, PcpSizes(31, 186))
    warm(zone, U)
    assert [pcp.count for pcp in zone.pcps] == [155, 155]
    assert zone.free_pages == zone.buddy.free_pages() == pages_of("64MiB") - 310


def fragmented(seed: int) -> Zone:
    zone = Zone("Normal", pages_of("64MiB"), 1, PcpSizes(31, 186))
    fragment(zone, pages_of("32MiB"), 0.5, U, np.random.default_rng(seed))
    return zone


def test_fragmented_memory_has_nothing_to_split_or_merge() -> None:
    zone = fragmented(1)
    pages = [pfn for _ in range(1000) if (pfn := zone.buddy.remove(0, U)) is not None]
    for pfn in pages:
        zone.buddy.insert(pfn, 0, U)
    assert (len(pages), zone.buddy.splits, zone.buddy.merges, zone.free_pages) == (1000, 0, 0, 4096)


def test_fragmentation_follows_its_seed() -> None:
    assert fragmented(1).buddy.blocks() == fragmented(1).buddy.blocks() != fragmented(2).buddy.blocks()


def test_a_struct_page_just_used_is_warm_and_one_never_used_is_cold() -> None:
    recency = Recency(half_point=4096)
    assert (recency.touch(1), recency.touch(1)) == (LEVELS - 1, 0)


def test_at_the_half_point_half_the_cost_is_paid() -> None:
    recency = Recency(half_point=4096)
    recency.touch_all([(0, 4096, 1)])
    assert recency.touch(0) == LEVELS // 2


def each_once(pieces: list[tuple[int, int, int]]) -> list[int]:
    """Return the frames of (first, how many, step), each frame once."""
    return list(dict.fromkeys(frames(pieces)))


PFNS = st.one_of(
    st.lists(st.integers(0, 400), max_size=300, unique=True),
    st.lists(st.tuples(st.integers(400, 1200), st.integers(1, 400), st.sampled_from((1, -1, 2))), max_size=8).map(
        each_once
    ),
)
"""Lists of different frames: single ones, and runs in both directions, also beyond one chunk."""


@given(PFNS)
def test_runs_are_the_list_they_were_made_from(pfns: list[int]) -> None:
    assert frames(frame_runs(pfns)) == pfns


def test_a_run_goes_up_or_down() -> None:
    assert frame_runs([4, 5, 6, 9, 8, 7, 1]) == [(4, 3, 1), (9, 3, -1), (1, 1, 1)]


@given(PFNS.filter(bool))
def test_the_span_of_runs_is_from_the_lowest_to_the_highest(pfns: list[int]) -> None:
    assert span(frame_runs(pfns)) == (min(pfns), max(pfns))


@given(st.lists(PFNS, max_size=4))
def test_touching_many_is_touching_each(lists: list[list[int]]) -> None:
    one, many = Recency(64), Recency(64)
    for pfns in lists:
        counts = [0] * LEVELS
        for pfn in pfns:
            counts[one.touch(pfn)] += 1
        assert many.touch_all(frame_runs(pfns)) == [(level, times) for level, times in enumerate(counts) if times]


@given(PFNS, PFNS, st.integers(1, 3))
def test_a_repeated_round_is_as_many_rounds(before: list[int], pfns: list[int], times: int) -> None:
    each, at_once = Recency(64), Recency(64)
    for recency, rounds in ((each, 1 + times), (at_once, 1)):
        for touched in [before, *[pfns] * rounds]:
            recency.touch_all(frame_runs(touched))
    at_once.repeat(len(pfns), times, frame_runs(each_once([(pfn, 1, 1) for pfn in [*before, *pfns]])))
    used = sorted({*before, *pfns})
    assert [each.touch(pfn) for pfn in used] == [at_once.touch(pfn) for pfn in used]


@given(st.lists(PFNS, min_size=2, max_size=4), st.sampled_from((0, 2)))
def test_where_runs_come_from_is_where_their_pages_do(lists: list[list[int]], neighbour: int) -> None:
    one, many = Recency(64, 200), Recency(64, 200)
    for recency in (one, many):
        for pfns in lists[:-1]:
            recency.touch_all(frame_runs(pfns))
    single = [(pfn, 1, 1) for pfn in lists[-1]]
    assert many.sources(frame_runs(lists[-1]), neighbour) == one.sources(single, neighbour)
