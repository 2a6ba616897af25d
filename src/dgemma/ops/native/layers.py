"""Fused layers: all layers of a network over the rows of one or several texts in one kernel call.

Launch overhead is a large part of an unfused pass: a layer has a hundred operations, and for a few rows each takes less
time than its call. The kernel reads each weight once for all rows. float32 weights that bfloat16 holds exactly, as in
most files, are stored as bfloat16, because a token is bound by memory bandwidth.

`dense.FusedDenseLayers` is for small networks, `routed.FusedRoutedLayers` for networks with many experts.

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

from dgemma.ops.native.machine import PANEL, TILE_ROWS, run_with
from dgemma.ops.native.panels import padded
from dgemma.ops.native.rows import TextRows
from dgemma.ops.native.sizes import (
    BFLOAT16_ROWS,
    CLOCK,
    FLOAT_ROWS,
    INT8_ROWS,
    LAYER,
    PASS,
    ROW,
    TEXT,
    LayerShape,
    NetworkWeights,
)
from dgemma.quant import GROUP


def are_plain(weights: Sequence[Mapping[str, Tensor]]) -> bool:
    """Whether everything except the weight matrices is float32 or bfloat16 (the scales of quantised ones float32),
    without gradients."""
    others = {name: tensor for own in weights for name, tensor in own.items() if name not in PRODUCTS}
    if any(tensor.requires_grad for tensor in others.values()):
        return False
    kinds = (torch.float32, torch.bfloat16)
    return all(tensor.dtype in (kinds[:1] if name in _SCALES else kinds) for name, tensor in others.items())


@dataclass(frozen=True, kw_only=True)
class _Rotary:
    """Rotary tables for a number of positions, and the layer table (with its address) that points to them."""

    num_positions: int
    tables: tuple[Tensor, ...]
    layers: np.ndarray
    address: int


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """Arguments that passes of the same size share. `args` has the values of `sizes.PASS` that are known in advance;
    those at the indices `workspace_args` are byte offsets into the workspace, which holds `workspace_size` floats."""

    args: np.ndarray
    workspace_args: np.ndarray
    workspace_size: int


class FusedLayers(ABC):
    """Base of both kinds of fused layers. `_row_sizes` holds the number of floats of workspace for each row, and
    `_constants` the arguments that are the same in every pass; both by the names of `sizes.PASS`."""

    kernel: str
    row_format = FLOAT_ROWS
    """How rows are packed before a product: FLOAT_ROWS, INT8_ROWS or BFLOAT16_ROWS."""
    _transposes_single_rows = True
    """Whether keys are transposed even for a text with a single row."""
    counts_cycles = platform.machine() in ("x86_64", "AMD64")
    """Whether `timed` works: other processors do not let programs read their cycle counter."""

    def __init__(self, network: NetworkWeights) -> None:
        weights, shapes, conditioning, final_norm_D, top_k, eps = network
        self.conditions = conditioning is not None
        """Whether `run` does self-conditioning; otherwise its canvas rows are already self-conditioned."""
        # Unlike the layers' weights, these may change without invalidating a KV cache.
        tensors = [] if conditioning is None else conditioning.values()
        self._conditioning_versions = [(one, one._version) for one in tensors if not one.is_inference()]
        self._tensors: list[Tensor] = []
        self._shapes, self._rotary = list(shapes), _Rotary(num_positions=0, tables=(), layers=np.zeros(0), address=0)
        self._max_key_size = max(shape.key_size for shape in shapes)
        # Bytes from one position's key to the next, in layers whose cache drops old positions.
        number_bytes, is_bfloat16 = final_norm_D.itemsize, final_norm_D.dtype == torch.bfloat16
        self._window_strides = np.array([[number_bytes * shape.head_dim if shape.window else 0] for shape in shapes])
        self._cache_tables: dict[int, tuple[weakref.ref[Tensor], np.ndarray, int]] = {}
        self._spare_workspace: list[np.ndarray] = []
        self._plans: dict[tuple[int, int, int, int], _Plan] = {}
        first = weights[0]
        self.size, self.top_k = len(final_norm_D), top_k
        self.width = len(first["mlp.gate_proj.weight"])
        self.num_experts, double, _ = first["experts.gate_up_proj"].shape
        self.expert_width = double // 2
        self.eps_1 = torch.tensor([eps])
        self.final_norm_D = self._keep(final_norm_D.float())
        projected = max(padded(shape.query_size + 2 * shape.key_size) for shape in shapes)
        # Keys and values rest behind the queries until they are rounded for the cache.
        queries = max(shape.query_size + is_bfloat16 * 2 * shape.key_size for shape in shapes)
        block_out = padded(self.size)
        self._row_sizes = {
            **{"projected": projected, "queries": queries},
            **{"hidden": self.size, "block_out": block_out, "routed": block_out},
        }
        self._constants: dict[str, Tensor | int] = {
            **{"final_norm": self.final_norm_D, "eps": self.eps_1},
            **{"projected_stride": 4 * projected, "query_stride": 4 * queries, "block_stride": 4 * block_out},
            **{"hidden_size": self.size, "depth": len(shapes), "dense_width": self.width},
            **{"num_experts": self.num_experts, "expert_width": self.expert_width, "top_k": top_k},
            "transposes_single_rows": int(self._transposes_single_rows),
            "cache_is_bfloat16": int(is_bfloat16),
        }
        self._clock: np.ndarray | None = None

    @contextmanager
    def timed(self) -> Iterator[dict[str, float]]:
        """Counts cycles while it is open. The dict is filled at the end with the shares, which add up to 1, of
        attention, the dense MLP, the experts with their router, and the rest in all passes. Nothing else may run these
        layers meanwhile. Raises RuntimeError if `counts_cycles` is False."""
        if not self.counts_cycles:
            raise RuntimeError("this processor does not let programs read its cycle counter")
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

        A text's result does not depend on the other texts, to the last bit. With `keys_only` the last layer only writes
        its keys and values, and the returned tensor is meaningless.
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
            self._rotary = rotary = self._make_rotary(reach + max(256, reach // 8))
        # Keys to transpose, for each text.
        transposed = [padded(end) * self._transposes_keys(count) for end, count in zip(reaches, counts, strict=True)]
        key = (rows, padded(reach), sum(transposed), torch.get_num_threads())
        if (plan := self._plans.get(key)) is None:
            plan = self._plans[key] = self._make_plan(*key)
        # A copy for each call: another thread may be running the kernel.
        args, workspace = plan.args.copy(), self._take_workspace(plan.workspace_size)
        normed = torch.empty(rows * self.size + 2 * _GAP, dtype=torch.float32)[_GAP:-_GAP]
        base = workspace.ctypes.data
        # The kernel overwrites the rows, so it gets a copy.
        hidden_at = (args[PASS.hidden] + -base % _LINE_BYTES) // 4
        args[plan.workspace_args] += base + -base % _LINE_BYTES
        # The barrier's counter on its own cache line, then the text table and the row table.
        texts_at = _LINE_BYTES // 8
        rows_at = texts_at + len(TEXT) * len(texts)
        tables = np.zeros(rows_at + len(ROW) * rows, dtype=np.int64)
        row_table, caches = tables[rows_at:].reshape(rows, len(ROW)), []
        row, transposed_address = 0, int(args[PASS.transposed_keys])
        for number, (text, count) in enumerate(zip(texts, counts, strict=True)):
            cache, address = self._cache_table(text)
            caches.append(cache)
            row_end, end, entry = row + count, hidden_at + self.size * count, texts_at + len(TEXT) * number
            tables[entry : entry + len(TEXT)] = (row, row_end, transposed_address, address)
            text.fill_rows(row_table[row:row_end], number)
            workspace[hidden_at:end] = text.embedded.float().reshape(-1).numpy()
            row, hidden_at = row_end, end
            transposed_address += 4 * self._max_key_size * transposed[number]
        args[PASS.normed], args[PASS.layer_table] = normed.data_ptr(), rotary.address
        args[PASS.barrier] = barrier = tables.ctypes.data
        args[PASS.row_table], args[PASS.text_table] = barrier + 8 * rows_at, barrier + 8 * texts_at
        args[PASS.num_texts], args[PASS.keys_only] = len(texts), keys_only
        if (soft := self._soft(texts, counts)) is not None:
            args[PASS.soft] = soft.data_ptr()
        if (clock := self._clock) is not None:
            args[PASS.clock] = clock.ctypes.data
        run_with(self.kernel, args.ctypes.data)
        if workspace.nbytes <= _MAX_SPARE_BYTES:
            self._spare_workspace[:] = [workspace]
        return normed.view(rows, self.size)

    def has_seen_cache(self, keys: Sequence[Tensor]) -> bool:
        """Whether `run` was called with these keys before and self-conditioning's weights have not changed since."""
        found = self._cache_tables.get(id(keys[0]))
        same = all(weight._version == version for weight, version in self._conditioning_versions)
        return same and found is not None and found[0]() is keys[0]

    @abstractmethod
    def _product_entries(
        self, layer: int, weights: Mapping[str, Tensor], inward: Sequence[str]
    ) -> dict[str, Tensor | int]:
        """Entries of the layer table for attention and the routed experts: weights or panels, and scales."""

    @abstractmethod
    def _dense_entries(self, layer: int, weights: Mapping[str, Tensor]) -> dict[str, Tensor | int]:
        """Entries of the layer table for a dense MLP; self-conditioning's comes after the last layer."""

    def _extra_sizes(self, rows: int, threads: int) -> dict[str, int]:
        """Sizes of further workspace buffers, in floats for the whole pass."""
        return {}

    def _router(self, weight_ED: Tensor) -> Tensor:
        """The router's weight in the layout that the kernel reads."""
        return weight_ED

    def _packed_sizes(self, name: str, width: int, rows: int = 1) -> dict[str, int]:
        """Floats of workspace for packed rows: bfloat16 values, or int8 values, sums of groups and scales."""
        if self.row_format == BFLOAT16_ROWS:
            return {f"{name}_values": rows * -(-width // 2)}
        if self.row_format == INT8_ROWS:
            sums = width // GROUP + 1
            return {f"{name}_values": rows * -(-width // 4), f"{name}_sums": rows * sums, f"{name}_scales": rows}
        return {}

    def _build_table(self, weights: Sequence[Mapping[str, Tensor]], conditioning: Mapping[str, Tensor] | None) -> None:
        """Makes the layer table; called once, at the end of a subclass's constructor."""
        pairs = enumerate(zip(weights, self._shapes, strict=True))
        rows = [self._layer_entries(number, *pair) for number, pair in pairs]
        if conditioning:
            dense = self._dense_entries(len(rows), conditioning)
            rows.append({"input_norm": conditioning["pre_norm.weight"].float(), **dense})
        else:
            rows.append({})
        self.table = np.array([[self._address_or_value(row.get(name, 0)) for name in LAYER._fields] for row in rows])

    def _make_plan(self, rows: int, reach: int, transposed: int, threads: int) -> _Plan:
        """The plan for passes of this many rows that attend to positions below `reach` and transpose this many keys."""
        # Scores are written in whole panels; after them come the tile's sums, one for each row.
        scores = reach + PANEL
        sizes = {name: rows * width for name, width in self._row_sizes.items()}
        sizes |= {"scores": threads * TILE_ROWS * scores, "transposed_keys": transposed * self._max_key_size}
        sizes |= self._extra_sizes(rows, threads)
        values, next_free = {**self._constants, "num_rows": rows, "score_stride": 4 * scores}, _GAP
        for name, width in sizes.items():
            values[name], next_free = 4 * next_free, next_free + -(-width // _LINE_FLOATS) * _LINE_FLOATS + _GAP
        args = np.zeros(len(PASS), dtype=np.int64)
        for name, value in values.items():
            args[getattr(PASS, name)] = value.data_ptr() if isinstance(value, Tensor) else value
        if len(self._plans) >= _MAX_PLANS:
            self._plans.clear()
        return _Plan(
            args=args,
            workspace_args=np.array([getattr(PASS, name) for name in sizes]),
            workspace_size=next_free + _LINE_FLOATS,
        )

    def _take_workspace(self, size: int) -> np.ndarray:
        """Memory for `size` floats: that of the last call, if it is large enough and not in use."""
        try:
            workspace = self._spare_workspace.pop()
        except IndexError:
            workspace = np.empty(0, dtype=np.float32)
        return workspace if len(workspace) >= size else np.empty(size, dtype=np.float32)

    def _layer_entries(self, number: int, weights: Mapping[str, Tensor], shape: LayerShape) -> dict[str, Tensor | int]:
        def norm(name: str) -> Tensor:
            return weights[f"{name}.weight"].float()

        has_values = "self_attn.v_proj.weight" in weights
        inward = [f"self_attn.{name}_proj.weight" for name in ("qkv" if has_values else "qk")]
        router = weights["router.proj.weight"].float() * weights["router.scale"].float() * self.size**-0.5
        return {
            "router": self._router(router),
            **self._product_entries(number, weights, inward),
            **self._dense_entries(number, weights),
            "pre_dense_norm": norm("pre_feedforward_layernorm"),
            "pre_routed_norm": norm("pre_feedforward_layernorm_2"),
            "input_norm": norm("input_layernorm"),
            "query_norm": norm("self_attn.q_norm"),
            "key_norm": norm("self_attn.k_norm"),
            "attention_norm": norm("post_attention_layernorm"),
            "dense_norm": norm("post_feedforward_layernorm_1"),
            "routed_norm": norm("post_feedforward_layernorm_2"),
            "feedforward_norm": norm("post_feedforward_layernorm"),
            "per_expert_scale": weights["router.per_expert_scale"].float(),
            "encoder_scalar": weights["encoder_scalar"].float(),
            "decoder_scalar": weights["decoder_scalar"].float(),
            "num_heads": shape.num_heads,
            "num_key_heads": shape.num_key_heads,
            "head_dim": shape.head_dim,
            "has_values": int(has_values),
            "window": shape.window,
        }

    def _transposes_keys(self, rows: int) -> bool:
        """Whether the keys of a text with this many rows are transposed."""
        return rows > 1 or self._transposes_single_rows

    def _soft(self, texts: Sequence[TextRows], counts: Sequence[int]) -> Tensor | None:
        """The expected embeddings of all rows, zeros for rows without one; None if no text has any."""
        if all(text.soft is None for text in texts):
            return None
        parts = [
            torch.zeros(count, self.size) if text.soft is None else text.soft.float().reshape(count, self.size)
            for text, count in zip(texts, counts, strict=True)
        ]
        return torch.cat(parts) if len(parts) > 1 else parts[0].contiguous()

    def _cache_table(self, text: TextRows) -> tuple[np.ndarray, int]:
        """A text's cache table (for each layer the addresses of keys and values, and the floats from one key head to
        the next), and its address."""
        found, address = self._known_cache_table(text.keys, text.values)
        if text.first_held:
            # The address that position 0 would have; no row attends to a dropped position.
            found = found.copy()
            found[:, :2] -= text.first_held * self._window_strides
            address = found.ctypes.data
        return found, address

    def _address_or_value(self, entry: Tensor | int) -> int:
        """A number as it is; of a tensor, the address of a copy or of the tensor itself, which is kept alive."""
        return self._keep(entry).data_ptr() if isinstance(entry, Tensor) else entry

    def _known_cache_table(self, keys: Sequence[Tensor], values: Sequence[Tensor]) -> tuple[np.ndarray, int]:
        """`_cache_table` of caches that have dropped nothing, remembered for as long as their keys live."""
        found = self._cache_tables.get(id(keys[0]))
        if found is None or found[0]() is not keys[0]:
            alive = [item for item in list(self._cache_tables.items()) if item[1][0]() is not None]
            self._cache_tables = dict(alive)
            rows = [(key.data_ptr(), value.data_ptr(), key.stride(1)) for key, value in zip(keys, values, strict=True)]
            columns = np.array(rows, dtype=np.int64)
            self._cache_tables[id(keys[0])] = found = weakref.ref(keys[0]), columns, columns.ctypes.data
        return found[1], found[2]

    def _make_rotary(self, num_positions: int) -> "_Rotary":
        """The rotary tables for this many positions, one pair for all layers that share them."""
        found = {shape.tables: shape.tables(num_positions) for shape in self._shapes}
        pairs = {make: (cos.contiguous(), sin.contiguous()) for make, (cos, sin) in found.items()}
        layers = self.table.copy()
        layers[:-1, _ROTARY_COLUMNS] = [[table.data_ptr() for table in pairs[shape.tables]] for shape in self._shapes]
        tables = tuple(table for pair in pairs.values() for table in pair)
        return _Rotary(num_positions=num_positions, tables=tables, layers=layers, address=layers.ctypes.data)

    def _keep(self, tensor: Tensor) -> Tensor:
        self._tensors.append(tensor.detach().contiguous())
        return self._tensors[-1]


# Floats between a buffer that a pass writes and any other memory. If two arrays are closer than the vectors of one loop
# iteration, vectorised loops fall back to scalar code, which rounds differently: results would depend on addresses.
_GAP = 64
_MAX_SPARE_BYTES = 1 << 26
"""The largest workspace that is kept for the next call."""
_LINE_FLOATS, _LINE_BYTES = 16, 64
"""Floats and bytes of a cache line; buffers are aligned to it."""
_MAX_PLANS = 256
"""The number of plans that are kept."""
_ROTARY_COLUMNS = slice(LAYER.cos, LAYER.sin + 1)


PRODUCTS = (
    *(f"self_attn.{name}_proj.weight" for name in "qkvo"),
    *(f"mlp.{name}_proj.weight" for name in ("gate", "up", "down")),
    *("experts.gate_up_proj", "experts.down_proj"),
)
_SCALES = frozenset(f"{name}_scale" for name in PRODUCTS)
