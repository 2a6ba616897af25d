"""The root-mean-square norms of the text network, by the quickest way that its hidden states allow."""

import torch
from torch import Tensor, nn

from dgemma.ops import cpu
from dgemma.ops import reference as ops


class RMSNorm(nn.Module):
    """Root-mean-square norm with a direct weight; computed in float32."""

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, hidden: Tensor) -> Tensor:
        return normed(hidden, self.eps, self.weight)[0]


def normed(hidden: Tensor, eps: float, *weights: Tensor | None) -> tuple[Tensor, ...]:
    """The root-mean-square norm of one input with each of the weights; None for without."""
    return (cpu.rms_norms if is_quick(hidden) else ops.rms_norms)(hidden, weights, eps)


def add_normed(residual: Tensor, hidden: Tensor, norm: RMSNorm) -> Tensor:
    """residual + norm(hidden)."""
    if is_quick(hidden):
        return cpu.add_normed(residual, hidden, norm.weight, norm.eps)
    return residual + norm(hidden)


def is_quick(hidden: Tensor) -> bool:
    """Whether `ops.cpu` takes these hidden states: its short cuts know float32 and no gradients."""
    return hidden.device.type == "cpu" and hidden.dtype == torch.float32 and not torch.is_grad_enabled()
