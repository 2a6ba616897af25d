"""States of an automaton that are equivalent over a bounded number of tokens.

Two states are equivalent for h tokens if they have the same distance to the end and, for h > 0, the same token sets,
each leading to states that are equivalent for h - 1. A canvas with h positions left needs one state of each class: of
the thousand states of a string of at most 1,000 characters, all but those near the limit are in one class. Knows
nothing of canvases or probabilities.

Shapes: S states, P transitions ascending by source.
"""

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


class Horizons:
    """For each number of tokens, a representative state of each equivalence class. Cached and thread-safe.

    The partition for each number refines the previous one (Moore 1956); only states with a transition into a class that
    was split are examined again.
    """

    def __init__(self, first_S: Indices, source_P: Indices, target_P: Indices, set_P: Indices, distance_S: Indices):
        # The transitions of a state have distinct sets, so sorting by set makes each state's list canonical.
        order = np.lexsort((set_P, source_P))
        self._first, self._source = first_S.tolist(), source_P
        self._target, self._set = target_P[order], set_P[order]
        _, first, inverse = np.unique(distance_S, return_index=True, return_inverse=True)
        self._distance = distance_S.tolist()
        # The partitions found so far, and whether the last one also holds for all greater numbers.
        self._known: tuple[tuple[Indices, ...], bool] = (first[inverse],), False

    def representatives(self, tokens: int) -> tuple[int, Indices]:
        """(the number of the partition, the lowest equivalent state of each state) for this number of tokens."""
        levels, final = self._known
        while len(levels) <= tokens and not final:
            refined = self._refined(levels)
            final = len(levels) > 1 and np.array_equal(refined, levels[-1])
            levels = levels if final else (*levels, refined)
            self._known = levels, final
        number = min(tokens, len(levels) - 1)
        return number, levels[number]

    def _refined(self, levels: tuple[Indices, ...]) -> Indices:
        current = levels[-1]
        examined = np.ones(len(current), dtype=bool)
        if len(levels) > 1:
            examined[:] = False
            examined[self._source[(current != levels[-2])[self._target]]] = True
        rows = np.stack((self._set, current[self._target]), axis=1)
        width, text = rows.itemsize * rows.shape[1], rows.tobytes()
        refined, known = current.copy(), {}
        for state in np.flatnonzero(examined).tolist():
            key = self._distance[state], text[width * self._first[state] : width * self._first[state + 1]]
            refined[state] = known.setdefault(key, state)
        # A state that is not examined leaves a representative that is: the targets of the latter have changed.
        moved = np.flatnonzero(~examined & examined[current])
        _, first, inverse = np.unique(current[moved], return_index=True, return_inverse=True)
        refined[moved] = moved[first][inverse]
        return refined
