"""Write the stored results of every shipped scenario, and the data of its figures, anew: `make stored`.

Look at the difference before a commit. `figures` as argument writes those alone, from the results as they are.
"""

import sys

from tests.test_plots import figures_text, stored_result
from tests.test_stored import FOLDER, current

if sys.argv[1:] != ["figures"]:
    for name, text in current().items():
        (FOLDER / f"{name}.json").write_text(text, encoding="utf-8")
        print(f"wrote tests/stored/{name}.json")

(FOLDER / "figures").mkdir(exist_ok=True)
for file in sorted(FOLDER.glob("*.json")):
    (FOLDER / "figures" / file.name).write_text(figures_text(stored_result(file.stem)), encoding="utf-8")
    print(f"wrote tests/stored/figures/{file.name}")
