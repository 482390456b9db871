"""Which kernel version is made of which parts: the one table. The names are those scenarios use.

Each row says what it changes in the row it comes from; what the parts mean is in `generation.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from simalloc.allocators.generation import (
    BH,
    BLOCKS,
    IRQ_SAVE,
    ORDER_0,
    PREEMPT,
    TRYLOCK_IRQSAVE,
    BulkApi,
    Generation,
    ListFree,
)
from simalloc.allocators.linux import Linux
from simalloc.memory import Tuning, sizes_v4_10, sizes_v5_14
from simalloc.memory.tuning import BlocksDrainAll
from simalloc.registry import Table


def _rows() -> Iterator[Generation]:
    v4_10 = Generation(
        name="v4.10",
        about="interrupts masked around every pcp operation; any context may use the pcp",
        models="Linux v4.10 (ea57485af8f4)",
        scheme=Linux,
        entry=IRQ_SAVE,
        otherwise="next zone",
        counters="inside",
        hot_cold=True,
        sizes=sizes_v4_10,
        tuning=Tuning,
        drain_order="round robin",
        drain_pick="under lock",
        list_free=None,
        bulk=None,
        drain_by="ipi",
        pcp_orders=ORDER_0,
    )
    yield v4_10
    noirq_v2 = replace(
        v4_10,
        name="noirq-v2",
        about="pcp for !in_interrupt() callers only, preemption off instead of interrupts; bulk API",
        models="January 2017 series v2r7 (Message-Id 20170109163518.6001-1), on Linux v4.10-rc2",
        entry=PREEMPT,
        bulk=BulkApi(appends=False, zones="first", mark="high", prepares=False, list_call=True),
    )
    yield noirq_v2
    v4_11_rc = replace(
        noirq_v2,
        name="v4.11-rc",
        about="the series as merged, without the bulk API: interrupts go to the buddy lists; drain by worker",
        models="Linux v4.11-rc1 (374ad05ab64d)",
        bulk=None,
        drain_by="worker",
    )
    yield v4_11_rc
    yield replace(
        v4_11_rc,
        name="bh-disable",
        about="bottom halves off around the pcp, so that softirqs may use it; hardirqs go to the buddy lists",
        models="patch of 27 March 2017 on Linux v4.11-rc3 (Message-Id 20170330170708.084bd16c), never merged",
        entry=BH,
    )
    v4_11 = replace(
        v4_10,
        name="v4.11",
        about="the revert: v4.10's locking, with the worker drain kept",
        models="Linux v4.11 (d34b0733b452)",
        drain_by="worker",
    )
    yield v4_11
    v4_17 = replace(
        v4_11,
        name="v4.17",
        about="interrupts masked, once for up to 32 pages of a list free; drains pick pages before they lock the zone",
        models="Linux v4.17 (97334162e4d7)",
        hot_cold=False,
        drain_pick="before lock",
        list_free=ListFree(by_zone=False, waits=False),
    )
    yield v4_17
    yield replace(
        v4_17,
        name="v6.1",
        about="a lock in each pcp, tried with interrupts masked; blocks on the pcp; drains that grow; bulk API",
        models="Linux v6.1 (01b44456a7aa)",
        entry=TRYLOCK_IRQSAVE,
        otherwise="buddy lists",
        counters="outside",
        sizes=sizes_v5_14,
        tuning=BlocksDrainAll,
        drain_order="list by list",
        drain_pick="under lock",
        list_free=ListFree(by_zone=True, waits=True),
        bulk=BulkApi(appends=True, zones="any", mark="low", prepares=True, list_call=False),
        drain_by="caller",
        pcp_orders=BLOCKS,
    )


VERSIONS: Table[Generation] = Table("allocator", {row.name: row for row in _rows()})
