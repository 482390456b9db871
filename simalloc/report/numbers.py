"""Numbers as people read them."""

from __future__ import annotations

from typing import Any


def text_of(value: Any) -> str:
    """Return a value as text: thousands apart, four digits that count, nothing for nothing."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int) or value.is_integer() or abs(value) >= 10_000:
        return f"{value:,.0f}"
    digits = 2 if abs(value) >= 10 else 3 if abs(value) >= 1 else 4
    return f"{value:,.{digits}f}"
