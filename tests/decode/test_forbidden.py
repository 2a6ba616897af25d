"""The mask and the pairs of forbidden ids exclude the same entries."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from dgemma.decode.forbidden import Forbidden

IDS = st.sets(st.integers(0, 8))


@given(IDS, IDS, st.integers(1, 3), st.integers(1, 4))
def test_masks_and_pairs_exclude_the_same_entries(first, anywhere, batch, length):
    forbidden = Forbidden.of(first, anywhere)
    masked_BLV = torch.zeros(batch, length, 9)
    forbidden.mask(masked_BLV)
    expected_NV = torch.zeros(batch * length, 9)
    for position, token in forbidden.pairs(batch, length):
        expected_NV[slice(None) if position == -1 else position, token] = -torch.inf
    assert torch.equal(masked_BLV.view(-1, 9), expected_NV)
    for position in range(length):
        excluded = {int(token) for token in masked_BLV[-1, position].isinf().nonzero()}
        assert excluded == (anywhere | first if position == 0 else anywhere)
