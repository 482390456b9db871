"""The zones of a real machine, as its /proc/zoneinfo tells them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from simalloc.memory import MigrateType, Watermarks, ZoneFacts
from simalloc.workloads import Strict

Pages = Annotated[int, Field(ge=0, le=1 << 40)]
Counts = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1, max_length=11)]

TOP_BLOCK = 1024
"""Pages of the largest block: where a zone starts is a multiple of it here."""


class FreeBlocksSpec(Strict):
    """Free blocks by order, from 0 on, of each migratetype: /proc/pagetypeinfo."""

    unmovable: Counts = Field(default=[0], description="blocks for kernel data that cannot move")
    movable: Counts = Field(default=[0], description="blocks for user pages")
    reclaimable: Counts = Field(default=[0], description="blocks for caches that can be dropped")

    def counts(self) -> dict[tuple[int, MigrateType], int]:
        """Return them by order and type."""
        lists = (self.unmovable, self.movable, self.reclaimable)
        return {(order, mt): n for mt, counts in zip(MigrateType, lists, strict=True) for order, n in enumerate(counts)}


class ZoneSpec(Strict):
    """One zone, in pages."""

    name: Annotated[str, Field(min_length=1)] = Field(description="such as DMA32 or Normal")
    node: Annotated[int, Field(ge=0)] = Field(default=0, description="NUMA node of its memory")
    start: Pages = Field(default=1 << 20, description="its first page frame (start_pfn)")
    span: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="page frames from its first to its last (spanned); its pages by default"
    )
    pages: Annotated[int, Field(ge=1)] = Field(description="pages that the page allocator manages (managed)")
    free: Pages | None = Field(default=None, description="free pages at the start; all by default")
    min: Pages = Field(description="MIN watermark")
    low: Pages = Field(description="LOW watermark")
    high: Pages = Field(description="HIGH watermark")
    local_cpus: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="CPUs among which the kernel divides its sizes; those of its node by default"
    )
    pcp_high: Pages | None = Field(
        default=None,
        description="pcp high at the start, for kernels that adapt it; by default as the kernel computes it",
    )
    free_blocks: FreeBlocksSpec | None = Field(
        default=None, description="free blocks at the start; without it, `free` pages in blocks as large as possible"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> ZoneSpec:
        if self.span is not None and self.span < self.pages:
            raise ValueError(f"span {self.span} is less than its {self.pages} pages")
        if self.free is not None and self.free > self.pages:
            raise ValueError(f"{self.free} free of {self.pages} pages are too many")
        if not self.min <= self.low <= self.high:
            raise ValueError(f"watermarks ascend: min {self.min}, low {self.low}, high {self.high} do not")
        if self.free_blocks is not None:
            free = sum(n << order for (order, _), n in self.free_blocks.counts().items())
            if free > self.pages:
                raise ValueError(f"free_blocks has {free} pages, the zone {self.pages}")
        return self

    @property
    def first(self) -> int:
        """Its first page frame, rounded down to the largest block."""
        return self.start // TOP_BLOCK * TOP_BLOCK

    @property
    def end(self) -> int:
        """The page frame after its last."""
        return self.start + (self.span or self.pages)

    def facts(self, cpus: int, high_fraction: int) -> ZoneFacts:
        """Return what the sizes of its pcps follow from; `cpus` are those of a node, where it does not say."""
        return ZoneFacts(self.pages, self.local_cpus or cpus, self.watermarks(), high_fraction)

    def watermarks(self) -> Watermarks:
        """Return its watermarks."""
        return Watermarks(self.min, self.low, self.high)
