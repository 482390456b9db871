"""Whether this simalloc's core is compiled. This module is compiled with the core, so its own file tells."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

Build = Literal["compiled", "pure Python"]

BUILD: Build = "pure Python" if Path(__file__).suffix == ".py" else "compiled"
"""How the core that runs here was built. Both give the same results; compiled is faster."""
