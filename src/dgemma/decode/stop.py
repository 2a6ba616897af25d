"""The stop rule: a canvas is done when its argmax has not changed and its entropy is low."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class StableAndConfident:
    """Done when the argmax equals that of the last `stability` steps and the mean entropy is below `confidence` nats.

    With `patience`, also when the argmax equals that of the last `patience` steps, whatever the entropy.
    """

    stability: int
    confidence: float
    patience: int | None = None

    @property
    def memory(self) -> int:
        """The number of earlier steps whose argmax the rule needs."""
        return max(1, self.stability, self.patience or 0)

    def done(self, earlier_argmax: Sequence[Tensor], argmax_BL: Tensor, entropy_BL: Tensor) -> Tensor:
        """Whether each row is done -> boolean [B].

        `earlier_argmax` holds the argmax [B, L] of earlier steps of this canvas, oldest first.
        """
        done_B = _is_stable(earlier_argmax, argmax_BL, self.stability) & (entropy_BL.mean(dim=-1) < self.confidence)
        return done_B if self.patience is None else done_B | _is_stable(earlier_argmax, argmax_BL, self.patience)


def _is_stable(earlier_argmax: Sequence[Tensor], argmax_BL: Tensor, steps: int) -> Tensor:
    """Whether the argmax equals that of each of the last `steps` steps -> boolean [B]; False if there were fewer."""
    same_B = torch.full(argmax_BL.shape[:1], len(earlier_argmax) >= steps, device=argmax_BL.device)
    for earlier in earlier_argmax[max(0, len(earlier_argmax) - steps) :]:
        same_B = same_B & (earlier == argmax_BL).all(dim=-1)
    return same_B
