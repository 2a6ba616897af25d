"""Packed rows: the mask equals its definition, and documents in one row do not see each other."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dgemma.cache import KVCache
from dgemma.train.blocks import Document, block_mask, pack
from tests.test_model import NETWORK, close, ids

SIZES = st.lists(st.tuples(st.integers(1, 12), st.integers(1, 20), st.sampled_from([4, 8])), min_size=1, max_size=3)


def documents(sizes) -> list[Document]:
    return [
        Document(
            prompt=ids(1, prompt, seed=number)[0].tolist(), answer=ids(1, answer, seed=50 + number)[0].tolist(),
            canvas_length=canvas,
        )
        for number, (prompt, answer, canvas) in enumerate(sizes)
    ]  # fmt: skip


@settings(max_examples=25)
@given(SIZES, st.sampled_from([None, 1, 2, 8]))
def test_the_mask_equals_its_definition(sizes, window):
    made = documents(sizes)
    clean = sum(document.clean_length for document in made) + 2
    slots = sum(document.canvas_slots for document in made) + 3
    mask = block_mask(pack([made], clean, slots, eos_id=1), window)[0, 0]
    # Each slot as (document, position, start of its canvas or None); padding has no document.
    described: list[tuple[int, int, int | None] | None] = []
    for number, document in enumerate(made):
        described += [(number, position, None) for position in range(document.clean_length)]
    described += [None] * 2
    for number, document in enumerate(made):
        first, length = len(document.prompt), document.canvas_length
        described += [(number, first + i, first + i // length * length) for i in range(document.canvas_slots)]
    described += [None] * 3
    reach = window or 10**6
    for q, query in enumerate(described):
        for k, key in enumerate(described):
            if query is None or key is None or query[0] != key[0]:
                expected = q == k
            elif query[2] is None:
                expected = key[2] is None and 0 <= query[1] - key[1] < reach
            elif key[2] is None:
                expected = 0 < query[2] - key[1] < reach
            else:
                expected = query[2] == key[2]
            assert bool(mask[q, k]) == expected, (q, k)


@settings(max_examples=15)
@given(SIZES)
def test_a_packed_row_equals_encode_and_denoise_of_each_document_alone(sizes):
    made = documents(sizes)
    clean, slots = sum(d.clean_length for d in made) + 2, sum(d.canvas_slots for d in made) + 3
    batch = pack([made], clean, slots, eos_id=1)
    noised = ids(1, slots, seed=99)
    soft = torch.randn(1, slots, 32, generator=torch.Generator().manual_seed(4))
    masks = {"full_attention": block_mask(batch, None), "sliding_attention": block_mask(batch, 8)}
    _, canvas = NETWORK(batch.tokens_BT, noised, soft, batch.positions_BN, masks)
    offset = 0
    for document in made:
        tokens = [*document.prompt, *document.answer]
        for first in range(0, document.canvas_slots, document.canvas_length):
            cache = KVCache(NETWORK.config, max_length=64)
            NETWORK.encode(torch.tensor([tokens[: len(document.prompt) + first]]), cache)
            here = slice(offset + first, offset + first + document.canvas_length)
            assert close(NETWORK.denoise(noised[:, here], cache, soft[:, here]), canvas[:, here])
            targets = tokens[len(document.prompt) + first :][: document.canvas_length]
            targets += [1] * (document.canvas_length - len(targets))
            assert batch.targets_BS[0, here].tolist() == targets
        offset += document.canvas_slots


@settings(max_examples=15)
@given(st.integers(1, 12), st.integers(0, 2))
def test_a_canvas_does_not_see_the_clean_tokens_of_its_own_and_later_blocks(prompt, block):
    made = documents([(prompt, 24, 8)])
    batch = pack([made], prompt + 24, 24, eos_id=1)
    masks = {"full_attention": block_mask(batch, None), "sliding_attention": block_mask(batch, 8)}
    noised, other = ids(1, 24, seed=2), batch.tokens_BT.clone()
    other[:, prompt + 8 * block :] = (other[:, prompt + 8 * block :] + 1) % 64
    here = slice(8 * block, 8 * block + 8)
    _, before = NETWORK(batch.tokens_BT, noised, None, batch.positions_BN, masks)
    _, after = NETWORK(other, noised, None, batch.positions_BN, masks)
    assert torch.equal(before[:, here], after[:, here])
    if block < 2:
        assert not torch.equal(before[:, 16:], after[:, 16:])
