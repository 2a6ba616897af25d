"""The interface through which decoding runs the network.

Functions of `decode` that run passes take a `passes` argument, by default the network itself; CUDA graphs
(`graphs.RecordedPasses`) compute the same.

Shapes: B rows, T clean tokens, L canvas positions, D hidden.
"""

from typing import Protocol

from torch import Tensor

from dgemma.cache import KVCache


class Passes(Protocol):
    """The three passes of `DiffusionGemma`, run by its own methods or replayed from recordings."""

    def encode(self, tokens_BT: Tensor, cache: KVCache) -> Tensor: ...

    def denoise(
        self, canvas_BL: Tensor, cache: KVCache, soft_BLD: Tensor | None = None, rows: Tensor | None = None
    ) -> Tensor: ...

    def encode_and_denoise(self, tokens_BT: Tensor, canvas_BL: Tensor, cache: KVCache) -> tuple[Tensor, Tensor]: ...
