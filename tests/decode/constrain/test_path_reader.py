"""All paths read in one compiled call against the same in numpy and PyTorch."""

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dgemma.decode import head
from dgemma.decode.constrain import ConstraintCompiler, Walk, json_schema, regex
from dgemma.errors import UsageError
from dgemma.ops.native.sizes import IMPOSSIBLE
from tests.decode.constrain.automata import PATTERNS, VOCAB_SIZE, automaton_of
from tests.decode.constrain.schemas import random_llm

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="torch brings another OpenMP there")

CAP = 10.0
LONG = ["[ab]{1,90}", "b(a{0,9}b){2,9}", "(aab|bb){1,30}", "(a{1,20}b)*"]
LLM = random_llm(3)
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}, "n": {"type": "integer"}}, "required": ["a", "n"]}


@contextmanager
def threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@settings(max_examples=150)
@given(
    pattern=st.sampled_from(PATTERNS + LONG),
    length=st.integers(1, 90),
    spare=st.integers(0, 80),
    scale=st.sampled_from([0.3, 3, 30, 400, 3000]),
    forbidden=st.sets(st.integers(0, VOCAB_SIZE - 1), max_size=2),
    count=st.integers(1, 3),
    seed=st.integers(0, 1000),
)
def test_paths_are_read_as_in_numpy(pattern, length, spare, scale, forbidden, count, seed):
    automaton = automaton_of(pattern)
    walk = Walk(automaton=automaton, remaining=int(automaton.distance_S[0]) + spare)
    generator = torch.Generator().manual_seed(seed)
    products_LV = torch.randn(length, VOCAB_SIZE, generator=generator)
    temperature, near = 1 / scale, 1e-5 + 2e-5 * scale
    scaled_LV = CAP * torch.tanh(products_LV / CAP) / temperature
    anywhere, first = list(forbidden)[:1], list(forbidden)[1:]
    scaled_LV[:, anywhere], scaled_LV[0, first] = -torch.inf, -torch.inf
    pairs = [(-1, token) for token in anywhere] + [(0, token) for token in first]
    drawn_L = torch.rand(length, generator=generator)
    reader, used_LV = walk.reader(length), products_LV.clone()
    assert reader is not None
    with threads(count):
        found = reader.read(used_LV, CAP, temperature, drawn_L, pairs)
    if found is None:
        assert scale >= 400 or forbidden
        assert (used_LV.clamp(min=IMPOSSIBLE) - scaled_LV.clamp(min=IMPOSSIBLE)).abs().max() < near
        return
    paths = walk.read(scaled_LV)
    expected_LV = paths.log_weights().softmax(-1)
    assert (found.probabilities_LV - expected_LV).abs().max() < near
    assert found.best_L.tolist() == paths.best_L.tolist()
    entropy_L = torch.special.entr(expected_LV).sum(-1)
    assert (found.entropy_L - entropy_L).abs().max() < 10 * near
    # The sample is where the running sum passes the number drawn.
    sums_LV = torch.nn.functional.pad(expected_LV.cumsum(-1), (1, 0))
    below_L, above_L = (sums_LV.gather(1, found.sample_L[:, None] + one)[:, 0] for one in (0, 1))
    assert bool(((below_L <= drawn_L + near) & (above_L >= drawn_L - near)).all())
    assert bool((found.probabilities_LV.gather(1, found.sample_L[:, None]) > 0).all())


def test_a_canvas_whose_products_underflow_is_given_back():
    walk = Walk(automaton=automaton_of("a(a{40})|b(b{40})"), remaining=60)
    scaled_LV = torch.zeros(40, VOCAB_SIZE)
    # The first token speaks for one branch, each of the others for the other one: neither may be lost.
    scaled_LV[0, 1], scaled_LV[1:, 2] = 600.0, 15.0
    # So large a cap bends nothing.
    reader, given_LV = walk.reader(40), scaled_LV.clone()
    assert reader is not None and reader.read(given_LV, 1e6, 1.0, torch.zeros(40)) is None
    assert (given_LV - scaled_LV).abs().max() < 1


@pytest.mark.parametrize("top_k", [0, 3])
@torch.inference_mode()
def test_a_held_step_is_the_same_without_kernels(top_k, monkeypatch):
    hidden_BLD = torch.randn(1, 16, LLM.config.hidden_size, generator=torch.Generator().manual_seed(0))
    compiler = ConstraintCompiler(LLM.tokenizer, vocab_size=LLM.config.vocab_size, end_ids=(1, 5))  # pyright: ignore
    walk = Walk(automaton=compiler.compile(json_schema(SCHEMA)), remaining=24)

    def read() -> head.HeadReading:
        generator = torch.Generator().manual_seed(1)
        return head.read(LLM.network, hidden_BLD, 0.7, [generator], top_k, (7,), (9, 11), walk)

    found = read()
    monkeypatch.setattr(Walk, "reader", lambda _walk, _length: None)
    expected = read()
    for name in ("argmax_BL", "sample_BL", "top_ids_BLK"):
        assert (getattr(found, name) is None) == (getattr(expected, name) is None)
        assert getattr(found, name) is None or torch.equal(getattr(found, name), getattr(expected, name))
    for name in ("entropy_BL", "soft_BLD", "top_logprobs_BLK", "argmax_logprob_BL"):
        if getattr(expected, name) is not None:
            torch.testing.assert_close(getattr(found, name), getattr(expected, name), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("compiled", [True, False])
@torch.inference_mode()
def test_the_log_probability_of_an_unlikely_token_is_told(compiled, monkeypatch):
    """A text that begins with 0 is one of 8^44, and its token still has a log probability."""
    compiler = ConstraintCompiler(LLM.tokenizer, vocab_size=LLM.config.vocab_size, end_ids=(1, 5))  # pyright: ignore
    walk = Walk(automaton=compiler.compile(regex("0{45}|1[2-9]{44}")), remaining=47)
    if not compiled:
        monkeypatch.setattr(Walk, "reader", lambda _walk, _length: None)
    network = LLM.network
    hidden_BLD = torch.zeros(1, 46, LLM.config.hidden_size)
    reading = head.read(network, hidden_BLD, 0.7, [torch.Generator().manual_seed(0)], 3, constraint=walk)
    assert reading.argmax_logprob_BL is not None and reading.top_logprobs_BLK is not None
    # All tokens are alike: one text of the first branch against 8^44 of the other.
    share = reading.top_logprobs_BLK[0, 0].exp().sum()
    assert share == pytest.approx(1, abs=1e-4)
    assert float(reading.top_logprobs_BLK[0, 0, 1]) == pytest.approx(-44 * math.log(8), abs=0.01)


def test_what_a_kernel_would_write_elsewhere_is_refused():
    automaton = automaton_of("[ab]{1,90}")
    reader = Walk(automaton=automaton, remaining=100).reader(5)
    assert reader is not None
    right_LV, drawn_L = torch.zeros(5, VOCAB_SIZE), torch.zeros(5)
    for wrong_LV in (torch.zeros(5, VOCAB_SIZE - 1), torch.zeros(4, VOCAB_SIZE), torch.zeros(VOCAB_SIZE, 5).T):
        with pytest.raises(ValueError):
            reader.read(wrong_LV, CAP, 1.0, drawn_L)
    with pytest.raises(ValueError, match="float32"):
        reader.read(right_LV.bfloat16(), CAP, 1.0, drawn_L)
    with pytest.raises(ValueError):
        reader.read(right_LV, CAP, 1.0, drawn_L[:4])
    for pair in ((5, 1), (-2, 1), (0, VOCAB_SIZE), (0, -1)):
        with pytest.raises(IndexError):
            reader.read(right_LV, CAP, 1.0, drawn_L, [pair])
    walk = Walk(automaton=automaton, remaining=100)
    hidden_BLD = torch.zeros(1, 5, LLM.config.hidden_size)
    with pytest.raises(UsageError, match=f"a vocabulary of {VOCAB_SIZE}, but the network has"):
        head.read(LLM.network, hidden_BLD, 0.7, [torch.Generator()], constraint=walk)
