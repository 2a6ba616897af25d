"""Committed tokens survive denoising, refused calls and the truncation of later tokens."""

from contextlib import nullcontext
from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dgemma.cache import KVCache
from dgemma.errors import PromptError, UsageError
from tests.test_model import CONFIG, NETWORK, close, ids


def soft(rows: int = 1) -> torch.Tensor:
    return torch.randn(rows, 8, 32, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("lengths", [[20], [20, 20], [3, 20]])
def test_denoise_changes_only_the_scratch_slots(lengths):
    cache = KVCache(CONFIG, batch_size=len(lengths), max_length=64)
    NETWORK.encode(ids(len(lengths), 20), cache, lengths)
    before = [tensor.clone() for tensor in (*cache.keys, *cache.values)]
    NETWORK.denoise(ids(len(lengths), 8, seed=1), cache, soft(len(lengths)))
    assert cache.lengths == lengths
    for old, new in zip(before, (*cache.keys, *cache.values), strict=True):
        for row, length in enumerate(lengths):
            assert torch.equal(old[row, :, :length], new[row, :, :length])
            assert torch.equal(old[row, :, length + 8 :], new[row, :, length + 8 :])
            assert not torch.equal(old[row, :, length : length + 8], new[row, :, length : length + 8])


def test_padding_needs_no_context():
    cache = KVCache(CONFIG, batch_size=2, max_length=12)
    NETWORK.encode(ids(2, 10), cache, [10, 2])
    NETWORK.encode(ids(2, 8, seed=1), cache, [0, 8])
    assert cache.lengths == [10, 10]
    alone = KVCache(CONFIG, max_length=12)
    NETWORK.encode(torch.cat((ids(2, 10)[1:, :2], ids(2, 8, seed=1)[1:]), dim=1), alone)
    canvas = ids(2, 8, seed=2)
    assert close(NETWORK.denoise(canvas, cache)[1:], NETWORK.denoise(canvas[1:], alone))
    with pytest.raises(PromptError, match="exceed the context of 12"):
        NETWORK.encode(ids(2, 8), cache, [0, 3])


@pytest.mark.parametrize("lengths", [[20], [3, 20]])
def test_denoising_every_row_by_index_equals_a_full_pass(lengths):
    cache = KVCache(CONFIG, batch_size=len(lengths), max_length=64)
    NETWORK.encode(ids(len(lengths), 20), cache, lengths)
    canvas = ids(len(lengths), 8, seed=1)
    expected = NETWORK.denoise(canvas, cache, soft(len(lengths)))
    assert close(NETWORK.denoise(canvas, cache, soft(len(lengths)), rows=torch.arange(8)), expected)


@settings(max_examples=15)
@given(st.sets(st.integers(0, 7), min_size=1), st.booleans())
def test_rows_left_out_keep_their_keys_and_values(chosen, ragged):
    lengths = [5, 20] if ragged else [20, 20]
    cache = KVCache(CONFIG, batch_size=2, max_length=64)
    NETWORK.encode(ids(2, 20), cache, lengths)
    NETWORK.denoise(ids(2, 8, seed=1), cache)
    before = [tensor.clone() for tensor in (*cache.keys, *cache.values)]
    rows = torch.tensor(sorted(chosen))
    NETWORK.denoise((ids(2, 8, seed=1) + 1) % 64, cache, soft(2), rows=rows)
    for old, new in zip(before, (*cache.keys, *cache.values), strict=True):
        changed = (old != new).any(dim=(1, 3))
        for row, length in enumerate(lengths):
            assert set(changed[row].nonzero().flatten().tolist()) == {length + place for place in chosen}


@given(st.lists(st.integers(0, 30), min_size=1, max_size=4), st.integers(-1, 31))
def test_truncate_accepts_only_lengths_within_the_cache(lengths, wanted):
    cache = KVCache(CONFIG, batch_size=len(lengths), max_length=40)
    cache.commit(lengths)
    if 0 <= wanted <= min(lengths):
        cache.truncate(wanted)
        assert cache.lengths == [wanted] * len(lengths)
    else:
        with pytest.raises(UsageError):
            cache.truncate(wanted)
        assert cache.lengths == lengths


def test_a_snapshot_restores_rows_of_different_lengths():
    cache = KVCache(CONFIG, batch_size=2, max_length=40)
    NETWORK.encode(ids(2, 9), cache, [9, 4])
    kept, canvas = cache.snapshot(), ids(2, 8, seed=1)
    expected = NETWORK.denoise(canvas, cache)
    NETWORK.encode(ids(2, 12, seed=5), cache)
    cache.truncate(kept)
    assert cache.lengths == [9, 4] and close(NETWORK.denoise(canvas, cache), expected)


def test_a_refused_encode_leaves_the_cache_as_it_was():
    cache = KVCache(CONFIG, max_length=10)
    NETWORK.encode(ids(1, 6), cache)
    before = [tensor.clone() for tensor in (*cache.keys, *cache.values)]
    with pytest.raises(PromptError):
        NETWORK.encode(ids(1, 5), cache)
    assert cache.lengths == [6]
    assert all(torch.equal(old, new) for old, new in zip(before, (*cache.keys, *cache.values), strict=True))


@pytest.mark.parametrize("lengths", [[6], [-1]])
def test_lengths_that_the_tokens_do_not_have_are_refused(lengths):
    with pytest.raises(UsageError):
        NETWORK.encode(ids(1, 5), KVCache(CONFIG, max_length=10), lengths)


@pytest.mark.parametrize("sizes", [{"batch_size": 0}, {"max_length": 0}])
def test_empty_caches_are_refused(sizes):
    with pytest.raises(UsageError):
        KVCache(CONFIG, **sizes)


@settings(max_examples=15)
@given(st.integers(1, 20), st.integers(0, 12), st.integers(8, 16), st.booleans())
def test_a_resized_or_copied_cache_gives_the_results_of_the_original(length, more, scratch, copied):
    cache = KVCache(CONFIG, max_length=40, scratch_length=8)
    NETWORK.encode(ids(1, 20), cache)
    cache.truncate(length)
    expected = NETWORK.denoise(ids(1, 8, seed=1), cache)
    if copied:
        other = KVCache(CONFIG, max_length=length + more, scratch_length=scratch)
        other.copy_prefix(cache, length)
    else:
        other = cache
        cache.resize(length + more, scratch)
    assert (other.lengths, other.max_length) == ([length], length + more)
    assert other.num_bytes == KVCache.size_of(CONFIG, length + more, scratch, torch.float32)
    assert torch.equal(NETWORK.denoise(ids(1, 8, seed=1), other), expected)


def test_a_cache_is_neither_cut_below_its_tokens_nor_copied_beyond_them():
    cache, small = KVCache(CONFIG, max_length=40), KVCache(CONFIG, max_length=5)
    NETWORK.encode(ids(1, 20), cache)
    for refused in (lambda: cache.resize(19, 8), lambda: small.copy_prefix(cache, 6)):
        with pytest.raises(UsageError):
            refused()
    with pytest.raises(UsageError):
        KVCache(CONFIG, max_length=40).copy_prefix(cache, 21)
    assert cache.lengths == [20] and small.lengths == [0]


@pytest.mark.parametrize(
    "values",
    [
        {"batch_size": 0},
        {"batch_size": 1.5},
        {"batch_size": True},
        {"max_length": "a"},
        {"device": "cuda:99"},
        {"dtype": torch.float8_e4m3fn},
        {"scratch_length": -5},
        {"dtype": "floot32"},
        {"dtype": torch.int8},
        {"device": "foo"},
    ],
)
def test_invalid_cache_options_are_refused(values):
    (name,) = values
    with pytest.raises(UsageError, match="cache" if name in ("dtype", "device") else name):
        KVCache(CONFIG, **values)
    assert KVCache(CONFIG, max_length=4, dtype="bfloat16").keys[0].dtype == torch.bfloat16


def test_truncate_takes_one_length_or_one_for_each_row():
    cache = KVCache(CONFIG, batch_size=2, max_length=4)
    for lengths in ([0], [0, 0, 0]):
        with pytest.raises(UsageError, match="2 rows"):
            cache.truncate(lengths)
    cache.commit([3, 2])
    for lengths, expected in ((np.array([3, 1]), [3, 1]), (np.int64(1), [1, 1]), ((1, 0), [1, 0])):
        cache.truncate(lengths)
        assert cache.lengths == expected
    for lengths in (0.5, [0, None], "00", torch.tensor(0)):
        with pytest.raises(UsageError, match="whole numbers"):
            cache.truncate(lengths)


@pytest.mark.parametrize("rows", [1, 2])
def test_encoding_no_tokens_gives_an_empty_result(rows):
    cache = KVCache(CONFIG, batch_size=rows, max_length=20)
    for unfused in (False, True):
        with NETWORK.unfused() if unfused else nullcontext(), torch.inference_mode():
            assert NETWORK.encode(torch.zeros(rows, 0, dtype=torch.long), cache).shape == (rows, 0, CONFIG.hidden_size)
    assert cache.lengths == [0] * rows


def moves(history: int) -> st.SearchStrategy:
    """Operations on a cache that can go back at most `history` tokens, each with a number of tokens."""
    encoded = st.tuples(st.sampled_from(["encode", "both"]), st.integers(1, 30))
    one_more, denoised = st.tuples(st.just("encode"), st.just(1)), st.tuples(st.just("denoise"), st.integers(1, 8))
    back = st.tuples(st.just("back"), st.integers(0, history))
    moved = st.tuples(st.sampled_from(["resize", "copy"]), st.integers(0, 12))
    return st.one_of(encoded, one_more, denoised, back, moved)


@settings(max_examples=40)
@given(st.data(), st.integers(0, 9), st.booleans())
def test_a_cache_that_evicts_gives_the_results_of_one_that_keeps_everything(data, history, unfused):
    with (
        patch("dgemma.cache.EVICTION_SLACK", 5),
        torch.inference_mode(),
        NETWORK.unfused() if unfused else nullcontext(),
    ):
        whole = KVCache(CONFIG, max_length=400, scratch_length=8)
        cache = KVCache(CONFIG, max_length=400, scratch_length=8, sliding_history=history)
        furthest = 0
        for number, (kind, count) in enumerate(data.draw(st.lists(moves(history), max_size=15))):
            tokens, canvas = ids(1, count, number), ids(1, 8, number + 100)
            if kind == "encode":
                assert torch.equal(*(NETWORK.encode(tokens, target) for target in (whole, cache)))
            elif kind == "both":
                pairs = [NETWORK.encode_and_denoise(tokens, canvas, target) for target in (whole, cache)]
                assert all(torch.equal(*pair) for pair in zip(*pairs, strict=True))
            elif kind == "denoise":
                rows = torch.arange(8 - count, 8)
                assert torch.equal(*(NETWORK.denoise(canvas, target) for target in (whole, cache)))
                assert torch.equal(*(NETWORK.denoise(canvas, target, soft(), rows) for target in (whole, cache)))
            elif kind == "back":
                length = max(0, furthest - count)
                for target in (whole, cache):
                    target.truncate(min(length, target.length))
            elif kind == "resize":
                cache.resize(400, 8, history)
            else:
                copied = KVCache(CONFIG, max_length=400, scratch_length=8, sliding_history=history + count)
                copied.copy_prefix(cache, cache.length)
                # A copy cannot go back to tokens that were not copied.
                cache, furthest = copied, max(furthest, cache.length + count)
                cache.resize(400, 8, history)
            furthest = max(furthest, whole.length)
            assert cache.lengths == whole.lengths and cache.shortest <= max(0, furthest - history)


@pytest.mark.parametrize("history", [0, 4, 200, None])
def test_a_cache_that_evicts_has_the_size_given_by_size_of_for_any_text(history):
    with patch("dgemma.cache.EVICTION_SLACK", 5):
        for chunk_length in (5, 5 + (history or 0)):
            cache = KVCache(CONFIG, max_length=120, scratch_length=8, sliding_history=history)
            for number in range(120 // chunk_length):
                NETWORK.encode(ids(1, chunk_length, number), cache)
            assert cache.num_bytes == KVCache.size_of(CONFIG, 120, 8, torch.float32, history)
    slots = {None: 120, 0: 12, 4: 16, 200: 120}[history] + 8
    assert [keys.shape[2] for keys in cache.keys] == [slots, 128, slots, 128]
    assert (cache.first_held > 0) == (slots < 128)


def test_a_pass_longer_than_the_spare_slots_gets_more_slots():
    with patch("dgemma.cache.EVICTION_SLACK", 5):
        whole, cache = KVCache(CONFIG, max_length=200), KVCache(CONFIG, max_length=200, sliding_history=2)
        for count in (20, 60, 3, 90, 1):
            assert torch.equal(*(NETWORK.encode(ids(1, count, count), target) for target in (whole, cache)))
    assert cache.keys[0].shape[2] == 256 + 7 + 90


@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_an_interrupted_eviction_leaves_an_empty_cache(at, monkeypatch):
    """It must not leave a cache in which only some layers were moved."""
    moved, clone = [], torch.Tensor.clone

    def interrupted(tensor):
        moved.append(tensor)
        if len(moved) == at:
            raise KeyboardInterrupt
        return clone(tensor)

    with patch("dgemma.cache.EVICTION_SLACK", 5), torch.inference_mode():
        cache = KVCache(CONFIG, max_length=200, sliding_history=3)
        for number in range(3):
            NETWORK.encode(ids(1, 5, number), cache)
        with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
            broken.setattr(torch.Tensor, "clone", interrupted)
            NETWORK.encode(ids(1, 5, 3), cache)
        assert len(moved) == at and (cache.lengths, cache.shortest) == ([0], 0)
        fresh = KVCache(CONFIG, max_length=200, sliding_history=3)
        for number in range(6):
            assert torch.equal(*(NETWORK.encode(ids(1, 5, number), target) for target in (cache, fresh)))


@pytest.mark.parametrize("sizes", [(200, 8, 2), (50, -3), (60, 8, -5), (60, 2.5), (0, 8)])
def test_resizing_to_impossible_sizes_is_refused(sizes):
    cache = KVCache(CONFIG, batch_size=2, max_length=40)
    with pytest.raises(UsageError):
        cache.resize(*sizes)
    assert (cache.max_length, cache.keys[0].shape[2]) == (40, 296)


def test_truncating_or_copying_to_evicted_tokens_is_refused():
    with patch("dgemma.cache.EVICTION_SLACK", 5):
        cache = KVCache(CONFIG, max_length=200, sliding_history=3)
        for number in range(10):
            NETWORK.encode(ids(1, 4, number), cache)
        assert 40 - 3 - 5 <= cache.shortest <= 40 - 3
        with pytest.raises(UsageError, match=f"keeps 3 tokens .* truncated to at least {cache.shortest} of its 40"):
            cache.truncate(cache.shortest - 1)
        with pytest.raises(UsageError, match="cannot be copied"):
            KVCache(CONFIG, max_length=200).copy_prefix(cache, cache.shortest - 1)
        # An empty cache needs none of the evicted tokens.
        cache.truncate(0)
        assert cache.shortest == 0
        fresh = KVCache(CONFIG, max_length=200)
        assert torch.equal(*(NETWORK.encode(ids(1, 30, 3), target) for target in (cache, fresh)))


@pytest.mark.parametrize("history", [-1, 1.5, "all"])
def test_an_invalid_history_is_refused(history):
    with pytest.raises(UsageError, match="sliding_history"):
        KVCache(CONFIG, sliding_history=history)
    with pytest.raises(UsageError, match="one row"):
        KVCache(CONFIG, batch_size=2, sliding_history=4)
