"""The lab: what an address may say, runs that are dropped, and the page in a browser held against `simalloc.run`."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from simalloc.lab.asked import Asked, carried, origin_of, question_files, read_query, scenario_of, yaml_value
from simalloc.lab.bench import Bench, Lab
from simalloc.lab.charts import chart, metrics
from simalloc.lab.film import films
from simalloc.lab.keys import every_key, key_of, value_at
from simalloc.lab.questions import GENERAL, QUESTIONS, at
from simalloc.lab.session import Cache, Session, halved
from simalloc.lab.side_work import recording
from simalloc.runs import run
from simalloc.runs.standing import Crew
from simalloc.scenario import ScenarioError, build, load
from simalloc.scenario.reading import parse, plain
from tests.browser import chromium

SMALL: dict[str, Any] = {
    "name": "small",
    "memory": {"zone": "64MiB"},
    "allocator": "v4.10",
    "workload": {"kind": "pagealloc", "batches": [4], "samples": 3, "dropped": 1},
    "sweep": {"machine.costs.irq_restore": [4, 26]},
}


def asked_of(address: str) -> Asked:
    return read_query(parse_qsl(urlsplit(address).query))


# Addresses


def test_an_address_holds_the_whole_question() -> None:
    asked = Asked(
        "q", "5", {"machine.costs.line_transfer": "240", "workload.think": "{exponential: 5us}"}, predict=True
    )
    assert asked_of("/lab?" + asked.query()) == asked


def test_a_scenario_travels_in_an_address() -> None:
    scenario = build(SMALL)
    asked = asked_of("/lab?" + Asked("y", carried(scenario)).query())
    assert scenario_of(asked, origin_of(asked)).digest() == scenario.digest()


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("q=7", "no such question; they are 1 to 6"),
        ("s=nothing", "no shipped scenario"),
        ("f=/etc/passwd", "was not started with that file"),
        ("y=AAAA", "is no scenario"),
        ("q=1&s=locks", "must have one of"),
        ("x=1", "it may have q, s, f or y"),
        ("q=1&set.machine.cpus=4000", "machine.cpus"),
        ("q=1&set.nothing.at.all=1", "no keys below it|unknown|nothing"),
        ("q=1&set.published=/etc/passwd", "an address cannot set it"),
        ("q=1&set.workload={kind: replay, trace: /etc/passwd}", "can name shipped traces only"),
        ("q=5&set.workload.milliseconds=9999", "more than the lab gives a question"),
        ("q=1&set.name=" + "a" * 5000, "changes too much"),
    ],
)
def test_a_wrong_address_is_told_and_never_run(address: str, complaint: str) -> None:
    def ask() -> None:
        asked = asked_of("/lab?" + address)
        scenario_of(asked, origin_of(asked))

    with pytest.raises(ScenarioError, match=complaint):
        ask()


# Questions and controls


@pytest.mark.parametrize("number", list(QUESTIONS))
def test_every_value_of_every_knob_is_a_scenario(number: str) -> None:
    asked = Asked("q", number)
    origin = origin_of(asked)
    before = scenario_of(asked, origin)
    for knob in QUESTIONS[number].knobs:
        key = key_of(knob.path, before)
        assert key.about
        for value in knob.values[:: max(1, len(knob.values) - 1)]:
            changed = scenario_of(asked.with_setting(knob.path, yaml_value(value)), origin)
            assert changed.name == before.name
        assert not knob.values or knob.names or value_at(knob.path, before) is not None or "allocator" in knob.path


def test_there_is_a_question_for_each_of_six_notebooks() -> None:
    assert list(question_files()) == list(QUESTIONS) == list("123456")
    assert all((Path("notebooks") / f"{each.notebook}.ipynb").exists() for each in QUESTIONS.values())


@pytest.mark.parametrize("number", list(QUESTIONS))
def test_what_is_predicted_is_on_the_graph(number: str) -> None:
    asked = Asked("q", number)
    scenario = scenario_of(asked, origin_of(asked))
    grid = scenario.model_dump()["sweep"]
    swept = next(iter(grid.values())) if grid else scenario.workload.model_dump()["batches"]
    places = [value[0] if isinstance(value, list) else value for value in swept]
    curves = [{"name": case.label, "x": places, "y": [1.0] * len(places)} for case in scenario.compare]
    assert QUESTIONS[number].prediction.answer({"curves": curves}) is not None


@pytest.mark.parametrize("number", list(QUESTIONS))
def test_the_answer_to_a_prediction_is_explained_and_of_one_metric(number: str) -> None:
    question = QUESTIONS[number]
    assert question.prediction.metric
    assert question.prediction.why.startswith("Why: ")


def test_an_answer_is_of_its_own_metric_whatever_is_shown() -> None:
    asked = Asked("q", "1", {"sweep": "{machine.costs.irq_restore: [7, 26]}", "workload.samples": "3"})
    with Crew(1) as crew:
        bench = Bench(Lab(crew, Cache()), asked)
        bench.close()
    bench.result = run(bench.scenario)
    found = {metric: bench.answer(chart(bench.result, metric)) for metric in ("total", "alloc", "irqs_off_longest")}
    assert found["total"] == pytest.approx(8.6, abs=1)
    assert len(set(found.values())) == 1


def test_the_longest_window_is_drawn_against_the_size_of_the_call() -> None:
    asked = Asked("q", "6", {"sweep": "{workload.batches: [[2], [64]]}", "workload.samples": "3"})
    shown = chart(run(scenario_of(asked, origin_of(asked))), QUESTIONS["6"].shows)
    assert (shown["kind"], shown["x"]) == ("lines", "batch (pages)")
    curves = {each["name"]: each for each in shown["curves"]}
    assert curves["v6.1, bulk"]["x"] == [2, 64]
    assert curves["v6.1, bulk"]["y"][1] > 3 * curves["v6.1, bulk"]["y"][0]


def test_a_film_says_why_a_restore_takes_other_than_its_price() -> None:
    asked = Asked("q", "1", {"workload.samples": "3"})
    scenario = scenario_of(asked, origin_of(asked))
    number = next(i for i, case in enumerate(scenario.cases) if case.parameters["irq_restore"] == 26)
    rows = recording(scenario.model_dump(exclude_unset=True), (), number, "20us", "5us")
    made = films(rows, scenario.cases[number].machine.cost_model())
    told = [step for film in made for step in film["steps"] if step["step"] == "irq_restore"]
    assert {step["cycles"] for step in told} == {22, 30}
    assert all("its price is 26 cycles" in step["about"] for step in told)


def test_keys_have_bounds_units_and_sources_from_the_schema() -> None:
    keys = {key.path: key for group in every_key(build(SMALL)).values() for key in group}
    assert (keys["machine.cpus"].low, keys["machine.cpus"].high, keys["machine.cpus"].unit) == (1, 1024, "CPUs")
    assert "seed-2017: 26 cycles" in keys["machine.costs.irq_restore"].source
    assert keys["workload.context"].choices == ("task", "softirq", "hardirq")


# Runs


def test_the_first_runs_are_spread_over_the_curve() -> None:
    assert halved(list("abcdefgh"))[:4] == ["a", "h", "d", "b"]
    assert sorted(halved(list("abcdefgh"))) == list("abcdefgh")


def wait_for(what: Callable[[], object], seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


def test_a_session_gives_what_run_gives_and_drops_what_nobody_wants() -> None:
    long = build(SMALL | {"workload": {"kind": "lock-loop", "milliseconds": 400}, "machine": {"cpus": 8}, "sweep": {}})
    scenario = build(SMALL)
    with Crew(1) as crew:
        session = Session(crew, Cache())
        session.ask(long)
        wait_for(lambda: session._asked and session._asked.going)
        session.ask(scenario)
        wait_for(lambda: session.progress.full is not None)
        result = session.result()
        assert result is not None
        assert result.to_json() == run(scenario).to_json()
        assert crew.ended == 1  # the long run, in the middle of it
        other = Session(crew, session._cache)
        session.close()
        other.ask(scenario)
        wait_for(lambda: other.progress.full is not None)
        assert other.progress.full is not None
        assert other.progress.full < 0.2  # from the cache: nobody simulated
        session.close()


def test_closing_a_page_ends_its_run() -> None:
    workload = {"kind": "lock-loop", "milliseconds": 400}
    with Crew(1) as crew:
        session = Session(crew, Cache())
        session.ask(build(SMALL | {"workload": workload, "machine": {"cpus": 8}, "sweep": {}}))
        wait_for(lambda: session._asked and session._asked.going)
        session.close()
        wait_for(lambda: crew.ended == 1)
        assert session.result() is None


def test_a_chart_has_theory_bounds_and_published_points_beside() -> None:
    result = run(load("locks", ["workload.milliseconds=0.1", "replications=1", "sweep={machine.cpus: [1, 2, 4]}"]))
    assert next(iter(metrics(result))) == "throughput"
    drawn = chart(result, "throughput")
    by_name = {curve["name"]: curve for curve in drawn["curves"]}
    assert (drawn["x"], drawn["kind"], list(by_name["MCS"]["x"])) == ("CPUs", "lines", [1, 2, 4])
    assert by_name["ticket"]["theory"]["x"] == by_name["ticket"]["bound"]["x"] == [1, 2, 4]
    assert at(drawn, "ticket", 2) == result.select(label="ticket", metric="throughput", cpus=2)[0]["value"]
    first, last = (drawn["curves"][i]["y"][-1] for i in (0, -1))
    assert GENERAL.answer(drawn) == pytest.approx(100 * (last / first - 1))


def test_a_film_shows_a_refill_with_the_lock_the_list_and_the_masks() -> None:
    workload = {"kind": "alloc-bench", "modes": ["bulk"], "pages": 256}
    scenario = build(SMALL | {"workload": workload, "machine": {"cpus": 2}, "sweep": {}, "memory": {"zone": "256MiB"}})
    rows = recording(scenario.model_dump(exclude_unset=True), (), 0, "10us", "20us")
    found = {film["title"].partition(", on CPU")[0]: film for film in films(rows, scenario.machine.cost_model())}
    refill = found["an allocation that takes pages from the zone"]
    assert sum(step["cycles"] for step in refill["steps"]) == refill["cycles"]
    assert refill["pcp"][-1]["count"] - refill["pcp"][0]["count"] == -refill["moved"][0]["by"] - 1
    (area,) = refill["areas"]
    before, *changes = area["states"]
    assert (area["zone"], before["at"], before["by"]) == ("Normal 0.0", 0, -1)
    assert all(0 < each["at"] < refill["cycles"] for each in changes)
    mine = [each for each in changes if each["by"] == refill["cpu"]]
    free = [sum(blocks << order for order, blocks in enumerate(each["blocks"])) for each in mine]
    assert free == [each["free"] for each in refill["moved"]]
    assert [lock["name"] for lock in refill["locks"]] == ["zone->lock"]
    assert all(0 <= begin < end for begin, end in refill["masked"])
    with pytest.raises(ScenarioError, match="window"):
        recording(scenario.model_dump(exclude_unset=True), (), 0, "now", "20us")


# In a browser


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "simalloc", "lab", "--no-browser", "--port", str(port)]
    # NiceGUI behaves otherwise where it thinks that it is tested itself.
    plainly = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    started = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=plainly)
    try:

        def answers() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        wait_for(answers)
        yield f"http://127.0.0.1:{port}"
    finally:
        started.terminate()
        started.wait(10)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    with chromium(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def status(browser: webdriver.Chrome) -> dict[str, str]:
    found: dict[str, str] = browser.execute_script(
        "const e = document.getElementById('lab-status'); return e ? {...e.dataset} : {}"
    )
    return found


def is_full(browser: webdriver.Chrome) -> bool:
    told = status(browser)
    return bool(told) and told.get("total") not in (None, "0") and told["done"] == told["total"]


def drawn_in(browser: webdriver.Chrome) -> dict[str, Any]:
    found: dict[str, Any] = browser.execute_script("return document.querySelector('.lab-chart').spec")
    return found


def text_of(browser: webdriver.Chrome, css: str) -> str:
    script = "return Array.from(document.querySelectorAll(arguments[0]), (each) => each.textContent).join(' ')"
    return str(browser.execute_script(script, css))  # in one call: the page may replace them at any time


def held_against_run(browser: webdriver.Chrome) -> None:
    """Hold the graph against what `simalloc run` gives for the YAML that the page gives away."""
    text = browser.find_element(By.ID, "yaml").text
    result = run(build(plain(parse("page", text))))
    shown = drawn_in(browser)
    metric = browser.find_element(By.ID, "metric").get_property("value")
    assert [(c["name"], c["x"], c["y"]) for c in shown["curves"]] == [
        (c["name"], c["x"], c["y"]) for c in chart(result, str(metric))["curves"]
    ]


def test_a_slider_moves_and_the_graph_is_what_run_gives(server: str, browser: webdriver.Chrome) -> None:
    browser.get(f"{server}/lab?q=1")
    wait_for(lambda: is_full(browser))
    before = drawn_in(browser)
    slider = browser.find_element(By.ID, "key-machine-costs-irq_save")
    slider.send_keys(Keys.ARROW_RIGHT)  # keyboard only
    wait_for(lambda: "set.machine.costs.irq_save=20" in browser.current_url and is_full(browser))
    wait_for(lambda: drawn_in(browser) != before)
    held_against_run(browser)
    moved, address = drawn_in(browser), browser.current_url
    assert len(browser.print_page()) > 10_000  # it prints
    box = browser.find_element(By.CSS_SELECTOR, "[data-key='machine.costs.irq_save']")
    assert "changed" in (box.get_attribute("class") or "")

    browser.get("about:blank")
    browser.get(address)  # somebody else opens it
    wait_for(lambda: is_full(browser) and drawn_in(browser)["curves"])
    assert drawn_in(browser) == moved

    browser.find_element(By.CSS_SELECTOR, "[data-key='machine.costs.irq_save'] .knob-reset").click()
    wait_for(lambda: "set." not in browser.current_url and drawn_in(browser) == before)

    wrong = browser.find_element(By.ID, "lab-error")
    assert wrong.text == ""
    logged: list[dict[str, str]] = browser.get_log("browser")  # type: ignore[no-untyped-call]
    assert [entry for entry in logged if entry["level"] == "SEVERE"] == []
    loaded = browser.execute_script("return performance.getEntriesByType('resource').map((each) => each.name)")
    assert [name for name in loaded if not name.startswith(server)] == []


def test_behind_the_graph_are_locks_a_timeline_and_slow_motion(server: str, browser: webdriver.Chrome) -> None:
    browser.get(f"{server}/lab?q=1")
    wait_for(lambda: is_full(browser))
    browser.execute_script("document.querySelectorAll('.lab-part').forEach((each) => { each.open = true; })")
    wait_for(lambda: "cycles of all CPUs" in text_of(browser, "#part-cycles svg"))
    wait_for(lambda: "The longest lasted" in text_of(browser, "#part-windows p"))
    browser.find_element(By.ID, "record").click()
    wait_for(lambda: browser.find_elements(By.CLASS_NAME, "film"))
    bar = browser.find_element(By.CSS_SELECTOR, ".film input[type=range]")
    pages = browser.find_element(By.CSS_SELECTOR, ".film-stage section:nth-child(2) p")
    before = pages.text
    bar.send_keys(Keys.END)
    wait_for(lambda: pages.text != before)  # the call has taken a page off the list, or put one there
    frame = browser.find_element(By.CLASS_NAME, "lab-timeline")
    browser.switch_to.frame(frame)
    wait_for(lambda: browser.execute_script("return window.simallocTimeline && simallocTimeline.recording.cpus") == 1)
    browser.switch_to.default_content()
    logged: list[dict[str, str]] = browser.get_log("browser")  # type: ignore[no-untyped-call]
    assert [entry for entry in logged if entry["level"] == "SEVERE"] == []


def test_slow_motion_shows_all_buddy_lists_and_which_orders_changed(server: str, browser: webdriver.Chrome) -> None:
    browser.get(f"{server}/lab?q=3")
    wait_for(lambda: is_full(browser))
    browser.execute_script("document.querySelector('#part-recording').open = true")
    browser.find_element(By.ID, "record").click()
    wait_for(lambda: browser.find_elements(By.CLASS_NAME, "film-buddy"))

    def told() -> tuple[list[list[str]], str]:
        rows, words = browser.execute_script(
            "return [[...document.querySelectorAll('.film-buddy tbody tr')].map((row) =>"
            " [...row.cells].map((cell) => cell.textContent)), document.querySelector('.film-zone p').textContent]"
        )
        return rows, words

    before, words = told()
    assert "Nothing has moved yet" in words
    browser.find_element(By.CSS_SELECTOR, ".film input[type=range]").send_keys(Keys.END)
    wait_for(lambda: "The last change: CPU" in told()[1])
    after, words = told()
    assert [int(row[0]) for row in after] == list(range(11))
    pages = sum(int(row[3].replace(",", "")) << int(row[0]) for row in after)
    assert f" {pages:,} pages are free" in words
    assert [row[4] != "" for row in after] == [row[3] != old[3] for row, old in zip(after, before, strict=True)]


NAMED = """
const e = document.activeElement;
const labels = e.labels && e.labels.length ? e.labels[0].textContent : '';
const label = e.getAttribute('aria-label') || e.title || labels || e.textContent;
const shows = e.tagName === 'IFRAME' || getComputedStyle(e).outlineStyle !== 'none';
return [e.outerHTML.slice(0, 200), !!label.trim(), shows];
"""
"""What has the focus; whether a screen reader has a name for it, and whether one sees that it has the focus.

Of a frame: something in it has."""


def tab_to(browser: webdriver.Chrome, css: str) -> WebElement:
    """Press Tab until `css` has the focus; everything on the way has a name, and shows that it has the focus."""
    for _ in range(150):
        ActionChains(browser).send_keys(Keys.TAB).perform()
        if browser.execute_script("return document.activeElement === document.body"):
            continue  # round the corner: the browser's own controls
        element, is_named, shows = browser.execute_script(NAMED)
        assert (element, is_named, shows) == (element, True, True)
        if browser.execute_script("return document.activeElement.matches(arguments[0])", css):
            return browser.switch_to.active_element
    raise AssertionError(f"Tab does not reach {css}")


def test_a_whole_session_by_keyboard_alone(server: str, browser: webdriver.Chrome) -> None:
    browser.get(server)
    tab_to(browser, "a[href*='q=1'][href*='predict']").send_keys(Keys.ENTER)
    wait_for(lambda: "q=1" in browser.current_url and is_full(browser))
    tab_to(browser, "#guess").send_keys("9" + Keys.ENTER)
    wait_for(lambda: drawn_in(browser)["curves"])
    tab_to(browser, "#key-machine-costs-irq_save").send_keys(Keys.ARROW_RIGHT)
    wait_for(lambda: "set.machine.costs.irq_save=20" in browser.current_url and is_full(browser))
    tab_to(browser, ".lab-chart .chart-svg").send_keys(Keys.ARROW_RIGHT)
    wait_for(lambda: text_of(browser, ".lab-chart .chart-reading"))
    tab_to(browser, "#part-recording > summary").send_keys(Keys.ENTER)
    tab_to(browser, "#record").send_keys(Keys.ENTER)
    wait_for(lambda: browser.find_elements(By.CLASS_NAME, "film"))
    now = browser.find_element(By.CSS_SELECTOR, ".film-now")
    before = now.text
    tab_to(browser, ".film input[type=range]").send_keys(Keys.END)
    wait_for(lambda: now.text != before)
    assert "irq_save: 20" in tab_to(browser, "#yaml").text


def test_two_pages_have_settings_of_their_own(server: str, browser: webdriver.Chrome) -> None:
    browser.get(f"{server}/lab?q=1")
    first = browser.current_window_handle
    browser.switch_to.new_window("tab")
    browser.get(f"{server}/lab?q=1&set.workload.batches=[16]")
    wait_for(lambda: is_full(browser))
    assert "[16]" in browser.find_element(By.ID, "yaml").text
    browser.close()
    browser.switch_to.window(first)
    wait_for(lambda: is_full(browser))
    assert "[64]" in browser.find_element(By.ID, "yaml").text


def test_a_prediction_comes_before_the_graph(server: str, browser: webdriver.Chrome) -> None:
    browser.get(f"{server}/lab?q=1&predict=1")
    wait_for(lambda: is_full(browser))
    assert drawn_in(browser)["curves"] == []
    browser.find_element(By.ID, "guess").send_keys("30" + Keys.ENTER)
    wait_for(lambda: drawn_in(browser)["curves"])
    wait_for(lambda: "You said 30 %; simulated: 8.6" in browser.find_element(By.ID, "lab-told").text)


def test_a_wrong_address_shows_what_is_wrong(server: str, browser: webdriver.Chrome) -> None:
    browser.get(f"{server}/lab?q=1&set.machine.cpus=0")
    assert "machine.cpus" in browser.find_element(By.CSS_SELECTOR, ".lab-error").text


@pytest.mark.parametrize("width", [360, 1280, 1920])
def test_no_page_is_wider_than_its_window(server: str, browser: webdriver.Chrome, width: int) -> None:
    shape = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", shape)
    for path in ("/", "/lab?q=1"):
        browser.get(server + path)
        if path != "/":
            wait_for(lambda: is_full(browser))
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
