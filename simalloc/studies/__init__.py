"""Studies of one case: what changes a figure most (sensitivity), and which sizes meet a goal (tuning)."""

from simalloc.studies.elasticity import Effect, Sensitivity, SpeedUp, sensitivity, speed_ups
from simalloc.studies.global_indices import Index, check_samples, range_of, sobol
from simalloc.studies.levers import Lever, chosen, costs_of, keys_of, sizes_of
from simalloc.studies.question import Found, Question, figure_name, main_figures, questions

__all__ = [
    "Effect",
    "Found",
    "Index",
    "Lever",
    "Question",
    "Sensitivity",
    "SpeedUp",
    "check_samples",
    "chosen",
    "costs_of",
    "figure_name",
    "keys_of",
    "main_figures",
    "questions",
    "range_of",
    "sensitivity",
    "sizes_of",
    "sobol",
    "speed_ups",
]
