"""Writes one request's answer piece by piece: canvas after canvas, token after token, or in place.

A canvas is encoded in the same pass as the first step of the next one; the last canvas is not encoded. If the model
asks for it (`causal_check`), canvases that start unsure are drafted and verified (`decode.verify`). Yields the events
of each piece of work; the last is a Finish. Knows nothing of prefill, memory or other requests.
"""

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace

import torch

from dgemma.cache import KVCache
from dgemma.config import SamplerConfig
from dgemma.decode.autoregressive import autoregressive
from dgemma.decode.constrain import Walk
from dgemma.decode.denoise import DenoiseStep, denoise
from dgemma.decode.head import Generators
from dgemma.decode.infill import fill, fill_score
from dgemma.decode.lookup import COPY_LENGTH, Copies, PromptLookup
from dgemma.decode.passes import Passes
from dgemma.decode.revise import revise
from dgemma.decode.rewrite import rewrite
from dgemma.decode.verify import DRAFT_LENGTH, FIRST_LOOK, Verified, end_of, is_unsure, verify
from dgemma.engine.request import SUFFIX_SHOWN, Draft, Event, FinishReason, Infill, Request, Revision, Rewrite
from dgemma.engine.tally import Tally
from dgemma.model import DiffusionGemma

SUFFIX_SCORED = 16
"""Tokens of the suffix that are scored after each filling of a gap."""
NO_LIMIT = 1 << 40
"""The token budget of a constrained answer that need not end in time (`Request.open_end`)."""

Pieces = Iterator[tuple[Event, ...]]


class Writer:
    """Writes the answer of one request; holds its sampler, generator and constraint state. `passes` are the network's
    own or recorded ones (CUDA graphs).

    The constructor raises ConfigError for impossible sampling values, and UsageError for a constraint that no answer of
    max_new_tokens tokens can satisfy.
    """

    def __init__(self, network: DiffusionGemma, passes: Passes, sampler: SamplerConfig, request: Request) -> None:
        self.network, self.request = network, request
        # The reference path must differ from transformers by as little rounding as possible.
        self.passes = network if request.reference else passes
        self.length = request.longest_canvas(network.config.canvas_length)
        if request.max_denoising_steps is not None:
            sampler = replace(sampler, max_denoising_steps=request.max_denoising_steps)
        # The first look uses the model's own temperatures, not the request's.
        self.first_look_sampler = sampler
        if request.temperature != 1.0:
            factor = max(request.temperature, 1e-3)
            sampler = replace(sampler, t_min=sampler.t_min * factor, t_max=sampler.t_max * factor)
        self.sampler = sampler
        # The reference path stops where transformers stops: only at the end tokens of generation_config.
        fallback = () if request.reference else network.config.eos_token_ids
        vocab_size = network.config.vocab_size
        # A small model's files may name end tokens of the released model that are outside its vocabulary.
        self.eos = frozenset(
            token for token in request.eos_token_ids or sampler.eos_token_ids or fallback if 0 <= token < vocab_size
        )
        continues = request.in_place is None and not request.reference
        self.verifies = sampler.causal_check and request.causal_check and request.mode == "diffusion" and continues
        self.walk: Walk | None = None
        if request.constraint is not None:
            budget = NO_LIMIT if request.open_end else request.max_new_tokens
            self.walk = Walk(automaton=request.constraint, remaining=budget)
            self.eos = frozenset(request.constraint.end_ids)
        # The head returns a token's own log probability only together with those of at least one likeliest id.
        self.top_k = 0 if request.top_logprobs is None else max(1, request.top_logprobs)
        # An answer may not begin with an end token, which would make it empty, unless every token is an end token.
        has_text = len(self.eos) < vocab_size
        self.forbidden_first = tuple(sorted(self.eos)) if has_text and not request.reference else ()
        self.generator = torch.Generator(device=network.device).manual_seed(int(request.seed))
        # The reference path draws as transformers does, one number for every entry of the vocabulary.
        self.draws: Generators = self.generator if request.reference else [self.generator]
        self.tally = Tally(request, self.eos, self.length)

    @property
    def needs_last_hidden(self) -> bool:
        """Whether writing needs the hidden state of the prompt's last token, besides the keys and values."""
        return self.request.mode == "autoregressive" or isinstance(self.request.in_place, Infill | Rewrite)

    @property
    def encodes_last_chunk(self) -> bool:
        """Whether the prompt's last chunk is encoded in the pass of the first denoise step, which saves a pass."""
        return self.request.mode == "diffusion" and self.request.in_place is None and not self.request.reference

    def write(self, cache: KVCache, last_hidden_D: torch.Tensor | None, last_chunk_BT: torch.Tensor | None) -> Pieces:
        """The whole answer after the tokens in `cache`. `last_hidden_D` is required if `needs_last_hidden`,
        `last_chunk_BT` if `encodes_last_chunk`."""
        match self.request.in_place:
            case Infill() as infill:
                return self._infill(cache, _required(last_hidden_D), infill)
            case Revision() as revision:
                return self._revise(cache, revision)
            case Rewrite() as rewriting:
                return self._rewrite(cache, _required(last_hidden_D), rewriting)
            case None:
                pass
        if self.request.mode == "autoregressive":
            return self._autoregressive(cache, _required(last_hidden_D))
        if self.verifies:
            return self._diffusion_verified(cache, last_chunk_BT)
        return self._diffusion(cache, last_chunk_BT)

    def _diffusion(self, cache: KVCache, finished_BL: torch.Tensor | None) -> Pieces:
        """Denoises canvas after canvas. `finished_BL` are final tokens that are not encoded yet."""
        while True:
            steps = self._canvas(cache, self.length, finished_BL)
            finished_BL = yield from self._finish_canvas(cache, steps, self._step(steps))

    def _diffusion_verified(self, cache: KVCache, finished_BL: torch.Tensor | None) -> Pieces:
        """As `_diffusion`, but the first step over each canvas, the first look, decides: if it is unsure, the canvas is
        drafted and verified."""
        lookup = PromptLookup(self.request.prompt)
        while True:
            steps = self._canvas(cache, self._first_look(), finished_BL, self.first_look_sampler)
            step = self._step(steps)
            if is_unsure(step, self.eos):
                steps.close()
                finished_BL = yield from self._draft_and_verify(cache, step, lookup)
                continue
            length = step.argmax_BL.shape[1]
            if length < self.length and self.eos.isdisjoint(step.argmax_BL[0].tolist()):
                # The answer continues beyond the first look, so the canvas must be longer.
                length = self.length
            if length != step.argmax_BL.shape[1] or self.sampler is not self.first_look_sampler:
                steps.close()
                yield (self.tally.draft(step),)
                steps = self._canvas(cache, length, None)
                step = self._step(steps)
            finished_BL = yield from self._finish_canvas(cache, steps, step)

    def _finish_canvas(
        self, cache: KVCache, steps: Generator[DenoiseStep], step: DenoiseStep
    ) -> Generator[tuple[Event, ...], None, torch.Tensor | None]:
        """Denoises a canvas, of which `step` is the first step, to its end and commits it -> its tokens, which are not
        encoded yet. The reference path encodes them as transformers does, in a pass of their own -> None."""
        while not (bool(step.done_B.all()) or step.step == self.sampler.max_denoising_steps):
            yield (self.tally.draft(step),)
            step = self._step(steps)
        steps.close()
        draft = self.tally.draft(step)
        self.tally.canvases += 1
        kept, reason = self.tally.cut(list(draft.token_ids))
        logprobs = self.tally.logprobs(step, len(kept))
        yield (draft, self.tally.commit(kept, draft.entropies[: len(kept)], logprobs), *self.tally.finish(reason))
        if self.walk is not None:
            self.walk = self.walk.after(draft.token_ids)
        if not self.request.reference:
            return step.argmax_BL
        self.network.encode(step.argmax_BL, cache, keys_only=True)
        self.tally.passes += 1
        yield ()
        return None

    @property
    def _forbidden_next(self) -> tuple[int, ...]:
        """Ids that the next token cannot be."""
        return self.forbidden_first if self.tally.new_tokens == 0 else ()

    def _first_look(self) -> int:
        """Length of the first step that decides whether a canvas is verified; the whole canvas if the request sets its
        length."""
        return self.length if self.request.canvas_length is not None else min(self.length, FIRST_LOOK)

    def _canvas(
        self, cache: KVCache, length: int, finished_BL: torch.Tensor | None, sampler: SamplerConfig | None = None
    ) -> Generator[DenoiseStep]:
        """The denoise steps of a canvas after everything written; `finished_BL` are final tokens not encoded yet. Close
        the generator: if it is dropped instead, its cleanup runs where Python prints and discards Ctrl-C."""
        return denoise(
            self.network,
            cache,
            sampler or self.sampler,
            self.draws,
            length,
            forbidden_first=self._forbidden_next,
            constraint=self.walk,
            exact=self.request.reference,
            skip_settled=self.request.skip_settled,
            end_ids=sorted(self.eos),
            top_k=self.top_k,
            passes=self.passes,
            commit_BT=finished_BL,
        )

    def _draft_and_verify(
        self, cache: KVCache, step: DenoiseStep, lookup: PromptLookup
    ) -> Generator[tuple[Event, ...], None, torch.Tensor]:
        """Writes one canvas length of tokens, each proposal verified by the causal pass -> the last token [1, 1], which
        is not encoded yet. `step` is the first draft; further proposals come from `_next_proposal`."""
        number, until = 1, self.tally.new_tokens + self.length
        proposal = _Proposal.drafted(step)
        yield (self.tally.draft(step),)
        while True:
            known, proposed = proposal.known, proposal.token_ids
            found = verify(
                self.network,
                cache,
                [*known, *proposed[: end_of(proposed, self.eos)]],
                proposal.last_hidden_D,
                known=len(known),
                end_ids=self.eos,
                forbidden_first=self._forbidden_next,
                constraint=self.walk,
                top_k=self.top_k,
                passes=self.passes,
            )
            self.tally.passes += 1
            kept, reason = self.tally.cut(list(found.token_ids))
            if self.tally.new_tokens + len(kept) >= until or reason is not None:
                self.tally.canvases += 1
            logprobs = tuple(map(self.tally.token_logprobs, found.logprobs[: len(kept)], found.top[: len(kept)]))
            yield (self.tally.commit(kept, found.entropies[: len(kept)], logprobs), *self.tally.finish(reason))
            if self.walk is not None:
                self.walk = self.walk.after(found.token_ids)
            if self.tally.new_tokens >= until:
                return self._last_token(found)
            # After a copy that failed at its first token, another would fail too: draft instead.
            may_copy = not (proposal.copied and len(found.token_ids) == 1)
            may_draft = number < self.sampler.max_denoising_steps
            proposal = self._next_proposal(cache, found, lookup, may_copy=may_copy, may_draft=may_draft)
            if proposal.step is not None:
                number += 1
                yield (self.tally.draft(proposal.step, number=number),)

    def _next_proposal(
        self, cache: KVCache, found: Verified, lookup: PromptLookup, *, may_copy: bool, may_draft: bool
    ) -> "_Proposal":
        """The tokens to verify after those of `found`: a copy from the prompt if the answer repeats it, else the draft
        of one denoise step. Once the canvas has used all its denoise steps, there may be none; then the causal pass
        writes a single token."""
        if may_copy:
            room = self.request.max_new_tokens - self.tally.new_tokens
            copied = lookup.after(self.tally.tail, min(COPY_LENGTH, room))
        else:
            copied = []
        if not copied and may_draft:
            with closing(self._canvas(cache, min(DRAFT_LENGTH, self.length), self._last_token(found))) as steps:
                return _Proposal.drafted(self._step(steps))
        return _Proposal(
            token_ids=copied, known=[found.token_ids[-1]], last_hidden_D=found.last_hidden_D, copied=bool(copied)
        )

    def _last_token(self, found: Verified) -> torch.Tensor:
        """The last token of a verification, which is not encoded yet -> [1, 1]."""
        return torch.tensor([found.token_ids[-1:]], device=self.network.device)

    def _infill(self, cache: KVCache, last_hidden_D: torch.Tensor, infill: Infill) -> Pieces:
        """Fills and scores one gap length after another after the same prompt, each as a canvas of its own; commits the
        best."""
        best: tuple[float, Draft] | None = None
        worse_in_a_row = 0
        forbidden = tuple(sorted(self.eos | set(infill.forbidden)))
        for gap in infill.gap_lengths:
            suffix = infill.suffix[:SUFFIX_SHOWN]
            steps = fill(self.network, cache, self.sampler, self.draws, gap, suffix, forbidden)
            draft: Draft | None = None
            for step in self._steps(steps):
                draft = self.tally.draft(step, gap)
                yield (draft,)
            assert draft is not None
            score = fill_score(self.network, cache, last_hidden_D, draft.token_ids, suffix[:SUFFIX_SCORED])
            self.tally.canvases, self.tally.passes = self.tally.canvases + 1, self.tally.passes + 1
            if best is None or score > best[0]:
                best, worse_in_a_row = (score, draft), 0
            else:
                worse_in_a_row += 1
            yield ()
            if worse_in_a_row == infill.patience:
                break
        assert best is not None
        yield (self.tally.commit(list(best[1].token_ids), best[1].entropies), *self.tally.finish("stop"))

    def _revise(self, cache: KVCache, revision: Revision) -> Pieces:
        """Revises canvas by canvas. A finished canvas is encoded, so that the next is read after the revised text."""
        forbidden = tuple(sorted(self.eos | set(revision.forbidden)))
        canvases = torch.tensor([revision.text], device=self.network.device).split(self.length, dim=1)
        for text_BL in canvases:
            ids, entropies = text_BL, (0.0,) * text_BL.shape[1]
            self.tally.passes += 1
            steps = revise(self.network, cache, self.sampler, self.draws, text_BL[0], revision.strength, forbidden)
            for step in self._steps(steps):
                draft = self.tally.draft(step)
                ids, entropies = step.argmax_BL, draft.entropies
                yield (draft,)
            self.tally.canvases += 1
            reason: FinishReason | None = "stop" if text_BL is canvases[-1] else None
            yield (self.tally.commit(ids[0].tolist(), entropies), *self.tally.finish(reason))
            self.network.encode(ids, cache, keys_only=True)
            self.tally.passes += 1
            yield ()

    def _rewrite(self, cache: KVCache, last_hidden_D: torch.Tensor, rewriting: Rewrite) -> Pieces:
        """Rewrites pass by pass, until the causal pass ends the text."""
        passes = rewrite(
            self.network,
            cache,
            rewriting.text,
            rewriting.strength,
            most=self.request.max_new_tokens,
            last_hidden_D=last_hidden_D,
            end_ids=sorted(self.eos),
            forbidden=tuple(sorted(set(rewriting.forbidden) - self.eos)),
        )
        for found in passes:
            self.tally.passes += 1
            kept, reason = self.tally.cut(list(found.token_ids))
            if reason == "stop":
                kept = kept[:-1]
            commits = (self.tally.commit(kept, found.entropies[: len(kept)]),) if kept else ()
            yield (*commits, *self.tally.finish(reason))

    def _steps(self, steps: Iterator[DenoiseStep]) -> Iterator[DenoiseStep]:
        for step in steps:
            self.tally.count(step)
            yield step

    def _step(self, steps: Iterator[DenoiseStep]) -> DenoiseStep:
        step = next(steps)
        self.tally.count(step)
        return step

    def _autoregressive(self, cache: KVCache, last_hidden_D: torch.Tensor) -> Pieces:
        request, copies = self.request, None
        if request.copy_length:
            copies = Copies(request.prompt, request.max_new_tokens, request.copy_length, self.eos)
        written = autoregressive(
            self.network,
            cache,
            last_hidden_D,
            request.token_sampler,
            self.generator,
            forbidden_first=self.forbidden_first,
            constraint=self.walk,
            top_k=self.top_k,
            passes=self.passes,
            copies=copies,
        )
        for found in written:
            self.tally.passes += 1
            kept, reason = self.tally.cut([one.token for one in found])
            found = found[: len(kept)]
            logprobs = tuple(
                self.tally.token_logprobs(one.logprob, one.top) for one in found if one.logprob is not None
            )
            entropies = tuple(one.entropy for one in found)
            yield (self.tally.commit(kept, entropies, logprobs), *self.tally.finish(reason))


@dataclass(frozen=True, kw_only=True)
class _Proposal:
    """Tokens to verify.

    token_ids      the proposed ids; may be empty
    known          final ids before them that are not encoded yet: at most one
    last_hidden_D  the hidden state of the last encoded token
    copied         whether the ids are copied from the prompt
    step           the denoise step that drafted them; None if none did
    """

    token_ids: list[int]
    known: list[int]
    last_hidden_D: torch.Tensor
    copied: bool = False
    step: DenoiseStep | None = None

    @classmethod
    def drafted(cls, step: DenoiseStep) -> "_Proposal":
        """The argmax of a denoise step whose pass also encoded the tokens before the canvas."""
        assert step.last_hidden_BD is not None, "the step before a verification encodes at least one token"
        ids = step.argmax_BL[0, :DRAFT_LENGTH].tolist()
        return cls(token_ids=ids, known=[], last_hidden_D=step.last_hidden_BD[0], step=step)


def _required(last_hidden_D: torch.Tensor | None) -> torch.Tensor:
    assert last_hidden_D is not None, "a prompt has at least one token"
    return last_hidden_D
