"""The root-mean-square norms of the text network; on a CPU without gradients through the faster `ops.cpu_norms`."""

import torch
from torch import Tensor, nn

from dgemma.ops import cpu_norms
from dgemma.ops import reference as ops


class RMSNorm(nn.Module):
    """RMS norm computed in float32; multiplies by the weight itself, not by 1 + weight."""

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, hidden: Tensor) -> Tensor:
        return normed(hidden, self.eps, self.weight)[0]


def normed(hidden: Tensor, eps: float, *weights: Tensor | None) -> tuple[Tensor, ...]:
    """The root-mean-square norm of one input with each of the weights; None means no weight."""
    return (cpu_norms.rms_norms if is_cpu_inference(hidden) else ops.rms_norms)(hidden, weights, eps)


def add_normed(residual: Tensor, hidden: Tensor, norm: RMSNorm) -> Tensor:
    """residual + norm(hidden)."""
    if is_cpu_inference(hidden):
        return cpu_norms.add_normed(residual, hidden, norm.weight, norm.eps)
    return residual + norm(hidden)


def is_cpu_inference(hidden: Tensor) -> bool:
    """Whether `ops.cpu_norms` takes these hidden states: float32 on a CPU, without gradients."""
    return hidden.device.type == "cpu" and hidden.dtype == torch.float32 and not torch.is_grad_enabled()
