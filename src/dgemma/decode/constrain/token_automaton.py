"""Byte automaton and vocabulary -> automaton over tokens, as flat arrays for the lattice.

Its states are the byte automaton's states between two tokens, then END, where the text is complete and only end tokens
follow. Transitions with the same tokens share a token set. Tokens that are in the same sets form a group, so that sums
over the vocabulary are taken once per group. Knows nothing of canvases or probabilities.

Shapes: S states with END, P transitions ascending by source, U token sets, M members of sets, G groups, V vocabulary;
B states of a block, F effects, K kinds of tokens, W tokens of the trie (`effects`).
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
from dgemma.decode.constrain.vocabulary import Trie, expand_runs
from dgemma.errors import UsageError

MAX_TRANSITIONS = 100_000
MAX_ENTRIES = 1 << 28
"""Maximum entries of the effects of all blocks while an automaton is built: half a gigabyte at two bytes each."""
FAR = np.iinfo(np.int32).max
"""The distance of a state from which END cannot be reached."""
STATES_AT_ONCE = 64
"""States whose transitions are computed in one numpy call."""


@dataclass(frozen=True, kw_only=True)
class TokenAutomaton:
    """State 0 is the start.

    first_S      index of each state's first transition, plus a last entry for the end
    source_P     the state before each transition
    target_P     the state after it
    set_P        its token set
    distance_S   the fewest tokens to END, the end token included; for the start the length of the shortest answer
    member_set_M, member_group_M   (set, group in the set) pairs, ascending by set
    group_V      the group of each id; G for ids that are never allowed
    end_ids      the ids that end an answer; they form one group
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
        """The number of the state END."""
        return len(self.distance_S) - 1

    @cached_property
    def horizons(self) -> Horizons:
        """The states that are equivalent over a bounded number of tokens."""
        return Horizons(self.first_S, self.source_P, self.target_P, self.set_P, self.distance_S)

    def allowed(self, state: int, remaining: int) -> NDArray[np.int64]:
        """The groups of the ids that may come next if the answer must end within `remaining` tokens."""
        outgoing = slice(self.first_S[state], self.first_S[state + 1])
        in_time = self.distance_S[self.target_P[outgoing]] < remaining
        allowed_U = np.zeros(self.num_sets, dtype=bool)
        allowed_U[self.set_P[outgoing][in_time]] = True
        allowed_G = np.zeros(self.num_groups, dtype=bool)
        allowed_G[self.member_group_M[allowed_U[self.member_set_M]]] = True
        return np.flatnonzero(allowed_G)

    def after(self, state: int, ids: Sequence[int]) -> int:
        """The state after these ids. Raises UsageError if the automaton does not accept them."""
        for token in ids:
            outgoing = slice(self.first_S[state], self.first_S[state + 1])
            containing_U = np.zeros(self.num_sets, dtype=bool)
            containing_U[self.member_set_M[self.member_group_M == self.group_V[token]]] = True
            found = np.flatnonzero(containing_U[self.set_P[outgoing]])
            if not len(found):
                raise UsageError(f"Token {token} is not allowed by the constraint at its place in the answer.")
            state = int(self.target_P[outgoing][found[0]])
        return state


def build(automaton: ByteAutomaton, trie: Trie, vocab_size: int, end_ids: Sequence[int]) -> TokenAutomaton:
    """The automaton of all token sequences whose bytes are a text of `automaton`, ended by one of `end_ids`.

    Raises UsageError if there is no such text, or if it takes more than MAX_TRANSITIONS transitions or MAX_ENTRIES.
    """
    num_states = len(automaton.accepting_S)
    blocks = _within_limits(effects(automaton, trie))
    kind_W, kinds = _token_kinds(blocks, len(trie.ids_W))
    sets: dict[bytes, int] = {}
    transitions: list[tuple[int, int, int]] = []
    for block in blocks:
        for state, target, members in _block_transitions(block, kinds):
            transitions.append((state, target, sets.setdefault(members.tobytes(), len(sets))))
    # The end tokens are one more kind.
    ending = (*np.flatnonzero(automaton.accepting_S).tolist(), num_states)
    transitions += [(state, num_states, len(sets)) for state in ending]
    members = [np.frombuffer(key, dtype=kinds.dtype) for key in sets] + [np.array([len(kinds)])]
    kind_V = np.full(vocab_size, len(kinds) + 1)
    kind_V[trie.ids_W] = kind_W
    kind_V[list(end_ids)] = len(kinds)
    return _assemble(np.array(transitions), num_states + 1, members, kind_V, tuple(end_ids))


def _within_limits(blocks: Iterable[Effects]) -> list[Effects]:
    """The blocks as a list. Raises UsageError as soon as they exceed a limit."""
    found: list[Effects] = []
    transitions = entries = 0
    for block in blocks:
        transitions += block.num_transitions()
        entries += block.target_FB.size
        if transitions > MAX_TRANSITIONS or entries > MAX_ENTRIES:
            raise UsageError(
                f"The constraint needs more than {MAX_TRANSITIONS} token transitions, or too much memory to find them; "
                "lower its maximum lengths and counts, or nest less."
            )
        found.append(block)
    return found


def _token_kinds(blocks: Sequence[Effects], num_tokens: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(the kind of each token, one token of each kind). Tokens with the same effect on all states are of one kind.

    Tokens that no state accepts get a number that is no kind: one above that of the end tokens.
    """
    kind_W = np.zeros(num_tokens, dtype=np.int64)
    taken_W = np.zeros(num_tokens, dtype=bool)
    for block in blocks:
        _, kind_W = np.unique(kind_W * len(block.target_FB) + block.effect_W, return_inverse=True)
        taken_W |= block.effect_W != NO_EFFECT
    _, first, taken = np.unique(kind_W[taken_W], return_index=True, return_inverse=True)
    kind_W = np.full(num_tokens, len(first) + 1)
    kind_W[taken_W] = taken
    return kind_W, np.flatnonzero(taken_W)[first]


def _block_transitions(block: Effects, kinds: NDArray[np.int64]) -> Iterator[tuple[int, int, NDArray[np.int64]]]:
    """(state, next state, the kinds of tokens that lead there) for the states of a block; `kinds` has one token of
    each kind."""
    effect_K = block.effect_W[kinds]
    for start in range(0, block.target_FB.shape[1], STATES_AT_ONCE):
        target_BK = block.target_FB[:, start : start + STATES_AT_ONCE].T[:, effect_K]
        order_BK = np.argsort(target_BK, axis=1, kind="stable")
        target_BK = np.take_along_axis(target_BK, order_BK, axis=1)
        for offset, (target_K, order_K) in enumerate(zip(target_BK, order_BK, strict=True)):
            # DEAD sorts first. With DEAD prepended its run has no border, and is left out.
            borders = [*np.flatnonzero(np.diff(target_K, prepend=DEAD)).tolist(), len(target_K)]
            for low, high in pairwise(borders):
                yield block.first + start + offset, int(target_K[low]), order_K[low:high]


def _assemble(
    transitions: NDArray[np.int64],
    num_states: int,
    members: list[NDArray[np.int64]],
    kind_V: NDArray[np.int64],
    end_ids: tuple[int, ...],
) -> TokenAutomaton:
    """The automaton of (source, target, set) rows without useless states. Raises UsageError if that leaves no text."""
    distance = _distances(transitions, num_states)
    if distance[0] == FAR:
        raise UsageError("No answer of at least one token satisfies the constraint; loosen it.")
    # Drop transitions that cannot lead to END, and states that are only reached inside tokens: no path takes them.
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
    """The fewest tokens from each state to the goal, by default END (the last state). A backward search."""
    by_target = transitions[np.argsort(transitions[:, 1], kind="stable")]
    first = np.searchsorted(by_target[:, 1], np.arange(num_states + 1))
    distance = np.full(num_states, FAR, dtype=np.int64)
    frontier, steps = np.array([goal % num_states]), 0
    while len(frontier):
        distance[frontier] = steps
        _, edges = expand_runs(first[frontier], first[frontier + 1] - first[frontier])
        sources = np.unique(by_target[edges, 0])
        frontier, steps = sources[distance[sources] == FAR], steps + 1
    return distance


def _groups(sets: list[NDArray[np.int64]], num_kinds: int) -> tuple[NDArray[np.int64], int]:
    """(the group of each kind, the number of groups): the coarsest partition in which each set is a union of groups."""
    labels = np.zeros(num_kinds, dtype=np.int64)
    next_label = 1
    for kinds in sets:
        found, inverse = np.unique(labels[kinds], return_inverse=True)
        labels[kinds] = next_label + inverse
        next_label += len(found)
    used = np.unique(labels[labels > 0])
    groups = np.where(labels > 0, np.searchsorted(used, labels), len(used))
    return groups, len(used)
