"""Images inside a text: where their soft tokens stand, and who may look at whom because of them.

    <boi> i i i i i <eoi> text text ...        i: the image token, once for each soft token of the image

The soft tokens take the place of the embeddings of these tokens. In a model whose `use_bidirectional_attention` is
"vision" the tokens of a span see each other whole, on every layer, beyond a sliding window too; text stays causal. So
transformers 5.23 masks what `DiffusionGemmaForBlockDiffusion.generate` encodes, and that is followed here. (Its Gemma 4
lets spans look ahead on sliding layers only and cuts them at the window; its `DiffusionGemmaEncoderModel.forward`
without a prepared mask lets them look ahead nowhere.)

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

    soft_SD  its soft tokens, as `VisionTower` gives them; any float type and device
    start    the index among the call's tokens of the first of its S image tokens
    row      which text of the batch it stands in
    """

    soft_SD: Tensor
    start: int
    row: int = 0


def find_spans(tokens_BT: Tensor, images: Sequence[Sequence[Tensor]], image_token_id: int) -> list[ImageSpan]:
    """The spans of each row's images, soft tokens [S, D] in the order of the text, in ids that hold one image token for
    each soft token.

    Raises UsageError where the rows of images or the numbers of tokens do not fit.
    """
    if len(images) != len(tokens_BT):
        raise UsageError(f"{len(tokens_BT)} rows of tokens cannot take {len(images)} rows of images.")
    spans: list[ImageSpan] = []
    for row, (tokens_T, softs) in enumerate(zip(tokens_BT, images, strict=True)):
        places = (tokens_T == image_token_id).nonzero()[:, 0].tolist()
        wanted = sum(len(soft_SD) for soft_SD in softs)
        if len(places) != wanted:
            raise UsageError(f"Row {row} has {len(places)} image tokens for {wanted} soft tokens.")
        taken = 0
        for soft_SD in softs:
            here = places[taken : taken + len(soft_SD)]
            taken += len(soft_SD)
            if here:
                spans.append(ImageSpan(soft_SD=soft_SD, start=here[0], row=row))
    return spans


class PlacedImages:
    """Spans that are known to fit the tokens of one call.

    Raises UsageError, before anything is computed: for a span that reaches beyond the call's tokens, since one must lie
    within one call; for soft tokens of another width; for spans that overlap; where the tokens of a span are not image
    tokens, or image tokens belong to no span.
    """

    def __init__(self, spans: Sequence[ImageSpan], tokens_BT: Tensor, counts: Sequence[int], config: ModelConfig):
        if config.image_token_id is None:
            raise UsageError("This model has no image tower; it reads text only.")
        self.spans, self.is_mutual = spans, config.use_bidirectional_attention == "vision"
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
                f"The images of this call do not stand where its tokens are image tokens ({config.image_token_id}); "
                "each soft token takes the place of one of these, and each of these needs one."
            )
        # As in transformers a group is an unbroken run of image tokens, be it of one image or of several.
        starts = is_soft & ~torch.cat((torch.zeros_like(is_soft[:, :1]), is_soft[:, :-1]), dim=1)
        self.groups_BT = torch.where(is_soft, starts.cumsum(1), 0)

    def embedded(self, embedded_BTD: Tensor) -> Tensor:
        """The tokens' embeddings with the soft tokens, unscaled, in their places."""
        embedded_BTD = embedded_BTD.clone()
        for span in self.spans:
            embedded_BTD[span.row, span.start : span.start + len(span.soft_SD)] = span.soft_SD.to(embedded_BTD)
        return embedded_BTD

    def joined(self, masks: Mapping[LayerType, Tensor | None], cache: KVCache) -> dict[LayerType, Tensor | None]:
        """The causal masks [B or 1, 1, T, Z] of tokens behind the cache's, opened where an image's tokens see each
        other. None, under which all see all, stays."""
        joined: dict[LayerType, Tensor | None] = dict(masks)
        for kind, mask in masks.items():
            if mask is not None and self.is_mutual:
                joined[kind] = mask | self._same_image(cache, mask.shape[-1])
        return joined

    def _same_image(self, cache: KVCache, num_keys: int) -> Tensor:
        """Where token and key, of which the last `num_keys` are read, belong to one group -> [B, 1, T, Z]."""
        count, device = self.groups_BT.shape[1], self.groups_BT.device
        end = cache.length + count
        index_BZ = (
            torch.arange(end - num_keys, end, device=device) - torch.tensor(cache.lengths, device=device)[:, None]
        )
        groups_BZ = self.groups_BT.gather(1, index_BZ.clamp(0, count - 1))
        groups_BZ = torch.where((index_BZ >= 0) & (index_BZ < count), groups_BZ, 0)
        same_BTZ = (self.groups_BT[:, :, None] == groups_BZ[:, None]) & (self.groups_BT > 0)[:, :, None]
        return same_BTZ[:, None]
