import json
import re
from pathlib import Path
from typing import Any

import pytest

from simalloc.course.exercise import exercise

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def cells(file: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))["cells"]
    return found


def tagged(file: Path, tag: str) -> list[str]:
    return ["".join(cell["source"]) for cell in cells(file) if tag in cell["metadata"].get("tags", [])]


def named(sources: list[str], call: str) -> list[str]:
    return [name for source in sources for name in re.findall(rf'course\.{call}\(\s*"([^"]+)"', source)]


def test_there_is_a_course() -> None:
    assert {"01", "02", "03", "04", "05", "06", "07", "08"} <= {file.name[:2] for file in NOTEBOOKS}


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_no_figure_or_output_is_kept_in_git(file: Path) -> None:
    kept = [cell["id"] for cell in cells(file) if cell.get("outputs") or cell.get("execution_count")]
    assert kept == [], "Edit > Clear Outputs of All Cells, then save"


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_cells_are_told_apart_by_their_ids(file: Path) -> None:
    ids = [cell["id"] for cell in cells(file)]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_prediction_comes_first_and_is_compared(file: Path) -> None:
    code = ["".join(cell["source"]) for cell in cells(file) if cell["cell_type"] == "code"]
    predicted = next(i for i, source in enumerate(code) if "course.predict(" in source)
    assert all("simalloc.run(" not in source for source in code[: predicted + 1])
    assert any("mine.compare(" in source for source in code[predicted:])


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_every_exercise_has_a_check_and_a_folded_solution(file: Path) -> None:
    asked = named(tagged(file, "exercise"), "check")
    assert asked
    assert [exercise(name).name for name in asked] == asked
    assert named(tagged(file, "solution"), "solution") == asked
    folded = [cell["metadata"] for cell in cells(file) if "solution" in cell["metadata"].get("tags", [])]
    assert all(data["jupyter"] == {"outputs_hidden": True, "source_hidden": True} for data in folded)
    assert all("hide-cell" in data["tags"] for data in folded)
    assert len(tagged(file, "exercise")) == len(asked)


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_links_lead_somewhere(file: Path) -> None:
    text = "".join("".join(cell["source"]) for cell in cells(file) if cell["cell_type"] == "markdown")
    targets = re.findall(r"\]\(([^)#:]+)\)", text)
    assert [target for target in targets if not (FOLDER / target).exists()] == []
