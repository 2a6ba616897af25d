"""The passes of a network as compiled calls, where this machine has kernels for them: all layers over the rows of one
text, and the whole vocabulary. What is laid out of the weights is kept until they change.

What is computed stands in `model`; here is who may compute it so, and with what.

Shapes: D hidden, V vocabulary.
"""

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from dgemma.cache import KVCache
from dgemma.norms import is_quick
from dgemma.ops import reference as ops
from dgemma.ops.linear import WeightCache
from dgemma.ops.native.sizes import LayerShape
from dgemma.ops.one_call import Parts, lay_out_head, lay_out_layers

if TYPE_CHECKING:
    from dgemma.model import DiffusionGemma

SMALL_VOCABULARY = 1 << 12
"""Entries up to which a row's whole distribution is made at once where a CPU has compiled kernels; of larger ones they
read blocks: 0.35 to 0.45 of the dense way's time at 32,768 entries, 0.8 at 4,096, more than it at 1,536."""


class Fused:
    """What one network keeps for its compiled calls. Copies start empty, as `WeightCache` does.

    `kinds` are the types of the network's own modules: with others among them (an adapter, say) nothing is fused.
    The network is told to each method, so that it is not held in a circle.
    """

    def __init__(self, kinds: Iterable[type]) -> None:
        self.enabled = True
        self._kinds = frozenset(kinds)
        self._layers, self._head = WeightCache(), WeightCache()
        self._parts: Parts | None = None

    @property
    def kept(self) -> tuple[Any, Any]:
        """The layers and the head as they were last laid out; None for what was not."""
        return self._layers.value, self._head.value

    def layers(self, network: "DiffusionGemma", cache: KVCache) -> Any:
        """All layers as one kernel (`ops.native.layers`), for one float32 text on a CPU, else None."""
        norm = network.norm.weight
        quick = is_quick(norm) and is_quick(cache.keys[0]) and not norm.requires_grad
        if not (self.enabled and quick and cache.batch_size == 1):
            return None
        # Weights do not change while a cache holds what they made; looking at all of them takes a third of a token.
        known = self._layers.value
        if known is not None and cache.lengths[0] and known.has_met(cache.keys):
            return known
        parts = self.parts(network)
        return self._layers.get(parts.weights(), partial(_lay_out_layers, network)) if parts.are_plain() else None

    def head(self, network: "DiffusionGemma") -> Any:
        """The whole vocabulary as one kernel (`ops.native.head.Head`), a small one on a CPU, else None."""
        weight_VD = network.embed_tokens.weight
        quick = is_quick(weight_VD) and not weight_VD.requires_grad
        if not (self.enabled and quick and len(weight_VD) <= SMALL_VOCABULARY):
            return None
        # What the layers' weights are decides whether the head is int8.
        return self._head.get((weight_VD, network.first_weight), partial(_lay_out_head, network))

    def parts(self, network: "DiffusionGemma") -> Parts:
        """The network's modules and tensors, looked up anew when a module was replaced."""
        if self._parts is None or not self._parts.hold():
            self._parts = Parts(network, self._kinds)
        return self._parts

    def __deepcopy__(self, memo: dict) -> "Fused":
        return Fused(self._kinds)

    def __reduce__(self) -> tuple:
        return Fused, (self._kinds,)


def _lay_out_layers(network: "DiffusionGemma") -> Any:
    config = network.config
    tables = {}
    for sizes in config.layers:
        # Layers of one kind and size share theirs.
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
    panels = [*(layer.panels for layer in layers), conditioning.mlp.panels]
    return lay_out_layers(by_name, shapes, own, network.norm.weight, config.top_k_experts, config.rms_norm_eps, panels)


def _rotary_tables(frequencies: Tensor, num_positions: int) -> tuple[Tensor, Tensor]:
    return ops.rotary_tables(torch.arange(num_positions)[:, None].float() * frequencies, torch.float32)


def _lay_out_head(network: "DiffusionGemma") -> Any:
    weight_VD, cap = network.embed_tokens.weight.detach(), network.config.final_logit_softcapping
    return lay_out_head(weight_VD, cap, network.embed_scale, network.has_int8_head())
