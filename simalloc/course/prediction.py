"""A prediction: written down before the experiment, compared with its result after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

CLOSE = 0.1
"""A guess within this share of the result is called close."""

Guess = float | str | None


@dataclass(frozen=True)
class Prediction:
    """What a student expects: a number of `unit`, or one of `choices` (its letter); None if nothing was written yet."""

    question: str
    guess: Guess
    unit: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)

    def _repr_markdown_(self) -> str:
        lines = [f"**Your prediction.** {self.question}"]
        lines += [f"- {letter}: {text}" for letter, text in self.choices.items()]
        said = "nothing yet: put it in place of `None` and run the cell again" if self.guess is None else self.guess
        return "\n".join([*lines, "", f"You say: {said}{self._unit() if self.guess is not None else ''}."])

    def compare(self, result: float | str) -> Comparison:
        """Set the guess beside what the experiment gave. Raises ValueError if the result is not one of the choices."""
        if self.choices:
            return Comparison(self._of_choices(str(result)))
        return Comparison(self._of_numbers(float(result)))

    def _of_choices(self, result: str) -> str:
        if result not in self.choices:
            raise ValueError(f"{result!r} is not one of the choices: {', '.join(self.choices)}")
        found = f"{result}: {self.choices[result]}"
        if self.guess is None:
            return f"You made no prediction. The answer is {found}."
        if self.guess == result:
            return f"As you said, {found}."
        return f"You said {self.guess}, the experiment says {found}. What did your picture of it leave out?"

    def _of_numbers(self, result: float) -> str:
        found = f"{number(result)}{self._unit()}"
        if self.guess is None:
            return f"You made no prediction. The result is {found}."
        guess = float(self.guess)
        said = f"You said {number(guess)}, the experiment says {found}"
        if abs(guess - result) <= CLOSE * abs(result):
            return f"{said}. Close."
        if result and 0.5 <= guess / result <= 2:
            return f"{said}. The right size; see below what makes the difference."
        return f"{said}. A gap like this is what the experiment is for: which part did you not expect?"

    def _unit(self) -> str:
        return f" {self.unit}" if self.unit else ""


@dataclass(frozen=True)
class Comparison:
    """A prediction beside the result, in a sentence."""

    text: str

    def _repr_markdown_(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text


def predict(question: str, guess: Guess, *, unit: str = "", choices: Mapping[str, str] | None = None) -> Prediction:
    """Write down a prediction: a number of `unit`, or the letter of one of `choices`; None = not made yet.

    Raises ValueError for anything else, and says what would be right.
    """
    options = dict(choices or {})
    if guess is not None and options and guess not in options:
        raise ValueError(f"{guess!r} is not one of the choices; write one of {', '.join(map(repr, options))}")
    if guess is not None and not options and not is_number(guess):
        raise ValueError(f"{guess!r} is not a number; write one{f' of {unit}' if unit else ''}, without the unit")
    return Prediction(question, guess, unit, options)


def is_number(value: Any) -> bool:
    """Whether the value is a number (True and False are not)."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def number(value: float) -> str:
    """Return a number as a person writes it: at most three decimals, no zeros at the end."""
    return f"{value:,.3f}".rstrip("0").rstrip(".")
