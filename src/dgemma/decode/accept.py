"""Which positions of a canvas take their sampled token in a step; the others are noised again."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class EntropyBound:
    """Accepts positions in ascending order of entropy while their joint uncertainty stays bounded.

    A position is taken while (cumulative entropy) - (its own) <= bound, in nats, so at least one always is: the bound
    on the mutual information of what is sampled in parallel (arXiv 2505.24857, equation 8).
    """

    bound: float

    def accept(self, entropy_BL: Tensor) -> Tensor:
        """Entropies [B, L] in nats -> boolean [B, L]."""
        ascending, order = torch.sort(entropy_BL, dim=-1)
        taken = torch.cumsum(ascending, dim=-1) - ascending <= self.bound
        return torch.zeros_like(taken).scatter(-1, order, taken)
