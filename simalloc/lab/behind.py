"""What is behind the graph, at one point of it: cycles, locks, the longest window, a timeline and slow motion."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from secrets import token_urlsafe
from typing import Any

from nicegui import app, background_tasks, ui
from starlette.responses import HTMLResponse

from simalloc.lab.aside import Aside
from simalloc.lab.bench import Bench
from simalloc.lab.elements import Chart, Film, Tag, on_value
from simalloc.lab.film import films
from simalloc.lab.side_work import recording, story_of_window
from simalloc.lab.telling import (
    Point,
    case_number,
    cycles_chart,
    locks_text,
    point_words,
    points,
    window_words,
)
from simalloc.report.timeline_page import timeline_html
from simalloc.results import Result
from simalloc.scenario import ScenarioError

KEPT: dict[str, str] = {}
"""Pages of timelines by their secret name; a page's goes when it is closed."""

ABOUT_WINDOWS = (
    "A window is the time from masking interrupts on a CPU to unmasking them. A device that interrupts in it "
    "has to wait "
    "for its end. So short windows are good. 1 us (microsecond) is a millionth of a second."
)
ABOUT_LOCKS = (
    "Times are in us. Acquisitions: how often a CPU took the lock. Contentions: how often it had to wait for that. "
    "Bounces: how often another CPU had the lock last, so that its cache line had to move."
)
ABOUT_RECORDING = (
    "Record runs one case again and keeps what every CPU does in a short stretch of it. Then the slow motion "
    "plays single "
    "calls, and the timeline shows all CPUs."
)

EMPTY = {"kind": "none", "title": "", "curves": []}


def add_timelines() -> None:
    """Add the address under which timelines are shown."""

    @app.get("/lab-timeline/{name}")
    def timeline(name: str) -> HTMLResponse:
        page = KEPT.get(name)
        return HTMLResponse(page or "This timeline is gone; record it anew.", status_code=200 if page else 404)


class Behind:
    """The part of a page below its graph. `show` brings it up to date; only what is open costs anything."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.client = ui.context.client
        self.aside = Aside()
        self.name = token_urlsafe(12)
        self.client.on_delete(self._close)
        self._points: list[Point] = []
        self._cases: list[tuple[str, Point]] = []
        self._open: set[str] = set()
        self._build()

    def _close(self) -> None:
        self.aside.end()
        KEPT.pop(self.name, None)

    def _build(self) -> None:
        with Tag("section", classes="lab-behind", aria_label="Behind the graph") as self.section:
            Tag("h2", "Behind the graph")
            with Tag("div", classes="results-head") as self.where:
                Tag("label", "At", for_="point")
                self.point = Tag("select", id="point")
                on_value(self.point, "change", self._chosen)
            with self._part("cycles", "Where the cycles went"):
                self.cycles = Chart(EMPTY)
            with self._part("windows", "The longest time with interrupts off"):
                Tag("p", ABOUT_WINDOWS)
                self.windows = Tag("div", classes="lab-windows")
                self.story = Tag("pre", "", "lab-pre", id="story", tabindex="0", aria_label="the window step by step")
                self.story.set(hidden="")
            with self._part("locks", "Locks, as /proc/lock_stat prints them"):
                Tag("p", ABOUT_LOCKS)
                self.locks = Tag("pre", "", "lab-pre", id="locks", tabindex="0", aria_label="lock statistics")
            with self._part("recording", "Timeline and slow motion"):
                self._recorder()

    def _part(self, name: str, title: str) -> Tag:
        part = Tag("details", classes="lab-part", id=f"part-{name}")
        with part:
            Tag("summary", title)

        def toggled(told: Any) -> None:
            (self._open.add if told.args else self._open.discard)(name)
            self.show()

        part.on("toggle", toggled, js_handler="(event) => emit(event.target.open)")
        return part

    def _recorder(self) -> None:
        Tag("p", ABOUT_RECORDING)
        with Tag("form", classes="lab-record") as form:
            self.fields = {}
            for name, title in (("case", "Case"), ("start", "from"), ("length", "for")):
                Tag("label", title, for_=f"record-{name}")
                if name == "case":
                    self.fields[name] = Tag("select", id=f"record-{name}", name=name)
                else:
                    self.fields[name] = Tag("input", id=f"record-{name}", name=name, type="text", value="20us", size=7)
            Tag("button", "Record", type="submit", id="record")
        script = "(event) => { event.preventDefault(); emit(Object.fromEntries(new FormData(event.target))); }"
        form.on("submit", lambda told: self._begin(self._record, dict(told.args)), js_handler=script)
        self.told = Tag("p", "", "lab-told", role="status", id="recorded")
        self.films = Tag("div", classes="lab-films")

    # What is shown

    def _chosen(self, place: str) -> None:
        self.point.set(value=place)
        self.show()
        if self._points:  # what is recorded next is of the same point
            here = [i for i, (_, point) in enumerate(self._cases) if point == self._points[self._place()]]
            if here:
                self.fields["case"].set(value=str(here[0]))

    def _place(self) -> int:
        place = str(self.point.props.get("value", ""))
        return int(place) if place.isdecimal() and int(place) < len(self._points) else len(self._points) - 1

    def show(self) -> None:
        """Show what is known now of the point that is looked at."""
        result = self.bench.result
        self.section.set(hidden="" if self.bench.hidden else None)
        if result is None or self.bench.hidden:
            return
        self._menus(result)
        if not self._points:
            return
        point = self._points[self._place()]
        if "cycles" in self._open:
            self.cycles.show(cycles_chart(result, point))
        if "locks" in self._open:
            self.locks.text = locks_text(result, point)
        if "windows" in self._open:
            self._tell_windows(result, point)

    def _menus(self, result: Result) -> None:
        found = points(result)
        cases = [(case.label, tuple(case.parameters.values())) for case in self.bench.scenario.cases]
        if cases != self._cases:
            self._cases = cases
            _fill(self.fields["case"], [self._case_words(label, point) for label, point in cases])
            self.fields["case"].set(value=str(len(cases) - 1))
            self.fields["start"].set(value=self._middle())
        if found != self._points:
            self._points = found
            _fill(self.point, [point_words(result, each) for each in found])
            self.point.set(value=str(len(found) - 1))
            self.where.set(hidden="" if len(found) < 2 else None)

    def _case_words(self, label: str, point: Point) -> str:
        result = self.bench.result
        if result is None or not point:
            return label
        return f"{label}; {point_words(result, point)}"

    def _middle(self) -> str:
        """Return where to begin a recording: in the middle of a run whose length is known, else after its start."""
        milliseconds = self.bench.scenario.cases[-1].workload.duration_ms()
        return f"{500 * milliseconds:g}us" if milliseconds else "20us"

    def _tell_windows(self, result: Result, point: Point) -> None:
        self.windows.clear()
        with self.windows:
            told = window_words(result, point)
            for label, cycles, words in told:
                Tag("h3", label)
                Tag("p", words)
                button = Tag("button", "Tell it step by step", type="button", aria_label=f"{label}: step by step")
                button.on(
                    "click",
                    lambda label=label, cycles=cycles: self._begin(
                        self._tell_story, {"label": label, "cycles": cycles}
                    ),
                )
            if not told:
                Tag("p", "No window with interrupts off was measured here.")

    # What is simulated for it

    def _begin(self, work: Callable[[dict[str, Any]], Coroutine[Any, Any, None]], told: dict[str, Any]) -> None:
        background_tasks.create(work(told))

    def _asked(self) -> tuple[Any, ...]:
        scenario = self.bench.scenario
        return scenario.model_dump(exclude_unset=True), scenario.plugins()

    async def _tell_story(self, told: dict[str, Any]) -> None:
        self.story.set(hidden=None)
        self.story.text = "This takes some seconds: every step is an event of its own now."
        try:
            number = case_number(self.bench.scenario, told["label"], self._points[self._place()])
            text = await self.aside.do(story_of_window, *self._asked(), number, told["cycles"] - 1)
        except (ScenarioError, KeyError) as error:
            text = str(error)
        if text is not None:
            self.story.text = text

    async def _record(self, told: dict[str, Any]) -> None:
        self.told.text = "Recording."
        number = int(told["case"]) if str(told.get("case", "")).isdecimal() else -1
        if not 0 <= number < len(self._cases):
            self.told.text = "Choose a case first."
            return
        try:
            rows = await self.aside.do(recording, *self._asked(), number, str(told["start"]), str(told["length"]))
        except ScenarioError as error:
            self.told.text = str(error)
            return
        if rows is not None:
            self._show_recording(rows, number)

    def _show_recording(self, rows: list[dict[str, Any]], number: int) -> None:
        bench = self.bench
        assert bench.result is not None
        label, point = self._cases[number]
        page = timeline_html(bench.result, rows)
        made = films(rows, bench.scenario.cases[number].machine.cost_model())
        whole = next((row for row in rows if row["kind"] == "recording"), None)
        self.films.clear()
        if page is None or whole is None or whole["end"] <= whole["start"]:
            end = f" The run ends after {whole['run_end'] / whole['ghz'] / 1000:.0f} us." if whole else ""
            self.told.text = f"Nothing happened in that stretch.{end}"
            return
        KEPT[self.name] = page
        words = self._case_words(label, point)
        us = (whole["end"] - whole["start"]) / whole["ghz"] / 1000
        self.told.text = f"{len(rows):,} events in {us:.1f} us of this case: {words}."
        with self.films:
            if made:
                self._film_menu(made)
            Tag("h3", "Timeline")
            height = f"height: {min(34, 17 + 1.5 * bench.scenario.cases[number].machine.cpus):g}rem"
            Tag(
                "iframe",
                src=f"/lab-timeline/{self.name}?{token_urlsafe(4)}",
                title="timeline",
                classes="lab-timeline",
                style=height,
            )

    def _film_menu(self, made: list[dict[str, Any]]) -> None:
        Tag("h3", "Slow motion")
        with Tag("div", classes="results-head"):
            Tag("label", "Watch", for_="film")
            menu = Tag("select", id="film")
        _fill(menu, [each["title"] for each in made])
        best = max(range(len(made)), key=lambda i: (bool(made[i]["moved"]), made[i]["cycles"] < 20000))
        menu.set(value=str(best))
        shown = Film(made[best])
        on_value(menu, "change", lambda place: shown.show(made[int(place)]))


def _fill(menu: Tag, names: list[str]) -> None:
    menu.clear()
    with menu:
        for place, name in enumerate(names):
            Tag("option", name, value=str(place))
