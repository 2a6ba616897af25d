"""The dynamic programs against enumeration, by products and in logs, and the layers against a plain walk."""

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dgemma.decode.constrain import TokenAutomaton
from dgemma.decode.constrain.layers import Layers
from tests.decode.constrain.automata import PATTERNS, automaton_of


def paths(automaton: TokenAutomaton, state: int, length: int, remaining: int) -> list[tuple[int, ...]]:
    """The token sets of every path that can still end in time."""
    if length == 0:
        return [()]
    found = []
    for index in range(automaton.first_S[state], automaton.first_S[state + 1]):
        target = int(automaton.target_P[index])
        if automaton.distance_S[target] <= max(0, remaining - 1):
            rest = paths(automaton, target, length - 1, remaining - 1)
            found += [(int(automaton.set_P[index]), *more) for more in rest]
    return found


@settings(max_examples=150)
@given(
    st.sampled_from(PATTERNS),
    st.integers(1, 6),
    st.integers(0, 5),
    st.integers(0, 1000),
    st.sampled_from([0.1, 3, 100, 3000]),
)
def test_marginals_and_best_path_equal_enumeration(pattern, length, extra, seed, scale):
    automaton = automaton_of(pattern)
    remaining = int(automaton.distance_S[0]) + extra
    layers = Layers(automaton, 0, length, remaining)
    numbers = {int(token_set): number for number, token_set in enumerate(layers.sets)}
    every = np.array([[numbers[token_set] for token_set in path] for path in paths(automaton, 0, length, remaining)])
    log_LU = scale * np.random.default_rng(seed).standard_normal((length, len(numbers)))
    weights = log_LU[np.arange(length), every].sum(axis=1)
    shares = np.exp(weights - weights.max())
    shares /= shares.sum()
    expected_LU = np.zeros_like(log_LU)
    for path, share in zip(every, shares, strict=True):
        expected_LU[np.arange(length), path] += share
    assert np.allclose(layers.marginals(log_LU), expected_LU, atol=1e-9)
    assert np.allclose(layers.marginals_in_logs(log_LU), expected_LU, atol=1e-9)
    assert layers.best_sets(log_LU).tolist() == every[weights.argmax()].tolist()


@settings(max_examples=40)
@given(
    st.integers(0, 1000),
    st.sampled_from([1, 10, 30, 300]),
    st.integers(2, 90),
    st.sampled_from(["[ab]{1,90}", "(a|b)*a", "b(a{0,9}b){2,9}", "(aab|bb){1,30}"]),
)
def test_products_are_logs_or_are_given_up(seed, scale, length, pattern):
    layers = Layers(automaton_of(pattern), 0, length, 60)
    log_LU = scale * np.random.default_rng(seed).standard_normal((length, len(layers.sets)))
    by_products = layers._marginals_by_products(log_LU)
    assert by_products is not None or scale == 300
    if by_products is not None:
        assert np.allclose(by_products, layers.marginals_in_logs(log_LU), atol=1e-9)


FORK = Layers(automaton_of("a(a{40})|b(b{40})"), 0, 40, 60)
"""Two branches, taken at the first token."""


@given(st.integers(0, 300), st.integers(0, 300))
def test_weight_that_only_a_faint_state_carries_is_not_lost(here, there):
    # The first token speaks for one branch by 10 * there nats, each of the 39 others for the other one by 10 * here.
    log_LU = np.zeros((40, len(FORK.sets)))
    one = FORK.layers[0].set_E[0]
    branch = [token_set for token_set in range(len(FORK.sets)) if token_set != one]
    log_LU[0, one] = 10.0 * there
    log_LU[1:, branch] = 10.0 * here
    assert np.allclose(FORK.marginals(log_LU), FORK.marginals_in_logs(log_LU), atol=1e-9)


def test_layers_repeat_in_the_middle_and_leave_limits_out_of_sight_alone():
    long = Layers(automaton_of("[ab]{1,90}"), 0, 32, 200)
    assert len(set(map(id, long.layers))) < 12
    assert max(layer.num_states for layer in long.layers[16:]) < 80
    assert all(np.array_equal(layer.source_E, np.sort(layer.source_E)) for layer in long.layers)
    assert not set(itertools.chain(*(layer.set_E for layer in long.layers))) - set(range(len(long.sets)))
