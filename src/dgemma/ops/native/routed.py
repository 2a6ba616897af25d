"""A network with many experts over some rows of one or several texts: all layers in one call, each expert on its rows.

float32 and bfloat16 weights come laid out in panels, int8 and int4 ones are read where they lie.

Shapes: N rows, D hidden, E experts, M their width, k experts of a row.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from dgemma.ops.native.layers import PRODUCTS, OneCall, are_plain
from dgemma.ops.native.machine import PANEL
from dgemma.ops.native.panels import Panels, padded, panels
from dgemma.ops.native.quantised import multiplies, row_room
from dgemma.ops.native.sizes import LayerShape
from dgemma.quant import GROUP


def takes(weights: Sequence[Mapping[str, Tensor]]) -> bool:
    """Whether `RoutedLayers` takes weights of this kind: float32 or bfloat16, or all int8 or all int4 where this
    processor multiplies those."""
    products = [own[name] for own in weights for name in PRODUCTS if name in own]
    kinds = {product.dtype for product in products}
    if not are_plain(weights):
        return False
    return kinds <= {torch.float32, torch.bfloat16} or (len(kinds) == 1 and all(map(multiplies, products)))


class RoutedLayers(OneCall):
    """Layers of a network with many experts: weights by the names of `model.Layer`, of a kind that `takes` says
    yes to; of float ones also the panels of each layer's products, and of self-conditioning's behind these, by the
    names of `sizes.LAYER`. What is contiguous is read where it lies, all but the router's weight."""

    _turns_single_rows = False

    def __init__(
        self,
        weights: Sequence[Mapping[str, Tensor]],
        laid_out: Sequence[Mapping[str, Panels]] | None,
        shapes: Sequence[LayerShape],
        conditioning: Mapping[str, Tensor] | None,
        final_norm_D: Tensor,
        top_k: int,
        eps: float,
    ) -> None:
        super().__init__(weights, shapes, conditioning, final_norm_D, top_k, eps)
        self._laid_out, self.quantised = laid_out, laid_out is None
        self.kernel = "layers_routed_quantised" if self.quantised else "layers_routed"
        self._nibbles = weights[0]["experts.gate_up_proj"].dtype == torch.uint8
        inner, logits = padded(2 * self.width), padded(self.num_experts)
        pair_inner = padded(2 * self.expert_width)
        self._widths |= {"inner": inner, "units": self.size, "logits": logits, "shares": top_k}
        self._widths |= {name: 2 * top_k for name in ("chosen", "back", "pair_rows")}  # int64
        self._widths |= {"pair_inner": top_k * pair_inner, "answers": top_k * padded(self.size)}
        widest = max(self.size, self.width, self.expert_width, *(shape.queries for shape in shapes))
        if self.quantised:
            self._widths |= self._widths_of_bytes("", widest) | self._widths_of_bytes("routed_", self.size)
        room_step = row_room(widest) if self.quantised else 4 * PANEL * widest
        self._settled |= {"inner_step": 4 * inner, "logits_step": 4 * logits, "pair_inner_step": 4 * pair_inner}
        self._settled |= {"quantised": int(self.quantised), "nibbles": int(self._nibbles), "unpacked_step": room_step}
        self._lay_out(weights, conditioning)

    def _router(self, weight_ED: Tensor) -> Tensor:
        return panels(weight_ED, halves=False)

    def _widths_of_bytes(self, name: str, width: int, rows: int = 1) -> dict[str, int]:
        """Numbers of so many rows as int8, with their sums and their scale."""
        sums = width // GROUP if self._nibbles else 1
        return {f"{name}kept": rows * -(-width // 4), f"{name}sums": rows * sums, f"{name}scales": rows}

    def _more_room(self, rows: int, threads: int) -> dict[str, int]:
        room = {"counts": 2 * self.num_experts, "following": 2 * self.num_experts}
        if self.quantised:
            room |= self._widths_of_bytes("pair_", max(self.size, self.expert_width), rows * self.top_k)
        elif rows > 1:
            room |= {"gathered": rows * self.top_k * self.size}
        return room | {"unpacked": threads * int(self._settled["unpacked_step"]) // 4}

    def _products(self, layer: int, weights: Mapping[str, Tensor], inward: Sequence[str]) -> dict[str, Tensor | int]:
        names = dict(zip(("qkv", "k", "v"), inward, strict=False)) | {"o": "self_attn.o_proj.weight"}
        names |= {"routed_inward": "experts.gate_up_proj", "routed_down": "experts.down_proj"}
        return self._found(layer, weights, names)

    def _dense(self, layer: int, weights: Mapping[str, Tensor]) -> dict[str, Tensor | int]:
        names = {"dense_inward": "mlp.gate_proj.weight", "up": "mlp.up_proj.weight"}
        return self._found(layer, weights, names | {"dense_down": "mlp.down_proj.weight"})

    def _found(self, layer: int, weights: Mapping[str, Tensor], names: Mapping[str, str]) -> dict[str, Tensor | int]:
        """What each of the `names` of `sizes.LAYER` stands for: panels, or the quantised weight that it names."""
        known: dict[str, Tensor | int] = {}
        for name, own in names.items():
            if self._laid_out is None:
                known |= {name: weights[own], f"{name}_scale": weights[f"{own}_scale"]}
            elif name in self._laid_out[layer]:
                product = self._laid_out[layer][name]
                known |= {name: product.values_EnIP, f"{name}_scale": int(product.halves)}
        return known
