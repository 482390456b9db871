"""Every shipped allocator keeps the rules; a scheme that breaks one is found out."""

from __future__ import annotations

import pytest

from simalloc.allocators import VERSIONS
from simalloc.testing import conformance


@pytest.mark.parametrize("allocator", sorted(VERSIONS))
def test_a_shipped_allocator_keeps_every_rule(allocator: str) -> None:
    assert conformance(allocator).passed
