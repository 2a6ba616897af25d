"""What kernels and their callers agree on."""

CHUNK = 256
"""Entries of a vocabulary that are read, capped and summed before the next: they stay in the nearest cache."""
IMPOSSIBLE = -1e30
"""The logit of what has no probability."""


def candidates(top_k: int) -> int:
    """Room for the candidates of a row: 2 K are thinned to K, but not within a chunk, and one is written beyond."""
    return 2 * top_k + CHUNK + 1


LAYER = (
    *("qkv", "o", "dense_inward", "dense_down", "routed_inward", "routed_down", "router"),
    *("input_norm", "query_norm", "key_norm", "attention_norm", "before_dense_norm", "before_routed_norm"),
    *("dense_norm", "routed_norm", "feedforward_norm", "per_expert_scale", "encoder_scalar", "decoder_scalar"),
    *("cos", "sin", "keys", "values", "head_step"),
    *("heads", "key_heads", "head_dim", "has_values", "window"),
)
"""One layer's entries in the table of layers, in this order: addresses, then sizes. Weights are panels."""

PASS = (
    *("hidden", "normed", "final_norm", "positions", "table", "eps"),
    *("joined", "attended", "added", "inner", "routed", "scores", "meeting"),
    *("joined_step", "attended_step", "added_step", "inner_step", "score_step"),
    *("rows", "size", "clean", "start", "end", "depth", "keys_only", "halves"),
    *("width", "experts", "expert_width", "top_k", "routed_at"),
    *("kept", "sums", "scales", "routed_kept", "routed_sums", "routed_scales"),
    *("nibbles", "quantised", "turned"),
)
"""What a pass over all layers is given, in this order: addresses, bytes from one row to the next, sizes; where rows are
quantised, room for those that attention and the dense MLP read and for those that the experts read; whether weights are
int4, whether they are quantised at all, and room for a layer's keys."""

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
