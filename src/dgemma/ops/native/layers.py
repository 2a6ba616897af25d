"""A small network over some rows of one text: all layers in one call, and all of the vocabulary in another.

A small network's pass is mostly the handing over of operations: a hundred a layer, each shorter than its call. Here it
is one kernel, which reads each weight once for all rows. All experts are run on every row (`reference.experts_dense`).
float32 weights that bfloat16 holds exactly, as those of most files, are kept so: the results are the same bits, and
memory is what a token waits for. With int8 and int4 weights rows become int8 before each product (`quantised.py`).

Shapes: N rows, D hidden, K key heads, d head dim, S slots, I inputs, O outputs, P outputs of a panel.
"""

import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dgemma.ops.native.machine import DOTS, PANEL, TILE_ROWS, refuse_outside, run
from dgemma.ops.native.panels import are_halves, padded, panels, quantised_panels, side_by_side
from dgemma.ops.native.sizes import LAYER, PASS, QUAD
from dgemma.quant import GROUP, is_quantised, quantise


def takes(weights: Sequence[Mapping[str, Tensor]]) -> bool:
    """Whether `Layers` takes weights of this kind: float32, or all int8 or all int4 where this processor multiplies
    those, in inputs that are whole words and experts of whole groups."""
    products = [own[name] for own in weights for name in _PRODUCTS if name in own]
    kinds = {product.dtype for product in products}
    others = [tensor for own in weights for name, tensor in own.items() if name not in _PRODUCTS]
    if len(kinds) > 1 or any(tensor.dtype != torch.float32 or tensor.requires_grad for tensor in others):
        return False
    if kinds == {torch.int8}:
        return all(map(takes_int8, products)) and weights[0]["experts.down_proj"].shape[-1] % GROUP == 0
    if kinds == {torch.uint8}:
        return bool(DOTS)
    return kinds == {torch.float32} and not any(product.requires_grad for product in products)


def takes_int8(weight: Tensor) -> bool:
    """Whether rows can be multiplied with this weight [.., O, I] as int8."""
    return DOTS == "vnni" and weight.shape[-1] % QUAD == 0


@dataclass(frozen=True, kw_only=True)
class LayerShape:
    """What the weights do not tell: `window` is 0 where a layer sees all that stands before; `tables` gives the rotary
    cos and sin [positions, d] of so many positions."""

    num_heads: int
    num_key_heads: int
    head_dim: int
    window: int
    tables: Callable[[int], tuple[Tensor, Tensor]]


@dataclass(frozen=True, kw_only=True)
class _Rotary:
    """Rotary tables, and where each layer's lie."""

    num_positions: int
    tables: tuple[Tensor, ...]
    columns: np.ndarray


class Layers:
    """Layers laid out for `run`: weights by the names of `model.Layer`, of a kind that `takes` says yes to, with the
    scales of quantised ones. They are copied, but for norms and scalars."""

    def __init__(
        self,
        weights: Sequence[Mapping[str, Tensor]],
        shapes: Sequence[LayerShape],
        final_norm_D: Tensor,
        top_k: int,
        eps: float,
    ) -> None:
        self._kept: list[Tensor] = []
        self._shapes, self._rotary = list(shapes), _Rotary(num_positions=0, tables=(), columns=np.zeros((0, 0)))
        self._met: dict[int, tuple[weakref.ref[Tensor], np.ndarray]] = {}
        first = weights[0]
        self.size, self.top_k = len(final_norm_D), top_k
        self.width = len(first["mlp.gate_proj.weight"])
        self.num_experts, double, _ = first["experts.gate_up_proj"].shape
        self.quantised = is_quantised(first["experts.gate_up_proj"])
        self.nibbles = first["experts.gate_up_proj"].dtype == torch.uint8
        self.expert_width = double // 2
        self.eps_1 = torch.tensor([eps])
        self.final_norm_D = self._keep(final_norm_D)
        self.halves = not self.quantised and all(
            are_halves(own[name]) for own in weights for name in _PRODUCTS if name in own
        )
        self.table = np.array([self._fields(*pair) for pair in zip(weights, shapes, strict=True)], dtype=np.int64)
        heads = [(shape.num_heads, shape.num_key_heads, shape.head_dim) for shape in shapes]
        self._widest_keys = max(keys * size for _, keys, size in heads)
        routed_at, added = padded(2 * self.width), padded(self.size)
        inner = routed_at + padded(2 * self.num_experts * self.expert_width) + self.num_experts
        self._rooms = {
            "joined": max(padded((queries + 2 * keys) * size) for queries, keys, size in heads),
            "attended": max(queries * size for queries, _, size in heads),
            **{"added": added, "inner": inner, "routed": added},
        }
        # What rows are as int8, with their sums by group and their scale, for a product and for one by the experts.
        widest = max(self.size, self.width, *(queries * size for queries, _, size in heads))
        routed_widest = max(self.size, self.num_experts * self.expert_width)
        for name, width in (("", widest), ("routed_", routed_widest)):
            sizes = {"kept": width // 4, "sums": width // GROUP + 1, "scales": 1}
            self._rooms |= {f"{name}{kind}": size * self.quantised for kind, size in sizes.items()}
        self._settled = {
            **{"final_norm": self.final_norm_D, "eps": self.eps_1, "halves": int(self.halves)},
            **{f"{name}_step": 4 * self._rooms[name] for name in ("joined", "attended", "added", "inner")},
            **{"size": self.size, "depth": len(shapes), "width": self.width, "experts": self.num_experts},
            **{"expert_width": self.expert_width, "top_k": top_k, "routed_at": routed_at},
            **{"nibbles": int(self.nibbles), "quantised": int(self.quantised)},
        }

    def run(
        self,
        hidden_ND: Tensor,
        positions: Sequence[int],
        clean: int,
        start: int,
        end: int,
        keys: Sequence[Tensor],
        values: Sequence[Tensor],
        keys_only: bool = False,
    ) -> Tensor:
        """All layers and the final norm of `hidden_ND`, float32 -> [N, D].

        The first `clean` rows are clean tokens, the others a canvas from position `start` to `end`. Keys and values of
        each layer are [1, K, S, d], a position's in the slot of its number. With `keys_only` the last layer ends with
        them, and what comes back means nothing.
        """
        if not positions:
            return hidden_ND
        rows, reach = len(positions), max(end, positions[-1] + 1)
        rotary = self._rotary
        if reach > rotary.num_positions:
            self._rotary = rotary = self._rotated(2 * reach)
        # Of its own for each call: another thread may be in the kernel.
        table, places, meeting = self.table.copy(), np.array(positions, dtype=np.int64), np.zeros(1, dtype=np.int64)
        table[:, _CACHE], table[:, _ROTARY_COLUMNS] = self._bind(keys, values), rotary.columns
        # Scores come in whole panels; behind them is a number for each row of a tile.
        scores, threads = padded(reach) + PANEL, torch.get_num_threads()
        widths = {name: rows * width for name, width in self._rooms.items()}
        widths |= {"hidden": rows * self.size, "scores": threads * TILE_ROWS * scores}
        widths |= {"turned": padded(reach) * self._widest_keys}
        room = hidden_ND.new_empty(sum(widths.values()) + (len(widths) + 1) * _APART)
        addresses, free = {}, room.data_ptr() + 4 * _APART
        for name, width in widths.items():
            addresses[name], free = free, free + 4 * (width + _APART)
        first = (addresses["hidden"] - room.data_ptr()) // 4
        room[first : first + rows * self.size] = hidden_ND.flatten()
        normed_ND = hidden_ND.new_empty(rows * self.size + 2 * _APART)[_APART:-_APART].view(rows, self.size)
        given = {
            **self._settled,
            **addresses,
            **{"normed": normed_ND, "score_step": 4 * scores},
            **{
                "meeting": meeting.ctypes.data,
                "positions": places.ctypes.data,
                "table": table.ctypes.data,
                "rows": rows,
            },
            **{"clean": clean, "start": start, "end": end, "keys_only": int(keys_only)},
        }
        run("layers_quantised" if self.quantised else "layers", *(given[name] for name in PASS))
        return normed_ND

    def _fields(self, weights: Mapping[str, Tensor], shape: LayerShape) -> list[int]:
        def norm(name: str) -> Tensor:
            return weights[f"{name}.weight"]

        has_values = "self_attn.v_proj.weight" in weights
        lay_out = self._quantised_products if self.quantised else self._products
        known = {
            **lay_out(weights, [f"self_attn.{name}_proj.weight" for name in ("qkv" if has_values else "qk")]),
            "router": weights["router.proj.weight"] * weights["router.scale"] * self.size**-0.5,
            "before_dense_norm": norm("pre_feedforward_layernorm"),
            "before_routed_norm": norm("pre_feedforward_layernorm_2"),
            "input_norm": norm("input_layernorm"),
            "query_norm": norm("self_attn.q_norm"),
            "key_norm": norm("self_attn.k_norm"),
            "attention_norm": norm("post_attention_layernorm"),
            "dense_norm": norm("post_feedforward_layernorm_1"),
            "routed_norm": norm("post_feedforward_layernorm_2"),
            "feedforward_norm": norm("post_feedforward_layernorm"),
            "per_expert_scale": weights["router.per_expert_scale"],
            "encoder_scalar": weights["encoder_scalar"],
            "decoder_scalar": weights["decoder_scalar"],
        }
        sizes = {
            "heads": shape.num_heads,
            "key_heads": shape.num_key_heads,
            "head_dim": shape.head_dim,
            "has_values": int(has_values),
            "window": shape.window,
        }
        addresses = {name: self._keep(tensor).data_ptr() for name, tensor in known.items()}
        return [{**addresses, **sizes}.get(name, 0) for name in LAYER]

    def has_met(self, keys: Sequence[Tensor]) -> bool:
        """Whether `run` was called with these keys before."""
        found = self._met.get(id(keys[0]))
        return found is not None and found[0]() is keys[0]

    def _bind(self, keys: Sequence[Tensor], values: Sequence[Tensor]) -> np.ndarray:
        """The columns of the table that tell where keys and values lie."""
        if not self.has_met(keys):
            self._met = {place: known for place, known in list(self._met.items()) if known[0]() is not None}
            rows = [(key.data_ptr(), value.data_ptr(), key.stride(1)) for key, value in zip(keys, values, strict=True)]
            self._met[id(keys[0])] = weakref.ref(keys[0]), np.array(rows, dtype=np.int64)
        return self._met[id(keys[0])][1]

    def _rotated(self, num_positions: int) -> "_Rotary":
        """The rotary tables of so many positions, one pair for layers that share them."""
        found = {shape.tables: shape.tables(num_positions) for shape in self._shapes}
        pairs = {make: (cos.contiguous(), sin.contiguous()) for make, (cos, sin) in found.items()}
        rows = [[table.data_ptr() for table in pairs[shape.tables]] for shape in self._shapes]
        tables = tuple(table for pair in pairs.values() for table in pair)
        return _Rotary(num_positions=num_positions, tables=tables, columns=np.array(rows, dtype=np.int64))

    def _products(self, weights: Mapping[str, Tensor], inward: Sequence[str]) -> dict[str, Tensor]:
        gate_and_up = weights["experts.gate_up_proj"].unflatten(1, (2, -1)).transpose(0, 1)
        found = {
            "qkv": [weights[name] for name in inward],
            "o": [weights["self_attn.o_proj.weight"]],
            "dense_inward": [weights["mlp.gate_proj.weight"], weights["mlp.up_proj.weight"]],
            "dense_down": [weights["mlp.down_proj.weight"]],
            "routed_inward": [gate_and_up.flatten(0, 2)],
            "routed_down": [weights["experts.down_proj"].transpose(0, 1).flatten(1)],
        }
        return {name: panels(*parts, halves=self.halves) for name, parts in found.items()}

    def _quantised_products(self, weights: Mapping[str, Tensor], inward: Sequence[str]) -> dict[str, Tensor]:
        def both(*names: str) -> Tensor:
            return quantised_panels([weights[name] for name in names], [weights[f"{name}_scale"] for name in names])

        # Gates of all experts, then what goes up in them.
        gate_and_up, scale = (
            weights[name].unflatten(1, (2, -1)).transpose(0, 1).flatten(0, 2)
            for name in ("experts.gate_up_proj", "experts.gate_up_proj_scale")
        )
        down, down_scale = side_by_side(weights["experts.down_proj"], weights["experts.down_proj_scale"])
        return {
            "qkv": both(*inward),
            "o": both("self_attn.o_proj.weight"),
            "dense_inward": both("mlp.gate_proj.weight", "mlp.up_proj.weight"),
            "dense_down": both("mlp.down_proj.weight"),
            "routed_inward": quantised_panels([gate_and_up], [scale]),
            "routed_down": quantised_panels([down], [down_scale]),
        }

    def _keep(self, tensor: Tensor) -> Tensor:
        self._kept.append(tensor.detach().contiguous())
        return self._kept[-1]


@dataclass(frozen=True, kw_only=True)
class HeadReading:
    """Of N distributions over the whole vocabulary.

    likeliest_N, sample_N   ids                      maximum_N, log_sum_N   of the logits, and of exp(logit - maximum)
    entropy_N               nats                     soft_ND                the expected embedding, if it was asked for
    logits_NV               soft-capped and scaled; used up where the expected embedding was asked for
    """

    likeliest_N: Tensor
    sample_N: Tensor
    maximum_N: Tensor
    log_sum_N: Tensor
    entropy_N: Tensor
    logits_NV: Tensor
    soft_ND: Tensor | None


class Head:
    """The tied head of a small vocabulary, laid out; the embedding [V, D] is copied twice. If `quantised`, logits are
    products with an int8 copy; the expected embedding is that of the embedding itself."""

    def __init__(self, embedding_VD: Tensor, cap: float, embed_scale: float, quantised: bool = False) -> None:
        self.vocab_size, self.size = embedding_VD.shape
        self.halves, self.quantised = are_halves(embedding_VD), quantised
        self.back = panels(embedding_VD.T, halves=self.halves)
        if quantised:
            values_VD, scale_V = quantise(embedding_VD, "int8")
            self.embedding = quantised_panels([values_VD], [scale_V])
        else:
            self.embedding = panels(embedding_VD, halves=self.halves)
        self.cap, self.embed_scale = cap, embed_scale

    def read(
        self,
        hidden_ND: Tensor,
        temperature: float = 1.0,
        uniforms_N: Tensor | None = None,
        barred: Sequence[tuple[int, int]] = (),
        soft: bool = False,
    ) -> HeadReading:
        """Reads every row of `hidden_ND`, float32; `barred` are (row or -1 for all, id) pairs without probability.

        `uniforms_N` in [0, 1) decide the samples, which mean nothing without them. Raises IndexError for a pair outside
        the rows and the vocabulary: the kernel would write there.
        """
        rows, width, soft_width = len(hidden_ND), padded(self.vocab_size), padded(self.size)
        hidden_ND, pairs = hidden_ND.contiguous(), np.array(barred, dtype=np.int64)
        refuse_outside(barred, rows, self.vocab_size)
        meeting = np.zeros(1, dtype=np.int64)
        uniforms = np.zeros(rows, dtype=np.float32) if uniforms_N is None else uniforms_N.float().contiguous().numpy()
        settings = np.array([2 / self.cap, self.cap / temperature, self.embed_scale], dtype=np.float32)
        logits_NW, summary_N4 = hidden_ND.new_empty(rows, width), hidden_ND.new_empty(rows, 4)
        ids_N2, soft_NX = torch.empty(rows, 2, dtype=torch.long), hidden_ND.new_empty(rows if soft else 0, soft_width)
        values_ND = torch.empty(rows, self.size if self.quantised else 0, dtype=torch.int8)
        sums_N, scales_N = torch.empty(rows, dtype=torch.int32), torch.empty(rows)
        run(
            "head",
            *(hidden_ND, self.embedding, self.back, pairs.ctypes.data, settings.ctypes.data, uniforms.ctypes.data),
            *(logits_NW, summary_N4, ids_N2, soft_NX),
            *(
                rows,
                self.size,
                self.vocab_size,
                len(pairs),
                width,
                soft_width,
                int(soft),
                int(self.halves),
                meeting.ctypes.data,
            ),
            *(int(self.quantised), values_ND, sums_N, scales_N),
        )
        return HeadReading(
            likeliest_N=ids_N2[:, 0],
            sample_N=ids_N2[:, 1],
            maximum_N=summary_N4[:, 0],
            log_sum_N=summary_N4[:, 1],
            entropy_N=summary_N4[:, 2],
            logits_NV=logits_NW[:, : self.vocab_size],
            soft_ND=soft_NX[:, : self.size] if soft else None,
        )


# Numbers between what is written in a pass and anything else. Where arrays lie closer than a round of vectors compiled
# loops take one number at a time, which rounds otherwise: a result would depend on where memory was free.
_APART = 64
_ROTARY_COLUMNS = slice(LAYER.index("cos"), LAYER.index("sin") + 1)
_CACHE = slice(LAYER.index("keys"), LAYER.index("head_step") + 1)


_PRODUCTS = (
    *(f"self_attn.{name}_proj.weight" for name in "qkvo"),
    *(f"mlp.{name}_proj.weight" for name in ("gate", "up", "down")),
    *("experts.gate_up_proj", "experts.down_proj"),
)
