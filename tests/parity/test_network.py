"""The network equals transformers' in hidden states and logits, canvas after canvas, far beyond the window."""

from dataclasses import replace

import pytest
import torch

pytest.importorskip("transformers")
import transformers
from transformers import DynamicCache

from dgemma.cache import KVCache
from tests.parity.reference import SHAPES, build_reference, build_twin


def relative_error(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    assert ours.shape == theirs.shape
    return float((ours - theirs).abs().max() / theirs.abs().max())


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("trains", [True, False])
@pytest.mark.parametrize("prompt_length", [1, 7, 29, 100])
@pytest.mark.parametrize("name", SHAPES)
def test_three_canvases_equal_transformers(name, prompt_length, trains, rows):
    """Without gradients one row goes through the fused layers, several through packed products."""
    with torch.set_grad_enabled(trains):
        _compare_three_canvases(name, prompt_length, rows)


def _compare_three_canvases(name: str, prompt_length: int, rows: int) -> None:
    shape = SHAPES[name]
    model = build_reference(shape)
    network = build_twin(model)
    generator = torch.Generator().manual_seed(prompt_length)

    def draw(count: int) -> torch.Tensor:
        return torch.randint(shape.vocab, (rows, count), generator=generator)

    theirs, ours = DynamicCache(config=model.config.get_text_config()), KVCache(network.config, rows, 400)
    tokens = draw(prompt_length)
    for _ in range(3):
        expected = model.model.encoder(input_ids=tokens, past_key_values=theirs).last_hidden_state
        assert relative_error(network.encode(tokens, ours), expected) <= 2e-5
        previous = None
        for _ in range(3):
            canvas = draw(shape.canvas)
            expected = model(past_key_values=theirs, decoder_input_ids=canvas, self_conditioning_logits=previous).logits
            soft = None if previous is None else network.expect(previous.softmax(-1))
            assert relative_error(network.logits(network.denoise(canvas, ours, soft)), expected) <= 2e-5
            previous = expected / 0.7
        tokens = draw(shape.canvas)


def test_a_deep_network_is_as_near_to_float64_as_transformers():
    """Through seven layers rounding alone moves hidden states by 2e-5; both are compared with transformers' float64."""
    shape = replace(SHAPES["7 layers"], full_head_dim=16)
    model = build_reference(shape)
    network = build_twin(model)
    exact = build_reference(shape).double()
    exact.set_experts_implementation("eager")
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(shape.vocab, (2, 100), generator=generator)
    canvas = torch.randint(shape.vocab, (2, shape.canvas), generator=generator)

    def read(source: transformers.DiffusionGemmaForBlockDiffusion) -> tuple[torch.Tensor, torch.Tensor]:
        cache = DynamicCache(config=source.config.get_text_config())
        hidden = source.model.encoder(input_ids=tokens, past_key_values=cache).last_hidden_state
        return hidden, source(past_key_values=cache, decoder_input_ids=canvas).logits

    (hidden, logits), (exact_hidden, exact_logits) = read(model), read(exact)
    cache = KVCache(network.config, 2, 100)
    assert relative_error(network.encode(tokens, cache), exact_hidden) <= 2 * relative_error(hidden, exact_hidden)
    ours = network.logits(network.denoise(canvas, cache))
    assert relative_error(ours, logits) <= 2e-5 and relative_error(ours, exact_logits) <= 2e-5


def test_every_weight_changes_the_logits():
    """Parity must not hold merely because a part of the network is unused."""
    model = build_reference(SHAPES["3 layers"])
    network = build_twin(model)
    generator = torch.Generator().manual_seed(0)
    tokens, canvas = torch.randint(99, (1, 20), generator=generator), torch.randint(99, (1, 64), generator=generator)
    soft = torch.randn(1, 64, 32, generator=generator)

    def run() -> torch.Tensor:
        cache = KVCache(network.config, 1, 64)
        network.encode(tokens, cache)
        return network.logits(network.denoise(canvas, cache, soft))

    before = run()
    for name, parameter in network.named_parameters():
        # Of the last layer's encoder only the keys and values are read.
        if name == "layers.2.encoder_scalar":
            continue
        kept = parameter.clone()
        parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.1)
        assert not torch.equal(run(), before), name
        parameter.copy_(kept)
