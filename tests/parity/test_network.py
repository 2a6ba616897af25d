"""The network against transformers' on random weights: hidden states and logits, beyond the window, over commits."""

import pytest
import torch

from dgemma.cache import KVCache
from dgemma.checkpoint import open_model
from tests.parity.test_generate import SHAPES, build

transformers = pytest.importorskip("transformers")


# Float32 rounding grows through seven random layers: transformers' own float32 hidden states lie 1.7e-5 of their scale
# from its float64 ones, ours 2.0e-5, so two right implementations may be that far apart on either side.
HIDDEN, LOGITS = 5e-5, 2e-5


def close(ours: torch.Tensor, theirs: torch.Tensor, tolerance: float) -> bool:
    """Within `tolerance` of the scale of what is compared."""
    return bool((ours - theirs).abs().max() <= tolerance * theirs.abs().max())


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("name", SHAPES)
@torch.no_grad()
def test_encoder_and_three_canvases_equal_transformers(name, rows, tmp_path):
    shape = SHAPES[name]
    theirs = build(shape, tmp_path, {})
    ours = open_model(tmp_path).network
    generator = torch.Generator().manual_seed(1)

    def ids(count: int) -> torch.Tensor:
        return torch.randint(shape["vocab_size"], (rows, count), generator=generator)

    prompt = ids(5 * shape["window"] + 3)
    cache = KVCache(ours.config, batch_size=rows, max_length=512)
    their_cache = transformers.DynamicCache(config=theirs.config.get_text_config())
    expected = theirs.model.encoder(input_ids=prompt, past_key_values=their_cache).last_hidden_state
    assert close(ours.encode(prompt, cache), expected, HIDDEN)
    for _ in range(3):
        conditioning = None
        for _ in range(3):
            canvas = ids(shape["canvas"])
            logits = theirs(
                past_key_values=their_cache, decoder_input_ids=canvas, self_conditioning_logits=conditioning
            ).logits
            soft = None if conditioning is None else ours.expect(conditioning.softmax(-1))
            assert close(ours.logits(ours.denoise(canvas, cache, soft)), logits, LOGITS)
            conditioning = logits / 0.7
        committed = ids(shape["canvas"])
        expected = theirs.model.encoder(input_ids=committed, past_key_values=their_cache).last_hidden_state
        assert close(ours.encode(committed, cache), expected, HIDDEN)
