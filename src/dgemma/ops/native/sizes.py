"""What kernels and their callers agree on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

CHUNK = 256
"""Entries of a vocabulary that are read, capped and summed before the next: they stay in the nearest cache."""
IMPOSSIBLE = -1e30
"""The logit of what has no probability: finite, so that it may be multiplied by zero and the difference of two of them
is no nan."""


def candidates(top_k: int) -> int:
    """Room for the candidates of a row: 2 K are thinned to K, but not within a chunk, and one is written beyond."""
    return 2 * top_k + CHUNK + 1


@dataclass(frozen=True, kw_only=True)
class LayerShape:
    """What the weights do not tell: `window` is 0 where a layer sees all that stands before; `tables` gives the rotary
    cos and sin [positions, head dim] of so many positions."""

    num_heads: int
    num_key_heads: int
    head_dim: int
    window: int
    tables: Callable[[int], tuple[Tensor, Tensor]]

    @property
    def queries(self) -> int:
        """The numbers of a row's queries."""
        return self.num_heads * self.head_dim

    @property
    def keys(self) -> int:
        """The numbers of a row's keys."""
        return self.num_key_heads * self.head_dim


class _Layer(NamedTuple):
    # Products, which are panels, or with many experts quantised weights where they lie; the router's weight.
    qkv: int
    o: int
    dense_inward: int
    dense_down: int
    routed_inward: int
    routed_down: int
    router: int
    # Norms and scalars.
    input_norm: int
    query_norm: int
    key_norm: int
    attention_norm: int
    before_dense_norm: int
    before_routed_norm: int
    dense_norm: int
    routed_norm: int
    feedforward_norm: int
    per_expert_scale: int
    encoder_scalar: int
    decoder_scalar: int
    # Rotary tables.
    cos: int
    sin: int
    # Sizes.
    heads: int
    key_heads: int
    head_dim: int
    has_values: int
    window: int
    # With many experts, the addresses of the scales of quantised weights; of panels, whether they are bfloat16.
    qkv_scale: int
    o_scale: int
    dense_inward_scale: int
    dense_down_scale: int
    routed_inward_scale: int
    routed_down_scale: int
    # Quantised weights are not laid out: keys and values stand beside queries, and what goes up beside its gate.
    k: int
    v: int
    up: int
    k_scale: int
    v_scale: int
    up_scale: int


LAYER = _Layer(*range(len(_Layer._fields)))
"""The place of each of a layer's entries, addresses and sizes, in the table of layers. A last row of it is
self-conditioning's: its norm, which is an input norm, and its dense MLP."""


class _Row(NamedTuple):
    # Its place in its text, which is the number of its slot in the cache.
    position: int
    # Where a window is counted from, and one past the last key that it sees: its own place, or its canvas.
    begin: int
    behind: int
    # One of `KIND`; which text it is of.
    kind: int
    text: int


ROW = _Row(*range(len(_Row._fields)))
"""The place of each thing that is told of a row."""


class _Kind(NamedTuple):
    clean: int
    canvas: int
    conditioned: int


KIND = _Kind(*range(len(_Kind._fields)))
"""What a row is: a clean token, a position of a canvas, or one that comes with an expectation."""


class _Text(NamedTuple):
    # Its rows follow each other.
    first: int
    behind: int
    # The addresses of room for its keys, and of its cache: for each layer those of keys and of values, and the numbers
    # from one key head to the next.
    turned: int
    cache: int


TEXT = _Text(*range(len(_Text._fields)))
"""The place of each thing that is told of a text."""


class _Clock(NamedTuple):
    last: int
    attention: int
    dense: int
    experts: int
    rest: int


CLOCK = _Clock(*range(len(_Clock._fields)))
"""Where the cycles of each part of a pass are counted, and when the last part ended."""


class _Pass(NamedTuple):
    # Rows, and what is known of them.
    hidden: int
    soft: int
    normed: int
    final_norm: int
    told: int
    texts: int
    table: int
    eps: int
    # Room for N rows each; for each thread's scores, and for a layer's keys of all texts; a zero to meet at.
    joined: int
    attended: int
    added: int
    inner: int
    routed: int
    scores: int
    turned: int
    meeting: int
    # Bytes from one row to the next.
    joined_step: int
    attended_step: int
    added_step: int
    inner_step: int
    score_step: int
    # Sizes.
    rows: int
    num_texts: int
    size: int
    depth: int
    keys_only: int
    width: int
    experts: int
    expert_width: int
    top_k: int
    # Whether a text's keys are turned for a single row, too.
    turns_single_rows: int
    # With few experts: whether all panels are bfloat16, and where what the experts make begins in a row of `inner`.
    halves: int
    routed_at: int
    # Room for rows as int8, those that attention and the dense MLP read and those that the experts read; whether
    # weights are int4, and whether they are quantised at all.
    kept: int
    sums: int
    scales: int
    routed_kept: int
    routed_sums: int
    routed_scales: int
    nibbles: int
    quantised: int
    # With many experts: rows as the router reads them, its logits, the experts that it chose for each row, their
    # weights, where a row's pairs are, whose a pair is, how many pairs an expert has and where the next of them goes.
    units: int
    logits: int
    chosen: int
    shares: int
    back: int
    pair_rows: int
    counts: int
    following: int
    logits_step: int
    # Rows, what is between the two products, and answers, of each pair of a row and one of its experts; as int8 too.
    gathered: int
    pair_inner: int
    answers: int
    pair_inner_step: int
    pair_kept: int
    pair_sums: int
    pair_scales: int
    # Room for a panel of each thread, and the bytes of one.
    unpacked: int
    unpacked_step: int
    # Cycles by part (`CLOCK`), or 0.
    clock: int


PASS = _Pass(*range(len(_Pass._fields)))
"""The place of each thing that a pass over all layers is given."""

BYTES_BY_GROUP = 2
"""What tells that int8 weights have a scale for each group of inputs; 1 tells it of int4 ones."""
QUAD = 4
"""Inputs whose products with bytes are added at once."""
PART_ROWS = 8
"""Rows whose part of a last panel is kept before it is copied."""

ROUTED_ROWS = (
    *("values", "sums", "scale", "rows_of_pairs", "counts", "back", "weights"),
    *("gate_up", "gate_up_scale", "down", "down_scale"),
    *("pair_values", "pair_sums", "pair_scale", "inner", "inner_values", "inner_sums", "answers", "out"),
    *("room", "room_step", "meeting", "rows", "top_k", "size", "width", "experts", "grouped"),
)
"""What the routed experts of quantised rows are given, in this order: addresses, then sizes."""

FAINT = 1e-200
"""What lies behind a state, the most of all states being 1, is exact to the last digits above this."""

NEGLIGIBLE = 1e-12
"""The share of all paths that may come through states behind which less than FAINT lies."""

STEP = ("states", "single", "offset", "first", "targets", "sets")
"""One position's entries in the table of a canvas' paths, in this order: how many states it has, how many of them, the
first ones, have one transition, how many states the positions before it have, then the addresses of its transitions.
A last entry stands for what is behind the canvas."""

PATHS = (
    *(
        "logits",
        "settings",
        "forbidden",
        "uniforms",
        "ids",
        "group_of_id",
        "first_id",
        "groups",
        "first_group",
        "sets",
        "first_set",
        "used",
    ),
    *("steps", "gathered", "largest", "sums", "best", "weights", "shares", "behind", "ahead", "scales", "chosen"),
    *("found", "entropy", "failed", "meeting"),
    *(
        "rows",
        "vocabulary",
        "num_ids",
        "num_groups",
        "num_sets",
        "num_members",
        "num_states",
        "most_states",
        "barred",
        "logs",
    ),
)
"""What a reading of all paths is given, in this order: addresses, then sizes."""
