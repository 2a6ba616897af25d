"""Which networks have all their layers run in one compiled call, and by which kernel.

Shapes: d head dim, D hidden.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from dgemma.ops import native
from dgemma.quant import is_quantised

DENSE_EXPERTS = 8
"""So many experts are all run on every row, instead of each on the rows routed to it: fewer calls or waits."""

DENSE_UP_TO = 1 << 25
"""Weights of all layers up to which that pays in one call."""


@dataclass(frozen=True, kw_only=True)
class LayerShape:
    """What the weights do not tell: `window` is 0 where a layer sees all that stands before; `tables` gives the rotary
    cos and sin [positions, d] of so many positions."""

    num_heads: int
    num_key_heads: int
    head_dim: int
    window: int
    tables: Callable[[int], tuple[Tensor, Tensor]]

    @property
    def queries(self) -> int:
        """The numbers of a row's queries."""
        return self.num_heads * self.head_dim

    @property
    def keys(self) -> int:
        """The numbers of a row's keys."""
        return self.num_key_heads * self.head_dim


def lay_out_layers(
    weights: Sequence[Mapping[str, Tensor]],
    shapes: Sequence[LayerShape],
    final_norm_D: Tensor,
    top_k: int,
    eps: float,
    panels: Callable[[], Sequence[Mapping[str, Any] | None]],
) -> Any:
    """`ops.native.layers.Layers` or `RoutedLayers` of weights by the names of `model.Layer`; None where there are no
    kernels for them. `panels` gives those of each layer's products, by the names of `ops.native.sizes.LAYER`."""
    counts = [tensor.numel() for own in weights for tensor in own.values()]
    experts = weights[0]["experts.gate_up_proj"]
    quantised = is_quantised(weights[0]["self_attn.q_proj.weight"])
    if len(experts) <= DENSE_EXPERTS and sum(counts) <= DENSE_UP_TO:
        compiled = native.load("layers_quantised" if quantised else "layers")
        if compiled is None or not compiled.takes(weights):
            return None
        return compiled.Layers(weights, shapes, final_norm_D, top_k, eps)
    compiled = native.load_for("layers_routed_quantised" if quantised else "layers_routed", max(counts))
    if compiled is None or not compiled.takes_routed(weights):
        return None
    laid_out = None if quantised else panels()
    if laid_out is not None and None in laid_out:
        return None
    return compiled.RoutedLayers(weights, laid_out, shapes, final_norm_D, top_k, eps)
