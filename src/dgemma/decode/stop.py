"""When a canvas is done: its argmax has not moved and its entropy is low."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class StableAndConfident:
    """Done: the argmax equals that of the last `stability` steps and the mean entropy is below `confidence` nats.

    With `patience` also when the argmax equals that of so many steps, whatever the entropy.
    """

    stability: int
    confidence: float
    patience: int | None = None

    @property
    def memory(self) -> int:
        """How many earlier steps it looks at."""
        return max(1, self.stability, self.patience or 0)

    def done(self, earlier_argmax: Sequence[Tensor], argmax_BL: Tensor, entropy_BL: Tensor) -> Tensor:
        """`earlier_argmax` holds [B, L] of each earlier step of this canvas, oldest first -> boolean [B]."""
        done_B = _unmoved(earlier_argmax, argmax_BL, self.stability) & (entropy_BL.mean(dim=-1) < self.confidence)
        return done_B if self.patience is None else done_B | _unmoved(earlier_argmax, argmax_BL, self.patience)


def _unmoved(earlier_argmax: Sequence[Tensor], argmax_BL: Tensor, steps: int) -> Tensor:
    """Whether the argmax equals that of the last so many steps -> boolean [B]; it does not where there were fewer."""
    same_B = torch.full(argmax_BL.shape[:1], len(earlier_argmax) >= steps, device=argmax_BL.device)
    for earlier in earlier_argmax[max(0, len(earlier_argmax) - steps) :]:
        same_B = same_B & (earlier == argmax_BL).all(dim=-1)
    return same_B
