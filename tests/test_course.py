from collections.abc import Callable
from typing import Any

import ipywidgets
import pytest
from matplotlib.figure import Figure

from simalloc import ScenarioError, course
from simalloc.course import Exercise, Mistake, Slider, sliders
from simalloc.course import exercise as exercises

ANSWER = 38.0


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Exercise:
    it = Exercise(
        "9.1",
        truth=lambda: ANSWER,
        unit="cycles",
        because="So it is.",
        hint="Look again.",
        mistakes=[Mistake(lambda: 50.0, "You counted one step too many.")],
    )
    monkeypatch.setattr(exercises, "exercise", lambda _: it)
    exercises.truth_of.cache_clear()
    return it


def shown(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    seen: list[Any] = []
    monkeypatch.setattr(sliders, "_display", lambda *each: seen.extend(each))
    return seen


# Predictions


@pytest.mark.parametrize(
    ("guess", "words"),
    [
        (None, "You made no prediction. The result is 76 cycles."),
        (80, "You said 80, the experiment says 76 cycles. Close."),
        (50, "You said 50, the experiment says 76 cycles. The right size; see below what makes the difference."),
        (5, "You said 5, the experiment says 76 cycles. A gap like this is what the experiment is for"),
    ],
)
def test_a_number_is_compared_kindly(guess: float | None, words: str) -> None:
    assert repr(course.predict("masking", guess, unit="cycles").compare(76)).startswith(words)


def test_nothing_is_divided_by_a_result_of_zero() -> None:
    assert "A gap" in repr(course.predict("waits", 3).compare(0))


@pytest.mark.parametrize(
    ("guess", "words"),
    [
        (None, "You made no prediction. The answer is b: less."),
        ("b", "As you said, b: less."),
        ("a", "You said a, the experiment says b: less. What did your picture of it leave out?"),
    ],
)
def test_a_choice_is_compared_kindly(guess: str | None, words: str) -> None:
    assert repr(course.predict("it delivers", guess, choices={"a": "more", "b": "less"}).compare("b")) == words


def test_a_prediction_tells_what_may_be_written() -> None:
    with pytest.raises(ValueError, match="'c' is not one of the choices; write one of 'a', 'b'"):
        course.predict("it delivers", "c", choices={"a": "more", "b": "less"})
    with pytest.raises(ValueError, match="'76 cycles' is not a number; write one of cycles, without the unit"):
        course.predict("masking", "76 cycles", unit="cycles")


def test_a_prediction_shows_its_question_and_choices() -> None:
    text = course.predict("it delivers", "a", choices={"a": "more", "b": "less"})._repr_markdown_()
    assert text.splitlines() == ["**Your prediction.** it delivers", "- a: more", "- b: less", "", "You say: a."]


# Exercises


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "9.1: no answer yet. Put yours in place of None."),
        ([], "9.1: [] is not a number of cycles."),
        (True, "9.1: True is not a number of cycles."),
        (38, "9.1: right, 38 cycles. So it is."),
        (38.2, "9.1: right, 38.2 cycles. So it is."),
        (50, "9.1: not yet, 50 cycles. You counted one step too many."),
        (12, "9.1: not yet, 12 cycles is too little. Look again."),
        (1000, "9.1: not yet, 1,000 cycles is too much. Look again."),
    ],
)
def test_an_answer_is_judged_and_told_why(asked: Exercise, answer: object, words: str) -> None:
    assert repr(asked.verdict(answer)) == words
    assert bool(asked.verdict(answer)) == (": right" in words)


def test_a_reference_solution_must_be_right(asked: Exercise) -> None:
    assert course.solution(asked.name, ANSWER)._repr_markdown_().startswith("<details><summary>Solution</summary>")
    with pytest.raises(ValueError, match=r"the reference solution is not accepted: 9.1: not yet, 50 cycles"):
        course.solution(asked.name, 50)


@pytest.mark.usefixtures("asked")
def test_a_slip_that_gives_the_right_answer_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    same = Exercise("9.2", lambda: ANSWER, "", "", mistakes=[Mistake(lambda: ANSWER, "You were lucky.")])
    monkeypatch.setattr(exercises, "exercise", lambda _: same)
    with pytest.raises(ValueError, match=r"9.2: a known mistake gives the right answer, 38.0: You were lucky."):
        course.solution("9.2", ANSWER)


def test_words_are_compared_whatever_their_case(monkeypatch: pytest.MonkeyPatch) -> None:
    word = Exercise("9.3", lambda: "b", "Yes.", "Think of a refill.")
    monkeypatch.setattr(exercises, "exercise", lambda _: word)
    exercises.truth_of.cache_clear()
    assert word.verdict(" B ")
    assert repr(word.verdict("a")) == "9.3: not yet, a. Think of a refill."


@pytest.mark.parametrize("name", ["1.9", "99.1", "one"])
def test_an_exercise_that_is_not_there(name: str) -> None:
    with pytest.raises(KeyError, match=f"there is no exercise '{name}'"):
        course.check(name, 1)


# Sliders


def test_without_a_front_end_the_start_and_the_stills_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = shown(monkeypatch)
    course.explore(
        lambda high, batch: high * batch,
        Slider("high", [62, 186, 378], start=186, still=[186, 378], unit="pages"),
        Slider("batch", [1, 31], start=31, still=[1]),
    )
    assert seen == ["high = 186 pages, batch = 31", 186 * 31, "high = 378 pages", 378 * 31, "batch = 1", 186]


def test_with_one_it_follows_the_slider(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = shown(monkeypatch)
    monkeypatch.setattr(sliders, "_is_live", lambda: True)
    course.explore(lambda high: 2 * high, Slider("high", [62, 186], start=186, unit="pages"))
    slider, drawn = seen[0], seen[1]
    slider.value = 62
    assert isinstance(slider, ipywidgets.SelectionSlider)
    assert slider.description == "high (pages)"
    assert [drawn, seen[-1]] == [372, 124]


def test_a_slider_starts_at_one_of_its_values() -> None:
    with pytest.raises(ValueError, match=r"slider high: 100 is not one of its values \[62, 186\]"):
        Slider("high", [62, 186], start=100)


# Steps, prices, figures


def test_a_path_pays_the_prices_given() -> None:
    assert course.path("v4.10", "free, below").cycles - course.path(
        "v4.10", "free, below", costs={"irq_restore": 7}
    ).cycles == (26 - 7)


@pytest.mark.parametrize("start", ["alloc", "nothing"])
def test_a_path_must_be_one(start: str) -> None:
    with pytest.raises(KeyError, match=r"paths in task; there are \['alloc, pcp empty: refill', 'alloc, pcp hit'"):
        course.path("v4.10", start)


def test_a_price_must_exist() -> None:
    with pytest.raises(ScenarioError, match='has no such cost; did you mean "irq_restore"'):
        course.path("v4.10", "free, below", costs={"irq_restor": 7})


def test_a_table_of_steps_ends_in_their_sum() -> None:
    table = course.steps(course.path("v4.10", "alloc, pcp hit"), course.path("v4.10", "free, below"))
    assert table["cycles"].iloc[:-1].sum() == table["cycles"].iloc[-1] == 222
    assert table["interrupts"].iloc[-1] == "88 masked"


def test_prices_are_printed_with_their_sources(capsys: pytest.CaptureFixture[str]) -> None:
    course.prices(["irq_restore"])
    assert capsys.readouterr().out.startswith("irq_restore: 26 cycles (derived). Restore the saved flags (POPF)")


FIGURES: dict[str, Callable[[], Figure]] = {
    "steps": lambda: course.timeline_of_steps(course.path("v4.10", "alloc, pcp hit")),
    "bars": lambda: course.bars({"v4.10": {"list": 16, "mask": 76}, "v4.11-rc": {"list": 16.5}}, xlabel="cycles"),
    "lines": lambda: course.lines(
        {"bound": ([1, 2], [1.0, 2.0])}, points={"simulated": ([1], [1.0])}, xlabel="CPUs", ylabel="ns", marks={"n": 1}
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_names_what_its_axes_show(name: str) -> None:
    figure = FIGURES[name]()
    figure.draw_without_rendering()
    axis = figure.axes[0]
    assert axis.get_xlabel() or figure.get_supxlabel()
    assert axis.get_legend_handles_labels()[1] == {"bars": ["list", "mask"], "lines": ["bound", "simulated"]}.get(
        name, []
    )
