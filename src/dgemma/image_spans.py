"""Images in a text: the positions of their soft tokens, and the attention masks that they change.

    <boi> i i i i i <eoi> text text ...        i: the image token, once for each soft token of the image

The soft tokens replace the embeddings of the image tokens. In a model whose `use_bidirectional_attention` is "vision",
all tokens of a span see each other on every layer, even beyond a sliding window; text stays causal. This is how
transformers 5.23 masks the tokens that `DiffusionGemmaForBlockDiffusion.generate` encodes. (Its Gemma 4 is
bidirectional within spans on sliding layers only, and only within the window; its `DiffusionGemmaEncoderModel.forward`
without a prepared mask is causal everywhere.)

Knows nothing of pixels or of the tower that made the soft tokens.

Shapes: B batch, T tokens of a call, S soft tokens of an image, D hidden, Z keys.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dgemma.cache import KVCache
from dgemma.config import LayerType, ModelConfig
from dgemma.errors import UsageError


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageSpan:
    """One image within the tokens of a call of `encode`.

    soft_SD  its soft tokens, as `VisionTower` returns them; any float type and device
    start    the index of its first image token among the call's tokens
    row      the batch row that it is in
    """

    soft_SD: Tensor
    start: int
    row: int = 0


class PlacedImages:
    """Image spans, checked against the tokens of one call of `encode`.

    The constructor raises UsageError if a span reaches beyond the call's tokens (an image must be encoded in one call),
    if soft tokens have another width than the text, if spans overlap, and unless the tokens of the spans are exactly
    the image tokens of the call.
    """

    def __init__(self, spans: Sequence[ImageSpan], tokens_BT: Tensor, counts: Sequence[int], config: ModelConfig):
        if config.image_token_id is None:
            raise UsageError("This model has no image tower; it reads text only.")
        self.spans, self.is_bidirectional = spans, config.use_bidirectional_attention == "vision"
        rows, width = len(counts), config.hidden_size
        is_soft = torch.zeros(tokens_BT.shape, dtype=torch.bool, device=tokens_BT.device)
        for span in spans:
            if span.soft_SD.dim() != 2 or span.soft_SD.shape[1] != width:
                raise UsageError(f"The soft tokens of an image are [tokens, {width}], not {list(span.soft_SD.shape)}.")
            stop = span.start + len(span.soft_SD)
            if not 0 <= span.row < rows or not 0 <= span.start < stop <= counts[span.row]:
                raise UsageError(
                    f"An image at tokens {span.start} to {stop} of row {span.row} is not within this call, whose rows "
                    f"have {list(counts)} tokens; all of an image must be encoded in one call."
                )
            if is_soft[span.row, span.start : stop].any():
                raise UsageError(f"Two images of row {span.row} overlap at tokens {span.start} to {stop}.")
            is_soft[span.row, span.start : stop] = True
        counted = torch.tensor(counts, device=tokens_BT.device)[:, None]
        is_token = torch.arange(tokens_BT.shape[1], device=tokens_BT.device) < counted
        if not torch.equal(is_soft, (tokens_BT == config.image_token_id) & is_token):
            raise UsageError(
                f"The images of this call are not where its image tokens ({config.image_token_id}) are: each image "
                "token needs one soft token, and each soft token one image token."
            )
        # As in transformers a group is an unbroken run of image tokens, whether of one image or of several.
        starts = is_soft & ~torch.cat((torch.zeros_like(is_soft[:, :1]), is_soft[:, :-1]), dim=1)
        self.groups_BT = torch.where(is_soft, starts.cumsum(1), 0)

    def embed(self, embedded_BTD: Tensor) -> Tensor:
        """A copy of the tokens' embeddings with the soft tokens, unscaled, at the image tokens."""
        embedded_BTD = embedded_BTD.clone()
        for span in self.spans:
            embedded_BTD[span.row, span.start : span.start + len(span.soft_SD)] = span.soft_SD.to(embedded_BTD)
        return embedded_BTD

    def open_masks(self, masks: Mapping[LayerType, Tensor | None], cache: KVCache) -> dict[LayerType, Tensor | None]:
        """The causal masks [B or 1, 1, T, Z] of tokens that follow the cache's, with attention added within images.

        A mask of None (every query sees every key) stays None.
        """
        joined: dict[LayerType, Tensor | None] = dict(masks)
        for kind, mask in masks.items():
            if mask is not None and self.is_bidirectional:
                joined[kind] = mask | self._same_image(cache, mask.shape[-1])
        return joined

    def _same_image(self, cache: KVCache, num_keys: int) -> Tensor:
        """Whether each token and each of the last `num_keys` keys belong to the same group -> [B, 1, T, Z]."""
        count, device = self.groups_BT.shape[1], self.groups_BT.device
        end = cache.length + count
        index_BZ = (
            torch.arange(end - num_keys, end, device=device) - torch.tensor(cache.lengths, device=device)[:, None]
        )
        groups_BZ = self.groups_BT.gather(1, index_BZ.clamp(0, count - 1))
        groups_BZ = torch.where((index_BZ >= 0) & (index_BZ < count), groups_BZ, 0)
        same_BTZ = (self.groups_BT[:, :, None] == groups_BZ[:, None]) & (self.groups_BT > 0)[:, :, None]
        return same_BTZ[:, None]
