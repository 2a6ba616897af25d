"""Pinned tokens stay, however unlikely they are; scores equal those computed token by token."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dgemma.cache import KVCache
from dgemma.config import SamplerConfig
from dgemma.decode.denoise import denoise
from dgemma.decode.infill import fill, fill_score
from dgemma.decode.revise import doubt, revise
from dgemma.errors import UsageError
from tests.test_model import NETWORK, close, ids

SAMPLER = SamplerConfig(max_denoising_steps=5)


def prefix(length: int) -> KVCache:
    cache = KVCache(NETWORK.config, max_length=64)
    NETWORK.encode(ids(1, length), cache)
    return cache


@settings(max_examples=15)
@given(st.integers(1, 6), st.lists(st.integers(0, 63), max_size=6), st.integers(0, 99))
def test_a_suffix_is_pinned_in_every_step(gap, suffix, seed):
    cache = prefix(5)
    steps = list(fill(NETWORK, cache, SAMPLER, torch.Generator().manual_seed(seed), gap, suffix))
    assert 1 <= len(steps) <= 5
    for step in steps:
        assert step.argmax_BL.shape == (1, gap + len(suffix))
        assert step.argmax_BL[0, gap:].tolist() == step.canvas_BL[0, gap:].tolist() == suffix
        assert not step.entropy_BL[0, gap:].any() and step.accepted_BL[0, gap:].all()
    assert cache.lengths == [5]


@pytest.mark.parametrize(("gap", "expected_steps"), [(1, 6), (3, 10), (5, 12)])
def test_a_short_gap_takes_few_steps(gap, expected_steps):
    """No entropy is low enough to stop, so all allowed steps run."""
    never = SamplerConfig(max_denoising_steps=12, confidence_threshold=1e-9)
    assert len(list(fill(NETWORK, prefix(5), never, torch.Generator().manual_seed(1), gap, [7]))) == expected_steps


def test_forbidden_tokens_never_fill_a_gap():
    cache = prefix(5)
    generator = torch.Generator().manual_seed(1)
    unrestricted = {
        token for step in fill(NETWORK, cache, SAMPLER, generator, 3, [7]) for token in step.argmax_BL[0].tolist()
    }
    generator.manual_seed(1)
    for step in fill(NETWORK, cache, SAMPLER, generator, 3, [7], forbidden=sorted(unrestricted)):
        assert not unrestricted & set(step.argmax_BL[0, :3].tolist())
        assert not unrestricted & set(step.canvas_BL[step.accepted_BL][:-1].tolist())


def test_pins_without_a_canvas_are_refused():
    pins = torch.ones(1, 8, dtype=torch.bool)
    with pytest.raises(UsageError, match="need a canvas_BL"):
        list(denoise(NETWORK, prefix(4), SAMPLER, torch.Generator(), 8, pinned_BL=pins))


def test_an_empty_pin_mask_changes_nothing():
    canvas = ids(1, 8, seed=3)
    plain, pinned = (
        list(denoise(NETWORK, prefix(4), SAMPLER, torch.Generator().manual_seed(2), 8, canvas, pinned_BL=pins))
        for pins in (None, torch.zeros(1, 8, dtype=torch.bool))
    )
    assert len(plain) == len(pinned)
    assert all(torch.equal(a.argmax_BL, b.argmax_BL) for a, b in zip(plain, pinned, strict=True))


def test_the_stop_rule_looks_at_free_positions_only():
    """With nearly all positions pinned the mean over the whole canvas would be low from the start."""
    canvas, pins = ids(1, 32, seed=3), torch.ones(1, 32, dtype=torch.bool)
    pins[0, 5] = False
    sampler = SamplerConfig(max_denoising_steps=6, confidence_threshold=0.1)
    steps = list(denoise(NETWORK, prefix(4), sampler, torch.Generator(), 32, canvas, pinned_BL=pins))
    assert float(steps[-1].entropy_BL.mean()) < 0.1 < float(steps[-1].entropy_BL.max())
    assert len(steps) == 6


def test_fill_scores_equal_those_computed_token_by_token():
    cache, continuation = prefix(6), ids(1, 4, seed=8)[0].tolist()
    reference_cache = KVCache(NETWORK.config, max_length=64)
    last = NETWORK.encode(ids(1, 6), reference_cache)[0, -1]
    logprobs, hidden = [], last
    for token in continuation:
        logprobs.append(float(NETWORK.logits(hidden).log_softmax(-1)[token]))
        hidden = NETWORK.encode(torch.tensor([[token]]), reference_cache)[0, -1]
    for gap in (1, 3, 4):
        score = fill_score(NETWORK, cache, last, continuation[:gap], continuation[gap:])
        expected = sum(logprobs[:gap]) / gap**0.5 + sum(logprobs[gap:])
        assert close(torch.tensor(score), torch.tensor(expected)) and cache.lengths == [6]


@settings(max_examples=15)
@given(st.floats(0, 1), st.integers(0, 50))
def test_only_doubted_tokens_may_change(strength, seed):
    cache, text = prefix(3), ids(1, 12, seed=seed)[0]
    doubted = 1 - doubt(NETWORK, cache, text) < strength
    steps = list(revise(NETWORK, cache, SAMPLER, torch.Generator().manual_seed(seed), text, strength))
    assert bool(steps) == (bool(doubted.any()) or strength == 1)
    for step in steps:
        if strength < 1:
            assert torch.equal(step.argmax_BL[0][~doubted], text[~doubted])


def test_invalid_values_are_refused():
    with pytest.raises(UsageError, match="strength"):
        list(revise(NETWORK, prefix(3), SAMPLER, torch.Generator(), ids(1, 4)[0], 1.5))
    with pytest.raises(UsageError, match="gap"):
        fill(NETWORK, prefix(3), SAMPLER, torch.Generator(), 0, [1])
