"""Write the stored results of every shipped scenario, and the data of its figures, anew: `make stored`.

Look at the difference before a commit. `figures` as argument writes those alone, from the results as they are;
`explain` writes what is told of every version, and nothing else; `bytecodes` what short runs cost under this version
of Python, and nothing else.
"""

import json
import sys

from bytecodes import environment

from simalloc.allocators import VERSIONS
from tests.test_explain import FOLDER as EXPLAINED
from tests.test_explain import text_of
from tests.test_plots import figures_text
from tests.test_speed import STORED, counted
from tests.test_stored import FOLDER, current, stored_result

if sys.argv[1:] == ["bytecodes"]:
    counts = json.loads(STORED.read_text(encoding="utf-8")) if STORED.exists() else {}
    STORED.write_text(json.dumps(counts | {environment(): counted()}, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {STORED.name} for {environment()}")
    sys.exit()

if sys.argv[1:] in ([], ["explain"]):
    EXPLAINED.mkdir(exist_ok=True)
    for name in VERSIONS:
        (EXPLAINED / f"{name}.txt").write_text(text_of(name), encoding="utf-8")
        print(f"wrote tests/stored/explain/{name}.txt")
    if sys.argv[1:]:
        sys.exit()

if sys.argv[1:] != ["figures"]:
    for name, text in current().items():
        (FOLDER / f"{name}.json").write_text(text, encoding="utf-8")
        print(f"wrote tests/stored/{name}.json")

(FOLDER / "figures").mkdir(exist_ok=True)
for file in sorted(set(FOLDER.glob("*.json")) - {STORED}):
    (FOLDER / "figures" / file.name).write_text(figures_text(stored_result(file.stem)), encoding="utf-8")
    print(f"wrote tests/stored/figures/{file.name}")
