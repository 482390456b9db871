"""docs/validation.md, from what `simalloc validate --format json` printed: `make validation` writes both anew."""

from __future__ import annotations

import json
from pathlib import Path

from simalloc.validation.report import markdown

DOCS = Path(__file__).resolve().parent.parent
STORED = DOCS / "validation.json"
PAGE = DOCS / "validation.md"

HEAD = """# How right is it?

This page is what `simalloc validate` finds: every published table we hold, run through the simulator. `make
validation` writes it anew.

- *Fitted* rows are those that costs were fitted on. *Prediction* rows nobody fitted. A figure of merit never mixes
  them.
- An error is (simulated - published) / published in %. Of shares and changes, which are in % themselves, it is the
  difference in points.
- A *band* is how far off a group of rows may be: RMS and worst. Its reason is written beside it. Outside it the verdict
  is LEFT ITS BAND, and the command ends with exit code 1.
- Where a better model should do better, there is a *target* as well, and what is missing. Inside the band but outside
  the target the verdict is *known miss*.

"""


def page() -> str:
    """Return the page as the stored outcomes make it."""
    return HEAD + markdown(json.loads(STORED.read_text(encoding="utf-8")))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
