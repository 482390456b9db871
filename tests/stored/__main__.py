"""Write the stored results of every shipped scenario anew: `make stored`. Look at the difference before a commit."""

from tests.test_stored import FOLDER, current

for name, text in current().items():
    (FOLDER / f"{name}.json").write_text(text, encoding="utf-8")
    print(f"wrote tests/stored/{name}.json")
