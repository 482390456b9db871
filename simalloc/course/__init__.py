"""What the course's notebooks share: a prediction first, steps as tables and figures, sliders, checked exercises.

The notebooks are in `notebooks/`; README.md there says how to add one.
"""

from simalloc.course.drawing import bars, lines, timeline_of_steps
from simalloc.course.exercise import Exercise, Mistake, Verdict, check, solution
from simalloc.course.prediction import Prediction, predict
from simalloc.course.sliders import Slider, explore
from simalloc.course.tables import path, prices, steps

__all__ = [
    "Exercise",
    "Mistake",
    "Prediction",
    "Slider",
    "Verdict",
    "bars",
    "check",
    "explore",
    "lines",
    "path",
    "predict",
    "prices",
    "solution",
    "steps",
    "timeline_of_steps",
]
