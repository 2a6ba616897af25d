"""Byte automaton and vocabulary -> the automaton over tokens, as flat arrays for the lattice.

States are those between two tokens, then END: the text is complete and only end tokens follow. Transitions with the
same tokens share a token set, and tokens that are in the same sets share a group, so that sums over the vocabulary are
taken once for each group. Knows nothing of canvases or probabilities.

Shapes: S states with END, P transitions ascending by source, U token sets, M members of sets, G groups, V vocabulary.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dgemma.decode.constrain.byte_automaton import DEAD, ByteAutomaton
from dgemma.decode.constrain.horizon import Horizons
from dgemma.decode.constrain.vocabulary import Trie, spread
from dgemma.errors import UsageError

MAX_TRANSITIONS = 100_000
FAR = np.iinfo(np.int32).max
"""The distance of a state from which no token leads to the end."""
STATES_AT_ONCE = 64


@dataclass(frozen=True, kw_only=True)
class TokenAutomaton:
    """State 0 is the start.

    first_S      where each state's transitions begin, with a last entry for their end
    target_P     the state after a transition               set_P       the tokens that take it, as a set
    distance_S   the fewest tokens to END, its own included: the start's is the shortest answer's length
    member_set_M, member_group_M   which groups make up a set, ascending by set
    group_V      the group of each id; G for ids that are never allowed
    end_ids      the ids that end an answer, one group of their own
    """

    first_S: NDArray[np.int64]
    source_P: NDArray[np.int64]
    target_P: NDArray[np.int64]
    set_P: NDArray[np.int64]
    distance_S: NDArray[np.int64]
    member_set_M: NDArray[np.int64]
    member_group_M: NDArray[np.int64]
    group_V: NDArray[np.int64]
    num_sets: int
    num_groups: int
    end_ids: tuple[int, ...]

    @property
    def end(self) -> int:
        """The state END."""
        return len(self.distance_S) - 1

    @cached_property
    def horizons(self) -> Horizons:
        """Which states a canvas need not tell apart."""
        return Horizons(self.first_S, self.source_P, self.target_P, self.set_P, self.distance_S)

    def allowed(self, state: int, remaining: int) -> NDArray[np.int64]:
        """The groups of the ids that may come next when the answer must end within `remaining` tokens."""
        here = slice(self.first_S[state], self.first_S[state + 1])
        in_time = self.distance_S[self.target_P[here]] < remaining
        taken_U = np.zeros(self.num_sets, dtype=bool)
        taken_U[self.set_P[here][in_time]] = True
        found_G = np.zeros(self.num_groups, dtype=bool)
        found_G[self.member_group_M[taken_U[self.member_set_M]]] = True
        return np.flatnonzero(found_G)

    def after(self, state: int, ids: Sequence[int]) -> int:
        """The state behind these ids. Raises UsageError when the automaton does not take them."""
        for token in ids:
            here = slice(self.first_S[state], self.first_S[state + 1])
            holding_U = np.zeros(self.num_sets, dtype=bool)
            holding_U[self.member_set_M[self.member_group_M == self.group_V[token]]] = True
            found = np.flatnonzero(holding_U[self.set_P[here]])
            if not len(found):
                raise UsageError(f"Token {token} is not what the constraint of this answer allows there.")
            state = int(self.target_P[here][found[0]])
        return state


def build(automaton: ByteAutomaton, trie: Trie, vocab_size: int, end_ids: Sequence[int]) -> TokenAutomaton:
    """The automaton whose texts are written with the tokens of the trie and closed with one of `end_ids`.

    Raises UsageError when there is no such text or the automaton has more than MAX_TRANSITIONS transitions.
    """
    sets: dict[bytes, int] = {}
    numbers = {0: 0}
    order, transitions = [0], []
    at = 0
    while at < len(order):
        block = order[at : at + STATES_AT_ONCE]
        at += len(block)
        for state, target, ids in _steps(automaton, trie, block):
            if target not in numbers:
                numbers[target] = len(order)
                order.append(target)
            token_set = sets.setdefault(np.sort(ids).tobytes(), len(sets))
            transitions.append((numbers[state], numbers[target], token_set))
        if len(transitions) > MAX_TRANSITIONS:
            raise UsageError(
                f"What the answer is held to needs more than {MAX_TRANSITIONS} transitions between tokens; lower the "
                "longest lengths and counts, or leave out what nests."
            )
    end = len(order)
    end_set = sets.setdefault(np.array(sorted(end_ids), dtype=np.int64).tobytes(), len(sets))
    ending = [number for state, number in numbers.items() if automaton.accepting_S[state]]
    transitions += [(number, end, end_set) for number in (*ending, end)]
    members = [np.frombuffer(key, dtype=np.int64) for key in sets]
    return _arranged(np.array(transitions), end + 1, members, vocab_size, tuple(end_ids))


def _steps(automaton: ByteAutomaton, trie: Trie, states: list[int]) -> Iterator[tuple[int, int, NDArray[np.int64]]]:
    """(state, state after it, ids of all the tokens that lead there), by walking the trie from all states at once."""
    source, current = np.arange(len(states)), np.array(states, dtype=np.int64)
    node = np.zeros_like(source)
    sources, targets, ids = [], [], []
    while len(node):
        owner, edge = spread(trie.first_N[node], trie.count_N[node])
        following = automaton.next_S256[current[owner], trie.byte_E[edge]]
        alive = following != DEAD
        source, node, current = source[owner][alive], trie.node_E[edge][alive], following[alive].astype(np.int64)
        owner, place = spread(trie.first_id_N[node], trie.id_count_N[node])
        sources.append(source[owner])
        targets.append(current[owner])
        ids.append(trie.ids_W[place])
    source, target, token = np.concatenate(sources), np.concatenate(targets), np.concatenate(ids)
    by_step = np.lexsort((target, source))
    source, target, token = source[by_step], target[by_step], token[by_step]
    borders = np.flatnonzero((np.diff(source) != 0) | (np.diff(target) != 0)) + 1
    for low, high in zip([0, *borders], [*borders, len(token)], strict=True):
        if low < high:
            yield states[source[low]], int(target[low]), token[low:high]


def _arranged(
    transitions: NDArray[np.int64],
    num_states: int,
    members: list[NDArray[np.int64]],
    vocab_size: int,
    end_ids: tuple[int, ...],
) -> TokenAutomaton:
    distance = _distances(transitions, num_states)
    if distance[0] == FAR:
        raise UsageError("No answer of at least one token can satisfy what it is held to; loosen it.")
    # A transition from which nothing can be completed would only take part in sums without ever being taken.
    transitions = transitions[distance[transitions[:, 1]] != FAR]
    transitions = transitions[np.lexsort((transitions[:, 1], transitions[:, 0]))]
    source, target, token_set = transitions.T
    used, token_set = np.unique(token_set, return_inverse=True)
    groups, num_groups = _groups([members[index] for index in used], vocab_size)
    parts = [np.unique(groups[members[index]]) for index in used]
    return TokenAutomaton(
        first_S=np.searchsorted(source, np.arange(num_states + 1)),
        source_P=source,
        target_P=target,
        set_P=token_set,
        distance_S=distance,
        member_set_M=np.repeat(np.arange(len(parts)), [len(part) for part in parts]),
        member_group_M=np.concatenate(parts),
        group_V=groups,
        num_sets=len(parts),
        num_groups=num_groups,
        end_ids=end_ids,
    )


def _distances(transitions: NDArray[np.int64], num_states: int) -> NDArray[np.int64]:
    """The fewest tokens from each state to END, the last state, found backwards from it."""
    by_target = transitions[np.argsort(transitions[:, 1], kind="stable")]
    first = np.searchsorted(by_target[:, 1], np.arange(num_states + 1))
    distance = np.full(num_states, FAR, dtype=np.int64)
    frontier, steps = np.array([num_states - 1]), 0
    while len(frontier):
        distance[frontier] = steps
        _, edges = spread(first[frontier], first[frontier + 1] - first[frontier])
        before = np.unique(by_target[edges, 0])
        frontier, steps = before[distance[before] == FAR], steps + 1
    return distance


def _groups(sets: list[NDArray[np.int64]], vocab_size: int) -> tuple[NDArray[np.int64], int]:
    """The coarsest partition of the ids of which every set is a union -> (group of each id, number of groups)."""
    labels = np.zeros(vocab_size, dtype=np.int64)
    fresh = 1
    for ids in sets:
        found, inverse = np.unique(labels[ids], return_inverse=True)
        labels[ids] = fresh + inverse
        fresh += len(found)
    used = np.unique(labels[labels > 0])
    groups = np.where(labels > 0, np.searchsorted(used, labels), len(used))
    return groups, len(used)
