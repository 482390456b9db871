"""The private parts of SimPy that the event queue uses mean what they did: each is held against SimPy's own methods."""

from __future__ import annotations

from functools import partial

import pytest
from simpy import Environment
from simpy.events import Event, EventPriority

from simalloc.machine.queue import RANK_OF_FIRST_CPU, EventQueue


@pytest.fixture
def queue() -> EventQueue:
    return EventQueue()


def note_into(log: list[tuple[float, object]], event: Event) -> Event:
    assert event.callbacks is not None
    event.callbacks.append(lambda done: log.append((done.env.now, done.value)))
    return event


def test_fire_leaves_the_entry_that_schedule_leaves(queue: EventQueue) -> None:
    plain = Environment()
    expected = Event(plain)
    plain.schedule(expected, EventPriority(RANK_OF_FIRST_CPU + 3), 40)
    queue.fire(Event(queue), 40, 3)
    assert [entry[:3] for entry in queue._queue] == [entry[:3] for entry in plain._queue]


def test_a_fired_event_is_triggered_as_by_succeed(queue: EventQueue) -> None:
    fired, succeeded = Event(queue), Event(queue).succeed()
    queue.fire(fired, 7, 0)
    assert (fired.triggered, fired.ok, fired.value) == (succeeded.triggered, succeeded.ok, succeeded.value)


def test_fired_events_happen_by_cycle_then_place(queue: EventQueue) -> None:
    happened: list[tuple[float, int]] = []
    for delay, place in ((5, 1), (5, 0), (3, 2)):
        event = Event(queue)
        assert event.callbacks is not None
        event.callbacks.append(partial(lambda place, _: happened.append((queue.now, place)), place))
        queue.fire(event, delay, place)
    queue.run()
    assert happened == [(3, 2), (5, 0), (5, 1)]


def test_the_time_is_moved_to_before_what_is_due(queue: EventQueue) -> None:
    queue.fire(Event(queue), 10, 0)
    assert [queue.advance(9), queue.now, queue.cycle] == [True, 9, 9]


@pytest.mark.parametrize("cycle", [10, 11])
def test_the_time_is_not_moved_to_or_past_what_is_due(queue: EventQueue, cycle: int) -> None:
    queue.fire(Event(queue), 10, 0)
    assert [queue.advance(cycle), queue.now] == [False, 0]


def test_what_is_fired_later_counts_from_the_time_moved_to(queue: EventQueue) -> None:
    log: list[tuple[float, object]] = []
    queue.advance(100)
    queue.fire(note_into(log, Event(queue)), 5, 0)
    queue.run()
    assert log == [(105, None)]


def test_a_cancelled_event_never_happens_and_the_others_do(queue: EventQueue) -> None:
    log: list[tuple[float, object]] = []
    events = [note_into(log, Event(queue)) for _ in range(5)]
    for place, event in enumerate(events):
        queue.fire(event, 10 - place, place)
    queue.cancel(events[3])
    queue.run()
    assert [cycle for cycle, _ in log] == [6, 8, 9, 10]
