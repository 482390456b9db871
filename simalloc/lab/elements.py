"""Plain elements of HTML for pages of NiceGUI: what browsers, keyboards and screen readers know how to use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

WEB = Path(__file__).parent / "web"


class Tag(TextElement):
    """An element with text and attributes: `Tag("p", "words", id="here")`.

    In names of attributes `_` becomes `-`, and one at the end goes: `for_`.
    """

    def __init__(self, kind: str, text: str = "", classes: str = "", **attributes: Any) -> None:
        super().__init__(tag=kind, text=text)
        if classes:
            self.classes(classes)
        self.set(**attributes)

    def set(self, **attributes: Any) -> None:
        """Change attributes; None takes one away."""
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        if all(self.props.get(name) == value for name, value in wanted.items()):
            return
        with self.props.suspend_updates():
            for name, value in wanted.items():
                self.props.set_optional(name, value)
        self.update()


class Chart(ui.element, component=WEB / "chart_element.js"):
    """A graph of `lab.charts`, drawn by chart.js."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        super().__init__()
        self.show(spec)

    def show(self, spec: Mapping[str, Any]) -> None:
        """Draw another graph in its place."""
        self.props["spec"] = dict(spec)
        self.update()


class Range(ui.element, component=WEB / "range_element.js"):
    """A slider over positions that have names; `moved` comes with the position."""

    def __init__(self, ident: str, moved: Callable[[int], Any], *, wait: float) -> None:
        super().__init__()
        self.props["id"] = ident
        self.show(0, [""])
        self.on("moved", lambda told: moved(int(told.args)), throttle=wait)

    def show(self, place: int, words: Sequence[str]) -> None:
        """Put it somewhere."""
        with self.props.suspend_updates():
            same = (self.props.get("place"), self.props.get("words")) == (place, list(words))
            self.props["place"], self.props["words"] = place, list(words)
        if not same:
            self.update()


class Film(ui.element, component=WEB / "film_element.js"):
    """A player of a film of `lab.film`."""

    def __init__(self, film: Mapping[str, Any]) -> None:
        super().__init__()
        self.show(film)

    def show(self, film: Mapping[str, Any]) -> None:
        """Play another in its place."""
        self.props["film"] = dict(film)
        self.update()


def on_value(element: ui.element, event: str, handler: Callable[[str], Any], *, wait: float = 0.0) -> None:
    """Call `handler` with what the element holds, as text, when the event comes; at most once in `wait` seconds."""
    element.on(
        event,
        lambda told: handler(str(told.args)),
        js_handler="({ target }) => emit(target.type === 'checkbox' ? String(target.checked) : target.value)",
        throttle=wait,
    )
