"""What kernels and their callers agree on."""

CHUNK = 256
"""Entries of a vocabulary that are read, capped and summed before the next: they stay in the nearest cache."""
IMPOSSIBLE = -1e30
"""The logit of what has no probability."""


def candidates(top_k: int) -> int:
    """Room for the candidates of a row: 2 K are thinned to K, but not within a chunk, and one is written beyond."""
    return 2 * top_k + CHUNK + 1


FIELDS = (
    *("qkv", "o", "inward", "dense_down", "routed_down"),
    *("input_norm", "query_norm", "key_norm", "attention_norm", "dense_norm", "routed_norm", "feedforward_norm"),
    *("per_expert_scale", "encoder_scalar", "decoder_scalar"),
    *("cos", "sin", "keys", "values", "head_step"),
    *("heads", "key_heads", "head_dim", "has_values", "window"),
)
"""One layer's entries in the table of layers, in this order: addresses, then sizes. Weights are panels."""
