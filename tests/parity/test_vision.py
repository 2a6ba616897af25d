"""The image tower equals transformers', and `encode` with images what transformers' `generate` encodes."""

import pytest
import torch
from torch import Tensor

pytest.importorskip("transformers")
import transformers
from transformers import DynamicCache

from dgemma.cache import KVCache
from dgemma.checkpoint import open_model
from dgemma.checkpoint.vision import open_vision
from dgemma.decode.autoregressive import TokenSampler, autoregressive
from dgemma.decode.denoise import denoise
from dgemma.model import DiffusionGemma
from tests.images import find_spans
from tests.parity.images import BEGIN, END, IMAGE, SHAPES, TOWERS, build, build_tower, draw_images
from tests.parity.reference import build_twin

Model = transformers.DiffusionGemmaForBlockDiffusion

SIZES = {
    "one": [(3, 2)],
    "one long": [(6, 5)],
    "two and padding": [(1, 4), (5, 1)],
    "three": [(2, 2), (1, 1), (4, 3)],
}


def relative_error(ours: Tensor, theirs: Tensor) -> float:
    assert ours.shape == theirs.shape
    return float((ours - theirs).abs().max() / theirs.abs().max())


def features(model: Model, patches: Tensor, positions: Tensor) -> Tensor:
    return model.model.encoder.get_image_features(patches, positions).pooler_output


@pytest.mark.parametrize("padding", [0, 3])
@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("tower", TOWERS)
def test_soft_tokens_equal_transformers(tower, sizes, padding):
    model = build(tower)
    network = build_tower(model)
    patches, positions = draw_images(network, sizes, padding)
    ours = network(patches, positions)
    assert [len(soft) for soft in ours] == [columns * rows for columns, rows in sizes]
    assert relative_error(torch.cat(ours), features(model, patches, positions)) <= 2e-5


def test_patches_in_any_order_make_the_same_soft_tokens():
    network = build_tower(build("all"))
    patches, positions = draw_images(network, [(3, 2), (2, 2)], padding=1)
    order = torch.randperm(positions.shape[1], generator=torch.Generator().manual_seed(0))
    expected, ours = network(patches, positions), network(patches[:, order], positions[:, order])
    assert all(relative_error(mine, theirs) <= 2e-5 for mine, theirs in zip(ours, expected, strict=True))


def test_every_weight_of_the_tower_changes_its_output():
    """Parity must not hold merely because a part of the tower is unused."""
    network = build_tower(build("all"))
    patches, positions = draw_images(network, [(3, 3)])
    before = network(patches, positions)[0]
    for name, tensor in network.state_dict().items():
        kept = tensor.clone()
        tensor.add_(torch.randn(tensor.shape, generator=torch.Generator().manual_seed(1)) * 0.3)
        assert not torch.equal(network(patches, positions)[0], before), name
        tensor.copy_(kept)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_weights_are_multiplied_in_float32_on_a_cpu(dtype):
    """Weights stay in half precision; the result is as near to float64 with these weights as float32 can be."""
    model = build("all")
    for tensor in model.state_dict().values():
        tensor.copy_(tensor.to(dtype))
    network = build_tower(model).to(dtype)
    patches, positions = draw_images(network, [(3, 2), (2, 4)])
    ours = torch.cat(network(patches, positions))
    assert ours.dtype == torch.float32 and network.state_dict()["std_bias"].dtype == dtype
    # Rounding the rotary frequencies is another matter, so they stay in float32.
    frequencies = model.model.encoder.vision_tower.encoder.rotary_emb.inv_freq.clone()
    model.to(dtype).model.encoder.vision_tower.encoder.rotary_emb.inv_freq = frequencies
    half_precision = features(model, patches.to(dtype), positions).double()
    exact = features(model.double(), patches.double(), positions)
    assert relative_error(ours.double(), exact) <= 2e-4 < 2e-3 < relative_error(half_precision, exact)


def masks_of_generate(model: Model, tokens: Tensor, cache: DynamicCache) -> dict[str, Tensor]:
    """The masks that transformers' `generate` gives its encoder."""
    length = cache.get_seq_length()
    return model.model.encoder.create_masks_for_generate(
        config=model.config,
        inputs_embeds=torch.empty(*tokens.shape, 0),
        attention_mask=torch.ones(len(tokens), length + tokens.shape[1], dtype=torch.bool),
        past_key_values=cache,
        position_ids=torch.arange(length, length + tokens.shape[1])[None],
        mm_token_type_ids=(tokens == IMAGE).long(),
    )


def text(count: int, seed: int = 0) -> list[int]:
    return torch.randint(60, (count,), generator=torch.Generator().manual_seed(seed)).tolist()


def prompt(lengths: list[int], rest: int, seed: int = 0) -> list[int]:
    """Ids with images of these lengths, text between them and `rest` tokens of text after them."""
    ids = text(3, seed)
    for index, length in enumerate(lengths):
        ids += [BEGIN, *[IMAGE] * length, END, *text(index, seed + index)]
    return ids + text(rest, seed + 9)


def encode_by_both(model: Model, images: list[list[tuple[int, int]]], rest: int = 5):
    """Encodes a batch of prompts with images (equal lengths) by both networks; returns hidden states and caches."""
    network, tower = build_twin(model), build_tower(model)
    patches, positions = draw_images(tower, [size for row in images for size in row])
    lengths = [[columns * rows for columns, rows in row] for row in images]
    longest = max(len(prompt(row, 0)) for row in lengths)
    tokens = torch.tensor([prompt(row, rest + longest - len(prompt(row, 0)), seed) for seed, row in enumerate(lengths)])
    theirs = DynamicCache(config=model.config.get_text_config())
    expected = model.model.encoder(
        input_ids=tokens,
        attention_mask=masks_of_generate(model, tokens, theirs),
        pixel_values=patches,
        image_position_ids=positions,
        past_key_values=theirs,
    ).last_hidden_state
    softs = iter(tower(patches, positions))
    spans = find_spans(tokens, [[next(softs) for _ in row] for row in images], IMAGE)
    cache = KVCache(network.config, len(images), 200)
    hidden = network.encode(tokens, cache, images=spans)
    return network, tokens, spans, (hidden, cache), (expected, theirs)


IN_TEXT = {
    "one": [[(3, 2)]],
    "longer than the window": [[(6, 5)]],
    "two": [[(4, 4), (2, 3)]],
    "two rows": [[(3, 3)], [(2, 2), (5, 3)]],
    "three rows": [[(1, 1), (6, 4), (2, 1)], [(2, 9)], [(3, 5)]],
}


@pytest.mark.parametrize("bidirectional", ["vision", None])
@pytest.mark.parametrize("images", IN_TEXT.values(), ids=IN_TEXT)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_encode_and_denoise_equal_transformers(shape, images, bidirectional):
    model = build(shape=shape, bidirectional=bidirectional)
    network, tokens, _, (hidden, cache), (expected, theirs) = encode_by_both(model, images)
    assert relative_error(hidden, expected) <= 5e-5
    for index, layer in enumerate(theirs.layers):
        keys, values = cache.read(index, tokens.shape[1] - layer.keys.shape[2], tokens.shape[1])
        assert relative_error(keys, layer.keys) <= 5e-5 and relative_error(values, layer.values) <= 5e-5
    previous = None
    for seed in range(2):
        canvas = torch.randint(shape.vocab, (len(images), shape.canvas), generator=torch.Generator().manual_seed(seed))
        logits = model(past_key_values=theirs, decoder_input_ids=canvas, self_conditioning_logits=previous).logits
        soft = None if previous is None else network.expect(previous.softmax(-1))
        assert relative_error(network.logits(network.denoise(canvas, cache, soft)), logits) <= 5e-5
        previous = logits / 0.7


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_the_mask_of_images_changes_the_hidden_states(shape):
    """Parity with the mask must differ from parity without it."""
    _, tokens, _, (hidden, _), (expected, _) = encode_by_both(build(shape=shape), [[(6, 5)]])
    _, _, _, (causal, _), _ = encode_by_both(build(shape=shape, bidirectional=None), [[(6, 5)]])
    assert relative_error(hidden, expected) <= 5e-5 < 1e-2 < relative_error(causal, expected)
    begin = tokens[0].tolist().index(BEGIN)
    assert torch.equal(hidden[:, : begin + 1], causal[:, : begin + 1])


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_greedy_tokens_after_an_image_equal_transformers(shape):
    model = build(shape=shape)
    network, _, _, (hidden, cache), (expected, theirs) = encode_by_both(model, [[(6, 5), (2, 2)]])
    greedy = autoregressive(network, cache, hidden[0, -1], TokenSampler(temperature=0.0), torch.Generator())
    last = expected[:, -1:]
    for _ in range(40):
        token = model.lm_head(last).argmax(-1)
        assert [one.token for one in next(greedy)] == [int(token)]
        last = model.model.encoder(input_ids=token, past_key_values=theirs).last_hidden_state


@pytest.mark.parametrize("tower", TOWERS)
def test_a_whole_generation_from_files_equals_transformers(tower, tmp_path):
    shape = SHAPES["full first"]
    model = build(tower, shape, embedding_std=0.12)
    model.generation_config.max_denoising_steps = 6
    model.save_pretrained(tmp_path)
    loaded = open_model(tmp_path, dtype="float32")
    network, vision = loaded.network, open_vision(tmp_path, loaded.config)
    assert vision is not None
    patches, positions = draw_images(vision, [(5, 4), (2, 3)], padding=2)
    tokens = torch.tensor([prompt([20, 6], 7)])
    torch.manual_seed(7)
    expected = model.generate(
        tokens, pixel_values=patches, image_position_ids=positions, mm_token_type_ids=(tokens == IMAGE).long(),
        max_new_tokens=3 * shape.canvas,
    ).sequences[0, tokens.shape[1] :].tolist()  # fmt: skip
    cache, ids = KVCache(network.config, 1, 200), []
    generator = torch.Generator().manual_seed(7)
    network.encode(tokens, cache, keys_only=True, images=find_spans(tokens, [vision(patches, positions)], IMAGE))
    for _ in range(3):
        *_, step = denoise(network, cache, loaded.sampler, generator, exact=True)
        network.encode(step.argmax_BL, cache, keys_only=True)
        ids += step.argmax_BL[0].tolist()
    assert ids == expected


def encode_in_chunks(network: DiffusionGemma, tokens: Tensor, spans, cuts: list[int]) -> tuple[Tensor, KVCache]:
    """Encodes chunk by chunk, each with the spans that begin in it."""
    cache, hidden = KVCache(network.config, len(tokens), 200), []
    for start, stop in zip([0, *cuts], [*cuts, tokens.shape[1]], strict=True):
        chunk_spans = [
            type(span)(soft_SD=span.soft_SD, start=span.start - start, row=span.row)
            for span in spans
            if start <= span.start < stop
        ]
        hidden.append(network.encode(tokens[:, start:stop], cache, images=chunk_spans))
    return torch.cat(hidden, dim=1), cache


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_chunks_that_cut_no_image_change_nothing(shape):
    network, tokens, spans, (hidden, cache), _ = encode_by_both(build(shape=shape), [[(4, 4), (6, 5)]])
    for cuts in ([2], [21, 22], [3, 22, 60]):
        again, other = encode_in_chunks(network, tokens, spans, cuts)
        assert relative_error(again, hidden) <= 5e-5
        canvas = torch.arange(shape.canvas)[None]
        # A pass over text alone is the fused one, if there are kernels.
        assert relative_error(network.denoise(canvas, other), network.denoise(canvas, cache)) <= 5e-5
