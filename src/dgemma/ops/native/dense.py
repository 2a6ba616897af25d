"""Fused layers of a small network: all experts run on every row (`reference.experts_dense`).

Weights may be quantised; with int8 and int4 weights, rows are quantised to int8 before each product (`quantised.py`).
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from dgemma.ops.native.head import takes_int8
from dgemma.ops.native.layers import PRODUCTS, FusedLayers, are_plain
from dgemma.ops.native.machine import DOTS
from dgemma.ops.native.panels import concatenate_experts, format_for, padded, panels, quantised_panels
from dgemma.ops.native.sizes import BFLOAT16_PAIRS, BFLOAT16_ROWS, FLOAT32, INT8_ROWS, NetworkWeights
from dgemma.quant import GROUP, is_quantised


def takes(weights: Sequence[Mapping[str, Tensor]]) -> bool:
    """Whether `FusedDenseLayers` supports these weights: all float32 or all bfloat16, without gradients, or all int8 or
    all int4 if this processor has the instructions. int8 inputs must be whole quads, and expert widths whole groups."""
    products = [own[name] for own in weights for name in PRODUCTS if name in own]
    kinds = {product.dtype for product in products}
    if len(kinds) > 1 or not are_plain(weights):
        return False
    if kinds == {torch.int8}:
        return all(map(takes_int8, products)) and weights[0]["experts.down_proj"].shape[-1] % GROUP == 0
    if kinds == {torch.uint8}:
        return bool(DOTS)
    return kinds <= {torch.float32, torch.bfloat16} and not any(product.requires_grad for product in products)


class FusedDenseLayers(FusedLayers):
    """Fused layers of a small network. Weights are by the names of `model.Layer`, with the scales of quantised ones,
    and must be supported (`takes`). Weight matrices are copied into panels; norms and scalars only if not float32."""

    def __init__(self, network: NetworkWeights) -> None:
        super().__init__(network)
        weights, conditioning = network.layers, network.conditioning
        experts = weights[0]["experts.gate_up_proj"]
        self.quantised, self.is_int4 = is_quantised(experts), experts.dtype == torch.uint8
        self.kernel = "layers_quantised" if self.quantised else "layers"
        self.panel_format = FLOAT32
        if self.quantised:
            self.row_format = INT8_ROWS
        else:
            matrices = [own[name] for own in (*weights, conditioning or {}) for name in PRODUCTS if name in own]
            self.panel_format = format_for(*matrices, exact=True, rows=network.final_norm_D.dtype)
            if self.panel_format == BFLOAT16_PAIRS:
                self.row_format = BFLOAT16_ROWS
        routed_offset = padded(2 * self.width)
        inner = routed_offset + padded(2 * self.num_experts * self.expert_width) + self.num_experts
        self._row_sizes["inner"] = inner
        widest = max(self.size, self.width, *(shape.query_size for shape in network.shapes))
        routed_widest = max(self.size, self.num_experts * self.expert_width)
        self._row_sizes |= self._packed_sizes("dense", widest) | self._packed_sizes("routed", routed_widest)
        self._constants |= {"inner_stride": 4 * inner, "routed_offset": routed_offset}
        self._constants |= {"panel_format": self.panel_format, "is_int4": int(self.is_int4)}
        self._constants |= {"row_format": self.row_format}
        self._build_table(weights, conditioning)

    def _product_entries(
        self, layer: int, weights: Mapping[str, Tensor], inward: Sequence[str]
    ) -> dict[str, Tensor | int]:
        if self.quantised:
            return self._quantised_products(weights, inward)
        gate_and_up = weights["experts.gate_up_proj"].unflatten(1, (2, -1)).transpose(0, 1)
        down = weights["experts.down_proj"].transpose(0, 1).flatten(1)
        return {
            "qkv": self._stacked(weights, *inward),
            "o": self._stacked(weights, "self_attn.o_proj.weight"),
            "routed_inward": panels(gate_and_up.flatten(0, 2), panel_format=self.panel_format),
            "routed_down": panels(down, panel_format=self.panel_format),
        }

    def _dense_entries(self, layer: int, weights: Mapping[str, Tensor]) -> dict[str, Tensor | int]:
        return {
            "dense_inward": self._stacked(weights, "mlp.gate_proj.weight", "mlp.up_proj.weight"),
            "dense_down": self._stacked(weights, "mlp.down_proj.weight"),
        }

    def _stacked(self, weights: Mapping[str, Tensor], *names: str) -> Tensor:
        """Panels of weights with the same input, stacked along the outputs."""
        values = [weights[name] for name in names]
        if not self.quantised:
            return panels(*values, panel_format=self.panel_format)
        return quantised_panels(values, [weights[f"{name}_scale"] for name in names])

    def _quantised_products(self, weights: Mapping[str, Tensor], inward: Sequence[str]) -> dict[str, Tensor | int]:
        # The gates of all experts, then their up projections.
        gate_and_up, scale = (
            weights[name].unflatten(1, (2, -1)).transpose(0, 1).flatten(0, 2)
            for name in ("experts.gate_up_proj", "experts.gate_up_proj_scale")
        )
        down, down_scale = concatenate_experts(weights["experts.down_proj"], weights["experts.down_proj_scale"])
        return {
            "qkv": self._stacked(weights, *inward),
            "o": self._stacked(weights, "self_attn.o_proj.weight"),
            "routed_inward": quantised_panels([gate_and_up], [scale]),
            "routed_down": quantised_panels([down], [down_scale]),
        }
