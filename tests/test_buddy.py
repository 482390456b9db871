"""The buddy allocator against its own definition, and against the kernel's order of pages."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simalloc.memory import Buddy, MigrateType, frames
from simalloc.memory.buddy import MAX_ORDER, TOP_PAGES

U, M, R = MigrateType.UNMOVABLE, MigrateType.MOVABLE, MigrateType.RECLAIMABLE


def test_pages_of_a_split_block_come_out_lowest_first() -> None:
    buddy = Buddy(0, TOP_PAGES)
    assert [buddy.remove(0, M) for _ in range(5)] == [0, 1, 2, 3, 4]


def test_the_first_page_of_a_fresh_block_is_ten_splits() -> None:
    buddy = Buddy(0, TOP_PAGES)
    buddy.remove(0, M)
    assert buddy.splits == 10


def test_taking_a_block_apart_is_one_split_fewer_than_it_has_pages() -> None:
    buddy = Buddy(0, TOP_PAGES)
    for _ in range(TOP_PAGES):
        buddy.remove(0, M)
    assert buddy.splits == TOP_PAGES - 1


@pytest.mark.parametrize("order", range(MAX_ORDER))
def test_a_block_is_aligned_to_its_size(order: int) -> None:
    buddy = Buddy(0, 4 * TOP_PAGES)
    buddy.remove(0, M)
    pfn = buddy.remove(order, M)
    assert pfn is not None
    assert pfn % (1 << order) == 0


def test_freeing_everything_restores_whole_blocks() -> None:
    buddy = Buddy(0, 2 * TOP_PAGES)
    pages = [buddy.remove(0, M) for _ in range(2 * TOP_PAGES)]
    for pfn in pages[::2] + pages[1::2]:
        assert pfn is not None
        buddy.insert(pfn, 0, M)
    assert sorted((order, pfn) for order, pfn, _ in buddy.blocks()) == [(10, 0), (10, TOP_PAGES)]


def test_a_block_goes_to_the_tail_if_the_next_merge_only_waits_for_its_buddy() -> None:
    buddy = Buddy(0, TOP_PAGES, empty=True)
    buddy.insert(8, 0, M)
    buddy.insert(2, 1, M)  # the buddy of 0-1
    buddy.insert(0, 0, M)  # 1 is not free, but if it were, 0-3 would merge: to the tail
    assert [pfn for order, pfn, _ in buddy.blocks() if order == 0] == [8, 0]


def test_a_block_whose_neighbourhood_is_in_use_goes_to_the_head() -> None:
    buddy = Buddy(0, TOP_PAGES, empty=True)
    buddy.insert(8, 0, M)
    buddy.insert(0, 0, M)
    assert [pfn for order, pfn, _ in buddy.blocks() if order == 0] == [0, 8]


def test_a_type_without_blocks_claims_the_largest_of_another() -> None:
    buddy = Buddy(0, TOP_PAGES)
    buddy.remove(0, U)
    assert (buddy.fallbacks, buddy.pageblock_type(0), buddy.pageblock_type(512)) == (1, U, U)
    assert {mt for _, _, mt in buddy.blocks()} == {U}


def test_unmovable_falls_back_to_reclaimable_before_movable() -> None:
    buddy = Buddy(0, 2 * TOP_PAGES, empty=True)
    buddy.insert(0, 10, M)
    buddy.insert(TOP_PAGES, 10, R)
    assert buddy.remove(0, U) == TOP_PAGES


def test_a_movable_request_takes_a_small_block_without_claiming_its_pageblock() -> None:
    buddy = Buddy(0, TOP_PAGES, empty=True)
    buddy.set_pageblock_type(0, U)
    buddy.insert(0, 2, U)
    buddy.remove(0, M)
    assert (buddy.pageblock_type(0), buddy.moved) == (U, 0)


def test_stealing_from_a_half_free_pageblock_claims_it_and_moves_its_free_pages() -> None:
    buddy = Buddy(0, TOP_PAGES, empty=True)
    buddy.set_pageblock_type(0, M)
    buddy.insert(0, 8, M)
    buddy.insert(300, 2, M)
    buddy.remove(0, U)
    assert (buddy.pageblock_type(0), buddy.moved) == (U, 256 + 4)


def test_an_empty_buddy_has_nothing_to_give() -> None:
    assert Buddy(0, TOP_PAGES, empty=True).remove(0, M) is None


def test_a_zone_that_is_no_multiple_of_a_block_has_all_its_pages() -> None:
    assert Buddy(0, 3 * TOP_PAGES + 77).free_pages() == 3 * TOP_PAGES + 77


def test_a_zone_starts_at_a_block() -> None:
    with pytest.raises(ValueError, match="multiple of 1024"):
        Buddy(5, TOP_PAGES)


def test_untouched_memory_costs_no_memory() -> None:
    tracemalloc.start()
    buddy = Buddy(0, 64 << 18)  # 64 GiB
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert (buddy.free_pages(), used < 20_000) == (64 << 18, True)


requests = st.lists(
    st.tuples(st.integers(0, 10), st.sampled_from([U, M, R]), st.booleans(), st.integers(0, 1 << 30)),
    max_size=120,
)


Held = list[tuple[int, int, MigrateType]]


def seen(buddy: Buddy) -> tuple[object, ...]:
    return buddy.blocks(), buddy.splits, buddy.merges, buddy.fallbacks, buddy.written


def play(steps: list[tuple[int, MigrateType, bool, int]], buddy: Buddy) -> Held:
    """Take and free blocks as told; return what is held at the end, as (first frame, order, type)."""
    held: Held = []
    for order, mt, free, which in steps:
        if free and held:
            buddy.insert(*held.pop(which % len(held)))
        elif (got := buddy.remove(order, mt)) is not None:
            held.append((got, order, mt))
    return held


@given(requests)
@settings(deadline=None)
def test_no_page_is_lost_or_given_twice(steps: list[tuple[int, MigrateType, bool, int]]) -> None:
    buddy = Buddy(0, 4 * TOP_PAGES)
    held = play(steps, buddy)
    free_frames = [f for order, pfn, _ in buddy.blocks() for f in range(pfn, pfn + (1 << order))]
    held_frames = [f for pfn, order, _ in held for f in range(pfn, pfn + (1 << order))]
    assert len(set(free_frames + held_frames)) == len(free_frames) + len(held_frames)
    assert buddy.free_pages() + len(held_frames) == 4 * TOP_PAGES


@given(requests)
@settings(deadline=None)
def test_no_two_free_buddies_stay_apart(steps: list[tuple[int, MigrateType, bool, int]]) -> None:
    buddy = Buddy(0, 4 * TOP_PAGES)
    play(steps, buddy)
    blocks = {(order, pfn) for order, pfn, _ in buddy.blocks()}
    assert not [(order, pfn) for order, pfn in blocks if order < 10 and (order, pfn ^ (1 << order)) in blocks]


@given(requests, st.integers(1, 200), st.sampled_from([U, M, R]))
@settings(deadline=None)
def test_taking_runs_of_pages_is_taking_them_one_by_one(
    steps: list[tuple[int, MigrateType, bool, int]], count: int, mt: MigrateType
) -> None:
    fast, slow = Buddy(0, 2 * TOP_PAGES), Buddy(0, 2 * TOP_PAGES)
    play(steps, fast)
    play(steps, slow)
    one_by_one = [pfn for _ in range(count) if (pfn := slow.remove(0, mt)) is not None]
    assert frames(fast.remove_pages(count, mt)) == one_by_one
    assert seen(fast) == seen(slow)


@given(requests, st.permutations(range(64)), st.integers(0, 64), st.booleans(), st.sampled_from([U, M, R]))
@settings(deadline=None)
def test_freeing_runs_of_pages_is_freeing_them_one_by_one(
    steps: list[tuple[int, MigrateType, bool, int]], shuffled: list[int], ordered: int, falls: bool, mt: MigrateType
) -> None:
    # 64 pages, of which the first `ordered` ascend or descend and the rest are in any order.
    order = sorted(shuffled[:ordered], reverse=falls) + shuffled[ordered:]
    fast, slow = Buddy(0, 2 * TOP_PAGES), Buddy(0, 2 * TOP_PAGES)
    for buddy in (fast, slow):
        play(steps, buddy)
        pages = frames(buddy.remove_pages(64, mt))
    if len(pages) < 64:
        return
    fast.insert_pages([pages[i] for i in order], mt)
    for i in order:
        slow.insert(pages[i], 0, mt)
    assert seen(fast) == seen(slow)
