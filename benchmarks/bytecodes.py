"""Bytecodes that a run executes in simalloc and in SimPy: a measure of cost that noise cannot touch.

Exact for one version of Python and of SimPy; `environment` names them.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import simpy
from situations import Run

import simalloc

COUNTED = tuple(str(Path(module.__file__ or "").parent) for module in (simalloc, simpy))


def environment() -> str:
    """Return what counts hang on, such as `python 3.11, simpy 4.1.1`."""
    return f"python {sys.version_info.major}.{sys.version_info.minor}, simpy {version('simpy')}"


def bytecodes(run: Run) -> int:
    """Run it, and count."""
    count = 0
    ours: dict[CodeType, bool] = {}

    def counts(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal count
        if event == "opcode":
            count += 1
        return counts

    def enters(frame: FrameType, _event: str, _argument: Any) -> Any:
        code = frame.f_code
        if code not in ours:
            ours[code] = code.co_filename.startswith(COUNTED)
        if not ours[code]:
            return None
        frame.f_trace_lines = False
        frame.f_trace_opcodes = True
        return counts

    before = sys.gettrace()
    sys.settrace(enters)
    try:
        run()
    finally:
        sys.settrace(before)
    return count
