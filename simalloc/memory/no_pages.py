"""A zone that has no page left for who must have one."""

from mypy_extensions import mypyc_attr


@mypyc_attr(native_class=False)  # compiled code has no subclasses of MemoryError
class NoPages(MemoryError):  # noqa: N818
    """A workload cannot go on because the simulated zone is too small; the text says who wanted what, and when.

    A class of its own, so that a lack of real memory is never taken for it.
    """
