"""What a denoise step reads off the vocabulary for each position: argmax, sample, entropy, expected embedding.

Two ways with one result. `read_dense` holds the whole distribution: exact, transformers' draws, and the oracle of the
other. `read_streamed` passes over the vocabulary in blocks (`decode.vocabulary`) and expects the embedding of the 256
best entries, the mean embedding standing for the rest. `read` takes the dense way where it is small.

Shapes: B rows, L canvas positions, V vocabulary, D hidden.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dgemma.decode.constrain import Walk
from dgemma.decode.vocabulary import summarise, uniforms_per_row
from dgemma.errors import UsageError
from dgemma.model import DiffusionGemma

Generators = torch.Generator | Sequence[torch.Generator]
"""One generator for a whole batch (transformers' draws, in its order), or one for each row (same tokens alone or not; a
draw takes one number instead of one for every entry, 2.5 ms less for 64 positions and 1,536 entries)."""

DENSE_UP_TO = 1 << 20
"""Entries (positions times vocabulary) up to which the dense way is taken: a few buffers of 4 MB each."""

SOFT_TOP_K = 256


@dataclass(frozen=True, kw_only=True)
class HeadReading:
    """One step's view of the vocabulary, after soft cap and temperature.

    argmax_BL, sample_BL  ids            entropy_BL  nats, float32
    soft_BLD              expected embedding, the next step's self-conditioning
    top_ids_BLK, top_logprobs_BLK        the `top_k` best ids with their log probabilities; None without top_k
    argmax_logprob_BL                    the log probability of the argmax, which a constraint may have put off the top
    """

    argmax_BL: Tensor
    sample_BL: Tensor
    entropy_BL: Tensor
    soft_BLD: Tensor
    top_ids_BLK: Tensor | None = None
    top_logprobs_BLK: Tensor | None = None
    argmax_logprob_BL: Tensor | None = None


def read(
    network: DiffusionGemma,
    hidden_BLD: Tensor,
    temperature: float,
    generator: Generators,
    top_k: int = 0,
    forbidden_first: Sequence[int] = (),
    forbidden: Sequence[int] = (),
    constraint: Walk | None = None,
    exact: bool = False,
) -> HeadReading:
    """Reads the vocabulary at every position of `hidden_BLD`.

    `forbidden_first` ids get no probability at position 0, `forbidden` ids none anywhere, in the sample, the entropy
    and the expected embedding alike. `exact`, a `constraint` (see `read_dense`) and few entries in all (`DENSE_UP_TO`)
    take the dense way, everything else the streamed one.
    """
    many = not exact and hidden_BLD[..., 0].numel() * network.config.vocab_size > DENSE_UP_TO
    if constraint is not None or not many:
        soft_top_k = SOFT_TOP_K if many else None
        return read_dense(
            network, hidden_BLD, temperature, generator, top_k, forbidden_first, forbidden, constraint, soft_top_k
        )
    return read_streamed(network, hidden_BLD, temperature, generator, top_k, forbidden_first, forbidden)


def read_streamed(
    network: DiffusionGemma,
    hidden_BLD: Tensor,
    temperature: float,
    generator: Generators,
    top_k: int = 0,
    forbidden_first: Sequence[int] = (),
    forbidden: Sequence[int] = (),
    soft_top_k: int | None = SOFT_TOP_K,
) -> HeadReading:
    """`read` in blocks of the vocabulary, in memory that does not grow with it.

    `soft_top_k` entries make the expected embedding, the rest counting as evenly spread; None takes all of them, at
    the price of a second product with the whole embedding. The sample has the same distribution as the dense way's,
    but is another draw.
    """
    batch, length, size = hidden_BLD.shape
    summary = summarise(
        network,
        hidden_BLD.reshape(batch * length, size),
        temperature,
        _uniforms(generator, batch, length, uniforms_per_row(network.config.vocab_size), hidden_BLD.device),
        top_k=max(1, top_k, soft_top_k or 0),
        exact_mean=soft_top_k is None,
        forbidden=forbidden,
        forbidden_rows=[(row * length, token) for row in range(batch) for token in forbidden_first],
    )
    ids_BLK = summary.top_ids_NK.view(batch, length, -1)
    logprobs_BLK = summary.top_logprobs_NK.view(batch, length, -1)
    soft_ND = summary.mean_ND
    if soft_ND is None:
        soft_ND = network.expect_top(summary.top_logprobs_NK[:, :soft_top_k].exp(), summary.top_ids_NK[:, :soft_top_k])
    return HeadReading(
        argmax_BL=ids_BLK[..., 0],
        sample_BL=summary.sample_N.view(batch, length),
        entropy_BL=summary.entropy_N.view(batch, length),
        soft_BLD=soft_ND.view(batch, length, size).to(hidden_BLD.dtype),
        top_ids_BLK=ids_BLK[..., :top_k] if top_k else None,
        top_logprobs_BLK=logprobs_BLK[..., :top_k] if top_k else None,
        argmax_logprob_BL=logprobs_BLK[..., 0] if top_k else None,
    )


def read_dense(
    network: DiffusionGemma,
    hidden_BLD: Tensor,
    temperature: float,
    generator: Generators,
    top_k: int = 0,
    forbidden_first: Sequence[int] = (),
    forbidden: Sequence[int] = (),
    constraint: Walk | None = None,
    soft_top_k: int | None = None,
) -> HeadReading:
    """`read` with the whole distribution in memory; with a `constraint`, on one row, each distribution is the marginal
    over all valid paths, and the argmax is the best of them.

    With one generator and no `soft_top_k` the sample is drawn by `torch.multinomial` over [B * L, V] float32
    probabilities, as transformers draws it; else by one number each. `soft_top_k` entries make the expected embedding,
    as in `read_streamed`.
    """
    scaled_BLV = network.logits(hidden_BLD) / temperature
    if forbidden_first:
        scaled_BLV[:, 0, list(forbidden_first)] = -torch.inf
    if forbidden:
        scaled_BLV[:, :, list(forbidden)] = -torch.inf
    best_BL: Tensor | None = None
    if constraint is not None:
        if len(scaled_BLV) != 1:
            raise UsageError(f"A constraint holds one row, and the batch has {len(scaled_BLV)}.")
        weights_LV, best_L = constraint.read(scaled_BLV[0])
        scaled_BLV, best_BL = weights_LV[None], best_L[None]
    probabilities = torch.softmax(scaled_BLV, dim=-1)
    log_probabilities = scaled_BLV - scaled_BLV.logsumexp(dim=-1, keepdim=True)
    # An id without probability adds nothing, and 0 * -inf would be nan.
    floor = torch.finfo(torch.float32).min
    entropy_BL = -(log_probabilities.clamp(min=floor) * log_probabilities.softmax(-1)).sum(-1)
    top = log_probabilities.topk(min(top_k, log_probabilities.shape[-1]), dim=-1) if top_k else None
    argmax_BL = scaled_BLV.argmax(dim=-1) if best_BL is None else best_BL
    if soft_top_k is None and isinstance(generator, torch.Generator):
        sample_BL = draw(probabilities, generator)
    else:
        sample_BL = draw_by_sums(probabilities, generator)
    return HeadReading(
        argmax_BL=argmax_BL,
        sample_BL=sample_BL,
        entropy_BL=entropy_BL,
        soft_BLD=_expect(network, probabilities, soft_top_k).to(hidden_BLD.dtype),
        top_ids_BLK=None if top is None else top.indices,
        top_logprobs_BLK=None if top is None else top.values,
        argmax_logprob_BL=log_probabilities.gather(-1, argmax_BL[..., None])[..., 0] if top_k else None,
    )


def draw(probabilities_BLV: Tensor, generator: torch.Generator) -> Tensor:
    """One id per position, as transformers draws it -> [B, L]."""
    flat = probabilities_BLV.flatten(0, 1)
    return torch.multinomial(flat, 1, generator=generator).view(probabilities_BLV.shape[:-1])


def draw_by_sums(probabilities_BLV: Tensor, generator: Generators) -> Tensor:
    """One id per position -> [B, L]: the first whose running sum exceeds a random share of the whole one."""
    batch, length, _ = probabilities_BLV.shape
    sums_BLV = probabilities_BLV.cumsum(-1)
    whole_BL1 = sums_BLV[..., -1:]
    wanted_BL1 = whole_BL1 * _uniforms(generator, batch, length, 1, sums_BLV.device).view(batch, length, 1)
    # Rounding up to the whole sum would leave no id.
    below_BL1 = torch.nextafter(whole_BL1, torch.zeros_like(whole_BL1))
    return torch.searchsorted(sums_BLV, torch.minimum(wanted_BL1, below_BL1), right=True).squeeze(-1)


def random_ids(vocab_size: int, shape: tuple[int, int], generator: Generators, device: torch.device) -> Tensor:
    """Uniform ids over the whole vocabulary -> [B, L]."""
    if isinstance(generator, torch.Generator):
        return torch.randint(vocab_size, shape, generator=generator, device=device)
    return torch.cat([torch.randint(vocab_size, (1, shape[1]), generator=own, device=device) for own in generator])


def _uniforms(generator: Generators, batch: int, length: int, count: int, device: torch.device) -> Tensor:
    """Numbers in [0, 1) -> [B * L, count]."""
    if isinstance(generator, torch.Generator):
        return torch.rand(batch * length, count, generator=generator, device=device)
    return torch.cat([torch.rand(length, count, generator=own, device=device) for own in generator])


def _expect(network: DiffusionGemma, probabilities_BLV: Tensor, top_k: int | None) -> Tensor:
    if top_k is None:
        return network.expect(probabilities_BLV)
    top = probabilities_BLV.flatten(0, 1).topk(min(top_k, probabilities_BLV.shape[-1]), sorted=False)
    return network.expect_top(top.values, top.indices).view(*probabilities_BLV.shape[:-1], -1)
