"""All tables, by name, and what is published but not simulated."""

from __future__ import annotations

from simalloc.validation import tables_2017, tables_2018, tables_2021
from simalloc.validation.table import NotSimulated, Table

TABLES: dict[str, Table] = {
    table.name: table for table in (*tables_2017.TABLES, *tables_2018.TABLES, *tables_2021.TABLES)
}

NOT_SIMULATED = (
    NotSimulated(
        "stat-threshold-2017",
        "page_bench03 on 88 CPUs as the flush threshold of NUMA counters grows: 799 to 394 cycles",
        "NUMA counters are a fixed price here (`zone_counters`); only NR_FREE_PAGES has a threshold",
    ),
    NotSimulated(
        "auto-tuning-2023, patch by patch",
        "kbuild, netperf and lmbench with each patch of the series; their scores and counts of pages",
        "no workload here is a build of the kernel: what it allocates and frees over time was not recorded",
    ),
    NotSimulated(
        "page-fault-2018, Broadwell-EX",
        "the same sweep of the batch on four sockets of Broadwell-EX",
        "there is no preset of that machine",
    ),
    NotSimulated(
        "zone-lock-2018, reworked buddy system",
        "no merging, cluster allocation, a zone lock with readers: patches that were never merged",
        "no generation here has them",
    ),
    NotSimulated(
        "irq-mask-per-list-2017",
        "sparsetruncate with interrupts masked a page or a list; aim9 with the irq-safe patch; CONFIG_NUMA=n",
        "the file system around it, fork and brk are not simulated",
    ),
    NotSimulated(
        "napi-events-2017",
        "tracepoint counts of 8 NAPI and 40 application cores",
        "counts are of a whole system; what the application cores did is not published",
    ),
    NotSimulated(
        "primitives, core-to-core", "time_bench, InstLatx64, cache line transfers", "they are what presets are made of"
    ),
)
