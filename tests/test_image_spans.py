"""Images within a text: spans that fit are placed, all others are refused before the cache changes."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dgemma.cache import KVCache
from dgemma.errors import PromptError, UsageError
from dgemma.image_spans import ImageSpan, PlacedImages
from dgemma.masks import attention_mask
from dgemma.model import DiffusionGemma
from dgemma.vision_config import VisionConfig
from tests.images import find_spans
from tests.test_model import CONFIG, close, ids, make_network

IMAGE = 61
WITH_IMAGES = replace(
    CONFIG, vision=VisionConfig(), boi_token_id=60, image_token_id=IMAGE, eoi_token_id=62,
    use_bidirectional_attention="vision",
)  # fmt: skip


def make_image_network() -> DiffusionGemma:
    network = make_network()
    network.config = WITH_IMAGES
    return network


NETWORK = make_image_network()


def soft(count: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, 32, generator=torch.Generator().manual_seed(seed)) * 3


def text(count: int, seed: int = 0) -> torch.Tensor:
    return ids(1, count, seed) % 60


def with_image(before: int, count: int, after: int) -> torch.Tensor:
    return torch.cat((text(before), torch.full((1, count), IMAGE), text(after, seed=1)), dim=1)


@settings(max_examples=40)
@given(st.integers(0, 12), st.lists(st.tuples(st.integers(0, 3), st.integers(1, 15)), min_size=1, max_size=4))
def test_the_mask_is_causal_except_within_an_image(num_cached, runs):
    """Expected token by token: within the causal window, or in the same unbroken run of image tokens."""
    tokens = torch.cat([with_image(before, count, 0) for before, count in runs], dim=1)
    softs = [soft(count) for _, count in runs]
    cache = KVCache(WITH_IMAGES, max_length=200)
    if num_cached:
        NETWORK.encode(text(num_cached), cache)
    count = tokens.shape[1]
    placed = PlacedImages(find_spans(tokens, [softs], IMAGE), tokens, [count], WITH_IMAGES)
    masks = {kind: attention_mask(cache, count, 0, window) for kind, window in NETWORK.config.windows.items()}
    is_image = (tokens[0] == IMAGE).tolist()
    for kind, mask in placed.open_masks(masks, cache).items():
        if mask is None:
            assert count == 1
            continue
        first = num_cached + count - mask.shape[-1]
        for i in range(count):
            for key in range(first, num_cached + count):
                distance = num_cached + i - key
                causal = distance >= 0 and (kind == "full_attention" or distance < CONFIG.sliding_window)
                low, high = sorted((i, key - num_cached))
                mutual = low >= 0 and all(is_image[low : high + 1])
                assert bool(mask[0, 0, i, key - first]) == (causal or mutual)


@settings(max_examples=15)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 14), st.integers(0, 9)), min_size=2, max_size=4))
def test_a_row_of_a_batch_equals_the_row_alone(rows):
    """Rows of different lengths, with an image each or none."""
    alone = [with_image(*row) for row in rows]
    longest = max(tokens.shape[1] for tokens in alone)
    # Image tokens in the padding belong to no image.
    tokens = torch.cat([torch.nn.functional.pad(row, (0, longest - row.shape[1]), value=IMAGE) for row in alone])
    softs = [[soft(count, seed)] if count else [] for seed, (_, count, _) in enumerate(rows)]
    spans = [
        replace(span, row=row)
        for row, (row_tokens, row_softs) in enumerate(zip(alone, softs, strict=True))
        for span in find_spans(row_tokens, [row_softs], IMAGE)
    ]
    lengths = [row.shape[1] for row in alone]
    cache = KVCache(WITH_IMAGES, batch_size=len(rows), max_length=80)
    hidden = NETWORK.encode(tokens, cache, lengths, images=spans)
    canvas = ids(len(rows), 8, seed=1)
    denoised = NETWORK.denoise(canvas, cache)
    for row, row_tokens in enumerate(alone):
        single = KVCache(WITH_IMAGES, max_length=80)
        row_spans = [replace(span, row=0) for span in spans if span.row == row]
        assert close(hidden[row : row + 1, : lengths[row]], NETWORK.encode(row_tokens, single, images=row_spans))
        assert close(denoised[row : row + 1], NETWORK.denoise(canvas[row : row + 1], single))


def test_soft_tokens_replace_image_embeddings_in_a_copy():
    tokens = with_image(2, 3, 2)
    embedded = NETWORK.embed(tokens)
    before = embedded.clone()
    placed = PlacedImages([ImageSpan(soft_SD=soft(3).double(), start=2)], tokens, [7], WITH_IMAGES)
    with_soft = placed.embed(embedded)
    assert torch.equal(with_soft[0, 2:5], soft(3)) and with_soft.dtype == embedded.dtype
    assert torch.equal(with_soft[0, [0, 1, 5, 6]], before[0, [0, 1, 5, 6]]) and torch.equal(embedded, before)


def test_an_empty_list_of_images_changes_nothing_and_keys_only_gives_the_same_cache():
    tokens = text(20)
    plain, empty = KVCache(CONFIG, max_length=64), KVCache(CONFIG, max_length=64)
    assert torch.equal(make_network().encode(tokens, plain), NETWORK.encode(tokens, empty, images=[]))
    tokens, spans = with_image(3, 12, 4), [ImageSpan(soft_SD=soft(12), start=3)]
    whole, keys = KVCache(WITH_IMAGES, max_length=64), KVCache(WITH_IMAGES, max_length=64)
    NETWORK.encode(tokens, whole, images=spans)
    NETWORK.encode(tokens, keys, keys_only=True, images=spans)
    assert all(torch.equal(a, b) for a, b in zip(whole.keys + whole.values, keys.keys + keys.values, strict=True))
    canvas = ids(1, 8, seed=1)
    with NETWORK.unfused():
        expected = NETWORK.denoise(canvas, whole)
    assert close(NETWORK.denoise(canvas, keys), expected)


@pytest.mark.parametrize(("spans", "message"), [
    ([(3, 4, 0), (7, 4, 0)], "not within this call"),
    ([(3, 9, 0)], "not within this call"),
    ([(-1, 4, 0)], "not within this call"),
    ([(3, 0, 0)], "not within this call"),
    ([(3, 4, 1)], "not within this call"),
    ([(3, 4, -1)], "not within this call"),
    ([(3, 3, 0), (5, 2, 0)], "overlap"),
    ([(3, 3, 0)], "are not where its image tokens"),
    ([(2, 5, 0)], "are not where its image tokens"),
    ([(4, 4, 0)], "are not where its image tokens"),
])  # fmt: skip
def test_images_that_do_not_fit_are_refused_and_nothing_is_encoded(spans, message):
    tokens, cache = with_image(3, 4, 2), KVCache(WITH_IMAGES, max_length=64)
    images = [ImageSpan(soft_SD=soft(count), start=start, row=row) for start, count, row in spans]
    with pytest.raises(UsageError, match=message):
        NETWORK.encode(tokens, cache, images=images)
    assert cache.lengths == [0] and not any(keys.any() for keys in cache.keys)


def test_a_span_in_the_padding_or_of_another_width_is_refused():
    tokens, cache = with_image(3, 4, 2), KVCache(WITH_IMAGES, max_length=64)
    with pytest.raises(UsageError, match="not within this call"):
        NETWORK.encode(tokens, cache, lengths=[5], images=[ImageSpan(soft_SD=soft(4), start=3)])
    for wrong in (torch.zeros(4, 31), torch.zeros(32)):
        with pytest.raises(UsageError, match=r"\[tokens, 32\]"):
            NETWORK.encode(tokens, cache, images=[ImageSpan(soft_SD=wrong, start=3)])
    with pytest.raises(PromptError, match="context"):
        NETWORK.encode(tokens, KVCache(WITH_IMAGES, max_length=5, scratch_length=8),
                       images=[ImageSpan(soft_SD=soft(4), start=3)])  # fmt: skip


def test_a_model_without_a_tower_takes_no_images():
    with pytest.raises(UsageError, match="text only"):
        make_network().encode(
            with_image(3, 4, 2), KVCache(CONFIG, max_length=64), images=[ImageSpan(soft_SD=soft(4), start=3)]
        )
