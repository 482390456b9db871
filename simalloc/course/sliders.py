"""Sliders where somebody can move them, a few still pictures where nobody can."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any


@dataclass(frozen=True)
class Slider:
    """A parameter of what is shown: the values it can take, where it starts, and which to show if it cannot move."""

    name: str
    values: Sequence[Any]
    start: Any
    still: Sequence[Any] = ()
    unit: str = ""

    def __post_init__(self) -> None:
        for value in (self.start, *self.still):
            if value not in self.values:
                raise ValueError(f"slider {self.name}: {value!r} is not one of its values {list(self.values)}")

    def caption(self, value: Any) -> str:
        """Return the setting in words."""
        return f"{self.name} = {value}{f' {self.unit}' if self.unit else ''}"


def explore(show: Callable[..., Any], *sliders: Slider) -> None:
    """Display what `show(**values)` returns, with a slider for each parameter.

    Without ipywidgets or somebody to move them (nbconvert, CI, a plain Python), shows the start, and then each
    slider's `still` values with the others at their start.
    """
    if _is_live():
        _with_widgets(show, sliders)
    else:
        for caption, values in _stills(sliders):
            _display(caption)
            _display(show(**values))


def _is_live() -> bool:
    """Whether a person sits at a front end: one that may be asked for input, which nbclient and nbconvert refuse."""
    if find_spec("ipywidgets") is None or find_spec("IPython") is None:
        return False
    from IPython import get_ipython  # noqa: PLC0415 - only notebooks need it

    kernel = getattr(get_ipython(), "kernel", None)
    return bool(getattr(kernel, "_allow_stdin", False))


def _stills(sliders: Sequence[Slider]) -> Iterator[tuple[str, dict[str, Any]]]:
    start = {slider.name: slider.start for slider in sliders}
    yield ", ".join(slider.caption(slider.start) for slider in sliders), start
    for slider in sliders:
        for value in slider.still:
            if value != slider.start:
                yield slider.caption(value), start | {slider.name: value}


def _with_widgets(show: Callable[..., Any], sliders: Sequence[Slider]) -> None:
    import ipywidgets  # noqa: PLC0415 - optional

    controls = {
        slider.name: ipywidgets.SelectionSlider(
            options=list(slider.values),
            value=slider.start,
            description=slider.name + (f" ({slider.unit})" if slider.unit else ""),
            continuous_update=False,
            style={"description_width": "initial"},
            layout={"width": "60%"},
        )
        for slider in sliders
    }
    _display(*controls.values())
    _display(ipywidgets.interactive_output(lambda **values: _display(show(**values)), controls))


def _display(*shown: Any) -> None:
    """Display objects in a notebook; print them elsewhere."""
    if find_spec("IPython") is None:
        print(*shown, sep="\n")
        return
    from IPython.display import Markdown, display  # noqa: PLC0415 - only notebooks need it

    for each in shown:
        display(Markdown(f"*{each}*") if isinstance(each, str) else each)
