"""What a visitor takes along: address, scenario, command line, figures as files."""

from __future__ import annotations

import asyncio
from io import BytesIO
from threading import Lock
from typing import Any

from nicegui import background_tasks, ui

from simalloc.lab.asked import yaml_of
from simalloc.lab.bench import Bench
from simalloc.lab.elements import Tag
from simalloc.plots import FIGURES, applying, style
from simalloc.results import Result

DRAWING = Lock()
"""matplotlib's settings belong to the process: one figure is drawn at a time."""


class Away:
    """The end of a page: everything that can be taken along."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.client = ui.context.client
        self._names: list[str] = []
        with Tag("section", classes="lab-away", aria_label="Take away"):
            Tag("h2", "Take it away")
            Tag("p", "The address holds the whole question: whoever opens it in a lab sees the same.")
            self.address = Tag("code", "", id="address")
            Tag("p", "The scenario, saved as a file, gives the same figures on the command line.")
            self.command = Tag("code", "", id="command")
            self.yaml = Tag("pre", "", id="yaml", tabindex="0", aria_label="the scenario as YAML")
            with Tag("div", classes="results-head"):
                save = Tag("button", "Save the scenario", type="button", id="save-yaml")
                save.on("click", lambda: self._download(self.yaml.text.encode(), f"{self.bench.scenario.name}.yaml"))
                Tag("label", "Figure", for_="figure")
                self.figure = Tag("select", id="figure")
                self.figure.on("change", lambda told: self.figure.set(value=str(told.args)), js_handler=VALUE)
                for kind in ("svg", "png"):
                    button = Tag("button", f"Save as {kind.upper()}", type="button", id=f"save-{kind}")
                    button.on("click", lambda kind=kind: background_tasks.create(self._save(kind)))
                self.told = Tag("span", "", role="status")

    def show(self) -> None:
        """Show the question as it is now, and the figures that its result has."""
        bench = self.bench
        self.address.text = bench.address()
        self.command.text = bench.command()
        self.yaml.text = yaml_of(bench.scenario.definition())

    def offer(self) -> None:
        """Offer the figures that there is enough known for."""
        result = self.bench.result
        names = [] if result is None or self.bench.hidden else applying(result)
        if names == self._names:
            return
        self._names = names
        self.figure.clear()
        with self.figure:
            for name in names:
                Tag("option", name.replace("_", " "), value=name)
        self.figure.set(value=names[0] if names else "")

    async def _save(self, kind: str) -> None:
        name, result = str(self.figure.props.get("value", "")), self.bench.result
        if result is None or name not in applying(result):
            self.told.text = "There is nothing to draw yet."
            return
        self.told.text = ""
        picture = await asyncio.get_running_loop().run_in_executor(None, drawn, result, name, kind)
        self._download(picture, f"{self.bench.scenario.name}-{name}.{kind}")

    def _download(self, data: bytes, name: str) -> None:
        with self.client:
            ui.download.content(data, name)


VALUE = "({ target }) => emit(target.value)"


def drawn(result: Result, name: str, kind: str) -> bytes:
    """Return a figure of a result as a file: the bytes that `simalloc plot` writes."""
    from matplotlib import rc_context  # noqa: PLC0415 - loaded with the first figure

    metadata: dict[str, Any] = {"Software": None} if kind == "png" else {"Date": None}
    with DRAWING, rc_context(style.PARAMETERS):
        picture = BytesIO()
        FIGURES[name].draw(result).savefig(picture, format=kind, metadata=metadata)
    return picture.getvalue()
