"""The pages: the six questions to begin with, and a question with its controls, its graph and what is behind it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

from nicegui import Client, app, ui
from starlette.requests import Request

from simalloc.allocators import VERSIONS
from simalloc.lab.asked import Asked, read_query
from simalloc.lab.away import Away
from simalloc.lab.behind import Behind, add_timelines
from simalloc.lab.bench import Bench, Lab
from simalloc.lab.elements import WEB, Chart, Tag, on_value
from simalloc.lab.glossary import show_terms
from simalloc.lab.keys import every_key, key_of
from simalloc.lab.panel import Columns, Control, control
from simalloc.lab.questions import QUESTIONS
from simalloc.machine import LOCK_KINDS
from simalloc.scenario import ScenarioError
from simalloc.scenario.library import shipped
from simalloc.scenario.reading import parse, plain, read_text

LOOK_EVERY = 0.2
"""Seconds between two looks at whether more is known."""

GENERAL_KNOBS = {
    "machine.cpus": "CPUs",
    "machine.lock": "kind of lock",
    "allocator.batch": "pcp.batch: pages a refill moves",
    "allocator.high": "pcp.high: pages a list may hold",
}
"""What is put in front for a scenario that is none of the six questions."""

HEAD = '<link rel="stylesheet" href="/lab-files/lab.css"><script src="/lab-files/chart.js"></script>'


def add_pages(lab: Lab) -> None:
    """Add the lab's pages to the server."""
    app.add_static_files("/lab-files", WEB)
    add_timelines()

    @ui.page("/", title="simalloc lab")
    def start() -> None:
        _frame()
        _start_page(lab)

    @ui.page("/lab", title="simalloc lab")
    async def question(request: Request, client: Client) -> None:
        _frame()
        try:
            bench = Bench(lab, read_query(request.query_params.multi_items()))
        except ScenarioError as error:
            _refused(str(error))
            return
        client.on_delete(bench.close)
        _Page(bench).build()
        await bench.start()


def _frame() -> None:
    ui.add_head_html(HEAD)
    ui.context.client.content.classes(replace="lab-content")


def _start_page(lab: Lab) -> None:
    with Tag("main", classes="lab-start"):
        Tag("h1", "simalloc lab")
        Tag(
            "p",
            "How do CPUs share the Linux page allocator, the part of the kernel that hands out memory? "
            "Choose a question, "
            "move a slider, and watch the simulator answer. Begin with question 1 if this is new to you. Nothing "
            "leaves this computer.",
            "lead",
        )
        show_terms()
        with Tag("ol", classes="cards"):
            for each in QUESTIONS.values():
                with Tag("li"):
                    Tag("a", each.title, href="/lab?" + Asked("q", each.number).query())
                    Tag("p", each.text)
                    lecture = Asked("q", each.number, predict=True).query()
                    with Tag("p", classes="card-foot"):
                        Tag(
                            "a",
                            "predict first, then see",
                            "quiet",
                            href="/lab?" + lecture,
                            aria_label=f"{each.title} Predict first, then see",
                        )
        Tag("h2", "Or begin with a scenario")
        with Tag("ul", classes="scenarios"):
            if lab.own:
                with Tag("li"):
                    Tag("a", lab.own.name, href="/lab?" + Asked("f", lab.own.name).query())
            for name in shipped():
                with Tag("li"):
                    Tag("a", name, href="/lab?" + Asked("s", name).query())
                    Tag("span", _about(name))


@cache
def _about(name: str) -> str:
    """Return what a shipped scenario says about itself."""
    return str(plain(parse(name, read_text(shipped()[name]))).get("about", ""))


def _refused(text: str) -> None:
    with Tag("main", classes="lab-start"):
        Tag("h1", "This address is no question")
        Tag("p", "Nothing was simulated. The address says something that cannot be:")
        Tag("pre", text, "lab-error", role="alert")
        Tag("a", "Back to the questions", href="/")


class _Page:
    """A question's page: builds it once, and shows what changes."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.client = ui.context.client
        self.controls: list[Control] = []
        self.every: list[Control] = []

    def build(self) -> None:
        with Tag("header", classes="lab-top"):
            Tag("a", "simalloc lab", "home", href="/")
            self._actions()
        with Tag("main", classes="lab-main"):
            self._ask()
            with Tag("div", classes="lab-columns"):
                with Tag("section", classes="lab-controls", aria_label="Controls"):
                    self._panel()
                with Tag("section", classes="lab-results", aria_label="Results"):
                    self._results()
            self.behind = Behind(self.bench)
            self._take_away()
        self.bench.watch(self._changed)
        self._refresh()
        ui.timer(LOOK_EVERY, self._look)

    def _actions(self) -> None:
        with Tag("nav", aria_label="Page"):
            back = Tag("button", "Take all changes back", type="button", id="all-back")
            back.on(
                "click", lambda: ui.navigate.to("/lab?" + Asked(self.bench.asked.kind, self.bench.asked.name).query())
            )
            self.back = back
            asked = self.bench.asked
            words = "Show at once" if asked.predict else "Predict first"
            lecture = Tag("button", words, type="button", id="lecture")
            lecture.on("click", lambda: ui.navigate.to(self._lecture_address()))
            copy = Tag("button", "Copy the address", type="button", id="copy-address")
            copy.on(
                "click",
                js_handler="() => { navigator.clipboard && navigator.clipboard.writeText(window.location.href); "
                "document.getElementById('copied').textContent = 'copied'; }",
            )
            Tag("span", "", id="copied", role="status")

    def _lecture_address(self) -> str:
        """Return the address of this question with a prediction first, or without."""
        asked = self.bench.asked
        return "/lab?" + replace(asked, predict=not asked.predict).query()

    def _ask(self) -> None:
        question = self.bench.question
        with Tag("div", classes="lab-ask"):
            Tag("h1", f"{question.number}. {question.title}" if question else self.bench.before.name)
            Tag("p", question.text if question else self.bench.before.about)
            if question:
                Tag("p", question.try_, "try")
            show_terms()

    # Controls

    def _panel(self) -> None:
        bench = self.bench
        Tag("h2", "What to compare")
        self.columns = Columns(bench.change)
        Tag("h2", "What to move")
        question = bench.question
        for knob in question.knobs if question else ():
            self.controls.append(
                control(
                    key_of(knob.path, bench.scenario),
                    bench.change,
                    values=knob.values,
                    title=knob.title,
                    names=knob.names,
                )
            )
        if question is None:
            for path, title in GENERAL_KNOBS.items():
                self.controls.append(control(key_of(path, bench.scenario), bench.change, title=title))
        with Tag("details", classes="every-key") as details:
            Tag("summary", "Every key of the scenario")
            self.every_box = Tag("div")
        details.on("toggle", self._every_key)

    def _every_key(self) -> None:
        """Make the controls of all keys, when they are first looked at."""
        if self.every:
            return
        with self.every_box:
            for group, keys in every_key(self.bench.scenario).items():
                Tag("h3", group)
                there = {each.key.path for each in self.controls}
                self.every += [control(key, self.bench.change) for key in keys if key.path not in there]
        self._refresh()

    # Results

    def _results(self) -> None:
        bench = self.bench
        with Tag("div", classes="results-head"):
            Tag("label", "Show", for_="metric")
            self.metric = Tag("select", id="metric")
            on_value(self.metric, "change", self._show_metric)
            self.status = Tag("p", "", "lab-status", role="status", id="lab-status")
        self.predict = Tag("form", classes="lab-predict", id="predict") if bench.asked.predict else None
        if self.predict:
            self._prediction(self.predict)
        self.error = Tag("p", "", "lab-error", role="alert", id="lab-error")
        self.told = Tag("p", "", "lab-told", role="status", id="lab-told")
        self.graph = Chart({"kind": "none", "title": "", "curves": []})

    def _prediction(self, form: Tag) -> None:
        prediction = self.bench.prediction
        with form:
            Tag("label", prediction.text, for_="guess")
            with Tag("div", classes="predict-line"):
                field = Tag("input", id="guess", type="number", step="any", required="", autocomplete="off")
                Tag("span", prediction.unit)
                Tag("button", "Now show me", type="submit")
        field.on("change", js_handler="() => {}")
        form.on(
            "submit",
            lambda told: self._guessed(str(told.args)),
            js_handler="(event) => { event.preventDefault(); emit(event.target.querySelector('input').value); }",
        )

    def _guessed(self, text: str) -> None:
        try:
            self.bench.guess = float(text)
        except ValueError:
            return
        if self.predict:
            self.predict.set(hidden="")
        self._show()

    def _show_metric(self, name: str) -> None:
        self.bench.metric = name
        self._show()

    def _changed(self) -> None:
        self._refresh()
        self._show()

    def _refresh(self) -> None:
        """Show what is asked: values, marks, address, error."""
        bench = self.bench
        for each in (*self.controls, *self.every):
            each.refresh(bench.scenario, bench.before, changed=each.key.path in bench.asked.settings)
        self.columns.refresh(bench.scenario, {"allocator": list(VERSIONS), "lock": list(LOCK_KINDS)})
        self.error.text = bench.error
        self.back.set(disabled=None if bench.asked.settings else "")
        self.away.show()
        self.client.run_javascript(f"history.replaceState(null, '', {bench.script()})")

    async def _look(self) -> None:
        if await self.bench.look():
            self._show()

    def _show(self) -> None:
        """Show what is known."""
        bench, progress = self.bench, self.bench.session.progress
        names = bench.shown_metrics()
        chart = bench.chart()
        self._menu(names)
        if progress.error:
            self.error.text = progress.error
        if bench.hidden:
            self.graph.show({"kind": "none", "title": "The graph is drawn when you have predicted.", "curves": []})
        else:
            self.graph.show(chart)
        self._tell_guess(chart)
        self.behind.show()
        self.away.offer()
        self.status.text = self._status(progress)
        self.status.set(data_done=progress.done, data_total=progress.total, data_version=bench.session.version)

    def _menu(self, names: dict[str, str]) -> None:
        if list(names) != getattr(self, "_names", None):
            self._names = list(names)
            self.metric.clear()
            with self.metric:
                for name, words in names.items():
                    Tag("option", words, value=name)
        self.metric.set(value=self.bench.metric)

    def _tell_guess(self, chart: dict[str, Any]) -> None:
        bench = self.bench
        if bench.guess is None:
            return
        prediction, answer = bench.prediction, bench.answer(chart)
        unit = prediction.unit
        found = "not known yet" if answer is None else f"{answer:.3g} {unit}"
        if answer is not None and answer < 0:
            found += f" (below 0: {prediction.below})"
        simulated = "simulated, with your changes" if bench.asked.settings else "simulated"
        told = f"{prediction.text} You said {bench.guess:g} {unit}; {simulated}: {found}."
        self.told.text = " ".join(filter(None, (told, prediction.why)))

    def _status(self, progress: Any) -> str:
        if progress.error:
            return "stopped"
        if progress.full is not None:
            return f"all {progress.total} runs done"
        return f"{progress.done} of {progress.total} runs done: coarse, getting finer"

    # Take away

    def _take_away(self) -> None:
        self.away = Away(self.bench)
        question = self.bench.question
        if question is None:
            return
        with Tag("section", classes="lab-away", aria_label="Go on"):
            Tag("h2", "Go on")
            Tag("p", f"The same question with code and exercises: notebooks/{question.notebook}.ipynb.")
            following = QUESTIONS.get(str(int(question.number) + 1))
            if following:
                again = Asked("q", following.number, predict=self.bench.asked.predict).query()
                Tag("a", f"Next: {following.number}. {following.title}", href=f"/lab?{again}", id="next")
