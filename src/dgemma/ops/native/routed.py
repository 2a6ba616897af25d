"""Fused layers of a network with many experts: all layers in one kernel call, each expert on its own rows.

float32 and bfloat16 weights are given as panels; int8 and int4 weights are read in place.

Shapes: N rows, D hidden, E experts, M their width, k experts of a row.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from dgemma.ops.native.layers import PRODUCTS, FusedLayers, are_plain
from dgemma.ops.native.machine import PANEL, UNPACK_FROM_ROWS
from dgemma.ops.native.panels import Panels, padded, panels
from dgemma.ops.native.quantised import multiplies, panel_buffer_size
from dgemma.ops.native.sizes import BFLOAT16_PAIRS, BFLOAT16_ROWS, FLOAT32, FLOAT_ROWS, INT8_ROWS, NetworkWeights


def takes(weights: Sequence[Mapping[str, Tensor]], rows: torch.dtype) -> bool:
    """Whether `FusedRoutedLayers` supports these weights for rows of this type: float32 or bfloat16 (all bfloat16, if
    the rows are), or all int8 or all int4 if this processor has the instructions."""
    products = [own[name] for own in weights for name in PRODUCTS if name in own]
    kinds = {product.dtype for product in products}
    if not are_plain(weights):
        return False
    # Rows are all packed in one format: rounded ones cannot be multiplied with the panels of a float32 weight.
    return kinds <= {rows, torch.bfloat16} or (len(kinds) == 1 and all(map(multiplies, products)))


class FusedRoutedLayers(FusedLayers):
    """Fused layers of a network with many experts. Weights are by the names of `model.Layer` and must be supported
    (`takes`). Float weights also need `laid_out`: the panels of each layer, then those of self-conditioning, by the
    names of `sizes.LAYER`. Contiguous tensors are read in place, except the router's weight and bfloat16 norms,
    which are copied."""

    _transposes_single_rows = False

    def __init__(self, network: NetworkWeights, laid_out: Sequence[Mapping[str, Panels]] | None) -> None:
        super().__init__(network)
        weights, top_k = network.layers, network.top_k
        self._laid_out, self.quantised = laid_out, laid_out is None
        self.kernel = "layers_routed_quantised" if self.quantised else "layers_routed"
        self._is_int4 = weights[0]["experts.gate_up_proj"].dtype == torch.uint8
        inner, logits = padded(2 * self.width), padded(self.num_experts)
        pair_inner = padded(2 * self.expert_width)
        self._row_sizes |= {"inner": inner, "router_in": self.size, "logits": logits, "expert_weights": top_k}
        self._row_sizes |= {name: 2 * top_k for name in ("expert_ids", "pair_of_slot", "row_of_pair")}  # int64
        self._row_sizes |= {"pair_inner": top_k * pair_inner, "expert_out": top_k * padded(self.size)}
        widest = max(self.size, self.width, self.expert_width, *(shape.query_size for shape in network.shapes))
        if laid_out is None:
            self.row_format = INT8_ROWS
        elif laid_out[0]["qkv"].panel_format == BFLOAT16_PAIRS:
            self.row_format = BFLOAT16_ROWS  # the format of all others too (`takes`)
        self._row_sizes |= self._packed_sizes("dense", widest) | self._packed_sizes("routed", self.size)
        unpacked = 4 * PANEL * widest if UNPACK_FROM_ROWS else 0
        buffer_stride = panel_buffer_size(widest) if self.quantised else unpacked
        self._constants |= {"inner_stride": 4 * inner, "logits_stride": 4 * logits, "pair_inner_stride": 4 * pair_inner}
        self._constants |= {"row_format": self.row_format, "is_int4": int(self._is_int4)}
        self._constants |= {"panel_buffer_stride": buffer_stride}
        self._build_table(weights, network.conditioning)

    def _router(self, weight_ED: Tensor) -> Tensor:
        return panels(weight_ED, panel_format=FLOAT32)

    def _extra_sizes(self, rows: int, threads: int) -> dict[str, int]:
        sizes = {"expert_counts": 2 * self.num_experts, "next_pair": 2 * self.num_experts}  # int64
        if self.row_format != FLOAT_ROWS:
            sizes |= self._packed_sizes("pair", max(self.size, self.expert_width), rows * self.top_k)
        elif rows > 1:
            sizes |= {"gathered": rows * self.top_k * self.size}
        return sizes | {"panel_buffer": threads * int(self._constants["panel_buffer_stride"]) // 4}

    def _product_entries(
        self, layer: int, weights: Mapping[str, Tensor], inward: Sequence[str]
    ) -> dict[str, Tensor | int]:
        names = dict(zip(("qkv", "k", "v"), inward, strict=False)) | {"o": "self_attn.o_proj.weight"}
        names |= {"routed_inward": "experts.gate_up_proj", "routed_down": "experts.down_proj"}
        return self._entries_of(layer, weights, names)

    def _dense_entries(self, layer: int, weights: Mapping[str, Tensor]) -> dict[str, Tensor | int]:
        names = {"dense_inward": "mlp.gate_proj.weight", "up": "mlp.up_proj.weight"}
        return self._entries_of(layer, weights, names | {"dense_down": "mlp.down_proj.weight"})

    def _entries_of(
        self, layer: int, weights: Mapping[str, Tensor], names: Mapping[str, str]
    ) -> dict[str, Tensor | int]:
        """Entries of the layer table. `names` maps columns of `sizes.LAYER` to names of weights; quantised weights are
        used directly, float ones as their panels."""
        entries: dict[str, Tensor | int] = {}
        for name, weight_name in names.items():
            if self._laid_out is None:
                entries |= {name: weights[weight_name], f"{name}_scale": weights[f"{weight_name}_scale"]}
            elif name in self._laid_out[layer]:
                product = self._laid_out[layer][name]
                entries |= {name: product.values, f"{name}_scale": product.panel_format}
        return entries
