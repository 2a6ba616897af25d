"""Which networks have all their layers or their vocabulary run in one compiled call, and by which kernel; which experts
are all run.

Shapes: d head dim, D hidden, E experts, M their width.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from torch import Tensor

from dgemma.ops import native
from dgemma.quant import FP8, is_quantised

_DENSE_EXPERTS = 8
_DENSE_UP_TO = 1 << 21


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


def runs_all(gate_up_E2MD: Tensor) -> bool:
    """Whether all of a layer's experts are run on every row, instead of each on the rows routed to it: few and small
    float ones, as that takes fewer calls."""
    return _are_few(gate_up_E2MD) and not is_quantised(gate_up_E2MD)


def _are_few(gate_up_E2MD: Tensor) -> bool:
    return len(gate_up_E2MD) <= _DENSE_EXPERTS and gate_up_E2MD.numel() <= _DENSE_UP_TO


def multiplies_halves(gate_up_E2MD: Tensor) -> bool:
    """Whether a float32 network with such experts may have its matrices in bfloat16 here: where they are laid out for
    kernels that read them so, but for small networks, whose layers are laid out in another way."""
    return not runs_all(gate_up_E2MD) and native.load_for("panels", gate_up_E2MD.numel()) is not None


def lay_out_layers(
    weights: Sequence[Mapping[str, Tensor]],
    shapes: Sequence[LayerShape],
    conditioning: Mapping[str, Tensor],
    final_norm_D: Tensor,
    top_k: int,
    eps: float,
    panels: Sequence[Callable[[], Mapping[str, Any]]],
) -> Any:
    """`Layers` or `RoutedLayers` of `ops.native`, of weights by the names of `model.Layer` and `SelfConditioning`; None
    where there are no kernels for them. `panels` make those of each layer's products, and of self-conditioning's behind
    them, by the names of `ops.native.sizes.LAYER`; where this is of another kind than the layers, it stays outside."""
    experts, scale = weights[0]["experts.gate_up_proj"], weights[0].get("experts.gate_up_proj_scale")
    if _are_few(experts):
        compiled = native.load("layers" if scale is None else "layers_quantised")
        if compiled is None or not compiled.takes(weights):
            return None
        fitting = conditioning if compiled.takes((*weights, conditioning)) else None
        return compiled.Layers(weights, shapes, fitting, final_norm_D, top_k, eps)
    entries = max(tensor.numel() for own in weights for tensor in own.values())
    name, products = ("layers_routed", "panels") if scale is None else ("layers_routed_quantised", "quantised")
    if experts.dtype == FP8:
        return None
    if entries >= native.WAITED_FOR_FROM:
        native.begin(name, products, *(() if scale is None else ("products",)), "vocabulary", "paths")
    # What would be refused is found out first: nothing is compiled or laid out for it, unless large weights have begun.
    refusals = native.refusals
    laid_out = None
    if scale is not None:
        rows = native.load_for(products, entries)
        known = rows is not None and rows.multiplies(experts)
    else:
        laid_out = list(takewhile(lambda found: None not in found.values(), (make() for make in panels)))
        known = len(laid_out) >= len(weights)
    if not known and native.refusals == refusals:
        return None
    # Asked for even without kernels for the products, so that both arrive together.
    compiled = native.load_for(name, entries)
    if not known or compiled is None or not compiled.takes(weights):
        return None
    fits = compiled.takes((*weights, conditioning)) and (laid_out is None or len(laid_out) > len(weights))
    return compiled.RoutedLayers(weights, laid_out, shapes, conditioning if fits else None, final_norm_D, top_k, eps)


def lay_out_head(weight_VD: Tensor, cap: float, embed_scale: float, quantised: bool) -> Any:
    """`ops.native.head.Head` of a small vocabulary's embedding; None where there are no kernels for it."""
    compiled = native.load("head")
    if compiled is None or (quantised and not compiled.takes_int8(weight_VD)):
        return None
    return compiled.Head(weight_VD, cap, embed_scale, quantised)
