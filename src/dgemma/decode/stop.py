"""When a canvas is done: its argmax has not moved and its entropy is low."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class StableAndConfident:
    """Done: the argmax equals that of the last `stability` steps and the mean entropy is below `confidence` nats."""

    stability: int
    confidence: float

    def done(self, earlier_argmax: Sequence[Tensor], argmax_BL: Tensor, entropy_BL: Tensor) -> Tensor:
        """`earlier_argmax` holds [B, L] of each earlier step of this canvas, oldest first -> boolean [B]."""
        confident = entropy_BL.mean(dim=-1) < self.confidence
        if len(earlier_argmax) < self.stability:
            return torch.zeros_like(confident)
        for earlier in earlier_argmax[len(earlier_argmax) - self.stability :]:
            confident = confident & (earlier == argmax_BL).all(dim=-1)
        return confident
