"""Schedule, acceptance and stop rule, each against its formula written out."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dgemma.decode.accept import EntropyBound
from dgemma.decode.autoregressive import TokenSampler
from dgemma.decode.schedule import LinearSchedule
from dgemma.decode.stop import StableAndConfident
from dgemma.errors import ConfigError

# Multiples of 1/64 add up exactly in float32, so the formula and the loop cannot differ by rounding.
entropies = st.lists(st.integers(0, 320).map(lambda n: n / 64), min_size=1, max_size=20)


@given(entropies, st.integers(1, 192).map(lambda n: n / 64))
def test_acceptance_equals_the_loop_over_ascending_entropies(values, bound):
    accepted = EntropyBound(bound=bound).accept(torch.tensor([values]))[0].tolist()
    count = 0
    ascending = torch.tensor(values).sort().values
    cumulative = ascending.cumsum(0)
    for entropy, total in zip(ascending, cumulative, strict=True):
        if float(total - entropy) > bound:
            break
        count += 1
    assert sum(accepted) == count >= 1


def test_temperature_falls_from_t_max_towards_t_min():
    schedule = LinearSchedule(t_min=0.4, t_max=0.8, num_steps=48)
    assert abs(schedule.temperature(48) - 0.8) < 1e-6
    assert abs(schedule.temperature(12) - 0.5) < 1e-6
    assert 0.4 < schedule.temperature(1) < 0.41


def test_stop_needs_stability_and_confidence():
    rule = StableAndConfident(stability=2, confidence=0.1)
    same, other = torch.tensor([[1, 2]]), torch.tensor([[1, 3]])
    sure, unsure = torch.tensor([[0.0, 0.1]]), torch.tensor([[0.0, 0.3]])
    assert not rule.done([same], same, sure).any()
    assert rule.done([same, same], same, sure).all()
    assert not rule.done([other, same], same, sure).any()
    assert not rule.done([same, same], same, unsure).any()
    assert StableAndConfident(stability=0, confidence=0.1).done([], same, sure).all()
    patient = StableAndConfident(stability=1, confidence=0.1, patience=3)
    assert patient.memory == 3
    assert patient.done([same], same, sure).all() and not patient.done([same, same], same, unsure).any()
    assert patient.done([same] * 3, same, unsure).all() and not patient.done([other, same, same], same, unsure).any()


@given(st.integers(0, 2**31), st.integers(1, 5))
def test_top_k_and_top_p_sample_only_the_best_tokens(seed, top_k):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(30, generator=generator)
    best = set(logits.topk(top_k).indices.tolist())
    assert TokenSampler(temperature=1.5, top_k=top_k).sample(logits, generator) in best
    assert TokenSampler(temperature=1.0, top_p=1e-6).sample(logits, generator) == int(logits.argmax())
    assert TokenSampler().sample(logits, generator) == int(logits.argmax())


@pytest.mark.parametrize(
    "options", [{"temperature": math.inf}, {"temperature": "x"}, {"top_k": 2.5}, {"top_p": "x"}, {"top_p": 0.0}]
)
def test_invalid_sampling_options_are_refused(options):
    with pytest.raises(ConfigError):
        TokenSampler(**options)


def test_a_temperature_next_to_zero_is_greedy():
    logits = torch.tensor([1.0, 3.0, 2.0])
    assert TokenSampler(temperature=1e-40).sample(logits, torch.Generator()) == 1
