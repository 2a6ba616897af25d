"""Autoregressive decoding with the same weights: the encoder and the head are an ordinary causal language model.

The fair baseline for diffusion decoding, and a useful mode of its own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from numbers import Integral, Real

import torch
from torch import Tensor

from dgemma.cache import KVCache
from dgemma.decode.constrain import Walk
from dgemma.decode.forbidden import Forbidden
from dgemma.decode.head import require_finite
from dgemma.decode.lookup import Copies
from dgemma.decode.passes import Passes
from dgemma.errors import ConfigError, NotFiniteError
from dgemma.fused_calls import HeadCall, compute
from dgemma.model import DiffusionGemma

HOTTEST = 1e6
"""The highest temperature: at it all ids are equally likely, whatever the logits."""

COLDEST = 1e-6
"""Temperatures below this sample greedily: only the likeliest id has a chance, and scaled logits would overflow."""


@dataclass(frozen=True, kw_only=True)
class TokenSampler:
    """Samples with `temperature` (0: greedy) from the `top_k` likeliest ids (0: all), cut to the smallest set whose
    probability reaches `top_p`."""

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0

    def __post_init__(self) -> None:
        if not (isinstance(self.temperature, Real) and 0 <= self.temperature <= HOTTEST):
            raise ConfigError(f"Sampling needs a temperature from 0 to {HOTTEST:g}, not {self.temperature!r}.")
        if not (isinstance(self.top_k, Integral) and self.top_k >= 0):
            raise ConfigError(f"Sampling needs a whole number of at least 0 as top_k, not {self.top_k!r}.")
        if not (isinstance(self.top_p, Real) and 0 < self.top_p <= 1):
            raise ConfigError(f"Sampling needs a top_p above 0 and at most 1, not {self.top_p!r}.")

    @property
    def is_greedy(self) -> bool:
        """Whether sampling always takes the likeliest id."""
        return self.temperature < COLDEST

    def sample(self, logits_V: Tensor, generator: torch.Generator) -> int:
        """Samples one id from float32 logits [V]."""
        if self.is_greedy:
            return int(logits_V.argmax())
        ordered, ids = torch.sort(logits_V / self.temperature, descending=True)
        if self.top_k:
            ordered, ids = ordered[: self.top_k], ids[: self.top_k]
        probabilities = ordered.softmax(-1)
        mass_before = probabilities.cumsum(-1) - probabilities
        probabilities = probabilities.masked_fill(mass_before >= self.top_p, 0.0)
        return int(ids[torch.multinomial(probabilities, 1, generator=generator)])


@dataclass(frozen=True, kw_only=True)
class NextToken:
    """One decoded token.

    entropy  nats, of the distribution it was taken from, before the sampler's temperature
    logprob  its log probability; None without `top_k`
    top      the `top_k` likeliest ids with their log probabilities
    """

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
    copies: Copies | None = None,
) -> Iterator[tuple[NextToken, ...]]:
    """Yields the tokens of each pass without end, one unless there are `copies`; the caller stops. Works on a cache of
    one row.

    Each token is encoded only when the next one is requested, so the last one costs no pass. Raises NotFiniteError if
    the logits are not finite, after it has yielded every token before.

    last_hidden_D    the hidden state of the last token in the cache
    forbidden_first  ids that the first token cannot be
    constraint       allows only ids that keep the answer valid and let it end in time; entropy and log probabilities
                     are over these ids
    top_k            the number of likeliest ids reported with each token
    passes           encodes instead of `network`, such as `graphs.RecordedPasses`
    copies           proposes ids that are encoded together with the last token. Each of them that is also the next
                     token saves a pass; which tokens are written does not depend on them, except for the rounding of
                     a pass over several tokens (prompt lookup decoding, compare arXiv 2304.04487)

    Entropies and log probabilities are the model's own, before the sampler's temperature.
    """
    passes = network if passes is None else passes
    reader = _Reader(network, sampler, generator, forbidden_first, constraint, top_k)
    states_TD, copied = last_hidden_D[None], []
    while True:
        tokens: list[NextToken] = []
        try:
            for token, expected in zip(reader.read(states_TD), [*copied, None], strict=True):
                tokens.append(token)
                if token.token != expected:
                    break
        except NotFiniteError:
            # The next pass reads this state first, and raises if it still is not finite.
            if not tokens:
                raise
        if wrong := len(copied) - (len(tokens) - 1):
            cache.truncate(cache.length - wrong)
        yield tuple(tokens)
        ids = [token.token for token in tokens]
        if copies is not None:
            copies.record(ids)
            copied = copies.propose()
        states_TD = passes.encode(torch.tensor([[ids[-1], *copied]], device=network.device), cache)[0]


class _Reader:
    """Reads next tokens from hidden states; holds what the tokens so far decide: draws, constraint, first token."""

    def __init__(
        self,
        network: DiffusionGemma,
        sampler: TokenSampler,
        generator: torch.Generator,
        forbidden_first: Sequence[int],
        constraint: Walk | None,
        top_k: int,
    ) -> None:
        self.network, self.sampler, self.generator = network, sampler, generator
        self.forbidden, self.constraint, self.top_k = Forbidden.of(forbidden_first), constraint, top_k
        # The fused head computes the likeliest id and the entropy: all that plain greedy decoding needs.
        self.is_plain = sampler.is_greedy and constraint is None and not top_k

    def read(self, states_TD: Tensor) -> Iterator[NextToken]:
        """The token after each of the states, one after another: each assumes that the state after it belongs to the
        token just read."""
        if self.is_plain and (head := self.network.fused_head()) is not None:
            reading = compute(HeadCall(head=head, hidden_ND=states_TD, forbidden_pairs=self.forbidden.pairs()))
            self.forbidden = Forbidden()
            for token, entropy in zip(reading.likeliest_N.tolist(), reading.entropy_N.tolist(), strict=True):
                require_finite(entropy)
                yield NextToken(token=token, entropy=entropy)
            return
        for logits_V in self.network.logits(states_TD):
            yield self._take(logits_V)

    def _take(self, logits_V: Tensor) -> NextToken:
        self.forbidden.mask(logits_V[None])
        self.forbidden = Forbidden()
        if self.constraint is not None:
            logits_V = self.constraint.restrict(logits_V)
        log_probabilities = logits_V.log_softmax(-1).clamp(min=torch.finfo(torch.float32).min)
        entropy = float(-(log_probabilities.exp() * log_probabilities).sum())
        require_finite(entropy)
        token = self.sampler.sample(logits_V, self.generator)
        top = log_probabilities.topk(min(self.top_k, len(log_probabilities))) if self.top_k else None
        if self.constraint is not None:
            self.constraint = self.constraint.after([token])
        return NextToken(
            token=token,
            entropy=entropy,
            logprob=float(log_probabilities[token]) if self.top_k else None,
            top=() if top is None else tuple(zip(top.indices.tolist(), top.values.tolist(), strict=True)),
        )
