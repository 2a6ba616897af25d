"""One token after another from the same weights: the encoder and the head are an ordinary causal language model.

The honest baseline of diffusion decoding, and a useful mode of its own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from numbers import Integral, Real

import torch
from torch import Tensor

from dgemma.cache import KVCache
from dgemma.decode.constrain import Walk
from dgemma.decode.head import refuse_nan
from dgemma.decode.passes import Passes
from dgemma.errors import ConfigError
from dgemma.fused_calls import HeadCall, compute
from dgemma.model import DiffusionGemma

HOTTEST = 1e6
"""At it every id is as likely as any other, whatever the logits."""

COLDEST = 1e-6
"""Below it nothing but the best id has a chance, and logits would overflow."""


@dataclass(frozen=True, kw_only=True)
class TokenSampler:
    """Temperature (0: greedy), then the `top_k` best (0: all), then the smallest set of mass `top_p`."""

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0

    def __post_init__(self) -> None:
        if not (isinstance(self.temperature, Real) and 0 <= self.temperature <= HOTTEST):
            raise ConfigError(f"Sampling needs a temperature from 0 to {HOTTEST:g}, not {self.temperature!r}.")
        if not (isinstance(self.top_k, Integral) and self.top_k >= 0):
            raise ConfigError(f"Sampling needs a whole top_k of at least 0, not {self.top_k!r}.")
        if not (isinstance(self.top_p, Real) and 0 < self.top_p <= 1):
            raise ConfigError(f"Sampling needs top_p in (0, 1], not {self.top_p!r}.")

    @property
    def is_greedy(self) -> bool:
        """Whether it always takes the likeliest id."""
        return self.temperature < COLDEST

    def sample(self, logits_V: Tensor, generator: torch.Generator) -> int:
        """One id from float32 logits [V]."""
        if self.is_greedy:
            return int(logits_V.argmax())
        ordered, ids = torch.sort(logits_V / self.temperature, descending=True)
        if self.top_k:
            ordered, ids = ordered[: self.top_k], ids[: self.top_k]
        probabilities = ordered.softmax(-1)
        before = probabilities.cumsum(-1) - probabilities
        probabilities = probabilities.masked_fill(before >= self.top_p, 0.0)
        return int(ids[torch.multinomial(probabilities, 1, generator=generator)])


@dataclass(frozen=True, kw_only=True)
class NextToken:
    """An id and its entropy in nats; if asked for, its log probability and the likeliest ids with theirs."""

    token: int
    entropy: float
    logprob: float | None = None
    top: tuple[tuple[int, float], ...] = ()


@torch.inference_mode()
def autoregressive(
    network: DiffusionGemma,
    cache: KVCache,
    last_hidden_D: Tensor,
    sampler: TokenSampler,
    generator: torch.Generator,
    forbidden_first: Sequence[int] = (),
    constraint: Walk | None = None,
    top_k: int = 0,
    passes: Passes | None = None,
) -> Iterator[NextToken]:
    """Yields tokens without end; `last_hidden_D` is the hidden state of the last encoded token.

    A token is encoded when the next one is asked for, so the last one costs no pass. Works on a cache of one row.
    With a `constraint` only those ids come that keep the answer valid and let it end in time; the entropy is theirs.
    `top_k` likeliest ids are told with each. All numbers are the model's own, before the sampler's temperature.
    `passes` encodes instead of the network's own method, such as `graphs.RecordedPasses`. Raises NotFiniteError.
    """
    passes = network if passes is None else passes
    hidden_D = last_hidden_D
    forbidden = list(forbidden_first)
    # The likeliest id and its entropy are all that greedy decoding asks for.
    plain = sampler.is_greedy and constraint is None and not top_k
    while plain and (head := network.fused_head()) is not None:
        barred = [(0, token) for token in forbidden]
        reading = compute(HeadCall(head=head, hidden_ND=hidden_D[None], barred=barred))
        forbidden, token, entropy = [], int(reading.likeliest_N), float(reading.entropy_N)
        refuse_nan(entropy)
        yield NextToken(token=token, entropy=entropy)
        hidden_D = passes.encode(torch.tensor([[token]], device=network.device), cache)[0, -1]
    while True:
        logits_V = network.logits(hidden_D)
        if forbidden:
            logits_V[forbidden] = -torch.inf
            forbidden = []
        if constraint is not None:
            logits_V = constraint.restrict(logits_V)
        log_probabilities = logits_V.log_softmax(-1).clamp(min=torch.finfo(torch.float32).min)
        entropy = float(-(log_probabilities.exp() * log_probabilities).sum())
        refuse_nan(entropy)
        token = sampler.sample(logits_V, generator)
        top = log_probabilities.topk(min(top_k, len(log_probabilities))) if top_k else None
        yield NextToken(
            token=token,
            entropy=entropy,
            logprob=float(log_probabilities[token]) if top_k else None,
            top=() if top is None else tuple(zip(top.indices.tolist(), top.values.tolist(), strict=True)),
        )
        if constraint is not None:
            constraint = constraint.after([token])
        hidden_D = passes.encode(torch.tensor([[token]], device=network.device), cache)[0, -1]
