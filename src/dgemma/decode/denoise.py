"""One canvas, from noise to text: the entropy-bound sampler of the reference, step by step.

Each step reads the canvas once, accepts the positions that are certain enough, noises all others afresh and feeds the
expected embeddings back (self-conditioning). Acceptance has no memory: a position that one step accepts may be noised
by the next. What a canvas commits is the argmax of its last step, never the sampled canvas. With `exact` and one
generator the draws are those of transformers 5.23, in the same order.

Beyond the reference, settled positions are skipped: they keep their keys, values and readings, and only the others are
computed. A canvas never finishes on such a partial step: a closing step over all positions must meet the stop rule.
Positions behind an end token that is read nearly without doubt will be thrown away; neither kind of step computes them.

Shapes: B rows, L canvas positions, R positions that a step computes.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dgemma.cache import KVCache
from dgemma.config import SamplerConfig
from dgemma.decode import head
from dgemma.decode.accept import EntropyBound
from dgemma.decode.constrain import Walk
from dgemma.decode.passes import Passes
from dgemma.decode.schedule import LinearSchedule
from dgemma.decode.stop import StableAndConfident
from dgemma.errors import UsageError
from dgemma.model import DiffusionGemma

SETTLED_NATS = 0.005
"""A position can settle when its entropy is below this: its likeliest token has a probability above 0.9995 or so."""

PATIENCE = 4
"""Steps after which a constrained canvas is done whose best path does not move: torn between two words, a form of one
word would take all the steps there are."""


@dataclass(frozen=True, kw_only=True)
class DenoiseStep:
    """All that a viewer needs of one step.

    step         1 for the first pass over the canvas
    canvas_BL    the canvas that the next step will read: accepted samples, noise elsewhere
    argmax_BL    the likeliest token of each position; a done row keeps that of its last step
    accepted_BL  the positions accepted in this step
    entropy_BL   nats
    done_B       rows whose stop rule is met
    computed     how many of the L positions were computed; the others had settled
    top_ids_BLK, top_logprobs_BLK, argmax_logprob_BL    the likeliest ids where they are asked for (`decode.head`)
    last_hidden_BD  the hidden state of the last token that the step encoded before the canvas, if it did
    """

    step: int
    canvas_BL: Tensor
    argmax_BL: Tensor
    accepted_BL: Tensor
    entropy_BL: Tensor
    done_B: Tensor
    computed: int
    top_ids_BLK: Tensor | None = None
    top_logprobs_BLK: Tensor | None = None
    argmax_logprob_BL: Tensor | None = None
    last_hidden_BD: Tensor | None = None


@torch.inference_mode()
def denoise(
    network: DiffusionGemma,
    cache: KVCache,
    sampler: SamplerConfig,
    generator: head.Generators,
    canvas_length: int | None = None,
    canvas_BL: Tensor | None = None,
    forbidden_first: Sequence[int] = (),
    forbidden: Sequence[int] = (),
    pinned_BL: Tensor | None = None,
    constraint: Walk | None = None,
    exact: bool = False,
    skip_settled: bool = True,
    end_ids: Sequence[int] = (),
    top_k: int = 0,
    passes: Passes | None = None,
    commit_BT: Tensor | None = None,
) -> Generator[DenoiseStep]:
    """Denoises the canvas behind the cache's tokens; yields every step, the last with all rows done or the limit met.

    canvas_length   defaults to the model's own; any length that the cache's scratch holds
    canvas_BL       starts from these ids instead of noise (the noise is drawn all the same)
    forbidden_first ids that position 0 may not take; `forbidden`: ids that no position may take
    pinned_BL       True where `canvas_BL` is given and stays: pinned again in each step, certain, its own expectation
    constraint      where the answer stands in its automaton: no other paths have weight, and the best one is committed
    exact           transformers' loop: every position in every step, the whole vocabulary at once, the same draws
    skip_settled    False computes every position in every step
    end_ids         ids behind which a canvas does not count: the tail behind a certain one is skipped
    top_k           tells the log probabilities of so many likeliest ids at each position, as they were last computed
    passes          computes a pass instead of the network's own methods, such as `graphs.RecordedPasses`
    commit_BT       clean ids that the first pass encodes as well: the canvas before this one

    But for `commit_BT` the cache is read, never advanced. A finished row of a batch keeps its state while others go on.
    Nothing is skipped under a constraint, which ties all positions together.
    """
    if constraint is not None and pinned_BL is not None:
        raise UsageError("Pinned tokens and a constraint do not go together.")
    if pinned_BL is not None and canvas_BL is None:
        raise UsageError("Pinned positions need a canvas_BL that holds their tokens.")
    passes = network if passes is None else passes
    length = canvas_length or network.config.canvas_length
    shape, limit = (cache.batch_size, length), sampler.max_denoising_steps
    schedule = LinearSchedule(t_min=sampler.t_min, t_max=sampler.t_max, num_steps=limit)
    noise_BL = head.random_ids(network.config.vocab_size, shape, generator, network.device)
    patience = None if constraint is None or exact else PATIENCE
    skipping = skip_settled and not exact and constraint is None
    # Where every position is computed, an end token is a token like any other.
    ends = end_ids if skipping else ()
    state = _Canvas(noise_BL if canvas_BL is None else canvas_BL, pinned_BL, sampler, ends, patience)
    rows_R: Tensor | None = None
    for remaining in range(limit, 0, -1):
        if commit_BT is not None and remaining == limit:
            committed_BTD, hidden_BRD = passes.encode_and_denoise(commit_BT, state.canvas_BL, cache)
            last_hidden_BD = committed_BTD[:, -1]
        else:
            last_hidden_BD = None
            hidden_BRD = passes.denoise(state.canvas_BL, cache, state.soft_BLD, rows_R)
        reading = head.read(
            network,
            hidden_BRD,
            schedule.temperature(remaining),
            generator,
            top_k,
            forbidden_first=forbidden_first if rows_R is None or (len(rows_R) and int(rows_R[0]) == 0) else (),
            forbidden=forbidden,
            constraint=constraint,
            exact=exact,
        )
        if pinned_BL is not None and canvas_BL is not None:
            reading = _pin(network, reading, canvas_BL, pinned_BL, rows_R)
        fresh_BL = head.random_ids(network.config.vocab_size, shape, generator, network.device)
        step = state.advance(limit - remaining + 1, reading, rows_R, fresh_BL)
        yield step if last_hidden_BD is None else replace(step, last_hidden_BD=last_hidden_BD)
        if bool(step.done_B.all()):
            return
        if skipping:
            # The last step of all is a closing one: it is what is committed.
            rows_R = state.rows_to_compute(close=remaining == 2)


class _Canvas:
    """The state of a canvas between two steps: what is known of every position, computed last step or earlier."""

    def __init__(
        self,
        canvas_BL: Tensor,
        pinned_BL: Tensor | None,
        sampler: SamplerConfig,
        end_ids: Sequence[int],
        patience: int | None = None,
    ) -> None:
        self.canvas_BL = canvas_BL
        self.soft_BLD: Tensor | None = None
        self.acceptance = EntropyBound(bound=sampler.entropy_bound)
        self.stop = StableAndConfident(
            stability=sampler.stability_threshold, confidence=sampler.confidence_threshold, patience=patience
        )
        self.history: list[Tensor] = []
        self.done_B = torch.zeros(len(canvas_BL), dtype=torch.bool, device=canvas_BL.device)
        self.closing, self.close_next = True, False
        self.end_ids = torch.tensor(list(end_ids), dtype=torch.long, device=canvas_BL.device)
        self.settled_BL = torch.zeros_like(canvas_BL, dtype=torch.bool)
        self.places_L = torch.arange(canvas_BL.shape[1], device=canvas_BL.device)
        self.ends_B = torch.full_like(self.done_B, canvas_BL.shape[1], dtype=torch.long)
        self.reading: head.HeadReading | None = None
        # The stop rule asks for the mean over the positions that are free: pinned ones would only dilute it.
        self.share_B1: Tensor | float = 1.0
        if pinned_BL is not None:
            self.share_B1 = canvas_BL.shape[1] / (~pinned_BL).sum(dim=-1, keepdim=True).clamp(min=1)

    def advance(self, number: int, fresh: head.HeadReading, rows_R: Tensor | None, noise_BL: Tensor) -> DenoiseStep:
        """Takes in the reading of all positions, or of those in `rows_R`, and noises what is not accepted."""
        before = self.reading
        reading = fresh if before is None or rows_R is None else _merged(before, fresh, rows_R)
        if before is not None and bool(self.done_B.any()):
            reading = _kept(before, reading, self.done_B)
        accepted_BL = self.acceptance.accept(reading.entropy_BL)
        self._settle(before, reading, accepted_BL, rows_R)
        going_B1 = ~self.done_B[:, None]
        next_BL = torch.where(accepted_BL, reading.sample_BL, noise_BL)
        # What has settled is not drawn again.
        next_BL = torch.where(going_B1 & ~self.settled_BL, next_BL, self.canvas_BL)
        # What is thrown away, and perhaps not computed any more, has no say.
        if len(self.end_ids):
            self.ends_B = self._ends(reading)
        entropy_BL = reading.entropy_BL.where(self.places_L < self.ends_B[:, None], 0.0) * self.share_B1
        met_B = self.done_B | self.stop.done(self.history, reading.argmax_BL, entropy_BL)
        # Once a canvas is sure enough the next step will mostly be its last, so that one covers all that counts.
        is_sure_B = met_B | (entropy_BL.mean(dim=-1) < self.stop.confidence)
        self.close_next = bool((met_B if self.closing else is_sure_B).all())
        self.done_B = met_B if self.closing else self.done_B
        self.history = [*self.history, reading.argmax_BL][-self.stop.memory :]
        self.canvas_BL, self.soft_BLD, self.reading = next_BL, reading.soft_BLD, reading
        return DenoiseStep(
            step=number,
            canvas_BL=self.canvas_BL,
            argmax_BL=reading.argmax_BL,
            accepted_BL=accepted_BL,
            entropy_BL=reading.entropy_BL,
            done_B=self.done_B,
            computed=self.canvas_BL.shape[1] if rows_R is None else len(rows_R),
            top_ids_BLK=reading.top_ids_BLK,
            top_logprobs_BLK=reading.top_logprobs_BLK,
            argmax_logprob_BL=reading.argmax_logprob_BL,
        )

    def rows_to_compute(self, close: bool) -> Tensor | None:
        """The positions that the next step must compute, ascending; None for all of them.

        It is a closing step, over all that counts, when the stop rule is met or the canvas sure enough for it, when
        nothing or all is left to compute, and when `close` asks for one; only such a step may end a row.
        """
        # One past the first end token that is certain, the farthest of the rows that are not done.
        counts_L = self.places_L < torch.where(self.done_B, 0, self.ends_B).max()
        open_L = ~(self.settled_BL | self.done_B[:, None]).all(dim=0) & counts_L
        self.closing = close or self.close_next or not bool(open_L.any()) or bool((open_L == counts_L).all())
        rows_R = (counts_L if self.closing else open_L).nonzero().squeeze(1)
        return None if len(rows_R) == len(self.places_L) else rows_R

    def _ends(self, reading: head.HeadReading) -> Tensor:
        """One past the first end token of each row that is certain, the canvas' length where there is none -> [B].

        One reading without doubt is enough: to have a second one, the whole tail would be computed again.
        """
        certain_BL = self.settled_BL | (reading.entropy_BL < SETTLED_NATS)
        ends_BL = certain_BL & (reading.argmax_BL[..., None] == self.end_ids).any(-1)
        return torch.where(ends_BL.any(-1), ends_BL.int().argmax(-1) + 1, len(self.places_L))

    def _settle(
        self, before: head.HeadReading | None, now: head.HeadReading, accepted_BL: Tensor, rows_R: Tensor | None
    ) -> None:
        """A computed position settles when its own token and its last two argmaxes are the same, its entropy is below
        SETTLED_NATS and it is accepted; a skipped one stays settled while it is accepted."""
        if before is None:
            return
        still_BL = (now.argmax_BL == before.argmax_BL) & (now.argmax_BL == self.canvas_BL)
        settled_BL = still_BL & (now.entropy_BL < SETTLED_NATS)
        if rows_R is not None:
            settled_BL = self.settled_BL.index_copy(1, rows_R, settled_BL[:, rows_R])
        self.settled_BL = settled_BL & accepted_BL


def _present(reading: head.HeadReading) -> dict[str, Tensor]:
    """What was read, by name; the likeliest ids are among it only where they were asked for."""
    return {name: value for name, value in vars(reading).items() if value is not None}


def _merged(old: head.HeadReading, new: head.HeadReading, rows_R: Tensor) -> head.HeadReading:
    """`old` with the positions `rows_R` replaced by those of `new`."""
    return replace(old, **{n: before.index_copy(1, rows_R, getattr(new, n)) for n, before in _present(old).items()})


def _kept(old: head.HeadReading, new: head.HeadReading, done_B: Tensor) -> head.HeadReading:
    """`new`, with the rows that are done as they were."""

    def choose(name: str, now: Tensor) -> Tensor:
        return torch.where(done_B.view(-1, *[1] * (now.ndim - 1)), getattr(old, name), now)

    return replace(new, **{name: choose(name, now) for name, now in _present(new).items()})


def _pin(
    network: DiffusionGemma,
    reading: head.HeadReading,
    given_BL: Tensor,
    pinned_BL: Tensor,
    rows_R: Tensor | None,
) -> head.HeadReading:
    """The reading with the given ids at pinned positions: no entropy, and the given token's embedding expected."""
    if rows_R is not None:
        given_BL, pinned_BL = given_BL[:, rows_R], pinned_BL[:, rows_R]
    soft_BLD = torch.where(pinned_BL[..., None], network.embed(given_BL).to(reading.soft_BLD.dtype), reading.soft_BLD)
    return replace(
        reading,
        argmax_BL=torch.where(pinned_BL, given_BL, reading.argmax_BL),
        sample_BL=torch.where(pinned_BL, given_BL, reading.sample_BL),
        entropy_BL=reading.entropy_BL.masked_fill(pinned_BL, 0.0),
        soft_BLD=soft_BLD,
    )
