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
    LOCAL_LOCK,
    ORDER_0,
    PREEMPT,
    PREEMPT_NO_RESCHED,
    TRYLOCK,
    TRYLOCK_IRQSAVE,
    BulkApi,
    Generation,
    ListFree,
)
from simalloc.allocators.linux import Linux
from simalloc.allocators.pcp_buddy import PcpBuddy
from simalloc.memory import PAGEBLOCK_ORDER, Tuning, sizes_v4_10, sizes_v4_19, sizes_v5_14, sizes_v6_7
from simalloc.memory.tuning import DEFAULT_SCALE_MAX, AutoTuned, BlocksDrainAll, DoublingDrains, LaterBursts
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
        pgfree="before lock",
        min_free_at_most=65536,
        sizes=sizes_v4_10,
        scale_max=None,
        tuning=Tuning,
        drain_order="round robin",
        drain_pick="under lock",
        list_free=None,
        bulk=None,
        fallback="half a block",
        drain_chunk="all",
        drain_by="ipi",
        drain_all_chunk="all",
        pcp_orders=ORDER_0,
    )
    yield v4_10
    noirq_v2 = replace(
        v4_10,
        name="noirq-v2",
        about="pcp for !in_interrupt() callers only, preemption off instead of interrupts; bulk API",
        models="January 2017 series v2r7 (Message-Id 20170109163518.6001-1), on Linux v4.10-rc2",
        entry=PREEMPT_NO_RESCHED,
        bulk=BulkApi(
            appends=False, zones="first", mark="high", prepares=False, counts="once", list_call=True, arrays=False
        ),
    )
    yield noirq_v2
    v4_11_rc = replace(
        noirq_v2,
        name="v4.11-rc",
        about="the series as merged, without the bulk API: interrupts go to the buddy lists; drain by worker",
        models="Linux v4.11-rc1 (374ad05ab64d)",
        entry=PREEMPT,
        pgfree="under lock",
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
    v4_15 = replace(
        v4_11,
        name="v4.15",
        about="interrupts masked once for up to 32 pages of a list free; no hot and cold pages",
        models="Linux v4.15 (9cca35d42eb6)",
        hot_cold=False,
        list_free=ListFree(by_zone=False, lock="none", restarts=False),
    )
    yield v4_15
    v4_17 = replace(
        v4_15,
        name="v4.17",
        about="drains pick pages before they lock the zone",
        models="Linux v4.17 (97334162e4d7)",
        drain_pick="before lock",
    )
    yield v4_17
    v4_19 = replace(
        v4_17,
        name="v4.19",
        about="batches twice as large",
        models="Linux v4.19 (d8a759b57035)",
        sizes=sizes_v4_19,
    )
    yield v4_19
    v5_13 = replace(
        v4_19,
        name="v5.13",
        about="a bulk allocation again, for every context, with interrupts masked for all of it",
        models="Linux v5.13 (387ba26fb1cb, 0f87d9d30f21)",
        min_free_at_most=262144,
        bulk=BulkApi(appends=True, zones="node", mark="low", prepares=True, counts="each", list_call=False),
    )
    yield v5_13
    v5_14 = replace(
        v5_13,
        name="v5.14",
        about="blocks on the pcp, a high by watermark and CPUs, drains that double; counted with interrupts on",
        models="Linux v5.14 (44042b449872)",
        entry=LOCAL_LOCK,
        counters="outside",
        pgfree="after",
        sizes=sizes_v5_14,
        tuning=DoublingDrains,
        bulk=BulkApi(appends=True, zones="node", mark="low", prepares=True, counts="once", list_call=False),
        pcp_orders=BLOCKS,
    )
    yield v5_14
    v5_18 = replace(
        v5_14,
        name="v5.18",
        about="drains list by list in a single pass under the lock; a block freed in a row of frees drains everything",
        models="Linux v5.18 (8b10b465d0e1)",
        tuning=BlocksDrainAll,
        drain_order="list by list",
        drain_pick="under lock",
    )
    yield v5_18
    v6_1 = replace(
        v5_18,
        name="v6.1",
        about="a lock in each pcp, tried with interrupts masked, so that others may drain it",
        models="Linux v6.1 (01b44456a7aa, 443c2accd1b6), as released in December 2022",
        entry=TRYLOCK_IRQSAVE,
        otherwise="buddy lists",
        list_free=ListFree(by_zone=True, lock="wait", restarts=False),
        drain_by="caller",
    )
    yield v6_1
    v6_2 = replace(
        v6_1,
        name="v6.2",
        about="the pcp's lock is tried with interrupts on; who interrupts its holder goes to the buddy lists",
        models="Linux v6.2 (574907741599)",
        entry=TRYLOCK,
        list_free=ListFree(by_zone=True, lock="try", restarts=True),
    )
    yield replace(
        v6_2,
        name="6.1-stable",
        about="v6.2's lock in the long-term release, with drains of at most 32 batches",
        models="Linux 6.1.192 (574907741599 backported), as Debian has it",
        scale_max=DEFAULT_SCALE_MAX,
    )
    yield v6_2
    v6_7 = replace(
        v6_2,
        name="v6.7",
        about="high follows the load; refills double and drains grow with what is freed, up to 32 batches",
        models="Linux v6.7 (90b41691b988, 57c0419c5f0e, 6ccdcb6d3a74)",
        sizes=sizes_v6_7,
        scale_max=DEFAULT_SCALE_MAX,
        tuning=AutoTuned,
    )
    yield v6_7
    v6_10 = replace(
        v6_7,
        name="v6.10",
        about="a type without free blocks claims whole pageblocks or steals; drain_all_pages lets others in",
        models="Linux v6.10 (55f77df7d715, c0cd6f557b90)",
        fallback="whole blocks",
        drain_all_chunk="largest",
    )
    yield v6_10
    v6_12 = replace(
        v6_10,
        name="v6.12",
        about="v6.10 as the long-term release has it: how a type got its last page is remembered over a refill",
        models="Linux 6.12.117 (90abee6d7895 backported), as Debian has it",
        fallback="whole blocks, way remembered",
    )
    yield v6_12
    v6_15 = replace(
        v6_12,
        name="v6.15",
        about="allocations and frees that wait for no lock, for any context (BPF); bulk allocations fill arrays only",
        models="Linux v6.15 (97769a53f117, 8c57b687e833; c8b979530f27 of v6.14)",
        bulk=BulkApi(
            appends=True, zones="node", mark="low", prepares=True, counts="once", list_call=False, lists=False
        ),
        nolock=True,
    )
    yield v6_15
    v6_16 = replace(
        v6_15,
        name="v6.16",
        about="a burst of blocks takes the lists along only after half of high_min has been freed in a row",
        models="Linux v6.16 (Message-Id 20250407105219.55351-1)",
        tuning=LaterBursts,
    )
    yield v6_16
    v6_19 = replace(
        v6_16,
        name="v6.19",
        about="a drain that is due lets others in after every batch; if one has taken the lock the rest is forgotten",
        models="Linux v6.19 (Message-Id 20251013190812.787205-4)",
        drain_chunk="batch",
    )
    yield v6_19
    v7_1 = replace(
        v6_19,
        name="v7.1",
        about="an interrupt that finds no block on its pcp, and memory below LOW, takes one and no refill",
        models="Linux v7.1 (F. van der Linden, linux-mm, 20 March 2026)",
        atomic_blocks="one at a time below LOW",
    )
    yield v7_1
    yield replace(
        v7_1,
        name="v7.3",
        about="so does any interrupt that finds no block of order 1 or more on its pcp",
        models="Linux v7.3 (7a496b133387)",
        atomic_blocks="one at a time",
    )
    yield replace(
        v6_19,
        name="pcp-buddy-rfc",
        about="CPUs own whole pageblocks, split and merge them on the pcp; a page is freed to its block's owner",
        models="RFC of 3 April 2026 (Message-Id 20260403194526.477775-1), on v6.19 here; not merged",
        scheme=PcpBuddy,
        drain_chunk="all",
        pcp_orders=range(PAGEBLOCK_ORDER + 1),
    )


VERSIONS: Table[Generation] = Table("allocator", {row.name: row for row in _rows()})
