"""Several requests' passes in one call.

A pass over few rows reads all weights, so that eight texts' next tokens cost little more in one pass than one does
alone. Each request's own code runs as it is until it asks for a fused call, a pass or a reading of the vocabulary, and
rests there (in a greenlet) while the others come as far as theirs; then all of one kind are one call. What a request
gets is to the last bit what it would get alone. Where nothing is fused no request ever rests, and they simply run one
after another.

Knows nothing of requests, caches or turns.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import torch
from greenlet import getcurrent, greenlet

from dgemma.fused_calls import FusedCall, asked_instead

MOST_ROWS = 64
"""Rows of one call: passes over more take so long to compute that reading the weights again hardly counts."""

T = TypeVar("T")


class Outcome(NamedTuple, Generic[T]):
    """What came of a turn: its value, or what went wrong in it; the rows of its largest fused call, if it had one."""

    value: T | None = None
    error: Exception | None = None
    num_rows: int | None = None


def take_together(turns: Sequence[Callable[[], T]]) -> list[Outcome[T]]:
    """Runs all turns in this thread, their fused calls together where they are small -> what came of each, in order.

    What one raises ends that one alone, unless it is none of an Exception (Ctrl-C): that ends all and is raised.
    """
    resting: dict[int, FusedCall] = {}
    num_rows: dict[int, int] = {}
    outcomes: dict[int, Outcome[T]] = {}
    runs = [greenlet(_begin) for _ in turns]

    def go_on(number: int, proceed: Callable[..., Any], *given: Any) -> None:
        try:
            found = proceed(*given)
        except Exception as problem:
            outcomes[number] = Outcome(error=problem)
            return
        if runs[number].dead:
            outcomes[number] = Outcome(value=found, num_rows=num_rows.get(number))
        else:
            resting[number] = found
            num_rows[number] = max(found.num_rows, num_rows.get(number, 0))

    # Contexts that a turn has entered before it rests are left after others have entered theirs: all must be in one
    # and the same mode.
    with torch.inference_mode():
        try:
            for number, turn in enumerate(turns):
                go_on(number, runs[number].switch, turn)
            while resting:
                for group in _groups(resting):
                    calls = [resting.pop(number) for number in group]
                    try:
                        found = calls[0].compute(calls)
                    except Exception as problem:
                        for number in group:
                            go_on(number, runs[number].throw, problem)
                        continue
                    for number, result in zip(group, found, strict=True):
                        go_on(number, runs[number].switch, result)
        finally:
            for run in runs:
                if not run.dead:
                    run.throw()
    return [outcomes[number] for number in range(len(turns))]


def _begin(turn: Callable[[], T]) -> T:
    """Runs a turn in a greenlet of its own, which has a context of its own."""
    hub = getcurrent().parent
    assert hub is not None
    asked_instead.set(hub.switch)
    return turn()


def _groups(resting: Mapping[int, FusedCall]) -> list[list[int]]:
    """The numbers of those that can be one call, each in the first group that it may join."""
    groups: list[list[int]] = []

    def joins(call: FusedCall, group: Sequence[int]) -> bool:
        others = [resting[number] for number in group]
        return call.kind == others[0].kind and sum(one.num_rows for one in (call, *others)) <= MOST_ROWS

    for number, call in resting.items():
        if (group := next((group for group in groups if joins(call, group)), None)) is None:
            groups.append([number])
        else:
            group.append(number)
    return groups
