"""The report: everything escaped, ids that are unique, and in a browser it opens, sorts, zooms and prints."""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions.wheel_input import ScrollOrigin
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from simalloc.cli.commands.report import report
from simalloc.report import report_html
from simalloc.report.numbers import text_of
from simalloc.report.tables import price_table, result_tables
from simalloc.results import Result
from simalloc.runs import Window, run
from simalloc.scenario import ScenarioError, build
from tests.browser import chromium
from tests.test_stored import stored_result

EVIL = "<script>alert('&')</script>"


def with_plots(name: str, *plots: str) -> Result:
    result = Result.from_json(stored_result(name).to_json())
    result.definition["plots"] = list(plots)
    return result


@pytest.fixture(scope="module")
def recorded() -> Result:
    """Two CPUs, two labels, five microseconds recorded."""
    scenario = {
        "name": "two-cpus",
        "machine": {"cpus": 2},
        "compare": [{"label": EVIL, "allocator": "v4.10"}, {"label": "rc", "allocator": "v4.11-rc"}],
        "workload": {"kind": "pagealloc", "batches": [64, 512], "samples": 3},
        "interrupts": [{"name": "</script>", "hz": 1e5}],
        "plots": ["cycles", "timeline"],
        "replications": 1,
    }
    return run(build(scenario), record=Window("20us", "10us"))


@pytest.fixture(scope="module")
def page(recorded: Result) -> str:
    return report_html(recorded)


class Ids(HTMLParser):
    """Collects ids, what links and uses refer to, and where else a page would load something from."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: Counter[str] = Counter()
        self.used: set[str] = set()
        self.elsewhere: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            text = value or ""
            if name == "id":
                self.ids[text] += 1
            elif name in ("href", "xlink:href") and text.startswith("#"):
                self.used.add(text[1:])
            elif name in ("src", "href", "xlink:href", "action") and text != "data:,":
                self.elsewhere.append(f"{tag} {text}")
            elif name == "aria-labelledby":
                self.used.add(text)
            self.used |= set(re.findall(r"url\(#([^)]*)\)", text))


def test_ids_are_unique_what_is_referred_to_exists_and_nothing_is_loaded(page: str) -> None:
    found = Ids()
    found.feed(page)
    assert [name for name, times in found.ids.items() if times > 1] == []
    assert found.used - set(found.ids) == set()
    assert found.elsewhere == []


def test_nothing_that_a_scenario_says_becomes_html(page: str) -> None:
    assert EVIL not in page
    assert page.count("</script>") == len(re.findall(r"<script[ >]", page))


def test_a_report_is_the_same_bytes_every_time() -> None:
    result = with_plots("pagealloc-2017", "cycles")
    assert report_html(result) == report_html(result)


def test_a_report_has_what_the_run_came_from() -> None:
    result = with_plots("pagealloc-2017")
    text = report_html(result)
    for part in (result.config, "seed-2017, TSC cycles at 4 GHz", "as mmtests pagealloc measured them", "{zone: 4GiB}"):
        assert part in text


def test_a_run_saved_without_prices_and_scenario_has_a_report_too() -> None:
    result = with_plots("pagealloc-2017")
    result.definition, result.prices = {"plots": []}, []
    assert 'id="prices"' not in report_html(result)


def test_every_price_has_kind_and_source() -> None:
    table = price_table(stored_result("page-fault-2018"))
    kind, source = (next(i for i, c in enumerate(table.columns) if c.title == title) for title in ("kind", "source"))
    assert all(row[kind] and row[source] for row in table.rows)


@pytest.mark.parametrize("name", ["nic-rx-2017", "page-fault-2018"])
def test_tables_are_whole_and_the_ledger_adds_up(name: str) -> None:
    tables = {table.id: table for table in result_tables(stored_result(name))}
    assert all(len(row) == len(table.columns) for table in tables.values() for row in table.rows)
    shares: Counter[tuple[object, ...]] = Counter()
    for row in tables["ledger"].rows:
        shares[tuple(row[: 1 + len(stored_result(name).swept)])] += row[-1]
    assert all(total == pytest.approx(100) for total in shares.values())


def test_errors_are_those_that_run_prints() -> None:
    table = next(table for table in result_tables(stored_result("pagealloc-2017")) if table.id == "errors")
    assert [text_of(cell) for cell in table.rows[-1]] == ["all", "90", "1.738", "4.860", "free, order 0, batch 1"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), ("v4.10", "v4.10"), (1234567, "1,234,567"), (0.12345, "0.1235"), (3.0, "3"), (302.85, "302.85")],
)
def test_numbers_are_written_as_people_read_them(value: object, text: str) -> None:
    assert text_of(value) == text


def test_report_writes_a_file_where_it_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with_plots("pagealloc-2017").save(tmp_path)
    report(tmp_path)
    report(tmp_path, tmp_path / "a.html")
    assert capsys.readouterr().out == f"saved {tmp_path}/report.html\nsaved {tmp_path}/a.html\n"
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "report.html").read_bytes()


def test_report_of_nothing_and_into_nowhere_and_of_wrong_figures_says_so(tmp_path: Path) -> None:
    with_plots("pagealloc-2017").save(tmp_path)
    with pytest.raises(ScenarioError, match=r"no saved run: there is no .*/no/result\.json; give the folder"):
        report(tmp_path / "no")
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / "result.json").write_text('{"rows": [')
    with pytest.raises(ScenarioError, match=r"no saved run that can be read: result\.json is not whole"):
        report(tmp_path / "cut")
    with pytest.raises(ScenarioError, match=r"a\.html: cannot be written: No such file"):
        report(tmp_path, tmp_path / "no" / "a.html")
    with_plots("pagealloc-2017", "contention").save(tmp_path)
    with pytest.raises(ScenarioError, match="plots: contention: this run lacks"):
        report(tmp_path)


# In a browser


@pytest.fixture(scope="module")
def browser(page: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    folder = tmp_path_factory.mktemp("browser")
    file = folder / "report.html"
    file.write_text(page, encoding="utf-8")
    with chromium(folder / "profile") as opened:
        opened.get(file.as_uri())
        yield opened
        assert opened.get_log("browser") == []  # type: ignore[no-untyped-call]


def column(browser: webdriver.Chrome, place: int) -> list[str]:
    script = (
        "return [...document.querySelector('#rows ~ .scroll tbody').rows].map(r => r.cells[arguments[0]].textContent)"
    )
    found: list[str] = browser.execute_script(script, place)
    return found


def numbers(browser: webdriver.Chrome, place: int) -> list[float]:
    return [float(text.replace(",", "")) for text in column(browser, place)]


def head(browser: webdriver.Chrome, title: str) -> tuple[WebElement, int]:
    heads = browser.find_elements(By.CSS_SELECTOR, "#rows ~ .scroll th button")
    place = [each.text for each in heads].index(title)
    return heads[place], place


def window(browser: webdriver.Chrome) -> tuple[float, float]:
    script = "return [simallocTimeline.from, simallocTimeline.to]"
    start, end = browser.execute_script(script)
    return start, end


def canvas(browser: webdriver.Chrome) -> WebElement:
    return browser.find_element(By.ID, "timeline-canvas")


def test_a_page_opens_without_a_complaint(browser: webdriver.Chrome) -> None:
    assert (browser.title, browser.get_log("browser")) == ("two-cpus - simalloc", [])  # type: ignore[no-untyped-call]
    assert len(browser.find_elements(By.CSS_SELECTOR, "figure svg")) == 2


def test_a_table_sorts_by_number_with_a_click_and_back_with_a_key(browser: webdriver.Chrome) -> None:
    button, place = head(browser, "value")
    before = numbers(browser, place)
    button.click()
    assert numbers(browser, place) == sorted(before) != before
    button.send_keys(Keys.ENTER)
    assert numbers(browser, place) == sorted(before, reverse=True)


def test_a_table_sorts_by_text_and_says_so(browser: webdriver.Chrome) -> None:
    button, place = head(browser, "metric")
    button.click()
    metrics = column(browser, place)
    sorted_heads = browser.find_elements(By.CSS_SELECTOR, "#rows ~ .scroll th[aria-sort='ascending']")
    assert (metrics, [each.text for each in sorted_heads]) == (sorted(metrics), ["metric"])


def test_the_timeline_zooms_with_keys_wheel_and_buttons_and_moves(browser: webdriver.Chrome) -> None:
    canvas(browser).send_keys(Keys.HOME)
    whole = window(browser)
    canvas(browser).send_keys("+")
    near = window(browser)
    canvas(browser).send_keys(Keys.ARROW_LEFT)
    moved = window(browser)
    ActionChains(browser).scroll_from_origin(ScrollOrigin.from_element(canvas(browser)), 0, -100).perform()
    nearer = window(browser)
    browser.find_element(By.CSS_SELECTOR, "button[data-act='all']").click()
    assert [end - start for start, end in (near, moved)] == [(whole[1] - whole[0]) / 2] * 2
    assert moved[0] < near[0]
    assert nearer[1] - nearer[0] < moved[1] - moved[0]
    assert window(browser) == whole == (0, 40_000)


def test_the_timeline_is_dragged(browser: webdriver.Chrome) -> None:
    canvas(browser).send_keys(Keys.HOME, "+")
    before = window(browser)
    ActionChains(browser).drag_and_drop_by_offset(canvas(browser), 100, 0).perform()
    assert window(browser)[0] < before[0]


def test_the_timeline_tells_what_is_under_the_pointer(browser: webdriver.Chrome) -> None:
    canvas(browser).send_keys(Keys.HOME)
    ActionChains(browser).move_to_element_with_offset(canvas(browser), 0, -20).perform()
    tip = browser.find_element(By.ID, "timeline-tip").text
    assert re.match(r"CPU 0, [\d.]+ us\n", tip)


def test_the_timeline_shows_another_case(browser: webdriver.Chrome) -> None:
    options = browser.find_elements(By.CSS_SELECTOR, "#timeline-case option")
    options[1].click()
    name = browser.execute_script("return simallocTimeline.recording.name")
    assert ([each.text for each in options], name) == ([EVIL, "rc"], "rc")


def test_a_page_prints(browser: webdriver.Chrome) -> None:
    printed = browser.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
    pages = re.findall(rb"/Type\s*/Page\b", base64.b64decode(printed["data"]))
    assert len(pages) > 2
