"""How long things last: constant, exponential, or drawn from a list of measured times."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from typing import Any

import numpy as np
from pydantic import Field, field_validator, model_validator

from simalloc.hardware.times import cycles_of
from simalloc.workloads.base import Strict

_CHUNK = 1024

LONGEST = 10**11
"""Cycles at 1 GHz of the longest run that a scenario can ask for."""


class Duration(Strict):
    """A time such as `2us` or `400 cycles`, or how it varies. Exactly one of the keys."""

    constant: str | None = Field(default=None, description="always the same, such as 2us or 400 cycles")
    exponential: str | None = Field(default=None, description="exponential with this mean")
    empirical: list[str] | None = Field(
        default=None,
        min_length=1,
        max_length=10000,
        description="drawn at random from this list; all entries are equally likely",
    )

    @model_validator(mode="before")
    @classmethod
    def _plain_is_constant(cls, value: Any) -> Any:
        if not isinstance(value, str | dict | Duration):
            raise ValueError(f"{value!r} is not a time; write it with a unit, such as 2us, or exponential: 2us")  # noqa: TRY004
        return {"constant": value} if isinstance(value, str) else value

    @field_validator("constant", "exponential", "empirical")
    @classmethod
    def _is_a_time(cls, value: str | list[str] | None) -> str | list[str] | None:
        for each in [value] if isinstance(value, str) else value or []:
            if cycles_of(each, 1.0) > LONGEST:
                raise ValueError(f"{each!r} is longer than 100 s, the longest run there is")
        return value

    @model_validator(mode="after")
    def _one_of_them(self) -> Duration:
        if sum(each is not None for each in (self.constant, self.exponential, self.empirical)) != 1:
            raise ValueError("give one of constant, exponential, empirical, or just a time such as 2us")
        return self

    def mean(self, ghz: float) -> float:
        """Return the mean in cycles."""
        if self.empirical is not None:
            return sum(cycles_of(each, ghz) for each in self.empirical) / len(self.empirical)
        return cycles_of(self.constant or self.exponential or "", ghz)

    def longest(self, ghz: float) -> int:
        """Return the longest it lasts, in cycles, if it is not exponential; else its mean."""
        return max(cycles_of(each, ghz) for each in self.empirical or (self.constant or self.exponential or "0ns",))

    def draws(self, ghz: float, rng: np.random.Generator) -> Iterator[int]:
        """Return an endless stream of durations in cycles."""
        if self.constant is not None:
            return repeat(cycles_of(self.constant, ghz))
        return self._random(ghz, rng)

    def _random(self, ghz: float, rng: np.random.Generator) -> Iterator[int]:
        times = [cycles_of(each, ghz) for each in self.empirical or ()]
        while True:
            if times:
                yield from rng.choice(times, _CHUNK).tolist()
            else:
                yield from np.rint(rng.exponential(self.mean(ghz), _CHUNK)).astype(int).tolist()
