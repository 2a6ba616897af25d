"""Byte automaton and vocabulary -> the automaton over tokens, as flat arrays for the lattice.

States are those between two tokens, then END: the text is complete and only end tokens follow. Transitions with the
same tokens share a token set, and tokens that are in the same sets share a group, so that sums over the vocabulary are
taken once for each group. Knows nothing of canvases or probabilities.

Shapes: S states with END, P transitions ascending by source, U token sets, M members of sets, G groups, V vocabulary.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from dgemma.decode.constrain.byte_automaton import DEAD, ByteAutomaton
from dgemma.decode.constrain.effects import NO_EFFECT, Effects, effects
from dgemma.decode.constrain.horizon import Horizons
from dgemma.decode.constrain.vocabulary import Trie, spread
from dgemma.errors import UsageError

MAX_TRANSITIONS = 100_000
MAX_ENTRIES = 1 << 28
"""States behind states that may be kept while an automaton is built, each of two bytes: half a gigabyte."""
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
    num_states = len(automaton.accepting_S)
    blocks = _within_limits(effects(automaton, trie))
    kind_W, kinds = _alike(blocks, len(trie.ids_W))
    sets: dict[bytes, int] = {}
    transitions: list[tuple[int, int, int]] = []
    for block in blocks:
        for state, target, members in _steps(block, kinds):
            transitions.append((state, target, sets.setdefault(members.tobytes(), len(sets))))
    # The tokens that end an answer are one kind more.
    ending = (*np.flatnonzero(automaton.accepting_S).tolist(), num_states)
    transitions += [(state, num_states, len(sets)) for state in ending]
    members = [np.frombuffer(key, dtype=kinds.dtype) for key in sets] + [np.array([len(kinds)])]
    kind_V = np.full(vocab_size, len(kinds) + 1)
    kind_V[trie.ids_W] = kind_W
    kind_V[list(end_ids)] = len(kinds)
    return _arranged(np.array(transitions), num_states + 1, members, kind_V, tuple(end_ids))


def _within_limits(blocks: Iterable[Effects]) -> list[Effects]:
    """All blocks; raises UsageError at the first that is too much."""
    found: list[Effects] = []
    transitions = entries = 0
    for block in blocks:
        transitions += block.num_transitions()
        entries += block.target_FB.size
        if transitions > MAX_TRANSITIONS or entries > MAX_ENTRIES:
            raise UsageError(
                f"What the answer is held to needs more than {MAX_TRANSITIONS} transitions between tokens, or too much "
                "memory to find them; lower the longest lengths and counts, or leave out what nests."
            )
        found.append(block)
    return found


def _alike(blocks: Sequence[Effects], num_tokens: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Tokens with the same effect on all states are one kind -> (the kind of each token, one token of each kind);
    tokens that no state takes are of the kind behind the last."""
    kind_W = np.zeros(num_tokens, dtype=np.int64)
    taken_W = np.zeros(num_tokens, dtype=bool)
    for block in blocks:
        _, kind_W = np.unique(kind_W * len(block.target_FB) + block.effect_W, return_inverse=True)
        taken_W |= block.effect_W != NO_EFFECT
    _, first, taken = np.unique(kind_W[taken_W], return_index=True, return_inverse=True)
    kind_W = np.full(num_tokens, len(first) + 1)
    kind_W[taken_W] = taken
    return kind_W, np.flatnonzero(taken_W)[first]


def _steps(block: Effects, kinds: NDArray[np.int64]) -> Iterator[tuple[int, int, NDArray[np.int64]]]:
    """(state, state after it, the kinds of tokens that lead there) for the states of one block; `kinds` has a token
    of each."""
    effect_K = block.effect_W[kinds]
    for start in range(0, block.target_FB.shape[1], STATES_AT_ONCE):
        target_BK = block.target_FB[:, start : start + STATES_AT_ONCE].T[:, effect_K]
        order_BK = np.argsort(target_BK, axis=1, kind="stable")
        target_BK = np.take_along_axis(target_BK, order_BK, axis=1)
        for offset, (target_K, order_K) in enumerate(zip(target_BK, order_BK, strict=True)):
            # DEAD comes before all states.
            borders = [*np.flatnonzero(np.diff(target_K, prepend=DEAD)).tolist(), len(target_K)]
            for low, high in pairwise(borders):
                yield block.first + start + offset, int(target_K[low]), order_K[low:high]


def _arranged(
    transitions: NDArray[np.int64],
    num_states: int,
    members: list[NDArray[np.int64]],
    kind_V: NDArray[np.int64],
    end_ids: tuple[int, ...],
) -> TokenAutomaton:
    distance = _distances(transitions, num_states)
    if distance[0] == FAR:
        raise UsageError("No answer of at least one token can satisfy what it is held to; loosen it.")
    # A transition from which nothing can be completed would only take part in sums without ever being taken, as would
    # one from a state that only parts of tokens come to.
    transitions = transitions[distance[transitions[:, 1]] != FAR]
    reached = _distances(transitions[:, [1, 0, 2]], num_states, 0) != FAR
    transitions = transitions[reached[transitions[:, 0]]]
    number = np.cumsum(reached) - 1
    distance = distance[reached]
    transitions = transitions[np.lexsort((transitions[:, 1], transitions[:, 0]))]
    source, target, token_set = number[transitions[:, 0]], number[transitions[:, 1]], transitions[:, 2]
    used, token_set = np.unique(token_set, return_inverse=True)
    groups, num_groups = _groups([members[index] for index in used], int(kind_V.max()) + 1)
    parts = [np.unique(groups[members[index]]) for index in used]
    return TokenAutomaton(
        first_S=np.searchsorted(source, np.arange(len(distance) + 1)),
        source_P=source,
        target_P=target,
        set_P=token_set,
        distance_S=distance,
        member_set_M=np.repeat(np.arange(len(parts)), [len(part) for part in parts]),
        member_group_M=np.concatenate(parts),
        group_V=groups[kind_V],
        num_sets=len(parts),
        num_groups=num_groups,
        end_ids=end_ids,
    )


def _distances(transitions: NDArray[np.int64], num_states: int, goal: int = -1) -> NDArray[np.int64]:
    """The fewest tokens from each state to the goal, by default END, the last state; found backwards from it."""
    by_target = transitions[np.argsort(transitions[:, 1], kind="stable")]
    first = np.searchsorted(by_target[:, 1], np.arange(num_states + 1))
    distance = np.full(num_states, FAR, dtype=np.int64)
    frontier, steps = np.array([goal % num_states]), 0
    while len(frontier):
        distance[frontier] = steps
        _, edges = spread(first[frontier], first[frontier + 1] - first[frontier])
        before = np.unique(by_target[edges, 0])
        frontier, steps = before[distance[before] == FAR], steps + 1
    return distance


def _groups(sets: list[NDArray[np.int64]], num_kinds: int) -> tuple[NDArray[np.int64], int]:
    """The coarsest partition of the kinds of which every set is a union -> (group of each kind, number of groups)."""
    labels = np.zeros(num_kinds, dtype=np.int64)
    fresh = 1
    for kinds in sets:
        found, inverse = np.unique(labels[kinds], return_inverse=True)
        labels[kinds] = fresh + inverse
        fresh += len(found)
    used = np.unique(labels[labels > 0])
    groups = np.where(labels > 0, np.searchsorted(used, labels), len(used))
    return groups, len(used)
