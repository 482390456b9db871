"""Times situations for `speed.py`, in a process of its own: whichever simalloc its Python has is what runs.

Each line read names a situation's number and a model, `ours` or `obvious`; each line written is process time in
seconds, and a digest of what was found.
"""

from __future__ import annotations

import gc
import hashlib
import json
import sys
import time

from situations import situations

AT_LEAST = 0.1
"""Seconds of a turn: what takes less is run again, because a single millisecond is measured badly. The best counts."""


def main() -> None:
    """Say which build this is, then answer until there is nothing more."""
    try:
        from simalloc.compiled import BUILD  # noqa: PLC0415

        print(json.dumps(BUILD), flush=True)
    except ImportError:
        print(json.dumps("pure Python"), flush=True)  # simalloc from before there was another
    for line in sys.stdin:
        number, model = line.split()
        took, spent = float("inf"), 0.0
        gc.collect()
        while spent < AT_LEAST:
            run = getattr(situations()[int(number)], model)()
            began = time.process_time()
            found = run()
            spent += (once := time.process_time() - began)
            took = min(took, once)
        print(json.dumps([took, hashlib.sha256(repr(found).encode()).hexdigest()]), flush=True)


if __name__ == "__main__":
    main()
