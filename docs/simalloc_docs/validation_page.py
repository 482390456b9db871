"""docs/validation.md, from what `simalloc validate --format json` printed: `make validation` writes both anew."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from simalloc.validation import NOT_SIMULATED, TABLES
from simalloc.validation.report import as_data, markdown

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


def merge(file: Path) -> None:
    """Put tables that were run alone, as `simalloc validate TABLE --format json` printed them, among those stored."""
    stored, new = (json.loads(each.read_text(encoding="utf-8")) for each in (STORED, file))
    by_name = {table["name"]: table for table in new["tables"]}
    stored["tables"] = [by_name.pop(table["name"], table) for table in stored["tables"]] + list(by_name.values())
    stored["tables"].sort(key=lambda table: list(TABLES).index(table["name"]))
    stored["not_simulated"] = as_data([], NOT_SIMULATED)["not_simulated"]
    STORED.write_text(json.dumps(stored, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        merge(Path(name))
    PAGE.write_text(page(), encoding="utf-8")
