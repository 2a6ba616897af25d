"""A constrained reading of a large vocabulary, by its best entries, against the exact one."""

import pytest
import torch

from dgemma.decode import head
from dgemma.decode.constrain import ConstraintCompiler, Walk, json_schema
from dgemma.ops.native.sizes import IMPOSSIBLE
from tests.decode.constrain.schemas import random_llm

LLM = random_llm(3)
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}, "n": {"type": "integer"}}, "required": ["a", "n"]}


def walk() -> Walk:
    compiler = ConstraintCompiler(LLM.tokenizer, vocab_size=LLM.config.vocab_size, end_ids=(1, 5))  # pyright: ignore
    return Walk(automaton=compiler.compile(json_schema(SCHEMA)), remaining=24)


@torch.inference_mode()
def test_a_large_vocabulary_is_read_as_a_small_one(monkeypatch):
    hidden_BLD = torch.randn(1, 16, LLM.config.hidden_size, generator=torch.Generator().manual_seed(0))
    constraint, generator = walk(), torch.Generator().manual_seed(1)
    exact = head.read(LLM.network, hidden_BLD, 0.7, generator, top_k=3, constraint=constraint)
    monkeypatch.setattr(head, "DENSE_UP_TO", 1)
    monkeypatch.setattr(head, "SOFT_TOP_K", LLM.config.vocab_size)
    reading = head.read(LLM.network, hidden_BLD, 0.7, generator, top_k=3, constraint=constraint)
    for name in ("argmax_BL", "entropy_BL", "top_ids_BLK", "top_logprobs_BLK"):
        assert torch.equal(getattr(reading, name), getattr(exact, name))
    assert torch.allclose(reading.soft_BLD, exact.soft_BLD, atol=1e-5)
    # Every id that is drawn lies on a path: it has a probability.
    weights_LV = constraint.read(LLM.network.logits(hidden_BLD)[0] / 0.7).log_weights()
    assert bool((weights_LV.gather(1, reading.sample_BL[0][:, None]) > IMPOSSIBLE / 2).all())


@pytest.mark.parametrize("one_generator", [True, False])
def test_draws_by_running_sums_follow_the_probabilities(one_generator):
    rows = torch.tensor([[0.0, 0.5, 0.0, 0.3, 0.2, 0.0], [0.0, 0.0, 1.0, 0.0, 0.0, 0.0]])
    generator = torch.Generator().manual_seed(2)
    probabilities_BLV = rows.expand(1, 2, -1).repeat(1, 2000, 1)
    drawn_L = head.sample_by_cumulative_sum(probabilities_BLV, generator if one_generator else [generator])[0]
    assert set(drawn_L[1::2].tolist()) == {2}
    shares = torch.bincount(drawn_L[::2], minlength=6) / 2000
    assert (shares - rows[0]).abs().max() < 0.04 and bool((shares[rows[0] == 0] == 0).all())
