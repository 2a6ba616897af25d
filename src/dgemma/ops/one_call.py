"""Chooses the fused kernels: whether a network's layers, or its head, run as one compiled call, and by which kernel;
and whether its experts are all run on every row.

Shapes: D hidden, E experts, M their width.
"""

from collections.abc import Callable, Container, Mapping, Sequence
from itertools import takewhile
from typing import Any

from torch import Tensor, nn
from torch.nn.modules import module as torch_module

from dgemma.ops import native
from dgemma.ops.native.sizes import LayerShape
from dgemma.quant import FP8, is_quantised

_DENSE_EXPERTS = 8
_DENSE_UP_TO = 1 << 21


class Parts:
    """The modules of a network and the places of its tensors, as they are until a module is replaced."""

    def __init__(self, network: nn.Module, kinds: Container[type]) -> None:
        modules = list(network.modules())
        # Not the network itself, which would be held in a circle.
        self._modules = modules[1:]
        self._hooks = [hooks for one in modules for hooks in (one._forward_hooks, one._forward_pre_hooks)]
        self._hooks += [torch_module._global_forward_hooks, torch_module._global_forward_pre_hooks]
        self._shape = self._read_shape()
        self._children = [(own, name, own[name]) for own in (one._modules for one in modules) for name in own]
        owners = [own for one in modules for own in (one._parameters, one._buffers)]
        self._places = [(own, name) for own in owners for name in own if own[name] is not None]
        self._absent = [(own, name) for own in owners for name in own if own[name] is None]
        self._known = all(type(one) in kinds and "forward" not in vars(one) for one in modules)

    def hold(self) -> bool:
        """Whether no module was replaced, or has other parameters or another class or `forward` than it had."""
        same = all(own.get(name) is child for own, name, child in self._children)
        same = same and all(own.get(name) is None for own, name in self._absent)
        return same and self._read_shape() == self._shape

    def _read_shape(self) -> list[tuple]:
        """What is to stay of each module beside its children: its class, and how much it has."""
        return [
            (type(one), len(vars(one)), len(one._modules), len(one._parameters), len(one._buffers))
            for one in self._modules
        ]

    def weights(self) -> list[Tensor]:
        """All tensors as they are now, the scales of quantised ones among them."""
        return [own[name] for own, name in self._places]  # pyright: ignore[reportReturnType]

    def are_plain(self) -> bool:
        """Whether these compute what the network's own modules do: none of another kind (an adapter, say) among them,
        none that calls a hook."""
        return self._known and not any(self._hooks)


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
