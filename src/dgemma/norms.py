"""The root-mean-square norms of the text network; on a CPU without gradients through the faster `ops.cpu_norms`."""

import torch
from torch import Tensor, nn

from dgemma.ops import cpu_norms
from dgemma.ops import reference as ops
from dgemma.ops.linear import is_intercepted


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


def norm_each(hidden: Tensor, eps: float, *norms: RMSNorm | None) -> tuple[Tensor, ...]:
    """The norms of one input; None stands for a norm without weight. Its root mean square is computed once, unless a
    norm was replaced or has hooks."""
    if all(norm is None or _is_plain(norm) for norm in norms):
        return normed(hidden, eps, *(None if norm is None else norm.weight for norm in norms))
    return tuple(normed(hidden, eps, None)[0] if norm is None else norm(hidden) for norm in norms)


def add_normed(residual: Tensor, hidden: Tensor, norm: RMSNorm) -> Tensor:
    """residual + norm(hidden)."""
    if is_cpu_inference(hidden) and _is_plain(norm):
        return cpu_norms.add_normed(residual, hidden, norm.weight, norm.eps)
    return residual + norm(hidden)


def _is_plain(norm: nn.Module) -> bool:
    """Whether calling a norm is the same as computing it from its weight."""
    return type(norm) is RMSNorm and not is_intercepted(norm)


def is_cpu_inference(hidden: Tensor) -> bool:
    """Whether `ops.cpu_norms` takes these hidden states: float32 on a CPU, without gradients."""
    return hidden.device.type == "cpu" and hidden.dtype == torch.float32 and not torch.is_grad_enabled()
