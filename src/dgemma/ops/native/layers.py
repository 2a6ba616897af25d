"""A small network over some rows of one text: all layers in one call, and all of the vocabulary in another.

A small network's pass is mostly the handing over of operations: a hundred a layer, each shorter than its call. Here it
is one kernel, which reads each weight once for all rows. For float32 weights and experts that are all run on every row
(`reference.experts_dense`). Weights that bfloat16 holds exactly, as those of most files, are kept so: the results are
the same bits, and memory is what a token waits for.

Shapes: N rows, D hidden, K key heads, d head dim, S slots, I inputs, O outputs, P outputs of a panel.
"""

import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dgemma.ops.native.machine import PANEL, refuse_outside, run
from dgemma.ops.native.sizes import LAYER, PASS


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
    """Layers laid out for `run`: their weights by the names of `model.Layer`, float32 and contiguous.

    They are copied, but for norms and scalars.
    """

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
        self.expert_width = double // 2
        self.eps_1 = torch.tensor([eps])
        self.final_norm_D = self._keep(final_norm_D)
        self.halves = all(are_halves(own[name]) for own in weights for name in _PRODUCTS if name in own)
        self.table = np.array([self._fields(*pair) for pair in zip(weights, shapes, strict=True)], dtype=np.int64)
        heads = [(shape.num_heads, shape.num_key_heads, shape.head_dim) for shape in shapes]
        routed_at, added = _padded(2 * self.width), _padded(self.size)
        inner = routed_at + _padded(2 * self.num_experts * self.expert_width) + self.num_experts
        self._rooms = {
            "joined": max(_padded((queries + 2 * keys) * size) for queries, keys, size in heads),
            "attended": max(queries * size for queries, _, size in heads),
            **{"added": added, "inner": inner, "routed": added},
        }
        self._settled = {
            **{"final_norm": self.final_norm_D, "eps": self.eps_1, "halves": int(self.halves)},
            **{f"{name}_step": 4 * self._rooms[name] for name in ("joined", "attended", "added", "inner")},
            **{"size": self.size, "depth": len(shapes), "width": self.width, "experts": self.num_experts},
            **{"expert_width": self.expert_width, "top_k": top_k, "routed_at": routed_at},
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
        """All layers and the final norm -> [N, D]; `hidden_ND`, float32 and contiguous, is used up.

        The first `clean` rows are clean tokens, the others a canvas from position `start` to `end`. Keys and values of
        each layer are [1, K, S, d], a position's in the slot of its number. With `keys_only` the last layer ends with
        them, and what comes back means nothing.
        """
        if not positions:
            return hidden_ND
        rows, reach = len(positions), max(end, positions[-1] + 1)
        rotary = self._rotary
        if reach > rotary.num_positions:
            self._rotary = rotary = self._turned(2 * reach)
        # Of its own for each call: another thread may be in the kernel.
        table, places, meeting = self.table.copy(), np.array(positions, dtype=np.int64), np.zeros(1, dtype=np.int64)
        table[:, _CACHE], table[:, _TURNS] = self._bind(keys, values), rotary.columns
        score_step, normed_ND = 4 * reach, torch.empty_like(hidden_ND)
        room = hidden_ND.new_empty(rows * sum(self._rooms.values()) + torch.get_num_threads() * reach)
        addresses, free = {}, room.data_ptr()
        for name, width in self._rooms.items():
            addresses[name], free = free, free + 4 * rows * width
        given = {
            **self._settled,
            **addresses,
            **{"hidden": hidden_ND, "normed": normed_ND, "scores": free, "score_step": score_step},
            **{
                "meeting": meeting.ctypes.data,
                "positions": places.ctypes.data,
                "table": table.ctypes.data,
                "rows": rows,
            },
            **{"clean": clean, "start": start, "end": end, "keys_only": int(keys_only)},
        }
        run("layers", *(given[name] for name in PASS))
        return normed_ND

    def _fields(self, weights: Mapping[str, Tensor], shape: LayerShape) -> list[int]:
        def norm(name: str) -> Tensor:
            return weights[f"{name}.weight"]

        query, key = weights["self_attn.q_proj.weight"], weights["self_attn.k_proj.weight"]
        value = weights.get("self_attn.v_proj.weight")
        gate_and_up = weights["experts.gate_up_proj"].unflatten(1, (2, -1)).transpose(0, 1)
        known = {
            "qkv": self._panels(query, key) if value is None else self._panels(query, key, value),
            "o": self._panels(weights["self_attn.o_proj.weight"]),
            "dense_inward": self._panels(weights["mlp.gate_proj.weight"], weights["mlp.up_proj.weight"]),
            "dense_down": self._panels(weights["mlp.down_proj.weight"]),
            "routed_inward": self._panels(gate_and_up.flatten(0, 2)),
            "routed_down": self._panels(weights["experts.down_proj"].transpose(0, 1).flatten(1)),
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
            "has_values": int(value is not None),
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

    def _turned(self, num_positions: int) -> "_Rotary":
        """The rotary tables of so many positions, one pair for layers that share them."""
        found = {shape.tables: shape.tables(num_positions) for shape in self._shapes}
        pairs = {make: (cos.contiguous(), sin.contiguous()) for make, (cos, sin) in found.items()}
        rows = [[table.data_ptr() for table in pairs[shape.tables]] for shape in self._shapes]
        tables = tuple(table for pair in pairs.values() for table in pair)
        return _Rotary(num_positions=num_positions, tables=tables, columns=np.array(rows, dtype=np.int64))

    def _panels(self, *weights_OI: Tensor) -> Tensor:
        return panels(*weights_OI, halves=self.halves)

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
    """The tied head of a small vocabulary, laid out; the embedding [V, D] is copied twice."""

    def __init__(self, embedding_VD: Tensor, cap: float, embed_scale: float) -> None:
        self.vocab_size, self.size = embedding_VD.shape
        self.halves = are_halves(embedding_VD)
        self.embedding, self.back = (panels(weight, halves=self.halves) for weight in (embedding_VD, embedding_VD.T))
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
        rows, width, padded = len(hidden_ND), _padded(self.vocab_size), _padded(self.size)
        hidden_ND, pairs = hidden_ND.contiguous(), np.array(barred, dtype=np.int64)
        refuse_outside(barred, rows, self.vocab_size)
        meeting = np.zeros(1, dtype=np.int64)
        uniforms = np.zeros(rows, dtype=np.float32) if uniforms_N is None else uniforms_N.float().contiguous().numpy()
        settings = np.array([2 / self.cap, self.cap / temperature, self.embed_scale], dtype=np.float32)
        logits_NW, summary_N4 = hidden_ND.new_empty(rows, width), hidden_ND.new_empty(rows, 4)
        ids_N2, soft_NX = torch.empty(rows, 2, dtype=torch.long), hidden_ND.new_empty(rows if soft else 0, padded)
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
                padded,
                int(soft),
                int(self.halves),
                meeting.ctypes.data,
            ),
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


_TURNS = slice(LAYER.index("cos"), LAYER.index("sin") + 1)
_CACHE = slice(LAYER.index("keys"), LAYER.index("head_step") + 1)


_PRODUCTS = (
    *(f"self_attn.{name}_proj.weight" for name in "qkvo"),
    *(f"mlp.{name}_proj.weight" for name in ("gate", "up", "down")),
    *("experts.gate_up_proj", "experts.down_proj"),
)


def are_halves(weight: Tensor) -> bool:
    """Whether bfloat16 holds a float32 weight exactly."""
    return torch.equal(weight.bfloat16().float(), weight)


def panels(*weights_OI: Tensor, halves: bool) -> Tensor:
    """Weights of one input, one below the other, in the order in which tiles read them -> [panels, I, P], bfloat16 if
    they are `halves`."""
    joined_OI = torch.cat(weights_OI).to(torch.bfloat16 if halves else torch.float32)
    padded_OI = F.pad(joined_OI, (0, 0, 0, _padded(len(joined_OI)) - len(joined_OI)))
    return padded_OI.view(-1, PANEL, joined_OI.shape[1]).transpose(1, 2).contiguous()


def _padded(outputs: int) -> int:
    return -(-outputs // PANEL) * PANEL
