"""What a denoise step reads off the vocabulary for each position: argmax, sample, entropy, expected embedding.

Two ways with one result. `read_dense` holds the whole distribution: exact, transformers' draws, and the oracle of the
other. `read_streamed` passes over the vocabulary in blocks (`decode.vocabulary`) and expects the embedding of the 256
best entries, the mean embedding standing for the rest. `read` takes the dense way where it is small. Under a
constraint (`read_held`) the distributions are those over all valid paths.

Shapes: B rows, L canvas positions, V vocabulary, D hidden.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from dgemma.decode.constrain import Walk
from dgemma.decode.vocabulary import summarise, uniforms_per_row
from dgemma.errors import NotFiniteError, UsageError
from dgemma.fused import SMALL_VOCABULARY
from dgemma.fused_calls import HeadCall, compute
from dgemma.model import DiffusionGemma
from dgemma.ops import native
from dgemma.ops.native.sizes import IMPOSSIBLE

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
    and the expected embedding alike. `exact` and few entries in all (`takes_dense`) take the dense way, a `constraint`
    its own (`read_held`), everything else the streamed one. Raises NotFiniteError for hidden states that are not
    numbers, UsageError for a temperature that is not above 0.
    """
    if not 0 < temperature < math.inf:
        raise UsageError(f"The vocabulary is read at a temperature above 0, not at {temperature!r}.")
    refuse_nan(float(hidden_BLD.sum(dtype=torch.float32)))
    if constraint is not None:
        return read_held(network, hidden_BLD, temperature, generator, constraint, top_k, forbidden_first, forbidden)
    dense = exact or takes_dense(network, hidden_BLD[..., 0].numel())
    quick = not exact and not top_k and not isinstance(generator, torch.Generator)
    if dense and quick and (compiled := network.fused_head()) is not None:
        return _read_as_one(compiled, hidden_BLD, temperature, generator, forbidden_first, forbidden)
    way = read_dense if dense else read_streamed
    return way(network, hidden_BLD, temperature, generator, top_k, forbidden_first, forbidden)


def refuse_nan(total: float) -> None:
    """Raises NotFiniteError for a sum of hidden states or entropies that is not a number: neither are the logits then,
    and any id would do."""
    if not math.isfinite(total):
        raise NotFiniteError


def takes_dense(network: DiffusionGemma, positions: int) -> bool:
    """Whether `read` holds the whole distribution of so many positions."""
    vocab_size = network.config.vocab_size
    if positions * vocab_size > DENSE_UP_TO:
        return False
    on_cpu = network.device.type == "cpu"
    return vocab_size <= SMALL_VOCABULARY or not on_cpu or native.load("vocabulary") is None


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
) -> HeadReading:
    """`read` with the whole distribution in memory, computed as transformers computes it.

    With one generator the sample is drawn by `torch.multinomial` over [B * L, V] float32 probabilities, as transformers
    draws it; else by one number each. Raises NotFiniteError for logits that are not numbers.
    """
    scaled_BLV = _scaled_logits(network, hidden_BLD, temperature, forbidden_first, forbidden)
    probabilities = torch.softmax(scaled_BLV, dim=-1)
    log_probabilities = scaled_BLV - scaled_BLV.logsumexp(dim=-1, keepdim=True)
    # An id without probability adds nothing, and 0 * -inf would be nan.
    floor = torch.finfo(torch.float32).min
    entropy_BL = -(log_probabilities.clamp(min=floor) * log_probabilities.softmax(-1)).sum(-1)
    refuse_nan(float(entropy_BL.sum()))
    argmax_BL = scaled_BLV.argmax(dim=-1)
    quick = not isinstance(generator, torch.Generator)
    return HeadReading(
        argmax_BL=argmax_BL,
        sample_BL=draw_by_sums(probabilities, generator) if quick else draw(probabilities, generator),
        entropy_BL=entropy_BL,
        soft_BLD=network.expect(probabilities).to(hidden_BLD.dtype),
        **_likeliest(log_probabilities, argmax_BL, top_k),
    )


def _read_as_one(
    compiled: Any,
    hidden_BLD: Tensor,
    temperature: float,
    generator: Generators,
    forbidden_first: Sequence[int],
    forbidden: Sequence[int],
) -> HeadReading:
    """`read_dense` by one compiled kernel, with the same draws."""
    batch, length, size = hidden_BLD.shape
    barred = _barred(batch, length, forbidden_first, forbidden)
    drawn_N = _uniforms(generator, batch, length, 1, hidden_BLD.device)[:, 0]
    found = compute(
        HeadCall(
            head=compiled,
            hidden_ND=hidden_BLD.reshape(-1, size),
            temperature=temperature,
            uniforms_N=drawn_N,
            barred=barred,
            soft=True,
        )
    )
    return HeadReading(
        argmax_BL=found.likeliest_N.view(batch, length),
        sample_BL=found.sample_N.view(batch, length),
        entropy_BL=found.entropy_N.view(batch, length),
        soft_BLD=found.soft_ND.reshape(batch, length, size),
    )


def read_held(
    network: DiffusionGemma,
    hidden_BLD: Tensor,
    temperature: float,
    generator: Generators,
    constraint: Walk,
    top_k: int = 0,
    forbidden_first: Sequence[int] = (),
    forbidden: Sequence[int] = (),
) -> HeadReading:
    """`read` under a constraint, on one row: each distribution is the marginal over all valid paths, and the argmax is
    the best of them.

    The canvas' logits are held whole, all that is made of them a few positions at a time (`DENSE_UP_TO` entries). Where
    there are more, `SOFT_TOP_K` entries make the expected embedding, as in `read_streamed`.
    """
    batch, length, _ = hidden_BLD.shape
    if batch != 1:
        raise UsageError(f"A constraint holds one row, and the batch has {batch}.")
    known, vocab_size = len(constraint.automaton.group_V), network.config.vocab_size
    if known != vocab_size:
        raise UsageError(f"The constraint was compiled for a vocabulary of {known} and the network has {vocab_size}.")
    soft_top_k = SOFT_TOP_K if length * vocab_size > DENSE_UP_TO else None
    drawn_L = _uniforms(generator, batch, length, 1, hidden_BLD.device)[:, 0]
    parts = [
        HeadReading(
            argmax_BL=own.best_R[None],
            sample_BL=own.sample_R[None],
            entropy_BL=own.entropy_R[None],
            soft_BLD=_expect(network, own.probabilities_RV[None], soft_top_k).to(hidden_BLD.dtype),
            **({} if own.logs_RV is None else _likeliest(own.logs_RV[None], own.best_R[None], top_k)),
        )
        for own in _marginals(
            network, hidden_BLD, temperature, constraint, drawn_L, top_k > 0, forbidden_first, forbidden
        )
    ]
    found = {field.name: [getattr(part, field.name) for part in parts] for field in fields(HeadReading)}
    return HeadReading(**{name: torch.cat(values, 1) for name, values in found.items() if values[0] is not None})


@dataclass(frozen=True, kw_only=True)
class _Marginals:
    """Of R positions: the best path's ids, a sample and the entropy of each one's distribution over all paths, and that
    distribution, with its logs where they were made."""

    best_R: Tensor
    sample_R: Tensor
    entropy_R: Tensor
    probabilities_RV: Tensor
    logs_RV: Tensor | None


def _marginals(
    network: DiffusionGemma,
    hidden_1LD: Tensor,
    temperature: float,
    constraint: Walk,
    drawn_L: Tensor,
    logs: bool,
    forbidden_first: Sequence[int],
    forbidden: Sequence[int],
) -> Iterator[_Marginals]:
    """The positions of a canvas, a few at a time; `drawn_L` in [0, 1) decide the samples."""
    length, rows_at_once = len(drawn_L), max(1, DENSE_UP_TO // network.config.vocab_size)
    pieces = [slice(start, start + rows_at_once) for start in range(0, length, rows_at_once)]
    reader = constraint.reader(length) if hidden_1LD.device.type == "cpu" else None
    if reader is None:
        scaled_LV = _scaled_logits(network, hidden_1LD, temperature, forbidden_first, forbidden)[0]
    else:
        scaled_LV = network.products(hidden_1LD)[0].contiguous()
        cap, barred = network.config.final_logit_softcapping, _barred(1, length, forbidden_first, forbidden)
        found = reader.read(scaled_LV, cap, temperature, drawn_L, barred, logs)
        if found is not None:
            for rows in pieces:
                values_RV = found.probabilities_LV[rows]
                yield _Marginals(
                    best_R=found.best_L[rows],
                    sample_R=found.sample_L[rows],
                    entropy_R=found.entropy_L[rows],
                    probabilities_RV=values_RV.exp() if logs else values_RV,
                    logs_RV=values_RV if logs else None,
                )
            return
        # The products have become logits after temperature.
    paths = constraint.read(scaled_LV, rows_at_once)
    for rows in pieces:
        logs_RV = paths.log_weights(rows).log_softmax(-1)
        probabilities_RV = logs_RV.exp()
        yield _Marginals(
            best_R=paths.best_L[rows],
            sample_R=_at_shares(probabilities_RV, drawn_L[rows]),
            entropy_R=torch.einsum("rv,rv->r", probabilities_RV, logs_RV).neg_().clamp_(min=0),
            probabilities_RV=probabilities_RV,
            logs_RV=logs_RV,
        )


def _barred(batch: int, length: int, forbidden_first: Sequence[int], forbidden: Sequence[int]) -> list[tuple[int, int]]:
    """(row or -1 for all, id) pairs of what has no probability among batch * length rows."""
    return [(row * length, token) for row in range(batch) for token in forbidden_first] + [
        (-1, token) for token in forbidden
    ]


def _scaled_logits(
    network: DiffusionGemma,
    hidden_BLD: Tensor,
    temperature: float,
    forbidden_first: Sequence[int],
    forbidden: Sequence[int],
) -> Tensor:
    """Logits after temperature, -inf for what is forbidden -> float32 [B, L, V]."""
    scaled_BLV = network.logits(hidden_BLD).div_(temperature)
    if forbidden_first:
        scaled_BLV[:, 0, list(forbidden_first)] = -torch.inf
    if forbidden:
        scaled_BLV[:, :, list(forbidden)] = -torch.inf
    return scaled_BLV


def _likeliest(log_probabilities: Tensor, argmax_BL: Tensor, top_k: int) -> dict[str, Tensor]:
    """The fields of a `HeadReading` that are there with `top_k` alone."""
    if not top_k:
        return {}
    # Of an id without probability too: JSON has no number for -inf.
    log_probabilities = log_probabilities.clamp(min=IMPOSSIBLE)
    top = log_probabilities.topk(min(top_k, log_probabilities.shape[-1]), dim=-1)
    own_BL = log_probabilities.gather(-1, argmax_BL[..., None])[..., 0]
    return {"top_ids_BLK": top.indices, "top_logprobs_BLK": top.values, "argmax_logprob_BL": own_BL}


def draw(probabilities_BLV: Tensor, generator: torch.Generator) -> Tensor:
    """One id per position, as transformers draws it -> [B, L]."""
    flat = probabilities_BLV.flatten(0, 1)
    return torch.multinomial(flat, 1, generator=generator).view(probabilities_BLV.shape[:-1])


def draw_by_sums(probabilities_BLV: Tensor, generator: Generators) -> Tensor:
    """One id per position -> [B, L]: the first whose running sum exceeds a random share of the whole one."""
    batch, length, _ = probabilities_BLV.shape
    drawn_N = _uniforms(generator, batch, length, 1, probabilities_BLV.device)[:, 0]
    return _at_shares(probabilities_BLV.flatten(0, 1), drawn_N).view(batch, length)


def _at_shares(probabilities_NV: Tensor, drawn_N: Tensor) -> Tensor:
    """Of each row the first id whose running sum exceeds that share of the whole one."""
    sums_NV = probabilities_NV.cumsum(-1)
    whole_N1 = sums_NV[:, -1:]
    wanted_N1 = whole_N1 * drawn_N[:, None]
    # Rounding up to the whole sum would leave no id.
    below_N1 = torch.nextafter(whole_N1, torch.zeros_like(whole_N1))
    return torch.searchsorted(sums_NV, torch.minimum(wanted_N1, below_N1), right=True).squeeze(-1)


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
