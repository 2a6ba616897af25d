"""The token automaton unrolled over the positions of a canvas, and the dynamic programs on it.

The layer of a position has the states that a path may be in and still end within the token budget, and their
transitions. States that are equivalent over the rest of the canvas are one (`horizon`). Promises the exact marginals
(forward-backward, Rabiner 1989, equations 19 to 27, scaled position by position) and the exact best path (Viterbi).
Knows nothing of ids.

Shapes: L positions, U token sets; S states and E transitions of one layer, ascending by state.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dgemma.decode.constrain.token_automaton import FAR, TokenAutomaton
from dgemma.decode.constrain.vocabulary import expand_runs
from dgemma.ops.native.sizes import FAINT, NEGLIGIBLE

SHORT_RUN = 6
"""With fewer transitions per state on average, they are summed one by one instead of run by run."""

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Layer:
    """The states and transitions of one position. States with a single transition come first: they need no sum.

    num_states, num_single   states of this layer, and those with a single transition
    num_ahead                states of the next layer
    first_S                  index of each state's first transition, plus a last entry for the end
    source_E, target_E       states of this layer and of the next one, each layer with its own numbers
    set_E                    the token set of each transition
    """

    num_states: int
    num_single: int
    num_ahead: int
    first_S: Indices
    source_E: Indices
    target_E: Indices
    set_E: Indices

    def sum_of_transitions(self, values_E: Array) -> Array:
        """The sum over each state's transitions -> [S]."""
        if self._has_short_runs():
            return np.bincount(self.source_E, values_E, self.num_states).astype(np.float64, copy=False)
        return self._along_runs(np.add, values_E)

    def best_of_transitions(self, values_E: Array) -> Array:
        """The largest value of each state's transitions -> [S]."""
        if self._has_short_runs():
            best_S = np.full(self.num_states, -np.inf)
            np.maximum.at(best_S, self.source_E, values_E)
            return best_S
        return self._along_runs(np.maximum, values_E)

    def _has_short_runs(self) -> bool:
        # `reduceat` costs some 30 nanoseconds per run, `bincount` and `maximum.at` 3 to 4 per transition.
        return len(self.source_E) - self.num_single < SHORT_RUN * (self.num_states - self.num_single)

    def _along_runs(self, operation: np.ufunc, values_E: Array) -> Array:
        result_S = np.empty(self.num_states)
        single = self.num_single
        result_S[:single] = values_E[:single]
        if single < self.num_states:
            operation.reduceat(values_E[single:], self.first_S[single:-1] - single, out=result_S[single:])
        return result_S


class Layers:
    """The layers of one canvas.

    layers   one per position; equal ones are the same object
    sets     the automaton's token sets that some transition takes; `set_E` and U index into it
    used_LU  whether a transition of the position takes the set
    """

    def __init__(self, automaton: TokenAutomaton, state: int, length: int, remaining: int) -> None:
        raw = _unroll(automaton, state, length, remaining)
        # The layers in the middle of a canvas are mostly equal.
        distinct = {id(layer): layer for layer in raw}
        self.sets: Indices = np.unique(np.concatenate([layer.set_E for layer in distinct.values()]))
        renumbered = {
            key: replace(layer, set_E=np.searchsorted(self.sets, layer.set_E)) for key, layer in distinct.items()
        }
        self.layers = tuple(renumbered[id(layer)] for layer in raw)
        self.used_LU = np.zeros((length, len(self.sets)), dtype=bool)
        for used_U, layer in zip(self.used_LU, self.layers, strict=True):
            used_U[layer.set_E] = True

    def marginals(self, sum_LU: Array) -> Array:
        """Log weights of each position's sets -> the share of the weight of all paths that takes each set [L, U]."""
        shares_LU = self._marginals_by_products(sum_LU)
        return self.marginals_in_logs(sum_LU) if shares_LU is None else shares_LU

    def _marginals_by_products(self, sum_LU: Array) -> Array | None:
        """`marginals` by products instead of logarithms; None if underflow might lose weight that matters.

        A position's weights and its backward messages are each scaled to a maximum of 1. Then what underflows is below
        1e-300, which is nothing beside the backward message of a reached state as long as that is above FAINT.
        """
        log_LU = np.where(self.used_LU, sum_LU, -np.inf)
        weights_LU = np.exp(log_LU - log_LU.max(axis=1, keepdims=True))
        backward_S = np.ones(self.layers[-1].num_ahead)
        parts: list[tuple[Array, Array]] = []
        for weights_U, layer in zip(weights_LU[::-1], self.layers[::-1], strict=True):
            weights_E = weights_U.take(layer.set_E)
            weights_E *= backward_S.take(layer.target_E)
            total_S = layer.sum_of_transitions(weights_E)
            largest = total_S.max()
            if not largest > FAINT:
                return None
            parts.append((weights_E, total_S))
            backward_S = total_S * (1 / largest)
        shares_LU = np.empty_like(sum_LU)
        forward_S = np.ones(1)
        for shares_U, layer in zip(shares_LU, self.layers, strict=True):
            weights_E, total_S = parts.pop()
            if total_S.min() <= FAINT:
                faint_S = total_S <= FAINT
                if forward_S[faint_S].sum() > NEGLIGIBLE:
                    return None
                total_S[faint_S] = np.inf
            forward_S /= total_S
            weights_E *= forward_S.take(layer.source_E)
            forward_S = np.bincount(layer.target_E, weights_E, layer.num_ahead)
            shares_U[:] = np.bincount(layer.set_E, weights_E, len(self.sets))
        return shares_LU

    def marginals_in_logs(self, sum_LU: Array) -> Array:
        """`marginals` for weights of any magnitude, at the cost of an exponential per transition."""
        parts: list[tuple[Array, Array]] = []
        backward_S = np.zeros(self.layers[-1].num_ahead)
        for log_U, layer in zip(sum_LU[::-1], self.layers[::-1], strict=True):
            weights_E = log_U.take(layer.set_E) + backward_S.take(layer.target_E)
            largest_S = layer.best_of_transitions(weights_E)
            weights_E = np.exp(weights_E - largest_S.take(layer.source_E))
            total_S = layer.sum_of_transitions(weights_E)
            backward_S = largest_S + np.log(total_S)
            parts.append((weights_E, total_S))
        shares_LU = np.empty_like(sum_LU)
        forward_S = np.ones(1)
        for shares_U, layer, (weights_E, total_S) in zip(shares_LU, self.layers, parts[::-1], strict=True):
            shares_E = (forward_S / total_S).take(layer.source_E) * weights_E
            forward_S = np.bincount(layer.target_E, shares_E, layer.num_ahead)
            shares_U[:] = np.bincount(layer.set_E, shares_E, len(self.sets))
        return shares_LU

    def best_sets(self, max_LU: Array) -> Indices:
        """Log weights of each position's sets -> the sets along the best path [L] (Viterbi)."""
        backward = [np.zeros(self.layers[-1].num_ahead)]
        for log_U, layer in zip(max_LU[:0:-1], self.layers[:0:-1], strict=True):
            weights_E = log_U.take(layer.set_E)
            weights_E += backward[-1].take(layer.target_E)
            backward.append(layer.best_of_transitions(weights_E))
        state, chosen = 0, np.empty(len(self.layers), dtype=np.int64)
        for position, (log_U, layer) in enumerate(zip(max_LU, self.layers, strict=True)):
            outgoing = slice(layer.first_S[state], layer.first_S[state + 1])
            weights_E = log_U.take(layer.set_E[outgoing]) + backward.pop().take(layer.target_E[outgoing])
            best = layer.first_S[state] + weights_E.argmax()
            chosen[position], state = layer.set_E[best], layer.target_E[best]
        return chosen


def _unroll(automaton: TokenAutomaton, state: int, length: int, remaining: int) -> list[Layer]:
    """The layer of each position, with the automaton's set numbers; equal layers are the same object."""
    distance_S = automaton.distance_S
    farthest = int(distance_S[distance_S < FAR].max())
    _, representative_S = automaton.horizons.representatives(_power_of_two(length))
    live = representative_S[[state]]
    known: dict[tuple[bytes, int, int], tuple[Layer, Indices]] = {}
    layers: list[Layer] = []
    for position in range(length):
        left = min(farthest, max(0, remaining - position - 1))
        # Equivalence over more tokens than are left is correct too, and rounding up makes more layers equal.
        number, representative_S = automaton.horizons.representatives(_power_of_two(length - position - 1))
        key = live.tobytes(), left, number
        if key not in known:
            known[key] = _layer(automaton, live, representative_S, left)
        layer, live = known[key]
        layers.append(layer)
    return layers


def _layer(automaton: TokenAutomaton, live: Indices, representative_S: Indices, left: int) -> tuple[Layer, Indices]:
    """(the layer of the states `live`, the states of the next layer).

    The next layer has only states that are at most `left` tokens from the end, given by their representatives.
    """
    degree_S = np.diff(automaton.first_S)
    source, transitions = expand_runs(automaton.first_S[live], degree_S[live])
    target = representative_S[automaton.target_P[transitions]]
    in_time = automaton.distance_S[target] <= left
    source, transitions, target = source[in_time], transitions[in_time], target[in_time]
    # The states of this layer stay in the next one even if nothing reaches them. Unreached states have no weight, and
    # this way successive layers soon become equal.
    stay = representative_S[live]
    number_S = np.zeros(len(degree_S), dtype=np.int64)
    number_S[np.concatenate((target, stay[automaton.distance_S[stay] <= left]))] = 1
    following = np.flatnonzero(number_S)
    single = degree_S[following] == 1
    following = np.concatenate((following[single], following[~single]))
    number_S[following] = np.arange(len(following))
    layer = Layer(
        num_states=len(live),
        num_single=int((degree_S[live] == 1).sum()),
        num_ahead=len(following),
        first_S=np.searchsorted(source, np.arange(len(live) + 1)),
        source_E=source,
        target_E=number_S[target],
        set_E=automaton.set_P[transitions],
    )
    return layer, following


def _power_of_two(count: int) -> int:
    return 1 << (count - 1).bit_length() if count else 0
