"""Closed forms against stored values, against each other, and against what must hold of any closed system.

In data/closed_forms.csv, `value` was computed by another program; `simulated` is what a simulation that shares no code
with simalloc gave, `within` the half width of its 99.9 % confidence interval.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simalloc.theory import (
    Closed,
    Handover,
    Usl,
    bounds,
    closed_lock,
    collapse_point,
    constant,
    exponential,
    fit,
    jain,
    markov_lock,
    mcs,
    mva,
    none,
    qspinlock,
    saturation,
    ticket,
)

# Stored values


def stored() -> list[dict[str, str]]:
    with (Path(__file__).parent / "data" / "closed_forms.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def quantity(row: dict[str, str]) -> float:
    """The quantity of the row as simalloc.theory has it; `promote` is what a qspinlock's promotion costs on top."""
    texts = dict(pair.split("=") for pair in row["parameters"].split())
    demands = [float(demand) for demand in texts.pop("D", texts.get("S", "")).split("+")]
    given = {name: float(text) for name, text in texts.items()}
    n, think, transfer = int(given["N"]), given["Z"], given.get("c", 0.0)
    handovers: dict[str, Handover] = {
        "none": none,
        "ticket": ticket(transfer),
        "MCS": mcs(transfer),
        "qspinlock": qspinlock(transfer, transfer - given.get("promote", 0.0)),
    }
    result: object
    match row["form"]:
        case "bounds":
            return bounds(n, think, demands)[1]
        case "USL without beta":
            hold = demands[0]
            result = Usl(1 / (think + hold), hold / (think + hold), 0.0)
            return result.throughput(n)
        case "MVA":
            result = mva(n, think, demands)
        case "M/M/1//N":
            result = exponential(n, think, demands[0])
        case "D/D/1//N":
            result = constant(n, think, demands[0])
        case form if form.endswith(" chain"):
            result = markov_lock(n, think, demands[0], handovers[form.removesuffix(" chain")])
        case form:
            result = closed_lock(n, think, demands[0], handovers[form])
    return float(getattr(result, row["quantity"]))


def ids(row: dict[str, str]) -> str:
    return f"{row['form']} {row['quantity']} {row['parameters']}"


@pytest.mark.parametrize("row", stored(), ids=ids)
def test_the_value_is_the_stored_one(row: dict[str, str]) -> None:
    assert quantity(row) == pytest.approx(float(row["value"]), rel=1e-6)


@pytest.mark.parametrize("row", [row for row in stored() if row["form"] != "bounds"], ids=ids)
def test_the_value_is_the_simulated_one(row: dict[str, str]) -> None:
    # A lock that never idles was simulated without any error, hence the relative part.
    assert quantity(row) == pytest.approx(float(row["simulated"]), abs=float(row["within"]), rel=1e-8)


@pytest.mark.parametrize("row", [row for row in stored() if row["form"] == "bounds"], ids=ids)
def test_the_simulated_throughput_is_below_the_bound(row: dict[str, str]) -> None:
    assert float(row["simulated"]) <= quantity(row)


# Any closed system

customers = st.integers(1, 64)
cycles = st.floats(1.0, 1e5)
handovers = st.sampled_from([none, ticket(120), mcs(120), qspinlock(120, 60), ticket(7000), lambda _: 35.0])
Form = Callable[[int, float, float, Handover], Closed]
forms: st.SearchStrategy[Form] = st.sampled_from(
    [
        closed_lock,
        markov_lock,
        lambda n, think, hold, _: exponential(n, think, hold),
        lambda n, think, hold, _: constant(n, think, hold),
    ]
)


@given(forms, customers, cycles, cycles, handovers)
@settings(deadline=None)
def test_customers_are_thinking_waiting_or_served(
    form: Form, n: int, think: float, hold: float, handover: Handover
) -> None:
    # Little's law, N = X (Z + W + S + E[h]); utilisation is X (S + E[h]).
    system = form(n, think, hold, handover)
    assert system.throughput * (think + system.wait) + system.utilisation == pytest.approx(n)


@given(forms, customers, cycles, cycles, handovers)
@settings(deadline=None)
def test_the_queue_is_who_does_not_think(form: Form, n: int, think: float, hold: float, handover: Handover) -> None:
    system = form(n, think, hold, handover)
    assert system.queue + system.throughput * think == pytest.approx(n)


@given(forms, customers, cycles, cycles, handovers)
@settings(deadline=None)
def test_throughput_is_within_its_bounds(form: Form, n: int, think: float, hold: float, handover: Handover) -> None:
    longest = hold + max(handover(waiters) for waiters in range(n))
    lower, upper = bounds(n, think, [longest])[0], bounds(n, think, [hold])[1]
    assert lower * (1 - 1e-9) <= form(n, think, hold, handover).throughput <= upper * (1 + 1e-9)


@given(forms, customers, cycles, cycles, handovers)
@settings(deadline=None)
def test_a_lock_is_never_more_than_always_used(
    form: Form, n: int, think: float, hold: float, handover: Handover
) -> None:
    assert 0 < form(n, think, hold, handover).utilisation <= 1 + 1e-9


# Form against form


@given(customers, cycles, cycles)
@settings(deadline=None)
def test_the_repairman_is_one_station(n: int, think: float, hold: float) -> None:
    assert mva(n, think, [hold]).throughput == pytest.approx(exponential(n, think, hold).throughput)


@given(customers, cycles, st.lists(cycles, min_size=1, max_size=4))
@settings(deadline=None)
def test_every_customer_is_at_a_station_or_thinks(n: int, think: float, demands: list[float]) -> None:
    network = mva(n, think, demands)
    assert network.throughput * think + sum(network.queues) == pytest.approx(n)


@given(cycles, cycles)
def test_one_customer_never_waits(think: float, hold: float) -> None:
    assert {form(1, think, hold).wait for form in (exponential, constant, closed_lock, markov_lock)} == {0.0}


@pytest.mark.parametrize("n", [1, 8, 64, 128])
def test_a_lock_hardly_held_is_hardly_there(n: int) -> None:
    assert closed_lock(n, 1e6, 1e-2).throughput == pytest.approx(n / (1e6 + 1e-2), rel=1e-9)


def test_a_lock_held_much_longer_than_thinking_lasts_never_idles() -> None:
    # The chance that nobody comes during a hold is 0 in floating point.
    assert closed_lock(128, 1.0, 1e4, mcs(40.0)).throughput == pytest.approx(1 / (1e4 + 40))


def test_a_thousand_customers_neither_overflow_nor_lose_digits() -> None:
    assert exponential(1024, 2000, 1).queue == pytest.approx(mva(1024, 2000, [1]).queues[0], rel=1e-9)


def test_more_customers_never_slow_an_mcs_lock_down() -> None:
    throughputs = [closed_lock(n, 20_000, 400, mcs(120)).throughput for n in range(1, 65)]
    assert all(less <= more for less, more in pairwise(throughputs))


def test_the_speedup_is_who_thinks() -> None:
    lock = markov_lock(32, 20_000, 400, ticket(120))
    assert lock.speedup == pytest.approx(lock.throughput * 20_000)


def test_bounds_cross_at_saturation() -> None:
    n = saturation(2100, [300, 500])
    assert n / (2100 + 800) == pytest.approx(1 / 500)


# Hand-overs


def test_what_a_handover_takes() -> None:
    locks = [none, ticket(100), mcs(100), qspinlock(100, 30), qspinlock(100, 400)]
    assert [[lock(waiters) for waiters in range(4)] for lock in locks] == [
        [0, 0, 0, 0],
        [0, 50, 100, 150],
        [0, 100, 100, 100],
        [0, 100, 170, 170],
        [0, 100, 100, 100],
    ]


@pytest.mark.parametrize(("think", "hold"), [(20_000, 400), (20_000, 1000), (50_000, 400)])
def test_a_ticket_lock_peaks_about_where_it_can_collapse(think: int, hold: int) -> None:
    peak = max(range(1, 80), key=lambda n: closed_lock(n, think, hold, ticket(120)).throughput)
    assert collapse_point(think, hold, 120) == pytest.approx(peak, abs=2.1)


@pytest.mark.parametrize("transfer", [0.0, 16.0])
def test_a_lock_held_long_saturates_before_it_could_collapse(transfer: float) -> None:
    assert collapse_point(20_000, 400, transfer) is None  # sqrt(16 * 20 000 / 2) is 400


# The Universal Scalability Law

SIZES = [1, 2, 4, 8, 16, 32]


def test_the_law_is_found_again() -> None:
    law = Usl(1e-4, 0.05, 0.001)
    found = fit(SIZES, [law.throughput(n) for n in SIZES])
    assert (found.gamma, found.alpha, found.beta) == pytest.approx((1e-4, 0.05, 0.001))


def test_the_peak_is_the_greatest_throughput() -> None:
    law = Usl(1e-4, 0.05, 0.001)
    assert law.peak == pytest.approx(max(range(1, 100), key=law.throughput), abs=1)


def test_what_only_bends_up_has_no_peak() -> None:
    assert fit(SIZES, [1, 2, 4, 8.2, 17.5, 50]).peak is None


def test_contention_alone_costs_a_peak_at_one() -> None:
    assert Usl(1.0, 1.5, 0.001).peak == 1


def test_the_law_does_not_fit_a_collapse() -> None:
    collapse = [markov_lock(n, 20_000, 400, ticket(120)).throughput for n in [*SIZES, 48]]
    assert fit([*SIZES, 48], collapse).worst > 0.3


# Fairness


@pytest.mark.parametrize(("shares", "index"), [([5, 5, 5, 5], 1), ([1, 0, 0, 0], 0.25), ([1, 3], 0.8)])
def test_jains_index(shares: list[float], index: float) -> None:
    assert jain(shares) == pytest.approx(index)


# Errors


WRONG: list[Callable[[], object]] = [
    lambda: exponential(0, 100, 10),
    lambda: constant(1, 0, 10),
    lambda: closed_lock(1, 100, 0),
    lambda: closed_lock(4, 100, 10, lambda waiters: -waiters),
    lambda: markov_lock(4, 100, 10, lambda waiters: -waiters),
    lambda: mva(1, 100, []),
    lambda: bounds(1, 100, [10, -1]),
    lambda: saturation(100, []),
    lambda: collapse_point(-1, 10, 10),
    lambda: fit([1, 2, 2], [1, 2, 2]),
    lambda: fit([1, 2, 4], [1, 2, 0]),
    lambda: fit([1, 2, 4], [1, 2]),
    lambda: jain([]),
]


@pytest.mark.parametrize("call", WRONG)
def test_what_makes_no_sense_is_refused(call: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        call()
