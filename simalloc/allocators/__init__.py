"""How the page allocator protects its state: one scheme, the parts of a generation, the table of kernel versions."""

from simalloc.allocators.base import Allocator
from simalloc.allocators.generation import Generation
from simalloc.allocators.linux import Linux
from simalloc.allocators.mistakes import MISTAKES, with_mistake
from simalloc.allocators.shared_lines import LineSwitches
from simalloc.allocators.steps import KernelSteps
from simalloc.allocators.versions import VERSIONS

__all__ = ["MISTAKES", "VERSIONS", "Allocator", "Generation", "KernelSteps", "LineSwitches", "Linux", "with_mistake"]
