"""What exit codes mean. A command that a signal ends has 128 + its number: 130, 143, 129."""

FAILED = 1
"""The simulated kernel broke a rule, a run was lost, or what was made could not be saved or drawn."""

WRONG_INPUT = 2
"""The input is wrong, or too much; a line per problem. Nothing was simulated."""

LIMIT = 3
"""A limit of time or memory was reached; what had finished is saved, and marked partial."""
