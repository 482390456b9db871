"""Published tables of 2021 to 2023: bulk allocation, all cores at one zone, long batches, auto-tuned high."""

from __future__ import annotations

from simalloc.validation import figures
from simalloc.validation.table import Band, Limits, Table

BATCHES = (1, 2, 3, 4, 8, 16, 32, 64, 128)

BULK_2021 = Table(
    name="page-bench-bulk-2021",
    about="Bulk allocation of Linux 5.13 and with local_lock, pages freed one by one; into an array and into a list",
    published="page-bench-bulk-2021.csv",
    scenario={
        "name": "page-bench-bulk-2021",
        "machine": {"preset": "seed-2017", "cpus": 1, "costs": figures.NO_POPF},
        "memory": {"zone": "1GiB"},
        "workload": {"kind": "pagealloc", "api": "bulk", "freed": "one by one", "batches": list(BATCHES)},
        "compare": [
            {"label": f"{name}, {kind}", "allocator": allocator, "workload": {"api": api}}
            for name, allocator in (("v5r9", "v5.13"), ("local_lock", "v5.14"))
            for kind, api in (("array", "bulk"), ("list", "bulk-list"))
        ],
        "seed": 1,
    },
    fitted_on="nothing: costs of seed-2017, with the flags restored without POPF as from Linux 5.12 on",
    spread="three trees of one month differ by 5 to 15 % at every bulk; inlining one function saved 4 %",
    figures=figures.untimed,
    bands=(
        Band(
            rows="arrays",
            fitted=False,
            limits=Limits(15, 20),
            why="trees of one month differ by 5 to 15 %",
            where={"label": ("v5r9, array", "local_lock, array")},
        ),
        Band(
            rows="lists",
            fitted=False,
            limits=Limits(15, 20),
            why="trees of one month differ by 5 to 15 %",
            where={"label": ("v5r9, list", "local_lock, list")},
        ),
    ),
)

ALL_CORES = Table(
    name="linux-alloc-bench-2023",
    about="1 to 8 cores of an Ice Lake node allocate, free, or repeat the same page, on Linux 6.0",
    published="linux-alloc-bench-2023.csv",
    scenario="linux-alloc-bench-2023",
    settings=("sweep={machine.cpus: [1, 2, 3, 4, 5, 6, 7, 8]}", "replications=1"),
    fitted_on="six costs of ice-lake-5320 on 1 to 4 threads",
    spread="four iterations differ by 1 to 3 %",
    figures=figures.own,
    bands=(
        Band(
            rows="1 to 4 threads",
            fitted=True,
            limits=Limits(2, 4),
            why="iterations differ by 1 to 3 %",
            where={"cpus": (1, 2, 3, 4)},
        ),
        Band(
            rows="repeat on 5 to 8 threads",
            fitted=False,
            limits=Limits(2, 3),
            why="iterations differ by 1 %; nothing is shared",
            where={"metric": ("repeat",)},
        ),
        Band(
            rows="alloc and free on 5 to 8 threads",
            fitted=False,
            limits=Limits(5, 8),
            why="published frees grow a little faster than in proportion; no mechanism here does that",
            where={"metric": ("alloc", "free")},
        ),
    ),
)

RANDOM_FREES = Table(
    name="linux-alloc-bench-rand",
    about="Pages freed in random order by one thread, against frees in order in the same run",
    published="linux-alloc-bench-rand.csv",
    scenario="linux-alloc-bench-2023",
    settings=(
        "name=linux-alloc-bench-rand",
        "sweep={machine.cpus: [1]}",
        "workload.modes=[bulk, rand]",
        "replications=1",
    ),
    fitted_on="nothing: costs of ice-lake-5320 fitted on bulk and repeat, and sourced latencies of caches and memory",
    spread="four iterations differ by 1 to 3 %",
    figures=figures.against_bulk,
    bands=(
        Band(
            rows="one thread",
            fitted=False,
            limits=Limits(25, 25),
            why="latencies are of other machines of this kind, idle; which lines stay in a cache is a yes or no here",
        ),
    ),
)

ORDERS = Table(
    name="linux-alloc-bench-orders",
    about="Blocks of order 1, 3 and 4 on 8 cores (order 0 is in linux-alloc-bench-2023)",
    published="linux-alloc-bench-orders.csv",
    scenario={
        "name": "linux-alloc-bench-orders",
        "machine": {
            "preset": "ice-lake-5320",
            "cpus": 8,
            "shared_lines": {"zone": False, "free_area": True, "struct_pages": True, "counters": True},
        },
        "allocator": "v6.1",
        "memory": {"zone": "256GiB"},
        "workload": {"kind": "alloc-bench", "modes": ["bulk"], "pages": 4096},
        "sweep": {"workload.order": [1, 3, 4]},
        "replications": 1,
        "seed": 1,
    },
    fitted_on="nothing: costs of ice-lake-5320, fitted on order 0 on 1 to 4 threads",
    spread="not published",
    figures=figures.own,
    skip={"order": ("0",)},
    bands=(
        Band(
            rows="orders 1, 3 and 4",
            fitted=False,
            limits=Limits(35, 50),
            why="a block's costs by its pages are estimates; a thread does 4096 blocks, in reality many times that",
            target=Limits(25, 25),
            missing="which lines move, and what is checked, a block",
        ),
    ),
)

PHASES = (("alloc", 0), ("free", 1))

BATCH_LATENCY = Table(
    name="batch-latency-2023",
    about="How long a refill and a drain hold zone->lock as the batch grows, one process that faults and unmaps",
    published="batch-latency-2023.csv",
    scenario={
        "name": "batch-latency-2023",
        "machine": {"preset": "ice-lake-5320", "cpus": 1},
        "allocator": "v6.2",
        "memory": {"zone": "16GiB"},
        "workload": {"kind": "page-fault", "milliseconds": 5},
        "compare": [
            {"label": f"{label}, {phase}", "machine": {"preset": preset}, "workload": {"unmapping": unmapping}}
            for label, preset in (("Ice Lake server", "ice-lake-5320"), ("Coffee Lake desktop", "haswell-desktop"))
            for phase, unmapping in PHASES
        ],
        "sweep": {"allocator.batch, allocator.high": [[b, 2 * b] for b in (63, 127, 255, 511, 1023, 2047)]},
        "replications": 1,
        "seed": 1,
    },
    fitted_on="two costs of haswell-desktop are the slopes of the desktop's times; ice-lake-5320: nothing",
    spread="99th percentiles are 1.5 to 2.6 times the means; ftrace's own time is part of every section",
    figures=figures.holds,
    bands=(
        Band(
            rows="Ice Lake server",
            fitted=False,
            limits=Limits(40, 62),
            why="costs of another benchmark on this CPU, whose struct pages were warmer",
            where={"label": ("Ice Lake server, alloc", "Ice Lake server, free")},
            target=Limits(25, 30),
            missing="costs under the lock",
        ),
        Band(
            rows="Coffee Lake desktop: the slope over these batches is haswell-desktop's cost of a page",
            fitted=True,
            limits=Limits(15, 25),
            why="a slope leaves the constant part, and ftrace's own time with it",
        ),
    ),
)

AUTO_TUNING = Table(
    name="auto-tuning-2023",
    about="How much of the waiting for zone->lock is left when high follows the load (v6.2 to v6.7)",
    published="auto-tuning-2023.csv",
    scenario="fork-exit",
    settings=("name=auto-tuning-2023",),
    fitted_on="nothing",
    spread="a kernel build on 224 CPUs there, processes of 16 MiB on 26 CPUs here; other loads kept 40 to 100 %",
    figures=figures.wait_left,
    bands=(
        Band(
            rows="share of the waiting that is left",
            fitted=False,
            limits=Limits(10, 10),
            why="another load on another machine: that it falls by most is the mechanism's, by how much the load's",
        ),
    ),
)

TABLES = (BULK_2021, ALL_CORES, RANDOM_FREES, ORDERS, BATCH_LATENCY, AUTO_TUNING)
