"""The network's layers and its head as one compiled call each, on machines that have the kernels.

`model.py` defines what is computed. This module decides when a compiled call may replace it (one float32 or bfloat16
text on a CPU, the network's own modules unchanged, no gradients), lays out the weights and keeps the layout until a
weight changes.

Shapes: D hidden, V vocabulary.
"""

from collections.abc import Container, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as torch_module

from dgemma.cache import KVCache
from dgemma.ops import reference as ops
from dgemma.ops.fused_kernels import lay_out_head, lay_out_layers
from dgemma.ops.linear import PANEL_TYPES, WeightCache
from dgemma.ops.native.sizes import LayerShape, NetworkWeights

if TYPE_CHECKING:
    from dgemma.model import DiffusionGemma, GatedMLP, Layer

SMALL_VOCABULARY = 1 << 12
"""The largest vocabulary whose whole distribution is computed at once; larger ones are read in blocks. Reading blocks
takes 0.35 to 0.45 of the dense time at 32,768 entries, 0.8 at 4,096, and more than it at 1,536."""


class Fused:
    """One network's compiled calls. Copies start empty, as those of `WeightCache` do.

    `own_classes` are those of the network as it was built: with a module of another class (an adapter, say) nothing is
    fused. Methods take the network as an argument, because a reference to it would be a cycle.
    """

    def __init__(self, own_classes: Iterable[type]) -> None:
        self.enabled = True
        self._own_classes = frozenset(own_classes)
        self._layers, self._head = WeightCache(), WeightCache()
        self._modules: ModuleSnapshot | None = None
        self._last_layers: Any = None
        self._last_head: Any = None

    @property
    def last(self) -> tuple[Any, Any]:
        """The compiled layers and head of the last calls; None for one that could not be fused."""
        return self._last_layers, self._last_head

    def layers(self, network: "DiffusionGemma", cache: KVCache) -> Any:
        """All layers as one kernel (`ops.native.layers`); None where they cannot be."""
        self._last_layers = self._find_layers(network, cache)
        return self._last_layers

    def head(self, network: "DiffusionGemma") -> Any:
        """The head as one kernel (`ops.native.head.Head`); None where it cannot be."""
        self._last_head = self._find_head(network)
        return self._last_head

    def modules(self, network: "DiffusionGemma") -> "ModuleSnapshot":
        """The network's modules and tensors; collected anew after a module was replaced."""
        if self._modules is None or not self._modules.is_current():
            self._modules = ModuleSnapshot(network, self._own_classes)
        return self._modules

    def _find_layers(self, network: "DiffusionGemma", cache: KVCache) -> Any:
        norm = network.norm.weight
        same = cache.keys[0].dtype == norm.dtype and cache.device == norm.device
        quick = same and _is_cpu_inference(norm) and not norm.requires_grad
        if not (self.enabled and quick and cache.batch_size == 1):
            return None
        # Weights must not change while a cache is in use, and comparing all of them takes a third of a token's time.
        known = self._layers.value
        if known is not None and cache.lengths[0] and known.has_seen_cache(cache.keys):
            return known
        modules = self.modules(network)
        return self._layers.get(modules.weights(), partial(_lay_out_layers, network)) if modules.is_plain() else None

    def _find_head(self, network: "DiffusionGemma") -> Any:
        weight_VD = network.embed_tokens.weight
        quick = _is_cpu_inference(weight_VD) and not weight_VD.requires_grad
        if not (self.enabled and quick and len(weight_VD) <= SMALL_VOCABULARY):
            return None
        # The head is int8 if the layers' weights are quantised.
        return self._head.get((weight_VD, network.first_weight), partial(_lay_out_head, network))

    def __deepcopy__(self, memo: dict) -> "Fused":
        return Fused(self._own_classes)

    def __reduce__(self) -> tuple:
        return Fused, (self._own_classes,)


class ModuleSnapshot:
    """The modules of a network and where its tensors are kept, valid until a module is replaced.

    `own_classes` are those of the network as it was built.
    """

    def __init__(self, network: nn.Module, own_classes: Container[type]) -> None:
        modules = list(network.modules())
        # Without the network itself: it owns this object, and the reference would be a cycle.
        self._modules = modules[1:]
        self._hooks = [hooks for module in modules for hooks in (module._forward_hooks, module._forward_pre_hooks)]
        self._hooks += [torch_module._global_forward_hooks, torch_module._global_forward_pre_hooks]
        self._shapes = self._read_shapes()
        self._children = [(module._modules, *item) for module in modules for item in module._modules.items()]
        owners = [owner for module in modules for owner in (module._parameters, module._buffers)]
        self._places = [(owner, name) for owner in owners for name in owner if owner[name] is not None]
        self._absent = [(owner, name) for owner in owners for name in owner if owner[name] is None]
        self._are_own = all(type(module) in own_classes and "forward" not in vars(module) for module in modules)

    def is_current(self) -> bool:
        """Whether no module was replaced since, or changed its class, its `forward` or its set of parameters."""
        return (
            all(owner.get(name) is child for owner, name, child in self._children)
            and all(owner.get(name) is None for owner, name in self._absent)
            and self._read_shapes() == self._shapes
        )

    def is_plain(self) -> bool:
        """Whether the modules compute what `model.py` defines: none of another class (an adapter, say), no hooks."""
        return self._are_own and not any(self._hooks)

    def weights(self) -> list[Tensor]:
        """All current tensors, including the scales of quantised weights."""
        return [owner[name] for owner, name in self._places]  # pyright: ignore[reportReturnType]

    def _read_shapes(self) -> list[tuple]:
        """Each module's class and its number of attributes, children, parameters and buffers."""
        return [
            (type(module), len(vars(module)), len(module._modules), len(module._parameters), len(module._buffers))
            for module in self._modules
        ]


def _is_cpu_inference(tensor: Tensor) -> bool:
    """Whether a tensor is one that the compiled calls take: float32 or bfloat16 on a CPU, outside training."""
    return tensor.device.type == "cpu" and tensor.dtype in PANEL_TYPES and not torch.is_grad_enabled()


def _lay_out_layers(network: "DiffusionGemma") -> Any:
    config = network.config
    tables = {}
    for sizes in config.layers:
        # Layers of one type and size share their tables.
        kind = (sizes.layer_type, sizes.head_dim)
        tables[kind] = partial(_rotary_tables, network.rotary_frequencies(*kind))
    shapes = [
        LayerShape(
            num_heads=config.num_attention_heads,
            num_key_heads=sizes.num_key_value_heads,
            head_dim=sizes.head_dim,
            window=config.windows[sizes.layer_type] or 0,
            tables=tables[sizes.layer_type, sizes.head_dim],
        )
        for sizes in config.layers
    ]
    layers, conditioning = network.all_layers(), network.self_conditioning
    *by_name, own = (one.state_dict(keep_vars=True) for one in (*layers, conditioning))
    dtype = network.dtype
    panels = [*(partial(_panels_of, layer, dtype) for layer in layers), partial(_mlp_panels, conditioning.mlp, dtype)]
    weights = NetworkWeights(
        layers=by_name,
        shapes=shapes,
        conditioning=own,
        final_norm_D=network.norm.weight,
        top_k=config.top_k_experts,
        eps=config.rms_norm_eps,
    )
    return lay_out_layers(weights, panels)


def _panels_of(layer: "Layer", dtype: torch.dtype) -> dict[str, Any]:
    """A layer's weights laid out for compiled kernels and rows of this type, by the names of `ops.native.sizes.LAYER`;
    None for a weight that cannot be."""
    attention, experts = layer.self_attn, layer.experts
    inward, down = experts.dispatch.panels(experts.gate_up_proj, experts.down_proj, experts.scales(), dtype)
    found = {"qkv": attention.inward.panels(dtype), "o": attention.outward.panels(dtype)}
    return found | {"routed_inward": inward, "routed_down": down} | _mlp_panels(layer.mlp, dtype)


def _mlp_panels(mlp: "GatedMLP", dtype: torch.dtype) -> dict[str, Any]:
    return {"dense_inward": mlp.inward.panels(dtype), "dense_down": mlp.outward.panels(dtype)}


def _rotary_tables(frequencies: Tensor, num_positions: int) -> tuple[Tensor, Tensor]:
    return ops.rotary_tables(torch.arange(num_positions)[:, None].float() * frequencies, torch.float32)


def _lay_out_head(network: "DiffusionGemma") -> Any:
    weight_VD, cap = network.embed_tokens.weight.detach(), network.config.final_logit_softcapping
    return lay_out_head(weight_VD, cap, network.embed_scale, network.has_int8_head())
