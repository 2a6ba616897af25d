"""The head of a denoise step: argmax, sample, entropy and expected embedding of each position's distribution.

There are two implementations. `read_dense` holds the whole distribution in memory: it is exact, draws as transformers
does, and is the oracle for the other. `read_streamed` reads the vocabulary in blocks (`decode.vocabulary`); its
expected embedding is that of the 256 likeliest ids, plus the mean embedding for the remaining mass. `read` uses the
dense one if the distribution is small. Under a constraint (`read_constrained`) distributions are marginals over all
valid paths.

Shapes: B rows, L canvas positions, R positions of a part of it, N = B * L, V vocabulary, D hidden.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from dgemma.decode.constrain import Walk
from dgemma.decode.forbidden import Forbidden
from dgemma.decode.vocabulary import summarise, uniforms_per_row
from dgemma.errors import NotFiniteError, UsageError
from dgemma.fused import SMALL_VOCABULARY
from dgemma.fused_calls import HeadCall, compute
from dgemma.model import DiffusionGemma
from dgemma.ops import native
from dgemma.ops.native.sizes import IMPOSSIBLE

Generators = torch.Generator | Sequence[torch.Generator]
"""One generator for the whole batch, with transformers' draws in its order; or one for each row, with which a row gets
the same tokens in any batch. The latter draw one number per sample instead of one per entry, which saves 2.5 ms for 64
positions and 1,536 entries."""

DENSE_UP_TO = 1 << 20
"""The most entries (positions times vocabulary) for `read_dense`: a few buffers of 4 MB each."""

SOFT_TOP_K = 256
"""The number of likeliest ids whose embeddings make the expected embedding in `read_streamed`."""


@dataclass(frozen=True, kw_only=True)
class HeadReading:
    """The head's results for one step, after soft cap and temperature.

    argmax_BL, sample_BL           ids
    entropy_BL                     nats, float32
    soft_BLD                       the expected embedding: the self-conditioning of the next step
    top_ids_BLK, top_logprobs_BLK  the `top_k` likeliest ids and their log probabilities; None without top_k
    argmax_logprob_BL              the log probability of the argmax; None without top_k. Under a constraint the argmax
                                   is the id on the best path, which may not be among the likeliest
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
    """Computes the head at every position of `hidden_BLD`.

    `forbidden_first` ids have no probability at position 0, `forbidden` ids at no position; sample, entropy and
    expected embedding all respect this. Dispatches to `read_constrained` with a `constraint`, to `read_dense` if
    `exact` or if there are few entries (`takes_dense`), else to `read_streamed`. Raises NotFiniteError for hidden
    states that are not finite, UsageError for a temperature that is not above 0.
    """
    if not 0 < temperature < math.inf:
        raise UsageError(f"The head needs a temperature above 0, not {temperature!r}.")
    require_finite(float(hidden_BLD.sum(dtype=torch.float32)))
    excluded = Forbidden.of(forbidden_first, forbidden)
    if constraint is not None:
        return read_constrained(network, hidden_BLD, temperature, generator, constraint, top_k, excluded)
    if not exact and not takes_dense(network, hidden_BLD[..., 0].numel()):
        return read_streamed(network, hidden_BLD, temperature, generator, top_k, forbidden_first, forbidden)
    can_fuse = not exact and not top_k and not isinstance(generator, torch.Generator)
    if can_fuse and (fused_head := network.fused_head()) is not None:
        return _read_fused(fused_head, hidden_BLD, temperature, generator, excluded)
    return read_dense(network, hidden_BLD, temperature, generator, top_k, forbidden_first, forbidden)


def require_finite(total: float) -> None:
    """Raises NotFiniteError if a sum of hidden states or entropies is not finite: then the logits are not either, and
    sampling from them would return arbitrary ids."""
    if not math.isfinite(total):
        raise NotFiniteError


def takes_dense(network: DiffusionGemma, positions: int) -> bool:
    """Whether `read` holds the whole distribution of this number of positions in memory."""
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
    """`read` in blocks of the vocabulary; memory does not grow with the vocabulary.

    The expected embedding uses the `soft_top_k` likeliest ids and treats the remaining mass as spread evenly; None uses
    all ids, which costs a second product with the whole embedding. The sample has the same distribution as that of
    `read_dense` but is a different draw.
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
        forbidden_rows=Forbidden.of(forbidden_first).first_pairs(batch, length),
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

    With a single generator the sample is drawn as in transformers, by `torch.multinomial` over [B * L, V] float32
    probabilities; with one per row, from one number per position. Raises NotFiniteError for logits that are not finite.
    """
    excluded = Forbidden.of(forbidden_first, forbidden)
    scaled_BLV = _scaled_logits(network, hidden_BLD, temperature, excluded)
    probabilities = torch.softmax(scaled_BLV, dim=-1)
    log_probabilities = scaled_BLV - scaled_BLV.logsumexp(dim=-1, keepdim=True)
    # Clamped, as 0 * -inf would be nan: an id without probability adds nothing to the entropy.
    floor = torch.finfo(torch.float32).min
    entropy_BL = -(log_probabilities.clamp(min=floor) * log_probabilities.softmax(-1)).sum(-1)
    require_finite(float(entropy_BL.sum()))
    argmax_BL = scaled_BLV.argmax(dim=-1)
    if isinstance(generator, torch.Generator):
        sample_BL = draw(probabilities, generator)
    else:
        sample_BL = sample_by_cumulative_sum(probabilities, generator)
    return HeadReading(
        argmax_BL=argmax_BL,
        sample_BL=sample_BL,
        entropy_BL=entropy_BL,
        soft_BLD=network.expect(probabilities).to(hidden_BLD.dtype),
        **_top_fields(log_probabilities, argmax_BL, top_k),
    )


def _read_fused(
    fused_head: Any, hidden_BLD: Tensor, temperature: float, generator: Generators, excluded: Forbidden
) -> HeadReading:
    """`read_dense` by one compiled kernel, with the same draws."""
    batch, length, size = hidden_BLD.shape
    reading = compute(
        HeadCall(
            head=fused_head,
            hidden_ND=hidden_BLD.reshape(-1, size),
            temperature=temperature,
            uniforms_N=_uniforms(generator, batch, length, 1, hidden_BLD.device)[:, 0],
            forbidden_pairs=excluded.pairs(batch, length),
            soft=True,
        )
    )
    return HeadReading(
        argmax_BL=reading.likeliest_N.view(batch, length),
        sample_BL=reading.sample_N.view(batch, length),
        entropy_BL=reading.entropy_N.view(batch, length),
        soft_BLD=reading.soft_ND.reshape(batch, length, size).to(hidden_BLD.dtype),
    )


def read_constrained(
    network: DiffusionGemma,
    hidden_BLD: Tensor,
    temperature: float,
    generator: Generators,
    constraint: Walk,
    top_k: int,
    excluded: Forbidden,
) -> HeadReading:
    """`read` under a constraint, for one row: each distribution is the marginal over all valid paths, and the argmax is
    the id on the best path.

    The logits of the canvas are all in memory; everything derived from them is computed for a few positions at a time
    (`DENSE_UP_TO` entries). If the canvas has more entries than that, the expected embedding uses the `SOFT_TOP_K`
    likeliest ids, as in `read_streamed`.
    """
    batch, length, _ = hidden_BLD.shape
    if batch != 1:
        raise UsageError(f"A constraint needs a batch of one row, not {batch}.")
    known, vocab_size = len(constraint.automaton.group_V), network.config.vocab_size
    if known != vocab_size:
        raise UsageError(
            f"The constraint was compiled for a vocabulary of {known}, but the network has {vocab_size}; "
            "compile it with the model's own tokenizer."
        )
    soft_top_k = SOFT_TOP_K if length * vocab_size > DENSE_UP_TO else None
    uniforms_L = _uniforms(generator, batch, length, 1, hidden_BLD.device)[:, 0]
    with_logs = top_k > 0
    parts: list[HeadReading] = []
    for part in _marginals(network, hidden_BLD, temperature, constraint, uniforms_L, with_logs, excluded):
        top = {} if part.logs_RV is None else _top_fields(part.logs_RV[None], part.best_R[None], top_k)
        parts.append(
            HeadReading(
                argmax_BL=part.best_R[None],
                sample_BL=part.sample_R[None],
                entropy_BL=part.entropy_R[None],
                soft_BLD=_expect(network, part.probabilities_RV[None], soft_top_k).to(hidden_BLD.dtype),
                **top,
            )
        )
    columns = {field.name: [getattr(part, field.name) for part in parts] for field in fields(HeadReading)}
    return HeadReading(**{name: torch.cat(values, 1) for name, values in columns.items() if values[0] is not None})


@dataclass(frozen=True, kw_only=True)
class _Marginals:
    """The distributions of R positions over all valid paths.

    best_R            the ids on the best path
    sample_R          one id drawn from each distribution
    entropy_R         nats
    probabilities_RV  the distributions; logs_RV: their logarithms, None if not asked for
    """

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
    uniforms_L: Tensor,
    with_logs: bool,
    excluded: Forbidden,
) -> Iterator[_Marginals]:
    """Yields the marginals of a canvas, a few positions at a time; `uniforms_L`, in [0, 1), determines the samples."""
    length, rows_at_once = len(uniforms_L), max(1, DENSE_UP_TO // network.config.vocab_size)
    pieces = [slice(start, start + rows_at_once) for start in range(0, length, rows_at_once)]
    reader = constraint.reader(length) if hidden_1LD.device.type == "cpu" else None
    if reader is None:
        scaled_LV = _scaled_logits(network, hidden_1LD, temperature, excluded)[0]
    else:
        scaled_LV = network.products(hidden_1LD)[0].contiguous()
        cap = network.config.final_logit_softcapping
        found = reader.read(scaled_LV, cap, temperature, uniforms_L, excluded.pairs(), with_logs)
        if found is not None:
            for rows in pieces:
                values_RV = found.probabilities_LV[rows]
                yield _Marginals(
                    best_R=found.best_L[rows],
                    sample_R=found.sample_L[rows],
                    entropy_R=found.entropy_L[rows],
                    probabilities_RV=values_RV.exp() if with_logs else values_RV,
                    logs_RV=values_RV if with_logs else None,
                )
            return
        # The kernel underflowed; it has turned the products, in place, into logits after soft cap and temperature.
    paths = constraint.read(scaled_LV, rows_at_once)
    for rows in pieces:
        logs_RV = paths.log_weights(rows).log_softmax(-1)
        probabilities_RV = logs_RV.exp()
        yield _Marginals(
            best_R=paths.best_L[rows],
            sample_R=_at_shares(probabilities_RV, uniforms_L[rows]),
            entropy_R=torch.einsum("rv,rv->r", probabilities_RV, logs_RV).neg_().clamp_(min=0),
            probabilities_RV=probabilities_RV,
            logs_RV=logs_RV,
        )


def _scaled_logits(network: DiffusionGemma, hidden_BLD: Tensor, temperature: float, excluded: Forbidden) -> Tensor:
    """Logits after temperature, -inf for excluded ids -> float32 [B, L, V]."""
    scaled_BLV = network.logits(hidden_BLD).div_(temperature)
    excluded.mask(scaled_BLV)
    return scaled_BLV


def _top_fields(log_probabilities: Tensor, argmax_BL: Tensor, top_k: int) -> dict[str, Tensor]:
    """The fields of a `HeadReading` that exist with `top_k` only; empty without."""
    if not top_k:
        return {}
    # Finite even for an id without probability: JSON cannot represent -inf.
    log_probabilities = log_probabilities.clamp(min=IMPOSSIBLE)
    top = log_probabilities.topk(min(top_k, log_probabilities.shape[-1]), dim=-1)
    own_BL = log_probabilities.gather(-1, argmax_BL[..., None])[..., 0]
    return {"top_ids_BLK": top.indices, "top_logprobs_BLK": top.values, "argmax_logprob_BL": own_BL}


def draw(probabilities_BLV: Tensor, generator: torch.Generator) -> Tensor:
    """One id per position, as transformers draws it -> [B, L]."""
    flat = probabilities_BLV.flatten(0, 1)
    return torch.multinomial(flat, 1, generator=generator).view(probabilities_BLV.shape[:-1])


def sample_by_cumulative_sum(probabilities_BLV: Tensor, generator: Generators) -> Tensor:
    """One id per position -> [B, L]: the first whose cumulative probability exceeds a random share of the total."""
    batch, length, _ = probabilities_BLV.shape
    uniforms_N = _uniforms(generator, batch, length, 1, probabilities_BLV.device)[:, 0]
    return _at_shares(probabilities_BLV.flatten(0, 1), uniforms_N).view(batch, length)


def _at_shares(probabilities_NV: Tensor, uniforms_N: Tensor) -> Tensor:
    """For each row the first id whose cumulative probability exceeds the share `uniforms_N` of the total -> [N]."""
    cumulative_NV = probabilities_NV.cumsum(-1)
    total_N1 = cumulative_NV[:, -1:]
    wanted_N1 = total_N1 * uniforms_N[:, None]
    # If the product were rounded up to the total, no id would exceed it.
    below_total_N1 = torch.nextafter(total_N1, torch.zeros_like(total_N1))
    return torch.searchsorted(cumulative_NV, torch.minimum(wanted_N1, below_total_N1), right=True).squeeze(-1)


def random_ids(vocab_size: int, shape: tuple[int, int], generator: Generators, device: torch.device) -> Tensor:
    """Uniform ids over the whole vocabulary -> [B, L]."""
    if isinstance(generator, torch.Generator):
        return torch.randint(vocab_size, shape, generator=generator, device=device)
    return torch.cat([torch.randint(vocab_size, (1, shape[1]), generator=own, device=device) for own in generator])


def _uniforms(generator: Generators, batch: int, length: int, count: int, device: torch.device) -> Tensor:
    """Uniform random numbers in [0, 1) -> [B * L, count]."""
    if isinstance(generator, torch.Generator):
        return torch.rand(batch * length, count, generator=generator, device=device)
    return torch.cat([torch.rand(length, count, generator=own, device=device) for own in generator])


def _expect(network: DiffusionGemma, probabilities_BLV: Tensor, top_k: int | None) -> Tensor:
    """The expected embedding [B, L, D], of all ids or approximated by the `top_k` likeliest."""
    if top_k is None:
        return network.expect(probabilities_BLV)
    top = probabilities_BLV.flatten(0, 1).topk(min(top_k, probabilities_BLV.shape[-1]), sorted=False)
    return network.expect_top(top.values, top.indices).view(*probabilities_BLV.shape[:-1], -1)
