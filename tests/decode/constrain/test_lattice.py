"""The lattice against brute force: every string of ids over a toy vocabulary, weighed and checked one by one."""

import itertools
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dgemma.decode.constrain import Walk
from dgemma.errors import UsageError
from tests.decode.constrain.automata import END_IDS, PATTERNS, VOCAB_SIZE, WRITTEN, automaton_of


def completions(length: int) -> list[tuple[int, ...]]:
    return list(itertools.product(WRITTEN, repeat=length))


def valid(pattern: str, ids: tuple[int, ...], remaining: int) -> bool:
    """Whether the ids are a whole answer with its ends behind it, or the beginning of one that ends in time."""
    ends = [index for index, token in enumerate(ids) if token in END_IDS]
    count = ends[0] if ends else len(ids)
    if any(token not in WRITTEN for token in ids[:count]) or any(token not in END_IDS for token in ids[count:]):
        return False
    text = b"".join(WRITTEN[token] for token in ids[:count]).decode()
    if ends:
        return count > 0 and count < remaining and re.fullmatch(pattern, text) is not None
    for more in range(remaining - len(ids)):
        for rest in completions(more):
            if re.fullmatch(pattern, text + b"".join(WRITTEN[token] for token in rest).decode()):
                return True
    return False


@settings(max_examples=60)
@given(
    st.sampled_from(PATTERNS),
    st.integers(1, 4),
    st.integers(2, 7),
    st.integers(0, 1000),
    st.sampled_from([1, 20, 3000]),
)
def test_marginals_and_best_path_equal_enumeration(pattern, length, remaining, seed, scale):
    automaton = automaton_of(pattern)
    strings = [ids for ids in itertools.product(range(VOCAB_SIZE), repeat=length) if valid(pattern, ids, remaining)]
    if not strings:
        with pytest.raises(UsageError, match="allow more of them"):
            Walk(automaton=automaton, remaining=remaining)
        return
    scaled_LV = scale * torch.randn(length, VOCAB_SIZE, generator=torch.Generator().manual_seed(seed))
    weights = torch.stack([scaled_LV.double()[range(length), ids].sum() for ids in strings])
    shares = (weights - weights.logsumexp(0)).exp()
    expected_LV = torch.zeros(length, VOCAB_SIZE, dtype=torch.float64)
    for ids, share in zip(strings, shares, strict=True):
        expected_LV[range(length), ids] += share
    paths = Walk(automaton=automaton, remaining=remaining).read(scaled_LV)
    marginal_LV, best_L = paths.log_weights(), paths.best_L
    # Every row of weights sums to the same partition function, whose log is taken off already.
    assert marginal_LV.logsumexp(-1).abs().max() < 1e-6 * scale + 1e-5
    tolerance = 1e-5 if scale == 1 else 2e-3
    assert (marginal_LV.softmax(-1) - expected_LV).abs().max() < tolerance
    assert bool((marginal_LV[expected_LV == 0] < -50).all())
    assert tuple(best_L.tolist()) == strings[int(weights.argmax())]


@settings(max_examples=60)
@given(st.sampled_from(PATTERNS), st.lists(st.integers(1, 3), min_size=1, max_size=4), st.integers(0, 1000))
def test_an_answer_over_several_canvases_ends_in_time(pattern, lengths, seed):
    automaton = automaton_of(pattern)
    remaining = int(automaton.distance_S[0]) + seed % 4
    walk = Walk(automaton=automaton, remaining=remaining)
    generator = torch.Generator().manual_seed(seed)
    ids: list[int] = []
    for length in itertools.cycle(lengths):
        best_L = walk.read(5 * torch.randn(length, VOCAB_SIZE, generator=generator)).best_L
        ids += best_L.tolist()
        if set(ids) & set(END_IDS):
            break
        walk = walk.after(best_L.tolist())
    assert valid(pattern, tuple(ids), remaining)


@given(st.sampled_from(PATTERNS), st.integers(2, 6), st.integers(0, 1000))
def test_token_by_token_everything_that_can_end_in_time_is_allowed_and_nothing_else(pattern, remaining, seed):
    automaton = automaton_of(pattern)
    remaining = max(remaining, int(automaton.distance_S[0]))
    walk, ids = Walk(automaton=automaton, remaining=remaining), ()
    generator, logits_V = torch.Generator().manual_seed(seed), torch.zeros(VOCAB_SIZE)
    while not set(ids) & set(END_IDS):
        logits_V = torch.randn(VOCAB_SIZE, generator=generator)
        restricted_V = walk.restrict(logits_V)
        for token in range(VOCAB_SIZE):
            assert bool(restricted_V[token] == logits_V[token]) == valid(pattern, (*ids, token), remaining)
        ids = (*ids, int(restricted_V.argmax()))
        walk = walk.after(ids[-1:])
    assert set(walk.restrict(logits_V).isfinite().nonzero().flatten().tolist()) == set(END_IDS)


@given(st.sampled_from(PATTERNS), st.integers(1, 6), st.integers(0, 1000), st.sampled_from([1, 500]))
def test_sums_over_the_vocabulary_are_the_same_on_any_device(pattern, length, seed, scale):
    scaled_LV = scale * torch.randn(length, VOCAB_SIZE, generator=torch.Generator().manual_seed(seed))
    walk = Walk(automaton=automaton_of(pattern), remaining=12)
    here = walk.read(scaled_LV)
    lattice = walk._lattice(length, scaled_LV.device)
    for segments in (lattice.groups, lattice.sets, lattice.sets_of_groups):
        segments.in_place = False
    there = walk.read(scaled_LV)
    assert torch.allclose(here.log_weights().softmax(-1), there.log_weights().softmax(-1), atol=1e-6)
    assert here.best_L.tolist() == there.best_L.tolist()


def test_what_cannot_be_is_told():
    with pytest.raises(UsageError, match="takes 4 tokens and only 3"):
        Walk(automaton=automaton_of("(ab){3}"), remaining=3)
    with pytest.raises(UsageError, match="at least one token"):
        automaton_of("c")
    with pytest.raises(UsageError, match="at least one token"):
        automaton_of("(a?){0}")
    with pytest.raises(UsageError, match="Token 2 is not"):
        automaton_of("a").after(0, [2])
