"""What runs on the CPUs: one program a file, and the table of kinds that scenarios name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simalloc.allocators import Allocator, KernelSteps
from simalloc.workloads.base import Measured, Strict, Workload, WorkloadSpec
from simalloc.workloads.nic_rx import NicRx, NicRxSpec
from simalloc.workloads.pagealloc import PageAlloc, PageAllocSpec


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of workload: how it is described, what makes it, and what it is."""

    spec: type[WorkloadSpec]
    workload: Callable[[Any, Allocator, KernelSteps], Workload]
    about: str


WORKLOADS: dict[str, Kind] = {
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
}

__all__ = [
    "WORKLOADS",
    "Kind",
    "Measured",
    "NicRx",
    "NicRxSpec",
    "PageAlloc",
    "PageAllocSpec",
    "Strict",
    "Workload",
    "WorkloadSpec",
]
