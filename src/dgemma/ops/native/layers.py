"""A network over some rows of one or several texts: all layers in one call.

A pass is in good part the handing over of operations: a hundred a layer, each of a few rows shorter than its call. Here
it is one kernel, which reads each weight once for all rows. float32 weights that bfloat16 holds exactly, as those of
most files, are read so: memory is what a token waits for.

`Layers` are those of a small network: all experts are run on every row (`reference.experts_dense`), and weights may be
quantised; with int8 and int4 weights rows become int8 before each product (`quantised.py`). `routed.py` has those of a
network with many experts.

Shapes: N rows, D hidden, K key heads, d head dim, S slots, I inputs, O outputs, P outputs of a panel, k experts of a
row, M their width.
"""

import platform
import weakref
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dgemma.ops.native.head import takes_int8
from dgemma.ops.native.machine import DOTS, PANEL, TILE_ROWS, run_with
from dgemma.ops.native.panels import are_halves, padded, panels, quantised_panels, side_by_side
from dgemma.ops.native.rows import TextRows
from dgemma.ops.native.sizes import CLOCK, LAYER, PASS, ROW, TEXT, LayerShape
from dgemma.quant import GROUP, is_quantised


def takes(weights: Sequence[Mapping[str, Tensor]]) -> bool:
    """Whether `Layers` takes weights of this kind: float32, or all int8 or all int4 where this processor multiplies
    those, in inputs that are whole words and experts of whole groups."""
    products = [own[name] for own in weights for name in PRODUCTS if name in own]
    kinds = {product.dtype for product in products}
    if len(kinds) > 1 or not are_plain(weights):
        return False
    if kinds == {torch.int8}:
        return all(map(takes_int8, products)) and weights[0]["experts.down_proj"].shape[-1] % GROUP == 0
    if kinds == {torch.uint8}:
        return bool(DOTS)
    return kinds == {torch.float32} and not any(product.requires_grad for product in products)


def are_plain(weights: Sequence[Mapping[str, Tensor]]) -> bool:
    """Whether all that is no product is float32 and not trained."""
    others = [tensor for own in weights for name, tensor in own.items() if name not in PRODUCTS]
    return not any(tensor.dtype != torch.float32 or tensor.requires_grad for tensor in others)


@dataclass(frozen=True, kw_only=True)
class _Rotary:
    """Rotary tables, and the table of layers that says where each layer's lie."""

    num_positions: int
    tables: tuple[Tensor, ...]
    layers: np.ndarray
    address: int


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """A pass over so many rows. `given`: its arguments, as far as they are known beforehand; `in_room`: those of them
    that are offsets into the room, in bytes; `needed`: the room's size, in numbers."""

    given: np.ndarray
    in_room: np.ndarray
    needed: int


class OneCall(ABC):
    """What both kinds of layers have: norms and attention. `_widths` are the numbers that a row needs room for, by the
    names of `sizes.PASS`, `_settled` what is the same in every pass."""

    kernel: str
    _turns_single_rows = True
    """Whether keys are turned for a single row of a text, too."""
    counts_cycles = platform.machine() in ("x86_64", "AMD64")
    """Whether `timed` works: other processors keep their counts from programs."""

    def __init__(
        self,
        weights: Sequence[Mapping[str, Tensor]],
        shapes: Sequence[LayerShape],
        conditioning: Mapping[str, Tensor] | None,
        final_norm_D: Tensor,
        top_k: int,
        eps: float,
    ) -> None:
        self.conditions = conditioning is not None
        """Whether `run` does self-conditioning; else it is given canvas rows that have been through it."""
        # Unlike those of layers, these weights may change while a cache holds what is right.
        own = [] if conditioning is None else [one for one in conditioning.values() if not one.is_inference()]
        self._conditioned_by = [(one, one._version) for one in own]
        self._kept: list[Tensor] = []
        self._shapes, self._rotary = list(shapes), _Rotary(num_positions=0, tables=(), layers=np.zeros(0), address=0)
        self._most_keys = max(shape.keys for shape in shapes)
        # Bytes from one position's key to the next one's, on layers that forget.
        self._window_steps = np.array([[4 * shape.head_dim if shape.window else 0] for shape in shapes])
        self._met: dict[int, tuple[weakref.ref[Tensor], np.ndarray, int]] = {}
        self._spare: list[np.ndarray] = []
        self._plans: dict[tuple[int, int, int, int], _Plan] = {}
        first = weights[0]
        self.size, self.top_k = len(final_norm_D), top_k
        self.width = len(first["mlp.gate_proj.weight"])
        self.num_experts, double, _ = first["experts.gate_up_proj"].shape
        self.expert_width = double // 2
        self.eps_1 = torch.tensor([eps])
        self.final_norm_D = self._keep(final_norm_D)
        added = padded(self.size)
        self._widths = {
            "joined": max(padded(shape.queries + 2 * shape.keys) for shape in shapes),
            "attended": max(shape.queries for shape in shapes),
            **{"hidden": self.size, "added": added, "routed": added},
        }
        self._settled: dict[str, Tensor | int] = {
            **{"final_norm": self.final_norm_D, "eps": self.eps_1},
            **{f"{name}_step": 4 * self._widths[name] for name in ("joined", "attended", "added")},
            **{"size": self.size, "depth": len(shapes), "width": self.width, "experts": self.num_experts},
            **{"expert_width": self.expert_width, "top_k": top_k, "turns_single_rows": int(self._turns_single_rows)},
        }
        self._clock: np.ndarray | None = None

    @contextmanager
    def timed(self) -> Iterator[dict[str, float]]:
        """While it is open, nothing else may run these layers; filled when it ends: the shares that attention, the
        dense MLP, the experts with their router, and the rest have in the cycles of all passes, together 1. Raises
        RuntimeError where `counts_cycles` is False."""
        if not self.counts_cycles:
            raise RuntimeError("this processor keeps its count of cycles from programs")
        shares: dict[str, float] = {}
        self._clock = clock = np.zeros(len(CLOCK), dtype=np.int64)
        try:
            yield shares
        finally:
            self._clock = None
            clock[CLOCK.last] = 0
            for name, place in CLOCK._asdict().items():
                if place != CLOCK.last:
                    shares[name] = float(clock[place] / max(1, clock.sum()))

    def run(self, texts: Sequence[TextRows], keys_only: bool = False) -> Tensor:
        """Self-conditioning, all layers and the final norm of the rows of all texts -> float32 [N, D].

        Each text comes out as it would alone, to the last bit. With `keys_only` the last layer ends with keys and
        values, and what comes back means nothing.
        """
        counts = [len(text.positions) for text in texts]
        if 0 in counts:
            texts = [text for text in texts if text.positions]
            counts = [len(text.positions) for text in texts]
        if not texts:
            return torch.empty(0, self.size)
        reaches = [text.reach for text in texts]
        rows, reach = sum(counts), max(reaches)
        rotary = self._rotary
        if reach > rotary.num_positions:
            self._rotary = rotary = self._rotated(reach + max(256, reach // 8))
        turned = [padded(own) * self._turns(count) for own, count in zip(reaches, counts, strict=True)]
        key = (rows, padded(reach), sum(turned), torch.get_num_threads())
        if (plan := self._plans.get(key)) is None:
            plan = self._plans[key] = self._planned(*key)
        # Of its own for each call: another thread may be in the kernel.
        given, room = plan.given.copy(), self._room(plan.needed)
        normed = torch.empty(rows * self.size + 2 * _APART, dtype=torch.float32)[_APART:-_APART]
        begin = room.ctypes.data
        # The rows are used up, and their own memory is the caller's.
        first = (given[PASS.hidden] + -begin % _LINE_BYTES) // 4
        given[plan.in_room] += begin + -begin % _LINE_BYTES
        # A zero to meet at, apart from what is read; what is told of texts and of rows.
        of_texts = _LINE_BYTES // 8
        of_rows = of_texts + len(TEXT) * len(texts)
        numbers = np.zeros(of_rows + len(ROW) * rows, dtype=np.int64)
        told, caches = numbers[of_rows:].reshape(rows, len(ROW)), []
        row, room_turned = 0, int(given[PASS.turned])
        for number, (text, count) in enumerate(zip(texts, counts, strict=True)):
            cache, address = self._cache_of(text)
            caches.append(cache)
            behind, end, at = row + count, first + self.size * count, of_texts + len(TEXT) * number
            numbers[at : at + len(TEXT)] = (row, behind, room_turned, address)
            text.tell(told[row:behind], number)
            room[first:end] = text.embedded.reshape(-1).numpy()
            row, first, room_turned = behind, end, room_turned + 4 * self._most_keys * turned[number]
        given[PASS.normed], given[PASS.table] = normed.data_ptr(), rotary.address
        given[PASS.meeting] = meeting = numbers.ctypes.data
        given[PASS.told], given[PASS.texts] = meeting + 8 * of_rows, meeting + 8 * of_texts
        given[PASS.num_texts], given[PASS.keys_only] = len(texts), keys_only
        if (soft := self._soft(texts, counts)) is not None:
            given[PASS.soft] = soft.data_ptr()
        if (clock := self._clock) is not None:
            given[PASS.clock] = clock.ctypes.data
        run_with(self.kernel, given.ctypes.data)
        if room.nbytes <= _SPARE_UP_TO:
            self._spare[:] = [room]
        return normed.view(rows, self.size)

    def has_met(self, keys: Sequence[Tensor]) -> bool:
        """Whether `run` was called with these keys before, and self-conditioning's weights are what they were."""
        found = self._met.get(id(keys[0]))
        same = all(weight._version == version for weight, version in self._conditioned_by)
        return same and found is not None and found[0]() is keys[0]

    @abstractmethod
    def _products(self, layer: int, weights: Mapping[str, Tensor], inward: Sequence[str]) -> dict[str, Tensor | int]:
        """Panels of a layer's products, and what else `sizes.LAYER` names of them."""

    @abstractmethod
    def _dense(self, layer: int, weights: Mapping[str, Tensor]) -> dict[str, Tensor | int]:
        """The same of a dense MLP's; self-conditioning stands behind the last layer."""

    def _more_room(self, rows: int, threads: int) -> dict[str, int]:
        """Numbers that do not go by rows."""
        return {}

    def _router(self, weight_ED: Tensor) -> Tensor:
        """The router's weight as the kernel reads it."""
        return weight_ED

    def _lay_out(self, weights: Sequence[Mapping[str, Tensor]], conditioning: Mapping[str, Tensor] | None) -> None:
        pairs = enumerate(zip(weights, self._shapes, strict=True))
        rows = [self._entries(number, *pair) for number, pair in pairs]
        own = conditioning or {}
        rows.append({"input_norm": own["pre_norm.weight"], **self._dense(len(rows), own)} if own else {})
        self.table = np.array([[self._number(row.get(name, 0)) for name in LAYER._fields] for row in rows])

    def _planned(self, rows: int, reach: int, turned: int, threads: int) -> _Plan:
        """For rows that see no farther than `reach`, of texts of which `turned` keys are turned."""
        # Scores come in whole panels; behind them is a number for each row of a tile.
        scores = reach + PANEL
        widths = {name: rows * width for name, width in self._widths.items()}
        widths |= {"scores": threads * TILE_ROWS * scores, "turned": turned * self._most_keys}
        widths |= self._more_room(rows, threads)
        known, free = {**self._settled, "rows": rows, "score_step": 4 * scores}, _APART
        for name, width in widths.items():
            known[name], free = 4 * free, free + -(-width // _LINE) * _LINE + _APART
        given = np.zeros(len(PASS), dtype=np.int64)
        for name, one in known.items():
            given[getattr(PASS, name)] = one.data_ptr() if isinstance(one, Tensor) else one
        if len(self._plans) >= _PLANS:
            self._plans.clear()
        return _Plan(given=given, in_room=np.array([getattr(PASS, name) for name in widths]), needed=free + _LINE)

    def _room(self, needed: int) -> np.ndarray:
        """Memory for so many numbers: what the last call used, if it is enough and no other call uses it."""
        try:
            room = self._spare.pop()
        except IndexError:
            room = np.empty(0, dtype=np.float32)
        return room if len(room) >= needed else np.empty(needed, dtype=np.float32)

    def _entries(self, number: int, weights: Mapping[str, Tensor], shape: LayerShape) -> dict[str, Tensor | int]:
        def norm(name: str) -> Tensor:
            return weights[f"{name}.weight"]

        has_values = "self_attn.v_proj.weight" in weights
        inward = [f"self_attn.{name}_proj.weight" for name in ("qkv" if has_values else "qk")]
        return {
            "router": self._router(weights["router.proj.weight"] * weights["router.scale"] * self.size**-0.5),
            **self._products(number, weights, inward),
            **self._dense(number, weights),
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
            "heads": shape.num_heads,
            "key_heads": shape.num_key_heads,
            "head_dim": shape.head_dim,
            "has_values": int(has_values),
            "window": shape.window,
        }

    def _turns(self, rows: int) -> bool:
        """Whether keys are turned for so many rows of a text."""
        return rows > 1 or self._turns_single_rows

    def _soft(self, texts: Sequence[TextRows], counts: Sequence[int]) -> Tensor | None:
        """What is expected of all rows, zeros of those of which nothing is; None where nothing is of any."""
        if all(text.soft is None for text in texts):
            return None
        parts = [
            torch.zeros(count, self.size) if text.soft is None else text.soft.float().reshape(count, self.size)
            for text, count in zip(texts, counts, strict=True)
        ]
        return torch.cat(parts) if len(parts) > 1 else parts[0].contiguous()

    def _cache_of(self, text: TextRows) -> tuple[np.ndarray, int]:
        """Where keys and values of each layer lie, and the numbers from one key head to the next; and its address."""
        found, address = self._bind(text.keys, text.values)
        if text.first_held:
            # Where the slots of the positions before would lie; no row sees one of them.
            found = found.copy()
            found[:, :2] -= text.first_held * self._window_steps
            address = found.ctypes.data
        return found, address

    def _number(self, entry: Tensor | int) -> int:
        """An address of what is kept, or the number itself."""
        return self._keep(entry).data_ptr() if isinstance(entry, Tensor) else entry

    def _bind(self, keys: Sequence[Tensor], values: Sequence[Tensor]) -> tuple[np.ndarray, int]:
        """`_cache_of` caches that have forgotten nothing, kept for as long as their keys live."""
        found = self._met.get(id(keys[0]))
        if found is None or found[0]() is not keys[0]:
            self._met = {place: known for place, known in list(self._met.items()) if known[0]() is not None}
            rows = [(key.data_ptr(), value.data_ptr(), key.stride(1)) for key, value in zip(keys, values, strict=True)]
            columns = np.array(rows, dtype=np.int64)
            self._met[id(keys[0])] = found = weakref.ref(keys[0]), columns, columns.ctypes.data
        return found[1], found[2]

    def _rotated(self, num_positions: int) -> "_Rotary":
        """The rotary tables of so many positions, one pair for layers that share them."""
        found = {shape.tables: shape.tables(num_positions) for shape in self._shapes}
        pairs = {make: (cos.contiguous(), sin.contiguous()) for make, (cos, sin) in found.items()}
        layers = self.table.copy()
        layers[:-1, _ROTARY_COLUMNS] = [[table.data_ptr() for table in pairs[shape.tables]] for shape in self._shapes]
        tables = tuple(table for pair in pairs.values() for table in pair)
        return _Rotary(num_positions=num_positions, tables=tables, layers=layers, address=layers.ctypes.data)

    def _keep(self, tensor: Tensor) -> Tensor:
        self._kept.append(tensor.detach().contiguous())
        return self._kept[-1]


class Layers(OneCall):
    """Layers of a small network laid out for `run`: weights by the names of `model.Layer`, of a kind that `takes` says
    yes to, with the scales of quantised ones. They are copied, but for norms and scalars."""

    def __init__(
        self,
        weights: Sequence[Mapping[str, Tensor]],
        shapes: Sequence[LayerShape],
        conditioning: Mapping[str, Tensor] | None,
        final_norm_D: Tensor,
        top_k: int,
        eps: float,
    ) -> None:
        super().__init__(weights, shapes, conditioning, final_norm_D, top_k, eps)
        experts = weights[0]["experts.gate_up_proj"]
        self.quantised, self.nibbles = is_quantised(experts), experts.dtype == torch.uint8
        self.kernel = "layers_quantised" if self.quantised else "layers"
        self.halves = not self.quantised and all(
            are_halves(own[name]) for own in (*weights, conditioning or {}) for name in PRODUCTS if name in own
        )
        routed_at = padded(2 * self.width)
        inner = routed_at + padded(2 * self.num_experts * self.expert_width) + self.num_experts
        self._widths["inner"] = inner
        # What rows are as int8, with their sums by group and their scale, for a product and for one by the experts.
        widest = max(self.size, self.width, *(shape.queries for shape in shapes))
        routed_widest = max(self.size, self.num_experts * self.expert_width)
        for name, width in (("", widest), ("routed_", routed_widest)):
            sizes = {"kept": width // 4, "sums": width // GROUP + 1, "scales": 1}
            self._widths |= {f"{name}{kind}": size * self.quantised for kind, size in sizes.items()}
        self._settled |= {"inner_step": 4 * inner, "routed_at": routed_at, "halves": int(self.halves)}
        self._settled |= {"nibbles": int(self.nibbles), "quantised": int(self.quantised)}
        self._lay_out(weights, conditioning)

    def _products(self, layer: int, weights: Mapping[str, Tensor], inward: Sequence[str]) -> dict[str, Tensor | int]:
        if self.quantised:
            return self._quantised_products(weights, inward)
        gate_and_up = weights["experts.gate_up_proj"].unflatten(1, (2, -1)).transpose(0, 1)
        down = weights["experts.down_proj"].transpose(0, 1).flatten(1)
        return {
            "qkv": self._stacked(weights, *inward),
            "o": self._stacked(weights, "self_attn.o_proj.weight"),
            "routed_inward": panels(gate_and_up.flatten(0, 2), halves=self.halves),
            "routed_down": panels(down, halves=self.halves),
        }

    def _dense(self, layer: int, weights: Mapping[str, Tensor]) -> dict[str, Tensor | int]:
        return {
            "dense_inward": self._stacked(weights, "mlp.gate_proj.weight", "mlp.up_proj.weight"),
            "dense_down": self._stacked(weights, "mlp.down_proj.weight"),
        }

    def _stacked(self, weights: Mapping[str, Tensor], *names: str) -> Tensor:
        """Panels of weights of one input, one below the other."""
        values = [weights[name] for name in names]
        if not self.quantised:
            return panels(*values, halves=self.halves)
        return quantised_panels(values, [weights[f"{name}_scale"] for name in names])

    def _quantised_products(self, weights: Mapping[str, Tensor], inward: Sequence[str]) -> dict[str, Tensor | int]:
        # Gates of all experts, then what goes up in them.
        gate_and_up, scale = (
            weights[name].unflatten(1, (2, -1)).transpose(0, 1).flatten(0, 2)
            for name in ("experts.gate_up_proj", "experts.gate_up_proj_scale")
        )
        down, down_scale = side_by_side(weights["experts.down_proj"], weights["experts.down_proj_scale"])
        return {
            "qkv": self._stacked(weights, *inward),
            "o": self._stacked(weights, "self_attn.o_proj.weight"),
            "routed_inward": quantised_panels([gate_and_up], [scale]),
            "routed_down": quantised_panels([down], [down_scale]),
        }


# Numbers between what is written in a pass and anything else. Where arrays lie closer than a round of vectors compiled
# loops take one number at a time, which rounds otherwise: a result would depend on where memory was free.
_APART = 64
_SPARE_UP_TO = 1 << 26
"""Bytes of a room that is kept for the next call."""
_LINE, _LINE_BYTES = 16, 64
"""Numbers and bytes of a line of the processor's cache, at whose beginning arrays lie."""
_PLANS = 256
"""Passes of which it is kept what they are given."""
_ROTARY_COLUMNS = slice(LAYER.cos, LAYER.sin + 1)


PRODUCTS = (
    *(f"self_attn.{name}_proj.weight" for name in "qkvo"),
    *(f"mlp.{name}_proj.weight" for name in ("gate", "up", "down")),
    *("experts.gate_up_proj", "experts.down_proj"),
)
