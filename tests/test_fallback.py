"""What a migratetype without free blocks does to others' pageblocks, and what the search costs, by generation."""

from __future__ import annotations

import pytest

from simalloc.allocators import VERSIONS
from simalloc.memory import MigrateType, frames
from simalloc.memory.buddy import Buddy, FallbackRule
from tests.models import model, run_one

BLOCK = 512
WHOLE: FallbackRule = "whole blocks"
REMEMBERED: FallbackRule = "whole blocks, way remembered"


def scattered(rule: FallbackRule, free: int) -> Buddy:
    """Two movable pageblocks, each with every so many-th page free: `free` of 512."""
    buddy = Buddy(0, 2 * BLOCK, empty=True, fallback=rule)
    for page in range(0, 2 * BLOCK, BLOCK // free):
        buddy.insert(page, 0, MigrateType.MOVABLE)
    return buddy


@pytest.mark.parametrize(
    ("rule", "scanned", "moved"),
    # v4.10 moves all free pages of the block along; v6.10 scans for each page; who remembers scans once.
    [("half a block", BLOCK, 64), (WHOLE, 20 * BLOCK, 0), (REMEMBERED, BLOCK, 0)],
)
def test_a_refill_of_20_pages_scans_pageblocks(rule: FallbackRule, scanned: int, moved: int) -> None:
    buddy = scattered(rule, free=64)
    pages = frames(buddy.remove_pages(20, MigrateType.UNMOVABLE))
    assert (len(set(pages)), buddy.scanned, buddy.moved) == (20, scanned, moved)


@pytest.mark.parametrize("rule", [WHOLE, REMEMBERED])
def test_stolen_pages_leave_their_pageblock_its_type(rule: FallbackRule) -> None:
    buddy = scattered(rule, free=64)
    page = frames(buddy.remove_pages(1, MigrateType.UNMOVABLE))[0]
    assert buddy.pageblock_type(page) is MigrateType.MOVABLE


@pytest.mark.parametrize("rule", ["half a block", WHOLE, REMEMBERED])
def test_a_pageblock_that_is_half_free_is_claimed(rule: FallbackRule) -> None:
    buddy = scattered(rule, free=256)
    page = frames(buddy.remove_pages(1, MigrateType.UNMOVABLE))[0]
    assert (buddy.pageblock_type(page), buddy.moved) == (MigrateType.UNMOVABLE, 256)


def test_the_way_is_forgotten_with_the_refill() -> None:
    buddy = scattered(REMEMBERED, free=64)
    for _ in range(3):
        buddy.remove_pages(5, MigrateType.UNMOVABLE)
    assert buddy.scanned == 3 * BLOCK


def test_what_is_left_of_a_stolen_block_stays_its_types() -> None:
    buddy = Buddy(0, 1024, empty=True, fallback=WHOLE)
    buddy.insert(0, 3, MigrateType.MOVABLE)
    taken = buddy.remove(0, MigrateType.RECLAIMABLE)
    assert (taken, [mt for _, _, mt in buddy.blocks()]) == (0, [MigrateType.MOVABLE] * 3)


@pytest.mark.parametrize("rule", ["half a block", WHOLE, REMEMBERED])
@pytest.mark.parametrize("free", [16, 64, 256])
def test_no_page_is_lost_or_given_twice(rule: FallbackRule, free: int) -> None:
    buddy = scattered(rule, free)
    pages = frames(buddy.remove_pages(10_000, MigrateType.UNMOVABLE))
    assert (len(pages), len(set(pages)), buddy.free_pages()) == (2 * free, 2 * free, 0)


@pytest.mark.parametrize(
    ("allocator", "rule"),
    [
        ("v4.10", "half a block"),
        ("v6.7", "half a block"),
        ("v6.10", WHOLE),
        ("v6.12", REMEMBERED),
        ("v6.19", REMEMBERED),
    ],
)
def test_which_generation_does_what(allocator: str, rule: str) -> None:
    system = model(allocator)
    run_one(system, system.allocator.alloc_pages)
    assert VERSIONS[allocator].fallback == system.zone.buddy.fallback_rule == rule
