"""A question as an address: where it starts from, and what was changed. Whatever an address says is checked first."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from simalloc.recorded.library import shipped as shipped_traces
from simalloc.runs.estimate import duration, estimate, size
from simalloc.scenario import Scenario, ScenarioError, find
from simalloc.scenario.library import shipped
from simalloc.scenario.load import with_settings
from simalloc.scenario.reading import parse, plain, read_text

HERE = Path(__file__).parent / "questions"

MOST_SETTINGS = 60
LONGEST_SETTING = 4000
LONGEST_CARRIED = 16000
"""Signs of a scenario that an address carries, packed; and what becomes of them is bounded as well."""

MOST_TEXT = 200_000
MOST_SECONDS = 600.0
MOST_BYTES = 2 << 30
"""What the lab simulates for one question, as estimated beforehand: seconds of one core, and bytes of one process."""

FILES = ("published", "calibration")
"""Keys that name files or start other work: an address cannot set them."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question: `kind` and `name` say where it starts from, `settings` what was changed, as `--set` has it.

    Kinds: `q` one of the lab's own questions by number, `s` a shipped scenario by name, `f` the file that the lab was
    started with, `y` a scenario that the address carries.
    """

    kind: str
    name: str
    settings: Mapping[str, str] = field(default_factory=dict)
    predict: bool = False

    def with_setting(self, key: str, text: str | None) -> Asked:
        """Return it with a key changed, or taken back to what it starts from with None."""
        settings = {name: value for name, value in self.settings.items() if name != key}
        return replace(self, settings=settings if text is None else {**settings, key: text})

    def query(self) -> str:
        """Return the part of the address after the question mark: all of the question."""
        pairs = [(self.kind, self.name), *((f"set.{key}", text) for key, text in self.settings.items())]
        return urlencode([*pairs, *([("predict", "1")] if self.predict else [])], quote_via=quote, safe=":,{}[]")


def read_query(pairs: Iterable[tuple[str, str]]) -> Asked:
    """Return the question of an address. Raises ScenarioError for one that is none."""
    starts, settings, predict = [], {}, False
    for key, value in pairs:
        if key in ("q", "s", "f", "y"):
            starts.append((key, value))
        elif key == "predict":
            predict = value == "1"
        elif key.startswith("set."):
            settings[key.removeprefix("set.")] = value
        else:
            raise ScenarioError(f"the address has {key[:40]!r}; it may have q, s, f or y, set.KEY, and predict")
    if len(starts) != 1:
        raise ScenarioError("the address must have one of q (a question's number), s (a shipped scenario), f, y")
    if len(settings) > MOST_SETTINGS or any(len(text) > LONGEST_SETTING for text in settings.values()):
        raise ScenarioError(f"the address changes too much: at most {MOST_SETTINGS} keys of {LONGEST_SETTING} signs")
    return Asked(*starts[0], settings, predict)


@dataclass(frozen=True, slots=True)
class Origin:
    """What a question starts from: a scenario as data, its file if it has one, and whether people here chose it."""

    data: Mapping[str, Any]
    file: Path | None
    trusted: bool

    @property
    def folder(self) -> Path | None:
        """Where a table of published figures may lie."""
        return None if self.file is None else self.file.parent


def origin_of(asked: Asked, own: Path | None = None) -> Origin:
    """Return what a question starts from; `own` is the file that the lab was started with. Raises ScenarioError."""
    if asked.kind == "q":
        files = question_files()
        if asked.name not in files:
            raise ScenarioError(f"q={asked.name[:20]}: there is no such question; they are 1 to {len(files)}")
        return Origin(_read(files[asked.name]), files[asked.name], trusted=True)
    if asked.kind == "s":
        if asked.name not in shipped():
            raise ScenarioError(f"s={asked.name[:40]}: no shipped scenario; there are {', '.join(shipped())}")
        return Origin(_read(find(asked.name)), find(asked.name), trusted=True)
    if asked.kind == "f":
        if own is None or asked.name != own.name:
            raise ScenarioError(f"f={asked.name[:40]}: this lab was not started with that file")
        return Origin(_read(own), own, trusted=True)
    return Origin(_carried(asked.name), None, trusted=False)


@cache
def question_files() -> dict[str, Path]:
    """Return the lab's questions by number."""
    return {file.name.partition("-")[0]: file for file in sorted(HERE.glob("*.yaml"))}


@cache
def _read(file: Path) -> Mapping[str, Any]:
    data: Mapping[str, Any] = plain(parse(str(file), read_text(file)))
    return data


def carried(scenario: Scenario) -> str:
    """Return a scenario packed into an address."""
    return base64.urlsafe_b64encode(zlib.compress(yaml_of(scenario.definition()).encode(), 9)).decode().rstrip("=")


def _carried(packed: str) -> Mapping[str, Any]:
    """Unpack a scenario. Raises ScenarioError."""
    if len(packed) > LONGEST_CARRIED:
        raise ScenarioError(f"y: is longer than {LONGEST_CARRIED} signs; send the file instead")
    try:
        unpacker = zlib.decompressobj()
        data = unpacker.decompress(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)), MOST_TEXT)
        text = data.decode()
    except (binascii.Error, zlib.error, ValueError):
        raise ScenarioError("y: is no scenario; part of the address may be missing") from None
    if unpacker.unconsumed_tail or not unpacker.eof:
        raise ScenarioError("y: is no whole scenario; part of the address may be missing")
    found: Mapping[str, Any] = plain(parse("y", text))
    return found


def scenario_of(asked: Asked, origin: Origin) -> Scenario:
    """Return what is asked, checked: values that can be simulated here and in time. Raises ScenarioError."""
    for key in asked.settings:
        if key.partition(".")[0] in FILES:
            raise ScenarioError(f"{key}: an address cannot set it; write a scenario file and give it to `simalloc lab`")
    try:
        scenario = with_settings(origin.data, [f"{key}={text}" for key, text in asked.settings.items()])
    except ScenarioError as error:
        raise ScenarioError(str(error).replace("--set ", "")) from None
    _check_files(scenario, asked, origin)
    found = estimate(scenario)
    if found.seconds > MOST_SECONDS:
        raise ScenarioError(
            f"this would take about {duration(found.seconds)} of one core, more than the lab gives a question "
            f"({duration(MOST_SECONDS)}); simulate less, or use `simalloc run`"
        )
    if found.memory > MOST_BYTES:
        raise ScenarioError(f"this would take about {size(found.memory)}, more than the lab gives ({size(MOST_BYTES)})")
    return scenario


def _check_files(scenario: Scenario, asked: Asked, origin: Origin) -> None:
    """Raise ScenarioError if a stranger's scenario reads files of this machine."""
    if origin.trusted and not any(key.startswith(("workload", "compare", "sweep")) for key in asked.settings):
        return
    if scenario.published is not None and not origin.trusted:
        raise ScenarioError("published: an address cannot name a file; take the key out")
    for case in scenario.cases:
        trace = getattr(case.workload, "trace", None)
        if trace is not None and str(trace) not in shipped_traces():
            raise ScenarioError(
                f"workload.trace: an address can name shipped traces only: {', '.join(shipped_traces())}"
            )


def yaml_of(definition: Mapping[str, Any]) -> str:
    """Return a scenario as people write it: what is short on one line."""
    from simalloc.report.page import scenario_text  # noqa: PLC0415 - loads matplotlib

    return scenario_text(definition)


def yaml_value(value: Any) -> str:
    """Return a value as `--set` takes it, on one line."""
    from ruamel.yaml import YAML  # noqa: PLC0415 - 50 ms

    writer: Any = YAML(typ="safe", pure=True)
    writer.default_flow_style = True
    writer.width = 1_000_000
    text = StringIO()
    writer.dump(value, text)
    return text.getvalue().strip().removesuffix("...").strip()
