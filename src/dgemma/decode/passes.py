"""What decoding asks of a network.

Every function of `decode` that computes passes takes a `passes`, by default the network's own methods; recorded ones
(`graphs`) compute the same.

Shapes: B rows, T clean tokens, L canvas positions, D hidden.
"""

from typing import Protocol

from torch import Tensor

from dgemma.cache import KVCache


class Passes(Protocol):
    """What decoding asks of a network: `DiffusionGemma`'s own methods, or their recorded twins."""

    def encode(self, tokens_BT: Tensor, cache: KVCache) -> Tensor: ...

    def denoise(
        self, canvas_BL: Tensor, cache: KVCache, soft_BLD: Tensor | None = None, rows: Tensor | None = None
    ) -> Tensor: ...

    def encode_and_denoise(self, tokens_BT: Tensor, canvas_BL: Tensor, cache: KVCache) -> tuple[Tensor, Tensor]: ...
