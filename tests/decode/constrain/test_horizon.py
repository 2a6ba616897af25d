"""States that stand for others against the texts that lead on from each, one by one."""

import itertools

import pytest

from dgemma.decode.constrain import TokenAutomaton
from tests.decode.constrain.automata import PATTERNS, VOCAB_SIZE, automaton_of


def steps(automaton: TokenAutomaton) -> dict[tuple[int, int], int]:
    """The state after each (state, id)."""
    found = {}
    for state, target, token_set in zip(automaton.source_P, automaton.target_P, automaton.set_P, strict=True):
        groups = automaton.member_group_M[automaton.member_set_M == token_set]
        for token in range(VOCAB_SIZE):
            if automaton.group_V[token] in groups:
                found[int(state), token] = int(target)
    return found


def view(automaton: TokenAutomaton, following: dict[tuple[int, int], int], state: int, tokens: int) -> list[list[int]]:
    """The distances to the end along every text of so many tokens, as far as it leads."""
    seen = []
    for text in itertools.product(range(VOCAB_SIZE - 1), repeat=tokens):
        here, distances = state, [int(automaton.distance_S[state])]
        for token in text:
            here = following.get((here, token), -1)
            distances.append(int(automaton.distance_S[here]) if here >= 0 else -1)
            if here < 0:
                break
        seen.append(distances)
    return seen


@pytest.mark.parametrize("pattern", [*PATTERNS, "(a{1,4}b){1,2}", "a{3,9}", "(aa|b){2,7}"])
def test_states_stand_for_those_that_no_short_text_tells_apart(pattern):
    automaton = automaton_of(pattern)
    following = steps(automaton)
    for tokens in range(4):
        _, alike_S = automaton.horizons.representatives(tokens)
        views = [view(automaton, following, state, tokens) for state in range(automaton.end + 1)]
        first = [views.index(own) for own in views]
        assert alike_S.tolist() == first


@pytest.mark.parametrize("pattern", PATTERNS)
def test_far_sight_tells_all_apart_that_near_sight_does(pattern):
    horizons = automaton_of(pattern).horizons
    _, farthest = horizons.representatives(200)
    number, _ = horizons.representatives(100)
    assert number < 20, "a partition that does not change any more is kept once"
    for tokens in range(20):
        _, nearer = horizons.representatives(tokens)
        assert (nearer[farthest] == nearer).all()
