"""Joins the passes of several requests in one kernel call.

A pass over few rows still reads all weights, so the next tokens of eight texts cost little more in one pass than the
next token of one. Each request runs its ordinary code in a greenlet until it asks for a fused call (a pass, or a
reading of the vocabulary). There it is suspended until the others have reached theirs; then all calls of one kind run
as one. Each request gets, to the last bit, the result it would get alone. Where nothing is fused no request is ever
suspended, and they run one after another.

Knows nothing of requests, caches or scheduling.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import torch
from greenlet import getcurrent, greenlet

from dgemma.fused_calls import FusedCall, dispatcher, run_all

MAX_ROWS = 64
"""Rows of one joint call at most: a pass over more takes so long to compute that reading the weights hardly counts."""

T = TypeVar("T")


class Outcome(NamedTuple, Generic[T]):
    """The result of a turn: its value or its error, and the rows of its largest fused call, if it made one."""

    value: T | None = None
    error: Exception | None = None
    num_rows: int | None = None


def run_together(turns: Sequence[Callable[[], T]]) -> list[Outcome[T]]:
    """Runs all turns in this thread, joining their small fused calls -> the outcome of each, in order.

    An Exception that a turn raises ends that turn alone. Any other exception (Ctrl-C) ends all of them and is raised.
    A turn that has changed a state of the network asks for no call that could be joined until it has restored it:
    others run while it is suspended.
    """
    suspended: dict[int, FusedCall] = {}
    num_rows: dict[int, int] = {}
    outcomes: dict[int, Outcome[T]] = {}
    runs = [greenlet(_begin) for _ in turns]

    def resume(number: int, enter: Callable[..., Any], *given: Any) -> None:
        """Enters a turn's greenlet until the turn ends or asks for its next fused call."""
        try:
            found = enter(*given)
        except Exception as problem:
            outcomes[number] = Outcome(error=problem)
            return
        if runs[number].dead:
            outcomes[number] = Outcome(value=found, num_rows=num_rows.get(number))
        else:
            suspended[number] = found
            num_rows[number] = max(found.num_rows, num_rows.get(number, 0))

    # inference_mode is state of the thread: a turn that entered it before it was suspended leaves it after others have
    # entered it. That is harmless only if all of them, and this loop, are in the same mode.
    with torch.inference_mode():
        try:
            for number, turn in enumerate(turns):
                resume(number, runs[number].switch, turn)
            while suspended:
                for group in _groups(suspended):
                    calls = [suspended.pop(number) for number in group]
                    try:
                        found = run_all(calls)
                    except Exception as problem:
                        for number in group:
                            resume(number, runs[number].throw, problem)
                        continue
                    for number, result in zip(group, found, strict=True):
                        resume(number, runs[number].switch, result)
        finally:
            for run in runs:
                if not run.dead:
                    run.throw()
    return [outcomes[number] for number in range(len(turns))]


def _begin(turn: Callable[[], T]) -> T:
    """Runs a turn in its greenlet. Each greenlet has its own context, so `dispatcher` is set for this turn alone."""
    hub = getcurrent().parent
    assert hub is not None
    dispatcher.set(hub.switch)
    return turn()


def _groups(suspended: Mapping[int, FusedCall]) -> list[list[int]]:
    """The numbers of the suspended turns, grouped by calls that can be joined; each is in the first group it fits."""
    groups: list[list[int]] = []

    def joins(call: FusedCall, group: Sequence[int]) -> bool:
        others = [suspended[number] for number in group]
        return call.kind == others[0].kind and sum(one.num_rows for one in (call, *others)) <= MAX_ROWS

    for number, call in suspended.items():
        if (group := next((group for group in groups if joins(call, group)), None)) is None:
            groups.append([number])
        else:
            group.append(number)
    return groups
