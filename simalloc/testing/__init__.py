"""Whether a scheme keeps the rules that every allocator must keep: `conformance("my-scheme")` in a test."""

from simalloc.testing.conformance import Checked, Conformance, NotConformant, conformance, examine

__all__ = ["Checked", "Conformance", "NotConformant", "conformance", "examine"]
