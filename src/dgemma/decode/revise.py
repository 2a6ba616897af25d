"""Revises a text in place: `doubt` rates how unlikely the model finds each token, `revise` denoises the unlikely ones.

All other tokens are pinned, that is, restored in every step, so the result contains them unchanged. Knows nothing of
requests or text. Works on one row; L canvas positions.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from dgemma.cache import KVCache
from dgemma.config import SamplerConfig
from dgemma.decode import head
from dgemma.decode.denoise import DenoiseStep, denoise
from dgemma.decode.infill import log_probabilities
from dgemma.errors import UsageError
from dgemma.model import DiffusionGemma


@torch.inference_mode()
def doubt(network: DiffusionGemma, cache: KVCache, ids_L: Tensor) -> Tensor:
    """1 - p for each token of a text that follows the cache's tokens -> float32 [L].

    p is the probability of the token at its own position when the network reads the whole text as a canvas.
    """
    hidden_BLD = network.denoise(ids_L[None], cache)
    return 1 - log_probabilities(network, hidden_BLD[0], ids_L).exp()


@torch.inference_mode()
def revise(
    network: DiffusionGemma,
    cache: KVCache,
    sampler: SamplerConfig,
    generator: head.Generators,
    ids_L: Tensor,
    strength: float,
    forbidden: Sequence[int] = (),
) -> Iterator[DenoiseStep]:
    """Denoises the tokens of a text whose probability is below `strength` (0 .. 1), starting from the text itself.

    0 pins every token, 1 none; `forbidden` ids are not written. Yields nothing if every token is pinned. Raises
    UsageError for a strength outside 0 .. 1.
    """
    if not 0 <= strength <= 1:
        raise UsageError(f"strength must be between 0 and 1, not {strength}.")
    pinned_L = 1 - doubt(network, cache, ids_L) >= strength
    if strength == 1:
        pinned_L = torch.zeros_like(pinned_L)
    if bool(pinned_L.all()):
        return
    yield from denoise(
        network,
        cache,
        sampler,
        generator,
        len(ids_L),
        canvas_BL=ids_L[None].clone(),
        forbidden=forbidden,
        pinned_BL=pinned_L[None],
    )
