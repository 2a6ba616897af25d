"""Chooses the fused kernels: whether a network's layers, or its head, run as one compiled call, and by which kernel.

Shapes: D hidden, V vocabulary.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from typing import Any

from torch import Tensor

from dgemma.ops import native
from dgemma.ops.experts import are_few
from dgemma.ops.native.sizes import NetworkWeights
from dgemma.quant import FP8


def lay_out_layers(network: NetworkWeights, panels: Sequence[Callable[[], Mapping[str, Any]]]) -> Any:
    """`FusedDenseLayers` or `FusedRoutedLayers` of `ops.native`, or None where there are no kernels for these weights.

    `panels` has, for each layer and then for self-conditioning, a function that lays out its matrices, by the names of
    `ops.native.sizes.LAYER`. Self-conditioning is left out of the call if the kernel cannot take its weights beside
    those of the layers.
    """
    if are_few(network.layers[0]["experts.gate_up_proj"]):
        return _lay_out_dense(network)
    return _lay_out_routed(network, panels)


def _lay_out_dense(network: NetworkWeights) -> Any:
    """The layers of a small network, whose experts are all run on every row."""
    weights = network.layers
    compiled = native.load("layers_quantised" if "experts.gate_up_proj_scale" in weights[0] else "layers")
    if compiled is None or not compiled.takes(weights):
        return None
    conditions = compiled.takes((*weights, network.conditioning or {}))
    return compiled.FusedDenseLayers(network if conditions else network._replace(conditioning=None))


def _lay_out_routed(network: NetworkWeights, panels: Sequence[Callable[[], Mapping[str, Any]]]) -> Any:
    """The layers of a network with many experts, each of which is run on the rows routed to it."""
    weights = network.layers
    experts, scale = weights[0]["experts.gate_up_proj"], weights[0].get("experts.gate_up_proj_scale")
    if experts.dtype == FP8:
        return None
    entries = max(tensor.numel() for own in weights for tensor in own.values())
    name, products = ("layers_routed", "panels") if scale is None else ("layers_routed_quantised", "quantised")
    if entries >= native.WAITED_FOR_FROM:
        native.begin(name, products, *(() if scale is None else ("products",)), "vocabulary", "paths")
    # Checked first, so that nothing is compiled or laid out for a network that is refused in the end. (Kernels for
    # large weights have begun to compile above.)
    refusals = native.refusals
    laid_out = None
    if scale is not None:
        kernels = native.load_for(products, entries)
        supported = kernels is not None and kernels.multiplies(experts)
    else:
        laid_out = list(takewhile(lambda layer: None not in layer.values(), (make() for make in panels)))
        supported = len(laid_out) >= len(weights)
    if not supported and native.refusals == refusals:
        return None
    # Requested even if the products' kernels are still missing, so that both are compiled by the same time.
    compiled = native.load_for(name, entries)
    rows = network.final_norm_D.dtype
    if not supported or compiled is None or not compiled.takes(weights, rows):
        return None
    conditions = compiled.takes((*weights, network.conditioning or {}), rows) and (
        laid_out is None or len(laid_out) > len(weights)
    )
    return compiled.FusedRoutedLayers(network if conditions else network._replace(conditioning=None), laid_out)


def lay_out_head(weight_VD: Tensor, cap: float, embed_scale: float, quantised: bool) -> Any:
    """`ops.native.head.Head` of a small vocabulary's embedding, or None where there are no kernels for it."""
    compiled = native.load("head")
    if compiled is None or (quantised and not compiled.takes_int8(weight_VD)):
        return None
    return compiled.Head(weight_VD, cap, embed_scale, quantised)
