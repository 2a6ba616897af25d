"""Denoises one canvas with the entropy-bound sampler of the reference, step by step.

Each step runs one pass over the canvas, accepts the positions that are certain enough, replaces all others by fresh
noise and feeds the expected embeddings back (self-conditioning). Acceptance has no memory: a position accepted in one
step may be renoised in the next. The canvas commits the argmax of its last step, never the sampled ids. With `exact`
and a single generator the draws equal those of transformers 5.23, in the same order.

Unlike the reference, a step skips settled positions: they keep their keys, values and head readings, and only the
others are computed. A canvas never finishes on such a partial step: a closing step over all positions must meet the
stop rule. Positions after a nearly certain end token would be thrown away, so neither kind of step computes them.

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
"""A position can settle below this entropy, at which its likeliest token has a probability above about 0.9995."""

PATIENCE = 4
"""A constrained canvas is done when its best path has not changed for this many steps. Otherwise a one-word answer,
undecided between two words, would use up all steps."""


@dataclass(frozen=True, kw_only=True)
class DenoiseStep:
    """The state after one step: all that a viewer needs.

    step            1 for the first step of the canvas
    canvas_BL       the input of the next step: accepted samples, noise elsewhere
    argmax_BL       the likeliest token of each position; a done row keeps that of its last step
    accepted_BL     the positions accepted in this step
    entropy_BL      nats
    done_B          the rows that have met the stop rule
    computed        the number of the L positions computed; the others had settled or follow an end token
    top_ids_BLK, top_logprobs_BLK, argmax_logprob_BL    as in `head.HeadReading`; None without `top_k`
    last_hidden_BD  the hidden state of the last token of `commit_BT`; None in all steps but the first
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
    """Denoises the canvas that follows the cache's tokens. Yields every step, until all rows are done or the sampler's
    `max_denoising_steps` is reached.

    canvas_length    any length that fits the cache's scratch; defaults to the model's own
    canvas_BL        ids to start from instead of noise (the noise is drawn all the same)
    forbidden_first  ids that position 0 cannot take
    forbidden        ids that no position can take
    pinned_BL        True at positions that keep their id of `canvas_BL` in every step, as certain and as its own
                     expected embedding
    constraint       the automaton's state where this canvas begins: only valid paths have weight, and the canvas
                     commits the best of them
    exact            transformers' loop: every position in every step, the whole vocabulary at once, the same draws
    skip_settled     False computes every position in every step
    end_ids          end tokens: the tail after a certain one is skipped
    top_k            the number of likeliest ids reported for each position, as last computed
    passes           runs the passes instead of `network`, such as `graphs.RecordedPasses`
    commit_BT        clean ids that the first pass also encodes: the previous canvas

    Only `commit_BT` advances the cache. A finished row of a batch keeps its state while others go on. A constraint
    makes all positions depend on each other, so nothing is skipped under one. Raises UsageError for pinned positions
    with a constraint or without `canvas_BL`.
    """
    if constraint is not None and pinned_BL is not None:
        raise UsageError("Pinned positions cannot be combined with a constraint.")
    pins = None if pinned_BL is None else _Pins.of(network, canvas_BL, pinned_BL)
    passes = network if passes is None else passes
    shape, limit = (cache.batch_size, canvas_length or network.config.canvas_length), sampler.max_denoising_steps
    schedule = LinearSchedule(t_min=sampler.t_min, t_max=sampler.t_max, num_steps=limit)
    noise_BL = head.random_ids(network.config.vocab_size, shape, generator, network.device)
    patience = None if constraint is None or exact else PATIENCE
    skipping = skip_settled and not exact and constraint is None
    # Without skipping, as in the reference, end tokens get no special treatment.
    canvas = _Canvas(noise_BL if canvas_BL is None else canvas_BL, pins, sampler, end_ids if skipping else (), patience)
    rows_R: Tensor | None = None
    for remaining in range(limit, 0, -1):
        hidden_BRD, last_hidden_BD = _pass(passes, cache, canvas, rows_R, commit_BT if remaining == limit else None)
        reading = head.read(
            network,
            hidden_BRD,
            schedule.temperature(remaining),
            generator,
            top_k,
            forbidden_first=forbidden_first if _has_first(rows_R) else (),
            forbidden=forbidden,
            constraint=constraint,
            exact=exact,
        )
        reading = reading if pins is None else pins.restore(reading, rows_R)
        noise_BL = head.random_ids(network.config.vocab_size, shape, generator, network.device)
        step = canvas.advance(limit - remaining + 1, reading, rows_R, noise_BL)
        yield replace(step, last_hidden_BD=last_hidden_BD)
        if bool(step.done_B.all()):
            return
        if skipping:
            # The step at the limit is a closing one, as its argmax is committed.
            rows_R = canvas.rows_to_compute(close=remaining == 2)


def _pass(
    passes: Passes, cache: KVCache, canvas: "_Canvas", rows_R: Tensor | None, commit_BT: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    """A pass over the canvas, or `rows_R` of it -> hidden [B, R, D]; and, if it also encodes `commit_BT`, the hidden
    state of the last of these [B, D]."""
    if commit_BT is None:
        return passes.denoise(canvas.canvas_BL, cache, canvas.soft_BLD, rows_R), None
    committed_BTD, hidden_BRD = passes.encode_and_denoise(commit_BT, canvas.canvas_BL, cache)
    return hidden_BRD, committed_BTD[:, -1]


def _has_first(rows_R: Tensor | None) -> bool:
    """Whether position 0 is among these ascending ones; None means all."""
    return rows_R is None or (len(rows_R) > 0 and int(rows_R[0]) == 0)


@dataclass(frozen=True, kw_only=True)
class _Pins:
    """Positions that keep their given ids.

    pinned_BL           these positions
    ids_BL, embeds_BLD  the given ids and their embeddings
    """

    pinned_BL: Tensor
    ids_BL: Tensor
    embeds_BLD: Tensor

    @classmethod
    def of(cls, network: DiffusionGemma, ids_BL: Tensor | None, pinned_BL: Tensor) -> "_Pins":
        """Raises UsageError without ids."""
        if ids_BL is None:
            raise UsageError("Pinned positions need a canvas_BL that holds their tokens.")
        return cls(pinned_BL=pinned_BL, ids_BL=ids_BL, embeds_BLD=network.embed(ids_BL))

    @property
    def free_scale_B1(self) -> Tensor:
        """L over the number of free positions of each row."""
        return self.pinned_BL.shape[1] / (~self.pinned_BL).sum(dim=-1, keepdim=True).clamp(min=1)

    def restore(self, reading: head.HeadReading, rows_R: Tensor | None) -> head.HeadReading:
        """`reading`, of all positions or of `rows_R`, with the given ids at pinned ones: entropy 0, the id's own
        embedding as expectation."""
        rows = slice(None) if rows_R is None else rows_R
        pinned_BR, ids_BR, embeds_BRD = self.pinned_BL[:, rows], self.ids_BL[:, rows], self.embeds_BLD[:, rows]
        return replace(
            reading,
            argmax_BL=torch.where(pinned_BR, ids_BR, reading.argmax_BL),
            sample_BL=torch.where(pinned_BR, ids_BR, reading.sample_BL),
            entropy_BL=reading.entropy_BL.masked_fill(pinned_BR, 0.0),
            soft_BLD=torch.where(pinned_BR[..., None], embeds_BRD.to(reading.soft_BLD.dtype), reading.soft_BLD),
        )


class _Canvas:
    """The state of a canvas between two steps: for each position, the reading from when it was last computed."""

    def __init__(
        self,
        canvas_BL: Tensor,
        pins: _Pins | None,
        sampler: SamplerConfig,
        end_ids: Sequence[int],
        patience: int | None,
    ) -> None:
        self.canvas_BL = canvas_BL
        self.soft_BLD: Tensor | None = None
        self.acceptance = EntropyBound(bound=sampler.entropy_bound)
        self.stop = StableAndConfident(
            stability=sampler.stability_threshold, confidence=sampler.confidence_threshold, patience=patience
        )
        self.history: list[Tensor] = []
        self.done_B = torch.zeros(len(canvas_BL), dtype=torch.bool, device=canvas_BL.device)
        # Whether the step in progress is a closing one, and whether the next one must be.
        self.closing, self.close_next = True, False
        self.end_ids = torch.tensor(list(end_ids), dtype=torch.long, device=canvas_BL.device)
        self.settled_BL = torch.zeros_like(canvas_BL, dtype=torch.bool)
        self.positions_L = torch.arange(canvas_BL.shape[1], device=canvas_BL.device)
        # One past the last position of each row that matters: those after a certain end token do not.
        self.ends_B = torch.full_like(self.done_B, canvas_BL.shape[1], dtype=torch.long)
        self.reading: head.HeadReading | None = None
        # Makes the stop rule take the mean over free positions: pinned ones, whose entropy is 0, would dilute it.
        self.free_scale_B1 = 1.0 if pins is None else pins.free_scale_B1

    def advance(self, number: int, fresh: head.HeadReading, rows_R: Tensor | None, noise_BL: Tensor) -> DenoiseStep:
        """Takes the reading of all positions, or of those in `rows_R`, and renoises what is not accepted."""
        before = self.reading
        reading = fresh if before is None or rows_R is None else _merged(before, fresh, rows_R)
        if before is not None and bool(self.done_B.any()):
            reading = _with_done_rows(before, reading, self.done_B)
        accepted_BL = self.acceptance.accept(reading.entropy_BL)
        self._settle(before, reading, accepted_BL, rows_R)
        next_BL = torch.where(accepted_BL, reading.sample_BL, noise_BL)
        # Settled positions and done rows keep their ids.
        is_open_BL = ~self.done_B[:, None] & ~self.settled_BL
        next_BL = torch.where(is_open_BL, next_BL, self.canvas_BL)
        if len(self.end_ids):
            self.ends_B = self._ends(reading)
        # Positions after the end are thrown away and perhaps no longer computed: their entropy does not count.
        entropy_BL = reading.entropy_BL.where(self.positions_L < self.ends_B[:, None], 0.0) * self.free_scale_B1
        met_B = self.done_B | self.stop.done(self.history, reading.argmax_BL, entropy_BL)
        # Once a canvas is sure enough, its next step is most likely its last, so that step is made a closing one.
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

        A closing step computes all positions up to the end token; only a closing step can finish a row. The next step
        is one if the stop rule is met or the canvas sure enough for it, if no position or every position is still open,
        or if `close` is set.
        """
        # Up to the farthest end among the rows that are not done.
        needed_L = self.positions_L < torch.where(self.done_B, 0, self.ends_B).max()
        open_L = ~(self.settled_BL | self.done_B[:, None]).all(dim=0) & needed_L
        self.closing = close or self.close_next or not bool(open_L.any()) or bool((open_L == needed_L).all())
        rows_R = (needed_L if self.closing else open_L).nonzero().squeeze(1)
        return None if len(rows_R) == len(self.positions_L) else rows_R

    def _ends(self, reading: head.HeadReading) -> Tensor:
        """One past the first certain end token of each row, L if there is none -> [B].

        A single certain reading is enough: waiting for a second one would compute the whole tail again.
        """
        certain_BL = self.settled_BL | (reading.entropy_BL < SETTLED_NATS)
        ends_BL = certain_BL & (reading.argmax_BL[..., None] == self.end_ids).any(-1)
        return torch.where(ends_BL.any(-1), ends_BL.int().argmax(-1) + 1, len(self.positions_L))

    def _settle(
        self, before: head.HeadReading | None, now: head.HeadReading, accepted_BL: Tensor, rows_R: Tensor | None
    ) -> None:
        """A computed position settles if its canvas id and its last two argmaxes are the same, its entropy is below
        SETTLED_NATS and it is accepted; a skipped one stays settled as long as it is accepted."""
        if before is None:
            return
        unchanged_BL = (now.argmax_BL == before.argmax_BL) & (now.argmax_BL == self.canvas_BL)
        settled_BL = unchanged_BL & (now.entropy_BL < SETTLED_NATS)
        if rows_R is not None:
            settled_BL = self.settled_BL.index_copy(1, rows_R, settled_BL[:, rows_R])
        self.settled_BL = settled_BL & accepted_BL


def _present(reading: head.HeadReading) -> dict[str, Tensor]:
    """The fields of a reading that are not None: the likeliest ids exist with `top_k` only."""
    return {name: value for name, value in vars(reading).items() if value is not None}


def _merged(old: head.HeadReading, new: head.HeadReading, rows_R: Tensor) -> head.HeadReading:
    """`old` with the positions `rows_R` replaced by those of `new`."""
    merged = {name: value.index_copy(1, rows_R, getattr(new, name)) for name, value in _present(old).items()}
    return replace(old, **merged)


def _with_done_rows(old: head.HeadReading, new: head.HeadReading, done_B: Tensor) -> head.HeadReading:
    """`new` with the rows that are done taken from `old`."""

    def choose(name: str, now: Tensor) -> Tensor:
        return torch.where(done_B.view(-1, *[1] * (now.ndim - 1)), getattr(old, name), now)

    return replace(new, **{name: choose(name, now) for name, now in _present(new).items()})
