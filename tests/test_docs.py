"""Every example in the documentation and in README runs and prints what the page says; generated pages are whole."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sybil.example import SybilFailure

import simalloc_docs
from simalloc import hardware
from simalloc.allocators import VERSIONS
from simalloc.hardware import costs, presets
from simalloc.registry import Table
from simalloc.runs.explain import explain
from simalloc.scenario import Scenario, load
from simalloc.workloads import WORKLOADS
from simalloc_docs import allocator_pages, notebook_pages
from simalloc_docs.schema_types import type_text
from tests.examples import Examples, matches

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
WRITTEN = sorted(page for page in DOCS.rglob("*.md") if "generated" not in page.parts)
TABLES: tuple[Table[Any], ...] = (VERSIONS, WORKLOADS)


@pytest.fixture
def examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Examples]:
    """Examples in an empty folder, with machine presets and tables that they may add to; one process, so no pool."""
    package = tmp_path / "hardware"
    shutil.copytree(Path(hardware.__file__).parent / "presets", package / "presets")
    folder = tmp_path / "page"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(costs, "files", lambda _: package)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    before = [list(table) for table in TABLES]
    forget_presets()
    yield Examples(package / "presets")
    forget_presets()
    for table, names in zip(TABLES, before, strict=True):
        table.restore(names)


def forget_presets() -> None:
    """What has been read of presets is kept; here it changes under the readers."""
    for reader in (costs.preset, costs.presets):
        getattr(reader, "cache_clear", lambda: None)()


@pytest.mark.parametrize("page", [ROOT / "README.md", *WRITTEN], ids=lambda page: str(page.relative_to(ROOT)))
def test_examples_run(page: Path, examples: Examples) -> None:
    for example in examples.of(page).examples():
        example.evaluate()


LONG = ("run", "calibrate", "sweep", "report", "validate", "sensitivity", "tune", "compare", "lab")
"""Commands that take long, or need what did."""


def readme_commands() -> Iterator[str]:
    """Give README's indented `simalloc` lines, which are shown without their output."""
    for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("    simalloc "):
            yield line.strip()


def test_readme_commands_are_right(examples: Examples) -> None:
    for example in examples.of(ROOT / "README.md").examples():
        if example.region.lexemes["arguments"] == "yaml":
            example.evaluate()
    for command in readme_commands():
        words = shlex.split(command, comments=True)
        if words[1] in ("run", "calibrate", "sweep", "sensitivity", "tune"):
            load(words[2], [words[i + 1] for i, word in enumerate(words) if word == "--set"])
        if words[1] in LONG:
            # Its options must be there.
            known = examples.run(f"simalloc {words[1]} --help")
            assert [word for word in words if word.startswith("--") and word not in known] == [], command
        else:
            examples.run(command)
            assert examples.code == 0, command


def test_generated_pages_are_all_of_the_schema_and_every_allocator_and_machine() -> None:
    texts = simalloc_docs.pages()
    keys = {f"`{key}` --" for each in definitions() for key in each["properties"]}
    assert {key for key in keys if key not in texts["scenario.md"]} == set()
    assert {f"allocators/{name}.md" for name in VERSIONS} | {f"machines/{name}.md" for name in presets()} <= set(texts)


def definitions() -> list[dict[str, Any]]:
    schema = Scenario.model_json_schema()
    return [schema, *schema["$defs"].values()]


def test_an_allocator_page_sums_its_steps() -> None:
    page = allocator_pages.page(VERSIONS["v4.10"], explain("v4.10"))
    steps, total = re.findall(r"\| `\w+` \| \d+ \| (\d+)", page.partition("pcp hit (task)")[2].partition("###")[0]), 148
    assert (sum(map(int, steps)), f"| **{total}** |" in page) == (total, True)


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 1024}, "whole number, 1 to 1,024"),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 0.5}, "number, more than 0, up to 0.5"),
        ({"anyOf": [{"const": "auto"}, {"type": "null"}]}, "`auto`"),
        ({"type": "array", "items": {"enum": ["a", "b"]}}, "list of (`a` or `b`)"),
        ({"$ref": "#/$defs/MachineSpec"}, "[machine](#scenario-machine)"),
    ],
)
def test_a_schema_in_words(schema: dict[str, Any], text: str) -> None:
    assert type_text(schema) == text


def test_a_page_that_is_gone_is_removed(tmp_path: Path) -> None:
    simalloc_docs.write(tmp_path, {"a.md": "old", "b.md": "stays"})
    simalloc_docs.write(tmp_path, {"b.md": "stays"})
    assert [file.name for file in tmp_path.iterdir()] == ["b.md"]


def test_notebooks_are_listed_if_there_are_any(tmp_path: Path) -> None:
    (tmp_path / "01-a-page.ipynb").write_text("{}", encoding="utf-8")
    assert "\n01-a-page\n" in notebook_pages.pages(tmp_path)["notebooks/index.md"]


def test_without_notebooks_the_page_says_so(tmp_path: Path) -> None:
    assert "make notebooks docs" in notebook_pages.pages(tmp_path)["notebooks/index.md"]


@pytest.mark.parametrize(
    ("expected", "same"), [("a\n...", True), ("...\nb 1", True), ("a\nb 1\n...", True), ("a\nb 2", False), ("a", False)]
)
def test_an_output_is_compared_but_for_dots(expected: str, *, same: bool) -> None:
    assert matches(expected, "a\nb  1\n") is same


def test_an_example_that_prints_something_else_fails(tmp_path: Path, examples: Examples) -> None:
    page = tmp_path / "page.md"
    page.write_text("```console\n$ simalloc list locks\nnothing\n```\n", encoding="utf-8")
    [example] = examples.of(page).examples()
    with pytest.raises(SybilFailure, match=r"page\.md, line 1"):
        example.evaluate()
