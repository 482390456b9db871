"""Exercises whose answers are checked by running the simulator, and reference solutions that are checked too.

The exercises of notebook 3 are in `simalloc.course.chapter_03`, as `EXERCISES`, and are called 3.1, 3.2 and so on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from typing import Any

from simalloc.course.prediction import is_number, number

Answer = float | str


@dataclass(frozen=True)
class Mistake:
    """An answer that a plausible slip gives, computed as the slip would, and what to say to it."""

    answer: Callable[[], Answer]
    why: str


@dataclass(frozen=True)
class Exercise:
    """A question with a checkable answer: a number of `unit`, or a word.

    `truth` computes it, by simulation where it can; `within` is the relative error a number may have; `because` is
    told to those who are right, `hint` to those who are not and made none of the known mistakes.
    """

    name: str
    truth: Callable[[], Answer]
    because: str
    hint: str
    unit: str = ""
    within: float = 0.01
    mistakes: Sequence[Mistake] = ()

    def accepts(self, answer: Answer) -> bool:
        """Whether the answer is right."""
        return self._same(answer, truth_of(self.name))

    def _same(self, answer: Answer, other: Answer) -> bool:
        if isinstance(answer, str) or isinstance(other, str):
            return str(answer).strip().lower() == str(other).strip().lower()
        return abs(answer - other) <= self.within * abs(other) + 1e-9

    def verdict(self, answer: Any) -> Verdict:
        """Judge an answer; None is no answer yet."""
        if answer is None:
            return Verdict(right=False, text=f"{self.name}: no answer yet. Put yours in place of `None`.")
        if not isinstance(answer, str) and not is_number(answer):
            wanted = f"a number of {self.unit}" if self.unit else "a number or a word"
            return Verdict(right=False, text=f"{self.name}: {answer!r} is not {wanted}.")
        said = f"{number(answer)}{f' {self.unit}' if self.unit else ''}" if is_number(answer) else str(answer)
        if self.accepts(answer):
            return Verdict(right=True, text=f"{self.name}: **right**, {said}. {self.because}")
        for mistake in self.mistakes:
            if self._same(answer, mistake.answer()):
                return Verdict(right=False, text=f"{self.name}: **not yet**, {said}. {mistake.why}")
        return Verdict(right=False, text=f"{self.name}: **not yet**, {said}{self._direction(answer)}. {self.hint}")

    def _direction(self, answer: Answer) -> str:
        truth = truth_of(self.name)
        if isinstance(answer, str) or isinstance(truth, str):
            return ""
        return " is too much" if answer > truth else " is too little"


@dataclass(frozen=True)
class Verdict:
    """What is said to an answer; `folded` is shown when it is asked for: running a notebook gives no solution away."""

    right: bool
    text: str
    folded: bool = False

    def __bool__(self) -> bool:
        return self.right

    def __repr__(self) -> str:
        return self.text.replace("**", "").replace("`", "")

    def _repr_markdown_(self) -> str:
        if self.folded:
            return f"<details><summary>Solution</summary>\n\n{self.text}\n\n</details>"
        return self.text


def check(name: str, answer: Any) -> Verdict:
    """Judge the answer to exercise `name`, such as "1.2". Raises KeyError if there is no such exercise."""
    return exercise(name).verdict(answer)


def solution(name: str, answer: Answer) -> Verdict:
    """Judge the reference solution. Raises ValueError if it is wrong, or if a known mistake would pass as right."""
    asked = exercise(name)
    verdict = asked.verdict(answer)
    if not verdict:
        raise ValueError(f"the reference solution is not accepted: {verdict}; expected {truth_of(name)}")
    for mistake in asked.mistakes:
        if asked.accepts(mistake.answer()):
            raise ValueError(f"{name}: a known mistake gives the right answer, {answer}: {mistake.why}")
    return replace(verdict, folded=True)


def exercise(name: str) -> Exercise:
    """Return the exercise `name`. Raises KeyError if there is none, and says which there are."""
    chapter = name.partition(".")[0]
    try:
        module = import_module(f"simalloc.course.chapter_{int(chapter):02d}")
    except (ModuleNotFoundError, ValueError):
        raise KeyError(f"there is no exercise {name!r}: no notebook {chapter}") from None
    there: dict[str, Exercise] = {each.name: each for each in module.EXERCISES}
    if name not in there:
        raise KeyError(f"there is no exercise {name!r}; notebook {chapter} has {', '.join(there)}")
    return there[name]


@cache
def truth_of(name: str) -> Answer:
    """Return the right answer, computed once."""
    return exercise(name).truth()
