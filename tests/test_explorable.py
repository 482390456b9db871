"""Explorable figures of the documentation: all positions are there, and sliders choose among them in a browser."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from simalloc.runs import run
from simalloc.scenario import build
from simalloc_docs.explorable import FIGURES, Explorable, Slider, html_of
from tests.browser import chromium

ROOT = Path(__file__).resolve().parent.parent

SMALL = Explorable(
    "small",
    "A small figure",
    "total",
    (Slider("machine.costs.irq_restore", "Price of <POPF>", "cycles", (4, 26), 1),),
    {
        "memory": {"zone": "64MiB"},
        "compare": [{"label": "a", "allocator": "v4.10"}, {"label": "b", "allocator": "v4.11-rc"}],
        "workload": {"kind": "pagealloc", "batches": [4, 16], "samples": 3, "dropped": 2},
    },
    {},
)


@pytest.fixture(scope="module")
def page() -> str:
    return html_of(SMALL, SMALL.result(1))


def data_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json">(.*?)</script>', page, re.DOTALL)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_every_position_is_what_run_gives(page: str) -> None:
    data = data_of(page)
    assert list(data["charts"]) == ["0", "1"]
    machine = {"costs": {"irq_restore": 4}}
    rows = run(build({"name": "small", **SMALL.scenario, "machine": machine})).select(label="a", metric="total")
    assert data["charts"]["0"]["curves"][0]["y"] == [row["value"] for row in rows]


def test_a_plain_figure_stands_there_without_javascript(page: str) -> None:
    plain, _, script = page.partition("<script")
    assert "<svg" in plain
    assert "Price of &lt;POPF&gt;: 26 cycles." in plain
    assert "<POPF>" not in script


def test_there_are_four_and_each_is_on_the_page() -> None:
    text = (ROOT / "docs" / "explore.md").read_text(encoding="utf-8")
    assert len(FIGURES) >= 4
    for figure in FIGURES:
        assert f"generated/explorable/{figure.name}.html" in text
        settings = {slider.key: list(slider.values) for slider in figure.sliders} | dict(figure.sweep)
        assert build({"name": figure.name, **figure.scenario, "sweep": settings}).cases


def test_a_slider_chooses_a_position_by_keyboard(page: str, tmp_path: Path) -> None:
    scripts = [ROOT / "simalloc/lab/web/chart.js", ROOT / "docs/static/explorable.js"]
    tags = "".join(f"<script>{file.read_text(encoding='utf-8')}</script>" for file in scripts)
    file = tmp_path / "page.html"
    file.write_text(f"<!doctype html><html lang='en'><meta charset='utf-8'>{page}{tags}</html>", encoding="utf-8")
    with chromium(tmp_path / "profile") as browser:
        browser.get(file.as_uri())
        slider = browser.find_element(By.CSS_SELECTOR, "input[type=range]")
        assert slider.get_attribute("aria-valuetext") == "26 cycles"
        slider.send_keys(Keys.ARROW_LEFT)
        assert slider.get_attribute("aria-valuetext") == "4 cycles"
        shown = browser.execute_script("return document.querySelector('.explorable-graph').spec.curves")
        assert shown == data_of(page)["charts"]["0"]["curves"]
        graph = browser.find_element(By.CLASS_NAME, "chart-svg")
        graph.send_keys(Keys.ARROW_RIGHT)
        assert browser.find_element(By.CLASS_NAME, "chart-reading").text.startswith("batch (pages) 4: a ")
        assert not browser.find_element(By.CLASS_NAME, "explorable-plain").is_displayed()
        assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]
