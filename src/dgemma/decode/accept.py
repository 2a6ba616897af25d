"""The acceptance rule: which positions of a canvas keep their sampled token in a step; the others are renoised."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class EntropyBound:
    """Accepts positions in ascending order of entropy while their joint uncertainty stays bounded.

    A position is accepted while (cumulative entropy) - (its own) <= bound, in nats, so at least one always is. This
    bounds the mutual information of the tokens that are sampled in parallel (arXiv 2505.24857, equation 8).
    """

    bound: float

    def accept(self, entropy_BL: Tensor) -> Tensor:
        """Entropies [B, L] in nats -> the accepted positions, boolean [B, L]."""
        ascending, order = torch.sort(entropy_BL, dim=-1)
        accepted = torch.cumsum(ascending, dim=-1) - ascending <= self.bound
        return torch.zeros_like(accepted).scatter(-1, order, accepted)
