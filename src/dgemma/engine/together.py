"""Several requests' passes in one call.

A pass over few rows reads all weights, so that eight texts' next tokens cost little more in one pass than one does
alone. Each request's own code runs as it is until it asks for a fused pass, and rests there (in a greenlet) while the
others come as far as theirs; then all of these are one call. What a request gets is to the last bit what it would get
alone. Where nothing is fused no request ever rests, and they simply run one after another.

Knows nothing of requests, caches or turns.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch
from greenlet import getcurrent, greenlet
from torch import Tensor

from dgemma.fused import asked_instead
from dgemma.ops.native.rows import TextRows

MOST_ROWS = 64
"""Rows of one call: passes over more take so long to compute that reading the weights again hardly counts."""

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class _Pass:
    """What somebody rests for."""

    layers: Any
    text: TextRows
    keys_only: bool

    @property
    def num_rows(self) -> int:
        return len(self.text.positions)

    def joins(self, others: Sequence["_Pass"]) -> bool:
        """Whether it may be in one call with these."""
        alike = all(self.layers is other.layers and self.keys_only == other.keys_only for other in others)
        return alike and sum(other.num_rows for other in others) + self.num_rows <= MOST_ROWS


@dataclass(frozen=True, kw_only=True)
class Outcome(Generic[T]):
    """What came of a turn: its value, or what went wrong in it; the rows of its largest fused pass, if it had one."""

    value: T | None = None
    error: Exception | None = None
    num_rows: int | None = None


def take_together(turns: Sequence[Callable[[], T]]) -> list[Outcome[T]]:
    """Runs all turns in this thread, their fused passes together where that is allowed -> what came of each, in order.

    What one raises ends that one alone, unless it is none of an Exception (Ctrl-C): that ends all and is raised.
    """
    resting: dict[int, _Pass] = {}
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
                for group in list(_groups(resting)):
                    passes = [resting.pop(number) for number in group]
                    try:
                        found = _run(passes)
                    except Exception as problem:
                        for number in group:
                            go_on(number, runs[number].throw, problem)
                        continue
                    for number, hidden in zip(group, found, strict=True):
                        go_on(number, runs[number].switch, hidden)
        finally:
            for run in runs:
                if not run.dead:
                    run.throw()
    return [outcomes[number] for number in range(len(turns))]


def _begin(turn: Callable[[], T]) -> T:
    """Runs a turn in a greenlet of its own, which has a context of its own."""
    hub = getcurrent().parent
    assert hub is not None

    def ask(layers: Any, text: TextRows, keys_only: bool) -> Tensor:
        return hub.switch(_Pass(layers=layers, text=text, keys_only=keys_only))

    asked_instead.set(ask)
    return turn()


def _groups(resting: dict[int, _Pass]) -> Iterator[list[int]]:
    """Numbers of passes that may be one call, each in the first group that it may join."""
    groups: list[list[int]] = []
    for number, wanted in resting.items():
        fitting = (group for group in groups if wanted.joins([resting[other] for other in group]))
        if (group := next(fitting, None)) is None:
            groups.append([number])
        else:
            group.append(number)
    yield from groups


def _run(passes: Sequence[_Pass]) -> list[Tensor]:
    """The hidden states of each."""
    first = passes[0]
    hidden = first.layers.run([one.text for one in passes], first.keys_only)
    if len(passes) == 1:
        return [hidden]
    # Of their own, so that none keeps all others' alive, and in memory as aligned as alone.
    return [part.clone() for part in hidden.split([one.num_rows for one in passes])]
