"""The names of figures and what each shows; `simalloc.plots` draws them. Known here, where matplotlib is not needed."""

from simalloc.registry import Table

_ABOUT = {
    "allocators": "labels side by side: figures that count, with 95 % intervals, changes and published figures",
    "cost_by_batch": "cycles to allocate and to free a page, against batch size",
    "profile": "generations side by side over several workloads: four figures that all workloads have",
    "contention": "time per call and throughput against CPUs, with intervals, bounds and published points",
    "throughput": "what a page costs on one CPU, what a NIC delivers on all, and where the cycles went",
    "lock_shares": "which lock takes the cycles as pcp batches grow, and what that does to the score",
    "cycles": "where the cycles went, by label: activities of the ledger in groups",
    "lock_times": "how long locks are waited for and held: survival curves on logarithmic axes",
    "irq_windows": "how long interrupts are off: windows counted by length and by cause, with the longest marked",
    "timeline": "what every CPU does in a few microseconds: contexts, functions, waits, holds, hand-overs",
    "pcp_counts": "pages on the pcp lists over time, with high and high - batch",
    "replay_counts": "pages on the pcp lists over time, of a traced kernel and of the simulated one",
}

FIGURE_ABOUT: Table[str] = Table("figure", _ABOUT)
"""Every kind of figure in the order they are drawn."""
