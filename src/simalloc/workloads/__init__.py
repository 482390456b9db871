"""What runs on the CPUs: one program a file, and the table of kinds that scenarios name."""

from simalloc.workloads.base import Measured, Strict, Workload
from simalloc.workloads.pagealloc import PageAlloc, PageAllocSpec

WORKLOADS: dict[str, str] = {
    "pagealloc": "allocate a batch, free it in the same order, time both (mmtests pagealloc, January 2017)",
}

__all__ = ["WORKLOADS", "Measured", "PageAlloc", "PageAllocSpec", "Strict", "Workload"]
