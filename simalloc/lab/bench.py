"""What one page knows: its question, the runs it has asked for, and what it shows. Every page has its own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from nicegui import background_tasks

from simalloc.lab.asked import Asked, Origin, carried, origin_of, scenario_of
from simalloc.lab.charts import Chart, chart, metrics
from simalloc.lab.questions import GENERAL, QUESTIONS, Prediction, Question
from simalloc.lab.session import Cache, Session
from simalloc.results import Result
from simalloc.runs.standing import Crew
from simalloc.scenario import Scenario, ScenarioError

T = TypeVar("T")


@dataclass
class Lab:
    """What all pages share: the workers, the runs already done, and the file that the lab was started with."""

    crew: Crew
    cache: Cache
    own: Path | None = None


class Bench:
    """A page's question and what is known of it.

    `told` is called on the page's loop: with "asked" when the question has changed, "error" when it is wrong.
    Raises ScenarioError where the address itself is wrong.
    """

    def __init__(self, lab: Lab, asked: Asked) -> None:
        self.lab = lab
        self.asked = asked
        self.origin: Origin = origin_of(asked, lab.own)
        self.before: Scenario = scenario_of(Asked(asked.kind, asked.name), self.origin)
        self.scenario: Scenario = scenario_of(asked, self.origin)
        self.session = Session(lab.crew, lab.cache)
        self.error = ""
        self.metric = ""
        self.guess: float | None = None
        self.result: Result | None = None
        self._told: list[Callable[[], Any]] = []
        self._ticket = 0
        self._seen = -1

    @property
    def question(self) -> Question | None:
        """Which of the six it is; None for another scenario."""
        return QUESTIONS.get(self.asked.name) if self.asked.kind == "q" else None

    @property
    def prediction(self) -> Prediction:
        """What to predict."""
        return self.question.prediction if self.question else GENERAL

    @property
    def hidden(self) -> bool:
        """Whether results wait for a prediction."""
        return self.asked.predict and self.guess is None

    def address(self) -> str:
        """Return the address that holds the whole question, for anybody's lab."""
        if self.asked.kind == "f":
            return "/lab?" + Asked("y", carried(self.scenario), predict=self.asked.predict).query()
        return "/lab?" + self.asked.query()

    def own_address(self) -> str:
        """Return the address of this page, in this lab."""
        return "/lab?" + self.asked.query()

    def watch(self, told: Callable[[], Any]) -> None:
        """Call this, on the page's loop, whenever the question has changed or is wrong."""
        self._told.append(told)

    async def start(self) -> None:
        """Begin to simulate."""
        await _in_thread(lambda: self.session.ask(self.scenario, self.origin.folder))

    def change(self, key: str, text: str | None) -> None:
        """Set a key to a value in YAML, or take it back with None.

        What ran before is dropped; if the value is wrong, that is told and nothing runs.
        """
        background_tasks.create(self._changed(key, text))

    async def _changed(self, key: str, text: str | None) -> None:
        self._ticket += 1
        mine = self._ticket
        wanted = self.asked.with_setting(key, text)
        self.session.drop()
        try:
            scenario = await _in_thread(lambda: scenario_of(wanted, self.origin))
        except ScenarioError as error:
            if mine == self._ticket:
                self.error = str(error)
                self._tell()
                await self.start()  # the question is what it was before
            return
        if mine != self._ticket:
            return
        self.asked, self.scenario, self.error = self._tidied(wanted, key, scenario), scenario, ""
        await _in_thread(lambda: self.session.ask(scenario, self.origin.folder))
        self._tell()

    def _tidied(self, wanted: Asked, key: str, scenario: Scenario) -> Asked:
        """Leave out a setting that says what was so before."""
        less = wanted.with_setting(key, None)
        try:
            same = scenario_of(less, self.origin).digest() == scenario.digest()
        except ScenarioError:
            return wanted
        return less if same and key in wanted.settings else wanted

    def _tell(self) -> None:
        for told in self._told:
            told()

    async def look(self) -> bool:
        """Take what is known by now; whether there is anything new."""
        if self.session.version == self._seen:
            return False
        self._seen = self.session.version
        found = await _in_thread(self.session.result)
        if found is not None and found.rows:
            self.result = found
        return True

    def shown_metrics(self) -> dict[str, str]:
        """Return what the graph can show."""
        return metrics(self.result) if self.result else {}

    def chart(self) -> Chart:
        """Return the graph."""
        if self.result is None:
            return {"kind": "none", "title": "The first points are on their way.", "curves": []}
        names = self.shown_metrics()
        if self.metric not in names:
            wanted = self.question.shows if self.question else ""
            self.metric = wanted if wanted in names else next(iter(names), "")
        return chart(self.result, self.metric)

    def answer(self, shown: Chart) -> float | None:
        """Return what was to be predicted, of the metric that it is about, whatever else the graph shows."""
        prediction = self.prediction
        if self.result is None:
            return None
        return prediction.answer(chart(self.result, prediction.metric) if prediction.metric else shown)

    def command(self) -> str:
        """Return the command line that gives the same bytes."""
        if not self.asked.settings and self.asked.kind in ("s", "f"):
            return f"simalloc run {self.asked.name}"
        return f"simalloc run {self.scenario.name}.yaml"

    def script(self) -> str:
        """Return the address as JavaScript has it."""
        return json.dumps(self.own_address())

    def close(self) -> None:
        """Stop the page's work."""
        self.session.close()


async def _in_thread(work: Callable[[], T]) -> T:
    """Do what takes some hundredths of a second beside the loop, so that other pages are not kept waiting."""
    return await asyncio.get_running_loop().run_in_executor(None, work)
