"""Expression -> deterministic automaton over bytes, with one state per derivative and a limit on their number.

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
"""The next state of a byte after which no text can match."""


@dataclass(frozen=True, kw_only=True)
class ByteAutomaton:
    """State 0 is the start.

    next_S256    the state after each byte, or DEAD
    accepting_S  whether a text may end in the state
    """

    next_S256: NDArray[np.int32]
    accepting_S: NDArray[np.bool_]


def determinise(expressions: Expressions, term: Term, max_states: int) -> ByteAutomaton:
    """The automaton that accepts the texts of `term` except the empty one: an answer is never empty.

    Raises TooLargeError when it has more than `max_states` states.
    """
    # State 0 is a copy of state 1, the state of `term`, in which a text may not end.
    states: dict[Term, int] = {term: 1}
    queue = deque([term])
    rows: list[NDArray[np.int32]] = []
    while queue:
        row = np.full(256, DEAD, dtype=np.int32)
        current = queue.popleft()
        for low, high in expressions.first_bytes(current):
            successor = expressions.derivative(current, low)
            if successor == NOTHING:
                continue
            if successor not in states:
                states[successor] = len(states) + 1
                queue.append(successor)
                if len(states) > max_states:
                    raise TooLargeError(
                        f"The constraint needs more than {max_states} states; lower its maximum lengths and counts, "
                        "or nest less."
                    )
            row[low : high + 1] = states[successor]
        rows.append(row)
    accepting = [False, *(expressions.nullable(state) for state in states)]
    return ByteAutomaton(next_S256=np.stack([rows[0], *rows]), accepting_S=np.array(accepting))
