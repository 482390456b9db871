"""What runs on the CPUs: one program a file, and the table of kinds that scenarios name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simalloc.allocators import Allocator, KernelSteps
from simalloc.registry import Table
from simalloc.workloads.alloc_bench import AllocBench, AllocBenchSpec
from simalloc.workloads.base import Measured, Strict, Workload, WorkloadSpec
from simalloc.workloads.lock_loop import LockLoop, LockLoopSpec
from simalloc.workloads.memory_pressure import MemoryPressure, MemoryPressureSpec
from simalloc.workloads.mixed import Mixed, MixedSpec
from simalloc.workloads.nic_rx import NicRx, NicRxSpec
from simalloc.workloads.page_fault import PageFault, PageFaultSpec
from simalloc.workloads.pagealloc import PageAlloc, PageAllocSpec
from simalloc.workloads.process_exit import ExitSpec, ProcessExit
from simalloc.workloads.producer_consumer import ProducerConsumer, ProducerConsumerSpec
from simalloc.workloads.purger import Purger, PurgerSpec
from simalloc.workloads.replay import Replay, ReplaySpec


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of workload: how it is described, what makes it, and what it is."""

    spec: type[WorkloadSpec]
    workload: Callable[[Any, Allocator, KernelSteps], Workload]
    about: str


_KINDS: dict[str, Kind] = {
    "pagealloc": Kind(
        PageAllocSpec,
        PageAlloc,
        "allocate a batch, free it in the same order, time both (mmtests pagealloc, January 2017)",
    ),
    "nic-rx": Kind(
        NicRxSpec,
        NicRx,
        "receive packets by interrupt, softirq and NAPI poll, a page each; count what is delivered and dropped",
    ),
    "alloc-bench": Kind(
        AllocBenchSpec,
        AllocBench,
        "every CPU allocates many pages, all meet, each frees its own; or the same page again and again (ATC 2023)",
    ),
    "page-fault": Kind(
        PageFaultSpec,
        PageFault,
        "processes touch every page of a mapping and unmap it (will-it-scale page_fault1), with the LRU lock",
    ),
    "producer-consumer": Kind(
        ProducerConsumerSpec, ProducerConsumer, "pages allocated on one CPU and freed on another, in pairs"
    ),
    "memory-pressure": Kind(
        MemoryPressureSpec,
        MemoryPressure,
        "readers fill the page cache of a full zone; kswapd, direct reclaim and drains of all lists make room",
    ),
    "purger": Kind(PurgerSpec, Purger, "pages allocated in faults on most CPUs, freed by a few (jemalloc's purgers)"),
    "exit": Kind(ExitSpec, ProcessExit, "large processes fault their memory in, then all end at the same time"),
    "mixed": Kind(MixedSpec, Mixed, "a weighted blend of allocations and frees with think times"),
    "replay": Kind(
        ReplaySpec, Replay, "the requests of a recorded kernel trace, made again to the simulated allocator"
    ),
    "lock-loop": Kind(LockLoopSpec, LockLoop, "think, take one lock, hold it, let go: what a kind of lock does alone"),
}

WORKLOADS: Table[Kind] = Table("workload", _KINDS)
"""The kinds there are, by the name that scenarios use."""

__all__ = [
    "WORKLOADS",
    "AllocBench",
    "AllocBenchSpec",
    "ExitSpec",
    "Kind",
    "LockLoop",
    "LockLoopSpec",
    "Measured",
    "MemoryPressure",
    "MemoryPressureSpec",
    "Mixed",
    "MixedSpec",
    "NicRx",
    "NicRxSpec",
    "PageAlloc",
    "PageAllocSpec",
    "PageFault",
    "PageFaultSpec",
    "ProcessExit",
    "ProducerConsumer",
    "ProducerConsumerSpec",
    "Purger",
    "PurgerSpec",
    "Replay",
    "ReplaySpec",
    "Strict",
    "Workload",
    "WorkloadSpec",
]
