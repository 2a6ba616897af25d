"""Constants and argument layouts shared by the kernels and the Python code that calls them.

A kernel takes one array of int64: addresses and sizes. The named tuples and name lists below give the index of each.
A stride is the number of bytes from one row to the next.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

FLOAT32, BFLOAT16, FIXED24, BFLOAT16_PAIRS = range(4)
"""Formats of float panels. FIXED24 are 24-bit integers in a unit for each output: of every input the upper 16 bits of
PANEL outputs and then their lower 8 bits, and at the end the float32 units [PANEL]. BFLOAT16_PAIRS are for rows in
bfloat16: of every two inputs both weights of each output side by side; an odd input is paired with zeros."""

FLOAT_ROWS, INT8_ROWS, BFLOAT16_ROWS = range(3)
"""What a pass makes of the rows of a product's input: nothing, int8 (for quantised weights), or bfloat16 (for
BFLOAT16_PAIRS)."""

CHUNK = 256
"""Vocabulary entries that are soft-capped and summed together, while they stay in the first-level cache."""
IMPOSSIBLE = -1e30
"""The logit of an id without probability: finite, so that its product with zero, or the difference of two, is not
nan."""


def candidate_capacity(top_k: int) -> int:
    """Size of a row's candidate buffer: 2 K candidates are cut down to K, but only after a whole chunk, and one entry
    is written past the last candidate."""
    return 2 * top_k + CHUNK + 1


@dataclass(frozen=True, kw_only=True)
class LayerShape:
    """Sizes of a layer that its weights do not show. `window` is 0 for full attention; `tables` returns the rotary cos
    and sin [positions, head dim] for a number of positions."""

    num_heads: int
    num_key_heads: int
    head_dim: int
    window: int
    tables: Callable[[int], tuple[Tensor, Tensor]]

    @property
    def query_size(self) -> int:
        """Size of a row's queries, all heads together."""
        return self.num_heads * self.head_dim

    @property
    def key_size(self) -> int:
        """Size of a row's keys, all key heads together."""
        return self.num_key_heads * self.head_dim


class NetworkWeights(NamedTuple):
    """What all layers of a network are computed from.

    layers, conditioning   weights by the names of `model.Layer` and `model.SelfConditioning`; None to leave this out
    shapes                 one for each layer
    """

    layers: Sequence[Mapping[str, Tensor]]
    shapes: Sequence[LayerShape]
    conditioning: Mapping[str, Tensor] | None
    final_norm_D: Tensor
    top_k: int
    eps: float


class _Layer(NamedTuple):
    # Addresses of the weight matrices: panels, or with many experts the quantised weights themselves.
    qkv: int
    o: int
    dense_inward: int
    dense_down: int
    routed_inward: int
    routed_down: int
    router: int
    # Addresses of norm weights and scalars.
    input_norm: int
    query_norm: int
    key_norm: int
    attention_norm: int
    pre_dense_norm: int
    pre_routed_norm: int
    dense_norm: int
    routed_norm: int
    feedforward_norm: int
    per_expert_scale: int
    encoder_scalar: int
    decoder_scalar: int
    # Addresses of the rotary tables.
    cos: int
    sin: int
    # Sizes.
    num_heads: int
    num_key_heads: int
    head_dim: int
    has_values: int
    window: int
    # With many experts: the address of the scales of a quantised weight; for float panels, their format.
    qkv_scale: int
    o_scale: int
    dense_inward_scale: int
    dense_down_scale: int
    routed_inward_scale: int
    routed_down_scale: int
    # Quantised weights that are not copied into panels cannot be stacked: `qkv` is then the queries' weight alone and
    # `dense_inward` the gate's; these are the others.
    k: int
    v: int
    up: int
    k_scale: int
    v_scale: int
    up_scale: int


LAYER = _Layer(*range(len(_Layer._fields)))
"""Columns of the layer table (int64), which has one row for each layer. A last row is for self-conditioning: its norm
as `input_norm`, and its dense MLP."""


class _Row(NamedTuple):
    # Position in its text, which is also its slot in the KV cache.
    position: int
    # The position from which a sliding window counts back, and the end of the keys that the row attends to. Both are
    # the row's own for a clean token, and those of the canvas for a canvas position.
    window_origin: int
    key_end: int
    # One of `KIND`, and the index of its text.
    kind: int
    text: int


ROW = _Row(*range(len(_Row._fields)))
"""Columns of the row table (int64), which has one row for each row of the pass."""


class _Kind(NamedTuple):
    clean: int
    canvas: int
    conditioned: int


KIND = _Kind(*range(len(_Kind._fields)))
"""Kinds of row: a clean token, a canvas position, or a canvas position with self-conditioning."""


class _Text(NamedTuple):
    # Its rows are adjacent.
    row_begin: int
    row_end: int
    # The address of its buffer for transposed keys, and of its cache table: for each layer the addresses of keys and
    # values, and the number of floats from one key head to the next.
    transposed_keys: int
    cache: int


TEXT = _Text(*range(len(_Text._fields)))
"""Columns of the text table (int64)."""


class _Clock(NamedTuple):
    last: int
    attention: int
    dense: int
    experts: int
    rest: int


CLOCK = _Clock(*range(len(_Clock._fields)))
"""Indices of the cycle counters: `last` is the time stamp at which the previous part ended, the others count the cycles
of each part of a pass."""


class _Pass(NamedTuple):
    # Addresses of float rows [N, hidden_size], the last norm's weight, the three tables, and eps (float32).
    hidden: int
    soft: int
    normed: int
    final_norm: int
    row_table: int
    text_table: int
    layer_table: int
    eps: int
    # Addresses of workspace. For N rows each: `projected` holds queries, keys and values before norm and rotation, then
    # the attention output; `queries` the rotated queries (and keys and values on their way to a bfloat16 cache);
    # `block_out` the output of attention or the dense MLP; `inner` gate and up; `routed` the experts' input, then their
    # output. `scores` has a part for each thread; `transposed_keys` holds one layer's keys of all texts. Then the
    # address of the barrier's counter (int64, zero).
    projected: int
    queries: int
    block_out: int
    inner: int
    routed: int
    scores: int
    transposed_keys: int
    barrier: int
    # Strides; `routed` and `expert_out` have that of `block_out`.
    projected_stride: int
    query_stride: int
    block_stride: int
    inner_stride: int
    score_stride: int
    # Sizes.
    num_rows: int
    num_texts: int
    hidden_size: int
    depth: int
    keys_only: int
    dense_width: int
    num_experts: int
    expert_width: int
    top_k: int
    # Whether keys are transposed even for a text with a single row, and whether the KV cache is bfloat16, not float32.
    transposes_single_rows: int
    cache_is_bfloat16: int
    # With few experts: the format of all panels, and where the experts' part of a row of `inner` begins (in floats).
    panel_format: int
    routed_offset: int
    # Workspace for rows quantised to int8: values, sums and scales (`quantised_kernels.quantise_row`) of the input of
    # attention or the dense MLP, and of the experts' input; of rows in bfloat16, values alone. Then whether weights are
    # int4, and FLOAT_ROWS, INT8_ROWS or BFLOAT16_ROWS.
    dense_values: int
    dense_sums: int
    dense_scales: int
    routed_values: int
    routed_sums: int
    routed_scales: int
    is_int4: int
    row_format: int
    # With many experts: the router's input and logits, each row's k expert ids and weights, for each of these slots the
    # number of its pair, the row of each pair, the number of pairs of each expert, and the next free pair of each.
    router_in: int
    logits: int
    expert_ids: int
    expert_weights: int
    pair_of_slot: int
    row_of_pair: int
    expert_counts: int
    next_pair: int
    logits_stride: int
    # For each pair of a row and one of its experts: the row's input, gate and up, and the expert's output; then the
    # int8 values, sums and scales of a product's input, or its bfloat16 values.
    gathered: int
    pair_inner: int
    expert_out: int
    pair_inner_stride: int
    pair_values: int
    pair_sums: int
    pair_scales: int
    # A buffer for one unpacked panel for each thread, and its size in bytes.
    panel_buffer: int
    panel_buffer_stride: int
    # Cycles by part (`CLOCK`), or 0.
    clock: int


PASS = _Pass(*range(len(_Pass._fields)))
"""Arguments of a pass over all layers."""

INT8, INT4, GROUPED_INT8 = range(3)
"""Formats of a quantised weight: int8 with a scale for each output, int4 with a scale for each group of inputs, int8
with a scale for each group of inputs. The flag `is_int4` serves as the format where only the first two occur."""
QUAD = 4
"""Inputs whose products with bytes are added at once."""
EDGE_ROWS = 8
"""Rows of products with a last, partial panel that are buffered before their valid outputs are copied."""

ROUTED_ARGUMENTS = (
    *("values", "sums", "scale", "row_of_pair", "expert_counts", "pair_of_slot", "weights"),
    *("gate_up", "gate_up_scale", "down", "down_scale"),
    *("pair_values", "pair_sums", "pair_scale", "inner", "inner_values", "inner_sums", "expert_out", "out"),
    *("panel_buffer", "panel_buffer_stride", "barrier"),
    *("num_rows", "top_k", "hidden_size", "expert_width", "num_experts", "weight_format"),
)
"""Arguments of `quantised_kernels.experts_rows`, in order: addresses, then sizes."""

FAINT = 1e-200
"""Backward weights (the largest of all states being 1) above this are exact to the last digits; those below may have
underflowed."""

NEGLIGIBLE = 1e-12
"""The largest share of all paths that may pass through states whose backward weight is below FAINT."""

POSITION = ("num_states", "num_single", "state_offset", "first_transition", "targets", "sets")
"""Columns of the position table of a constrained canvas: the number of states; how many of them, the first ones, have a
single transition; the number of states of all earlier positions; then the addresses of the transitions. A last row
stands for the end of the canvas."""

PATH_ARGUMENTS = (
    *("logits", "settings", "forbidden", "uniforms"),
    *("ids", "group_of_id", "first_id", "groups", "first_group", "sets", "first_set", "used"),
    *("positions", "scratch", "group_largest", "set_log_sums", "set_largest", "set_weights", "marginals"),
    *("backward", "forward", "scales", "best_sets", "result_ids", "entropy", "failed", "barrier"),
    *("num_positions", "vocabulary", "num_ids", "num_groups", "num_sets", "num_members", "num_states", "most_states"),
    *("num_forbidden", "as_logs"),
)
"""Arguments of `path_kernels.paths`, in order: addresses, then sizes."""
