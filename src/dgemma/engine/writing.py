"""How one request's answer is written, piece by piece: canvas after canvas, token after token, or in place.

A canvas is encoded in the same pass as the next one's first step, the last one not at all. Where the model asks for it
(`causal_check`), canvases that start unsure are drafted and verified (`decode.verify`). Yields the events of one piece
of work after another, a Finish last. Knows nothing of prompts being encoded, of memory or of other requests.
"""

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import replace

import torch

from dgemma.cache import KVCache
from dgemma.config import SamplerConfig
from dgemma.decode.autoregressive import autoregressive
from dgemma.decode.constrain import Walk
from dgemma.decode.denoise import DenoiseStep, denoise
from dgemma.decode.head import Generators
from dgemma.decode.infill import fill, fill_score, revise
from dgemma.decode.lookup import COPY_LENGTH, PromptLookup
from dgemma.decode.passes import Passes
from dgemma.decode.rewrite import rewrite
from dgemma.decode.verify import DRAFT_LENGTH, FIRST_LOOK, end_of, is_unsure, verify
from dgemma.engine.request import SUFFIX_SHOWN, Draft, Event, FinishReason, Infill, Request, Revision
from dgemma.engine.tally import Tally
from dgemma.model import DiffusionGemma

SUFFIX_SCORED = 16
"""Tokens of a suffix that must follow well for a filling to be chosen."""
NO_LIMIT = 1 << 40
"""Tokens that a constrained answer may take to its end when it need not come there."""

Pieces = Iterator[tuple[Event, ...]]


class Writer:
    """The sampler, the draws and the constraint of one request, and where its answer stands. `passes` are the network's
    own or recorded ones.

    Raises ConfigError for impossible sampling values, UsageError for a constraint that no answer of max_new_tokens can
    satisfy, when it is made.
    """

    def __init__(self, network: DiffusionGemma, passes: Passes, sampler: SamplerConfig, request: Request) -> None:
        self.network, self.request = network, request
        # The reference is to differ from transformers by as little rounding as can be.
        self.passes = network if request.reference else passes
        self.length = request.longest_canvas(network.config.canvas_length)
        if request.max_denoising_steps is not None:
            sampler = replace(sampler, max_denoising_steps=request.max_denoising_steps)
        # The first look is taken at the model's own temperatures, not the request's.
        self.first_look_sampler = sampler
        if request.temperature != 1.0:
            factor = max(request.temperature, 1e-3)
            sampler = replace(sampler, t_min=sampler.t_min * factor, t_max=sampler.t_max * factor)
        self.sampler = sampler
        # The reference stops where transformers stops: at generation_config's end tokens and at no others.
        fallback = () if request.reference else network.config.eos_token_ids
        vocab_size = network.config.vocab_size
        # Files of small models may name the end tokens of the released one.
        self.eos = frozenset(
            token for token in request.eos_token_ids or sampler.eos_token_ids or fallback if 0 <= token < vocab_size
        )
        writes_on = request.in_place is None and not request.reference
        self.verifies = sampler.causal_check and request.causal_check and request.mode == "diffusion" and writes_on
        self.walk: Walk | None = None
        if request.constraint is not None:
            budget = NO_LIMIT if request.open_end else request.max_new_tokens
            self.walk = Walk(automaton=request.constraint, remaining=budget)
            self.eos = frozenset(request.constraint.end_ids)
        # The head tells a token's own log probability only along with some of the best.
        self.top_k = 0 if request.top_logprobs is None else max(1, request.top_logprobs)
        # A first canvas that begins with an end token would be an empty answer.
        # A vocabulary of nothing but end tokens has no other answer.
        some_text = len(self.eos) < vocab_size
        self.forbidden_first = tuple(sorted(self.eos)) if some_text and not request.reference else ()
        self.generator = torch.Generator(device=network.device).manual_seed(int(request.seed))
        # The reference draws as transformers does, one number for every entry of the vocabulary.
        self.draws: Generators = self.generator if request.reference else [self.generator]
        self.tally = Tally(request, self.eos, self.length)

    @property
    def reads_prompt(self) -> bool:
        """Whether writing starts from the hidden state of the prompt's last token, not from its keys alone."""
        in_place = self.request.in_place
        judged = isinstance(in_place, Infill) or (in_place is not None and in_place.answers)
        return self.request.mode == "autoregressive" or judged

    @property
    def encodes_last_chunk(self) -> bool:
        """Whether the prompt's last chunk is encoded in the first pass over a canvas, which saves a pass."""
        return self.request.mode == "diffusion" and self.request.in_place is None and not self.request.reference

    def write(self, cache: KVCache, last_hidden_D: torch.Tensor | None, last_chunk_BT: torch.Tensor | None) -> Pieces:
        """The whole answer behind what `cache` holds; `last_hidden_D` is needed where the writer `reads_prompt`, the
        last chunk where it `encodes_last_chunk`."""
        in_place = self.request.in_place
        if isinstance(in_place, Infill):
            return self._infill(cache, _read(last_hidden_D), in_place)
        if in_place is not None and in_place.answers:
            return self._rewrite(cache, _read(last_hidden_D), in_place)
        if in_place is not None:
            return self._revise(cache, in_place)
        if self.request.mode == "autoregressive":
            return self._autoregressive(cache, _read(last_hidden_D))
        return self._diffusion(cache, last_chunk_BT)

    def _diffusion(self, cache: KVCache, finished_BL: torch.Tensor | None) -> Pieces:
        """Canvas after canvas, behind what is `finished` and not encoded yet; those that start unsure are verified."""
        lookup = PromptLookup(self.request.prompt if self.verifies else ())
        while True:
            if not self.verifies:
                steps = self._canvas(cache, self.length, finished_BL)
            else:
                steps = self._canvas(cache, self._first_look(), finished_BL, self.first_look_sampler)
            step = self._step(steps)
            if self.verifies:
                if is_unsure(step, self.eos):
                    steps.close()
                    finished_BL = yield from self._verified(cache, step, lookup)
                    continue
                length = step.argmax_BL.shape[1]
                if length < self.length and self.eos.isdisjoint(step.argmax_BL[0].tolist()):
                    # The answer goes on behind what was looked at: the canvas must be longer.
                    length = self.length
                if length != step.argmax_BL.shape[1] or self.sampler is not self.first_look_sampler:
                    steps.close()
                    yield (self.tally.draft(step),)
                    steps = self._canvas(cache, length, None)
                    step = self._step(steps)
            while not (bool(step.done_B.all()) or step.step == self.sampler.max_denoising_steps):
                yield (self.tally.draft(step),)
                step = self._step(steps)
            draft = self.tally.draft(step)
            self.tally.canvases += 1
            kept, reason = self.tally.cut(list(draft.token_ids))
            logprobs = self.tally.logprobs(step, len(kept))
            yield (draft, self.tally.commit(kept, draft.entropies[: len(kept)], logprobs), *self.tally.finish(reason))
            if self.walk is not None:
                self.walk = self.walk.after(draft.token_ids)
            if self.request.reference:
                self.network.encode(step.argmax_BL, cache, keys_only=True)
                self.tally.passes += 1
                yield ()
            else:
                finished_BL = step.argmax_BL

    def _first_look(self) -> int:
        """The positions that tell whether a canvas is to be verified; all of them where the request says how many."""
        return self.length if self.request.canvas_length is not None else min(self.length, FIRST_LOOK)

    def _canvas(
        self, cache: KVCache, length: int, finished_BL: torch.Tensor | None, sampler: SamplerConfig | None = None
    ) -> Generator[DenoiseStep]:
        """The steps of a canvas behind all that is written; `finished_BL` is what is not encoded of that yet. To be
        closed: what is let go of runs its end where Ctrl-C would be told and forgotten."""
        return denoise(
            self.network,
            cache,
            sampler or self.sampler,
            self.draws,
            length,
            forbidden_first=self.forbidden_first if self.tally.new_tokens == 0 else (),
            constraint=self.walk,
            exact=self.request.reference,
            skip_settled=self.request.skip_settled,
            end_ids=sorted(self.eos),
            top_k=self.top_k,
            passes=self.passes,
            commit_BT=finished_BL,
        )

    def _verified(
        self, cache: KVCache, step: DenoiseStep, lookup: PromptLookup
    ) -> Generator[tuple[Event, ...], None, torch.Tensor]:
        """A canvas' worth of tokens, drafted and verified by the causal mode -> the last token [1, 1], which is not
        encoded yet. A guess is a draft of one denoise step, of which `step` is the first, or copied from the prompt.

        When the canvas has had all its denoise steps, the rest comes token by token.
        """
        assert step.last_hidden_BD is not None, "the step before a verification encodes at least one token"
        last_hidden = step.last_hidden_BD[0]
        number, until = 1, self.tally.new_tokens + self.length
        guess: list[int] = step.argmax_BL[0, :DRAFT_LENGTH].tolist()
        known: list[int] = []
        copied = False
        yield (self.tally.draft(step),)
        while True:
            found = verify(
                self.network,
                cache,
                [*known, *guess[: end_of(guess, self.eos)]],
                last_hidden,
                known=len(known),
                end_ids=self.eos,
                forbidden_first=self.forbidden_first if self.tally.new_tokens == 0 else (),
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
            last_B1 = torch.tensor([found.token_ids[-1:]], device=self.network.device)
            if self.tally.new_tokens >= until:
                return last_B1
            last_hidden, known = found.last_hidden_D, [found.token_ids[-1]]
            # Where a copy failed at once, another one would: a draft comes first.
            failed = copied and len(found.token_ids) == 1
            room = self.request.max_new_tokens - self.tally.new_tokens
            guess = [] if failed else lookup.after(self.tally.tail, min(COPY_LENGTH, room))
            copied = bool(guess)
            if not copied and number < self.sampler.max_denoising_steps:
                with closing(self._canvas(cache, min(DRAFT_LENGTH, self.length), last_B1)) as steps:
                    step = self._step(steps)
                assert step.last_hidden_BD is not None
                last_hidden, guess, known = step.last_hidden_BD[0], step.argmax_BL[0].tolist(), []
                number += 1
                yield (self.tally.draft(step, number=number),)

    def _infill(self, cache: KVCache, last_hidden: torch.Tensor, infill: Infill) -> Pieces:
        """One length after another is filled and scored behind the same prompt; each filling is a canvas of its own."""
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
            score = fill_score(self.network, cache, last_hidden, draft.token_ids, suffix[:SUFFIX_SCORED])
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
        """Canvas by canvas: what is done is encoded, so that later parts are read behind the revised earlier ones."""
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

    def _rewrite(self, cache: KVCache, last_hidden: torch.Tensor, revision: Revision) -> Pieces:
        """Pass by pass, until the causal mode ends the text."""
        forbidden = tuple(sorted(set(revision.forbidden) - self.eos))
        passes = rewrite(
            self.network,
            cache,
            revision.text,
            revision.strength,
            self.request.max_new_tokens,
            last_hidden,
            sorted(self.eos),
            forbidden,
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

    def _autoregressive(self, cache: KVCache, last_hidden: torch.Tensor) -> Pieces:
        tokens = autoregressive(
            self.network,
            cache,
            last_hidden,
            self.request.token_sampler,
            self.generator,
            self.forbidden_first,
            self.walk,
            self.top_k,
            self.passes,
        )
        for found in tokens:
            self.tally.passes += 1
            kept, reason = self.tally.cut([found.token])
            logprobs = () if found.logprob is None else (self.tally.token_logprobs(found.logprob, found.top),)
            yield (self.tally.commit(kept, (found.entropy,), logprobs), *self.tally.finish(reason))


def _read(last_hidden_D: torch.Tensor | None) -> torch.Tensor:
    assert last_hidden_D is not None, "a prompt has at least one token"
    return last_hidden_D
