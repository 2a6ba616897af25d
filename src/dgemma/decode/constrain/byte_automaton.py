"""Expressions -> deterministic automata over bytes: one state for each derivative, within a limit.

Knows nothing of tokens or of where an expression comes from.

Shapes: S states.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dgemma.decode.constrain.expressions import NOTHING, Expressions, Term
from dgemma.decode.constrain.work import TooLargeError

DEAD = -1
"""The successor from which nothing can match any more."""


@dataclass(frozen=True, kw_only=True)
class ByteAutomaton:
    """next_S256 is the state after each byte, or DEAD; state 0 is the start; accepting_S where a text may end."""

    next_S256: NDArray[np.int32]
    accepting_S: NDArray[np.bool_]


def determine(expressions: Expressions, term: Term, max_states: int) -> ByteAutomaton:
    """The automaton of the texts of `term`, but for the empty one: an answer is never empty.

    Raises TooLargeError when it has more than `max_states` states.
    """
    # State 0 is the start, where a text may not end; in all else it is state 1.
    states: dict[Term, int] = {term: 1}
    waiting = deque([term])
    rows: list[NDArray[np.int32]] = []
    while waiting:
        row = np.full(256, DEAD, dtype=np.int32)
        here = waiting.popleft()
        for low, high in expressions.first_bytes(here):
            following = expressions.derivative(here, low)
            if following == NOTHING:
                continue
            if following not in states:
                states[following] = len(states) + 1
                waiting.append(following)
                if len(states) > max_states:
                    raise TooLargeError(
                        f"What the answer is held to needs more than {max_states} states; lower the longest lengths "
                        "and counts, or leave out what nests."
                    )
            row[low : high + 1] = states[following]
        rows.append(row)
    accepting = [False, *(expressions.nullable(state) for state in states)]
    return ByteAutomaton(next_S256=np.stack([rows[0], *rows]), accepting_S=np.array(accepting))
