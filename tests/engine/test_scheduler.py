"""The scheduler: order of waiting and active requests, limits and the memory budget, also under random arrivals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dgemma.engine.scheduler import Scheduler
from dgemma.errors import BusyError


def make(**limits: int) -> Scheduler:
    return Scheduler(**{"max_active": 3, "max_waiting": 2, "budget_bytes": 100, **limits})


def admit_all(scheduler: Scheduler) -> list[int]:
    admitted = []
    while (candidate := scheduler.candidate()) is not None:
        scheduler.admit(candidate)
        admitted.append(candidate)
    return admitted


def test_active_requests_take_turns():
    scheduler = make()
    for request_id in (1, 2, 3):
        scheduler.enter(request_id, 10)
    assert scheduler.next_turns() == []
    assert admit_all(scheduler) == [1, 2, 3]
    assert [scheduler.next_turns() for _ in range(6)] == [[1], [2], [3], [1], [2], [3]]
    scheduler.leave(2)
    assert [scheduler.next_turns() for _ in range(4)] == [[1], [3], [1], [3]]


def test_the_first_waiting_request_is_not_overtaken_by_a_smaller_one():
    scheduler = make()
    for request_id, num_bytes in ((1, 60), (2, 60), (3, 10)):
        scheduler.enter(request_id, num_bytes)
    assert admit_all(scheduler) == [1]
    scheduler.leave(1)
    assert admit_all(scheduler) == [2, 3]


def test_a_waiting_request_may_leave():
    scheduler = make(max_active=1)
    scheduler.enter(1, 1)
    scheduler.enter(2, 1)
    admit_all(scheduler)
    scheduler.leave(2)
    assert (scheduler.num_active, scheduler.num_waiting) == (1, 0)


def test_a_full_scheduler_refuses_and_says_when_to_retry():
    scheduler = make(max_active=2, max_waiting=1)
    for request_id in (1, 2, 3):
        scheduler.enter(request_id, 10)
    admit_all(scheduler)
    with pytest.raises(BusyError, match=r"3 places.*0\.5 seconds") as raised:
        scheduler.enter(4, 10)
    assert raised.value.retry_after_s == 0.5
    scheduler.record_duration(3.0)
    scheduler.record_duration(5.0)
    assert scheduler.retry_after_s() == 2.0
    scheduler.record_duration(10_000.0)
    assert scheduler.retry_after_s() == 60.0
    scheduler.leave(1)
    scheduler.enter(4, 10)


actions = st.lists(st.tuples(st.sampled_from(["enter", "leave", "turn"]), st.integers(0, 100)), max_size=80)


def test_a_request_that_ends_in_its_turn_frees_its_place_before_its_memory():
    scheduler = make(max_active=1, max_waiting=0)
    scheduler.enter(1, 60)
    scheduler.admit(1)
    with pytest.raises(BusyError):
        scheduler.enter(2, 60)
    scheduler.end(1)
    scheduler.enter(2, 60)
    assert scheduler.candidate() is None and scheduler.active_bytes == 60
    scheduler.leave(1)
    assert scheduler.candidate() == 2
    with pytest.raises(BusyError):
        scheduler.enter(3, 60)


@given(actions, st.integers(1, 4), st.integers(0, 3))
def test_limits_hold_for_any_arrivals_and_departures(actions, max_active, max_waiting):
    scheduler = make(max_active=max_active, max_waiting=max_waiting)
    open_bytes: dict[int, int] = {}
    entered: list[int] = []
    started: list[int] = []
    since_turn: dict[int, int] = {}
    for number, (action, value) in enumerate(actions):
        if action == "enter":
            try:
                scheduler.enter(number, value)
                open_bytes[number] = value
                entered.append(number)
            except BusyError:
                assert len(open_bytes) == max_active + max_waiting
        elif action == "leave" and open_bytes:
            left = list(open_bytes)[value % len(open_bytes)]
            scheduler.leave(left)
            del open_bytes[left]
            since_turn.pop(left, None)
        elif turns := scheduler.next_turns(lambda own, others, value=value: (own + len(others)) % 3 < value % 4):
            assert len(set(turns)) == len(turns)
            since_turn = {other: 0 if other in turns else since + 1 for other, since in since_turn.items()}
            assert all(since < max_active for since in since_turn.values())
        for admitted in admit_all(scheduler):
            started.append(admitted)
            since_turn[admitted] = 0
        assert scheduler.num_active + scheduler.num_waiting == len(open_bytes) <= max_active + max_waiting
        assert scheduler.num_active <= max_active
        assert scheduler.active_bytes == sum(open_bytes[request_id] for request_id in since_turn) <= 100
        if open_bytes:
            assert scheduler.num_active > 0
    assert started == [request_id for request_id in entered if request_id in started]
