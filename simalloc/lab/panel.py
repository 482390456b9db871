"""The controls of a question, made from the scenario's schema: sliders, menus, switches, numbers; changes marked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from simalloc.lab.asked import yaml_value
from simalloc.lab.elements import Range, Tag, on_value
from simalloc.lab.keys import Key, value_at, words
from simalloc.scenario import Scenario

Change = Callable[[str, str | None], Any]
"""Told of a key and its new value as YAML; None takes it back."""

COMPUTED = ("allocator.batch", "allocator.high", "memory.min_free_kbytes")
"""Keys that follow from others where they are not set."""

OFTEN = 0.15
"""Seconds between two changes that a slider tells of while it moves."""


class Control(ABC):
    """A key with what moves it. `refresh` shows the value it has now, and whether it was changed."""

    def __init__(self, key: Key, title: str, change: Change) -> None:
        self.key = key
        self._change = change
        self.id = "key-" + key.path.replace(".", "-").replace(" ", "")
        with Tag("div", classes="knob", data_key=key.path) as self.box:
            with Tag("div", classes="knob-head"):
                Tag("label", title or key.name.replace("_", " "), for_=self.id)
                self.shown = Tag("output", classes="knob-value", for_=self.id)
            self._make()
            with Tag("div", classes="knob-foot"):
                with Tag("details", classes="knob-about"):
                    Tag("summary", key.path)
                    Tag("p", " ".join(filter(None, (f"{key.about}.", key.source))))
                self.reset = Tag("button", "", "knob-reset", type="button")
                self.reset.on("click", lambda: self._change(key.path, None))

    @abstractmethod
    def _make(self) -> None:
        """Put the control itself into the box."""

    def refresh(self, now: Scenario, before: Scenario, *, changed: bool) -> None:
        """Show what the key is in a scenario, and whether that is not what it was before."""
        value = value_at(self.key.path, now)
        self._show(value)
        self.shown.text = self._words(value)
        self.box.classes(add="changed" if changed else "", remove="" if changed else "changed")
        was = self._words(value_at(self.key.path, before))
        self.reset.text = f"back to {was}" if changed else ""
        self.reset.set(
            hidden=None if changed else "", aria_label=f"{self.key.path}: back to {was}" if changed else None
        )

    def _words(self, value: Any) -> str:
        if value is None and self.key.path in COMPUTED:
            return "as the kernel computes it"
        unit = f" {self.key.unit}" if self.key.unit and value is not None else ""
        return words(value) + unit

    @abstractmethod
    def _show(self, value: Any) -> None:
        """Have the control stand at a value."""


class Slider(Control):
    """A slider over some values; one that a scenario has beside these is put among them."""

    def __init__(self, key: Key, title: str, change: Change, values: Sequence[Any], names: Sequence[str]) -> None:
        self.values = list(values)
        self.names = list(names)
        super().__init__(key, title, change)

    def _make(self) -> None:
        self.input = Range(self.id, self._moved, wait=OFTEN)

    def _moved(self, place: int) -> None:
        value = self.values[max(0, min(len(self.values) - 1, place))]
        self.shown.text = self._words(value)
        self._change(self.key.path, yaml_value(value))

    def _words(self, value: Any) -> str:
        place = self._place(value)
        return self.names[place] if self.names and place is not None else super()._words(value)

    def _place(self, value: Any) -> int | None:
        alike = [i for i, each in enumerate(self.values) if _plain(each) == _plain(value)]
        return alike[0] if alike else None

    def _show(self, value: Any) -> None:
        place = self._place(value)
        if place is None and not self.names:
            self.values.insert(0, value)
            if all(isinstance(each, int | float) for each in self.values):
                self.values.sort()
            place = self._place(value)
        self.input.show(place or 0, [self._words(each) for each in self.values])


class Menu(Control):
    """A menu of choices."""

    def _make(self) -> None:
        with Tag("select", id=self.id) as self.input:
            for choice in ("", *self.key.choices):
                Tag("option", choice or "not set", value=choice)
        on_value(self.input, "change", lambda text: self._change(self.key.path, yaml_value(text) if text else None))

    def _show(self, value: Any) -> None:
        self.input.set(value="" if value is None else str(value))


class Switch(Control):
    """A box to tick."""

    def _make(self) -> None:
        self.input = Tag("input", id=self.id, type="checkbox")
        on_value(self.input, "change", lambda text: self._change(self.key.path, text))

    def _show(self, value: Any) -> None:
        self.input.set(checked=bool(value))


class Field(Control):
    """A number, or text in YAML, to be typed."""

    def _make(self) -> None:
        numbers = {"type": "number", "min": self.key.low, "max": self.key.high, "step": 1 if self.key.whole else "any"}
        given = numbers if self.key.kind == "number" else {"type": "text", "spellcheck": "false"}
        self.input = Tag("input", id=self.id, autocomplete="off", **given)
        on_value(self.input, "change", lambda text: self._change(self.key.path, text.strip() or None))

    def _show(self, value: Any) -> None:
        self.input.set(value="" if value is None else yaml_value(value))


def control(
    key: Key, change: Change, *, values: Sequence[Any] = (), title: str = "", names: Sequence[str] = ()
) -> Control:
    """Return what moves a key."""
    if values:
        return Slider(key, title, change, values, names)
    kinds = {"choice": Menu, "switch": Switch}
    return kinds.get(key.kind, Field)(key, title, change)


class Columns:
    """What is compared: a line a label, with its allocator and its kind of lock; others can be added."""

    def __init__(self, change: Change) -> None:
        self._change = change
        self._cases: list[dict[str, Any]] = []
        self._what = "allocator"
        self.box = Tag("div", classes="compared")

    def refresh(self, now: Scenario, menus: dict[str, Sequence[str]]) -> None:
        """Show a scenario's columns."""
        cases = [case.model_dump(mode="json", exclude_unset=True) for case in now.compare]
        cases = cases or [{"label": now.allocator.name or "allocator", "allocator": {"name": now.allocator.name}}]
        if cases == self._cases:
            return
        self._cases = cases
        self.box.clear()
        with self.box:
            for place, case in enumerate(cases):
                self._line(place, case, now, menus)
            # Where nothing but a lock is used, allocators differ in nothing.
            self._what = "lock" if now.workload.kind == "lock-loop" else "allocator"
            words = "kind of lock" if self._what == "lock" else "allocator"
            with Tag("select", aria_label=f"compare one more {words}", classes="compare-more") as more:
                for name in ("", *menus[self._what]):
                    Tag("option", name or f"+ compare one more {words}", value=name)
            on_value(more, "change", self._add)

    def _line(self, place: int, case: dict[str, Any], now: Scenario, menus: dict[str, Sequence[str]]) -> None:
        label = case["label"]
        Tag("span", label, "compared-label")
        with Tag("div", classes="compared-line"):
            own = (case.get("allocator") or {}).get("name") or now.allocator.name
            if now.workload.kind != "lock-loop":
                self._menu(
                    f"allocator of {label}", own, menus["allocator"], lambda text: self._set(place, "allocator", text)
                )
            if "lock" in case.get("machine", {}):
                self._menu(
                    f"lock of {label}",
                    case["machine"]["lock"],
                    menus["lock"],
                    lambda text: self._set(place, "lock", text),
                )
            if len(self._cases) > 1:
                out = Tag("button", "remove", "compared-out", type="button", aria_label=f"remove {label}")
                out.on("click", lambda: self._put([each for i, each in enumerate(self._cases) if i != place]))

    @staticmethod
    def _menu(about: str, value: str | None, names: Sequence[str], chosen: Callable[[str], None]) -> None:
        with Tag("select", aria_label=about, value=value) as menu:
            for name in names:
                Tag("option", name, value=name)
        on_value(menu, "change", chosen)

    def _set(self, place: int, what: str, name: str) -> None:
        case = dict(self._cases[place])
        old = (case.get("allocator") or {}).get("name") if what == "allocator" else case["machine"]["lock"]
        if what == "allocator":
            case["allocator"] = {**(case.get("allocator") or {}), "name": name}
        else:
            case["machine"] = {**case["machine"], "lock": name}
        label = str(case["label"])
        case["label"] = self._free(label.replace(old, name) if old and old in label else name, place)
        self._put([case if i == place else each for i, each in enumerate(self._cases)])

    def _add(self, name: str) -> None:
        if name:
            added = {"machine": {"lock": name}} if self._what == "lock" else {"allocator": {"name": name}}
            self._put([*self._cases, {"label": self._free(name, -1), **added}])

    def _free(self, label: str, place: int) -> str:
        taken = {each["label"] for i, each in enumerate(self._cases) if i != place}
        found, number = label, 2
        while found in taken:
            found, number = f"{label} ({number})", number + 1
        return found

    def _put(self, cases: list[dict[str, Any]]) -> None:
        self._change("compare", yaml_value(cases))


def _plain(value: Any) -> Any:
    """Return a value so that `400 cycles` and {constant: 400 cycles} are alike."""
    if isinstance(value, dict):
        given = {name: each for name, each in value.items() if each is not None}
        return (
            given["constant"] if list(given) == ["constant"] else {name: _plain(each) for name, each in given.items()}
        )
    return value
