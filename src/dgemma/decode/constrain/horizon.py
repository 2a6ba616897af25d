"""Which states of an automaton are alike as far as a canvas can see.

Two states are alike for h tokens when they are as far from the end and, for h > 0, take the same token sets, each to
states alike for h - 1. A canvas with h positions left needs only one of them: of the thousand states of a string of at
most 1,000 characters, all but those near the limit are one. Knows nothing of canvases or probabilities.

Shapes: S states, P transitions ascending by source.
"""

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


class Horizons:
    """For each number of tokens, one state to stand for all that are alike; found once and kept.

    Each number's partition refines the one before (Moore 1956), and only states in front of what has been split are
    looked at again. May be used from several threads.
    """

    def __init__(self, first_S: Indices, source_P: Indices, target_P: Indices, set_P: Indices, distance_S: Indices):
        # The sets of a state's transitions differ, so their order gives a state one and only one row.
        order = np.lexsort((set_P, source_P))
        self._first, self._source = first_S.tolist(), source_P
        self._target, self._set = target_P[order], set_P[order]
        _, first, inverse = np.unique(distance_S, return_index=True, return_inverse=True)
        self._distance = distance_S.tolist()
        # The partitions found, and whether the last one is that of all greater numbers too.
        self._known: tuple[tuple[Indices, ...], bool] = (first[inverse],), False

    def representatives(self, tokens: int) -> tuple[int, Indices]:
        """(the partition's number, for each state the lowest one that is alike for that many tokens)."""
        levels, final = self._known
        while len(levels) <= tokens and not final:
            following = self._refined(levels)
            final = len(levels) > 1 and np.array_equal(following, levels[-1])
            levels = levels if final else (*levels, following)
            self._known = levels, final
        number = min(tokens, len(levels) - 1)
        return number, levels[number]

    def _refined(self, levels: tuple[Indices, ...]) -> Indices:
        now = levels[-1]
        again = np.ones(len(now), dtype=bool)
        if len(levels) > 1:
            again[:] = False
            again[self._source[(now != levels[-2])[self._target]]] = True
        rows = np.stack((self._set, now[self._target]), axis=1)
        width, text = rows.itemsize * rows.shape[1], rows.tobytes()
        following, known = now.copy(), {}
        for state in np.flatnonzero(again).tolist():
            key = self._distance[state], text[width * self._first[state] : width * self._first[state + 1]]
            following[state] = known.setdefault(key, state)
        # Those that are not looked at again part with a representative that is: what it leads to has changed.
        parted = np.flatnonzero(~again & again[now])
        _, first, inverse = np.unique(now[parted], return_index=True, return_inverse=True)
        following[parted] = parted[first][inverse]
        return following
