"""How the page allocator protects its state: one mechanism a file, and the table of kernel versions."""

from simalloc.allocators.base import Allocator
from simalloc.allocators.shared_lines import LineSwitches
from simalloc.allocators.steps import KernelSteps
from simalloc.allocators.versions import VERSIONS, Version

__all__ = ["VERSIONS", "Allocator", "KernelSteps", "LineSwitches", "Version"]
