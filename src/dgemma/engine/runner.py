"""One request while it runs: its cache, its generator, and the next piece of work.

Encodes the prompt chunk by chunk, then writes canvas after canvas (or token after token). A canvas is encoded in the
same pass as the next one's first step, the last one not at all. Where the model asks for it (`causal_check`), canvases
that start unsure are drafted and checked instead (`decode.check`). `advance` does one piece: one pass over a chunk or a
canvas, or a few tokens. Shares nothing with other requests, so who runs between two pieces changes no token.
Knows nothing of threads, queues or text.
"""

import resource
import sys
import time
from collections.abc import Generator, Iterator
from dataclasses import replace

import torch

from dgemma.cache import KVCache
from dgemma.config import SamplerConfig
from dgemma.decode.autoregressive import autoregressive
from dgemma.decode.check import DRAFT_LENGTH, FIRST_LOOK, check, end_of, is_unsure
from dgemma.decode.constrain import Walk
from dgemma.decode.denoise import DenoiseStep, denoise
from dgemma.decode.infill import fill, fill_score, revise
from dgemma.decode.lookup import COPY_LENGTH, LONGEST, PromptLookup
from dgemma.decode.rewrite import rewrite
from dgemma.engine.prefixes import Chunks, Prefix, Reuse, split_prompt
from dgemma.engine.request import (
    Commit,
    Draft,
    Event,
    Finish,
    FinishReason,
    Infill,
    Request,
    Revision,
    Stats,
    TokenLogprobs,
)
from dgemma.model import DiffusionGemma

# How much of a suffix a canvas shows behind its gap, and how much of that must follow well for a filling to be chosen.
SUFFIX_SHOWN = 64
SUFFIX_SCORED = 16
NO_LIMIT = 1 << 40
"""Tokens that a constrained answer may take to its end when it need not come there."""
IMPOSSIBLE_NATS = -1e4
"""What is below has no probability: a constraint or a forbidden id took it."""


class Runner:
    """The state of one request, from its submission on.

    `open` takes the memory; `advance` until an event is a Finish; `close` in between ends it early. Raises ConfigError
    for impossible sampling values, UsageError for a constraint that no answer of max_new_tokens can satisfy, when it
    is made.
    """

    def __init__(self, network: DiffusionGemma, sampler: SamplerConfig, request: Request, prefill_chunk: int) -> None:
        self.network, self.request = network, request
        self.length = canvas_length(request, network.config.canvas_length)
        if request.max_denoising_steps is not None:
            sampler = replace(sampler, max_denoising_steps=request.max_denoising_steps)
        if request.temperature != 1.0:
            factor = max(request.temperature, 1e-3)
            sampler = replace(sampler, t_min=sampler.t_min * factor, t_max=sampler.t_max * factor)
        self.sampler = sampler
        # The reference stops where transformers stops: at generation_config's end tokens and at no others.
        fallback = () if request.reference else network.config.eos_token_ids
        self.eos = frozenset(request.eos_token_ids or sampler.eos_token_ids or fallback)
        writes_on = request.in_place is None and not request.reference
        self.checks = sampler.causal_check and request.causal_check and request.mode == "diffusion" and writes_on
        self.walk: Walk | None = None
        if request.constraint is not None:
            budget = NO_LIMIT if request.open_end else request.max_new_tokens
            self.walk = Walk(automaton=request.constraint, remaining=budget)
            self.eos = frozenset(request.constraint.end_ids)
        # The head tells of a token's own log probability together with the best ones.
        self.top_k = 0 if request.top_logprobs is None else max(1, request.top_logprobs)
        # A first canvas that begins with an end token would be an empty answer.
        self.forbidden_first = () if request.reference else tuple(sorted(self.eos))
        self.generator = torch.Generator(device=network.device).manual_seed(request.seed)
        turn_ends = () if request.reference else frozenset(request.turn_boundary_ids)
        self.chunks = split_prompt(request.prompt, prefill_chunk, turn_ends)
        self.cache: KVCache | None = None
        self.canvases = self.steps = self.passes = self.new_tokens = self.reused_tokens = 0
        self.equivalents = 0.0
        self.tail: list[int] = []
        self.submitted = self.opened = time.perf_counter()
        self.first_text: float | None = None
        self._pieces: Iterator[tuple[Event, ...]] = iter(())

    @property
    def max_length(self) -> int:
        """Tokens that the cache must be able to hold: a last canvas may reach behind max_new_tokens."""
        return len(self.request.prompt) + self.request.max_new_tokens + self.length

    @property
    def num_bytes(self) -> int:
        """What `open` takes."""
        return KVCache.size_of(self.network.config, self.max_length, self.length, self.network.dtype)

    @property
    def seconds(self) -> float:
        """Since `open`."""
        return time.perf_counter() - self.opened

    @property
    def reads_prompt(self) -> bool:
        """Whether decoding starts from the hidden state of the prompt's last token, not from its keys alone."""
        in_place = self.request.in_place
        judged = isinstance(in_place, Infill) or (in_place is not None and in_place.answers)
        return self.request.mode == "autoregressive" or judged or self.checks

    @property
    def shareable_chunks(self) -> Chunks:
        """The chunks that a kept prefix may provide. The reference path computes everything itself; one token after
        another starts from the hidden state of the last chunk."""
        if self.request.reference:
            return ()
        return self.chunks[:-1] if self.reads_prompt else self.chunks

    @torch.inference_mode()
    def open(self, reuse: Reuse | None = None) -> None:
        """Takes the memory and starts from a kept prefix, if one is given."""
        self.opened = time.perf_counter()
        count = 0 if reuse is None else reuse.num_chunks
        self.reused_tokens = sum(map(len, self.chunks[:count]))
        if reuse is not None and reuse.taken:
            cache = reuse.cache
            cache.truncate(self.reused_tokens)
            cache.resize(self.max_length, self.length)
        else:
            cache = KVCache(
                self.network.config,
                max_length=self.max_length,
                dtype=self.network.dtype,
                device=self.network.device,
                scratch_length=self.length,
            )
            if reuse is not None:
                cache.copy_prefix(reuse.cache, self.reused_tokens)
        # Last, so that a cache whose making was interrupted is never kept.
        self.cache, self._pieces = cache, self._run(cache, self.chunks[count:])

    @torch.inference_mode()
    def advance(self, num_tokens: int = 1) -> tuple[Event, ...]:
        """Does the next piece of work and tells what came of it, a Finish last; `num_tokens` in autoregressive mode."""
        events: list[Event] = []
        for _ in range(num_tokens if self.request.mode == "autoregressive" else 1):
            events += next(self._pieces)
            if events and isinstance(events[-1], Finish):
                break
        return tuple(events)

    @torch.inference_mode()
    def close(self, *, shrink: bool) -> Prefix | None:
        """Ends the run -> what was encoded of the prompt, for later requests.

        With `shrink` the cache gives back what the answer took, which copies what remains; without, it stays as it is.
        """
        cache, self.cache, self._pieces = self.cache, None, iter(())
        if cache is None or self.request.reference:
            return None
        num_chunks = num_tokens = 0
        while num_chunks < len(self.chunks) and num_tokens + len(self.chunks[num_chunks]) <= cache.length:
            num_tokens += len(self.chunks[num_chunks])
            num_chunks += 1
        if num_chunks == 0:
            return None
        cache.truncate(num_tokens)
        if shrink:
            cache.resize(num_tokens, 0)
        return Prefix(chunks=self.chunks[:num_chunks], cache=cache)

    def _run(self, cache: KVCache, chunks: Chunks) -> Iterator[tuple[Event, ...]]:
        in_place = self.request.in_place
        last_hidden: torch.Tensor | None = None
        for chunk in chunks:
            ids = torch.tensor([chunk], device=self.network.device)
            last_hidden = self.network.encode(ids, cache, keys_only=not self.reads_prompt)[0, -1]
            yield ()
        if isinstance(in_place, Infill):
            assert last_hidden is not None
            yield from self._infill(cache, last_hidden, in_place)
        elif in_place is not None and in_place.answers:
            assert last_hidden is not None
            yield from self._rewrite(cache, last_hidden, in_place)
        elif in_place is not None:
            yield from self._revise(cache, in_place)
        elif self.request.mode == "autoregressive":
            assert last_hidden is not None
            yield from self._autoregressive(cache, last_hidden)
        else:
            yield from self._diffusion(cache, last_hidden if self.checks else None)

    def _diffusion(self, cache: KVCache, last_hidden: torch.Tensor | None) -> Iterator[tuple[Event, ...]]:
        """Canvas after canvas. With `last_hidden`, that of the prompt, those that start unsure are checked."""
        finished_BL: torch.Tensor | None = None
        lookup = PromptLookup(self.request.prompt if last_hidden is not None else ())
        while True:
            steps = self._canvas(cache, self._first_look() if last_hidden is not None else self.length, finished_BL)
            step = self._step(steps)
            if last_hidden is not None:
                last_hidden = last_hidden if step.last_hidden_BD is None else step.last_hidden_BD[0]
                if is_unsure(step, self.eos):
                    finished_BL = yield from self._checked(cache, last_hidden, step, lookup)
                    continue
                if step.argmax_BL.shape[1] < self.length and self.eos.isdisjoint(step.argmax_BL[0].tolist()):
                    # The answer goes on behind what was looked at: the canvas must be longer.
                    yield (_draft(step, self.canvases),)
                    steps = self._canvas(cache, self.length, None)
                    step = self._step(steps)
            while not (bool(step.done_B.all()) or step.step == self.sampler.max_denoising_steps):
                yield (_draft(step, self.canvases),)
                step = self._step(steps)
            draft = _draft(step, self.canvases)
            self.canvases += 1
            kept, reason = self._cut(list(draft.token_ids))
            logprobs = self._logprobs(step, len(kept))
            yield (draft, self._commit(kept, draft.entropies[: len(kept)], logprobs), *self._finish(reason))
            if self.walk is not None:
                self.walk = self.walk.after(draft.token_ids)
            if self.request.reference:
                self.network.encode(step.argmax_BL, cache, keys_only=True)
                self.passes += 1
                yield ()
            else:
                finished_BL = step.argmax_BL

    def _first_look(self) -> int:
        """The positions that tell whether a canvas is to be checked; all of them where the request says how many."""
        return self.length if self.request.canvas_length is not None else min(self.length, FIRST_LOOK)

    def _canvas(self, cache: KVCache, length: int, finished_BL: torch.Tensor | None) -> Iterator[DenoiseStep]:
        """The steps of a canvas behind all that is written; `finished_BL` is what is not encoded of that yet."""
        return denoise(
            self.network,
            cache,
            self.sampler,
            self.generator,
            length,
            forbidden_first=self.forbidden_first if self.new_tokens == 0 else (),
            constraint=self.walk,
            exact=self.request.reference,
            skip_settled=self.request.skip_settled,
            end_ids=sorted(self.eos),
            top_k=self.top_k,
            commit_BT=finished_BL,
        )

    def _checked(
        self, cache: KVCache, last_hidden: torch.Tensor, step: DenoiseStep, lookup: PromptLookup
    ) -> Generator[tuple[Event, ...], None, torch.Tensor]:
        """A canvas' worth of tokens, guessed and then checked by the causal mode -> the last token [1, 1], which is not
        encoded yet. A guess is a draft of one denoise step, of which `step` is the first, or copied from the prompt.

        When the canvas has had all its denoise steps, the rest comes token by token.
        """
        number, until = 1, self.new_tokens + self.length
        guess: list[int] = step.argmax_BL[0, :DRAFT_LENGTH].tolist()
        known: list[int] = []
        copied = False
        yield (_draft(step, self.canvases),)
        while True:
            found = check(
                self.network,
                cache,
                [*known, *guess[: end_of(guess, self.eos)]],
                last_hidden,
                known=len(known),
                end_ids=self.eos,
                forbidden_first=self.forbidden_first if self.new_tokens == 0 else (),
                constraint=self.walk,
                top_k=self.top_k,
            )
            self.passes += 1
            kept, reason = self._cut(list(found.token_ids))
            self.canvases += self.new_tokens + len(kept) >= until or reason is not None
            logprobs = tuple(map(self._token_logprobs, found.logprobs[: len(kept)], found.top[: len(kept)]))
            yield (self._commit(kept, found.entropies[: len(kept)], logprobs), *self._finish(reason))
            if self.walk is not None:
                self.walk = self.walk.after(found.token_ids)
            last_B1 = torch.tensor([found.token_ids[-1:]], device=self.network.device)
            if self.new_tokens >= until:
                return last_B1
            last_hidden, known = found.last_hidden_D, [found.token_ids[-1]]
            # Where a copy failed at once, another one would: a draft comes first.
            copied = not (copied and len(found.token_ids) == 1)
            guess = lookup.after(self.tail, COPY_LENGTH) if copied else []
            copied = bool(guess)
            if not copied and number < self.sampler.max_denoising_steps:
                step = self._step(self._canvas(cache, min(DRAFT_LENGTH, self.length), last_B1))
                assert step.last_hidden_BD is not None
                last_hidden, guess, known = step.last_hidden_BD[0], step.argmax_BL[0].tolist(), []
                number += 1
                yield (replace(_draft(step, self.canvases), step=number),)

    def _infill(self, cache: KVCache, last_hidden: torch.Tensor, infill: Infill) -> Iterator[tuple[Event, ...]]:
        """Every length is filled and scored behind the same prompt; each filling is a canvas of its own."""
        best: tuple[float, Draft] | None = None
        forbidden = tuple(sorted(self.eos | set(infill.forbidden)))
        for gap in infill.gap_lengths:
            suffix = infill.suffix[:SUFFIX_SHOWN]
            steps = fill(self.network, cache, self.sampler, self.generator, gap, suffix, forbidden)
            draft: Draft | None = None
            for step in self._steps(steps):
                draft = _draft(step, self.canvases, gap)
                yield (draft,)
            assert draft is not None
            score = fill_score(self.network, cache, last_hidden, [*draft.token_ids, *suffix[:SUFFIX_SCORED]])
            self.canvases, self.passes = self.canvases + 1, self.passes + 1
            if best is None or score > best[0]:
                best = score, draft
            yield ()
        assert best is not None
        yield (self._commit(list(best[1].token_ids), best[1].entropies), *self._finish("stop"))

    def _revise(self, cache: KVCache, revision: Revision) -> Iterator[tuple[Event, ...]]:
        """Canvas by canvas: what is done is encoded, so that later parts are read behind the revised earlier ones."""
        forbidden = tuple(sorted(self.eos | set(revision.forbidden)))
        canvases = torch.tensor([revision.text], device=self.network.device).split(self.length, dim=1)
        for text_BL in canvases:
            ids, entropies = text_BL, (0.0,) * text_BL.shape[1]
            self.passes += 1
            steps = revise(self.network, cache, self.sampler, self.generator, text_BL[0], revision.strength, forbidden)
            for step in self._steps(steps):
                draft = _draft(step, self.canvases)
                ids, entropies = step.argmax_BL, draft.entropies
                yield (draft,)
            self.canvases += 1
            reason: FinishReason | None = "stop" if text_BL is canvases[-1] else None
            yield (self._commit(ids[0].tolist(), entropies), *self._finish(reason))
            self.network.encode(ids, cache, keys_only=True)
            self.passes += 1
            yield ()

    def _rewrite(self, cache: KVCache, last_hidden: torch.Tensor, revision: Revision) -> Iterator[tuple[Event, ...]]:
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
            self.passes += 1
            kept, reason = self._cut(list(found.token_ids))
            if reason == "stop":
                kept = kept[:-1]
            commits = (self._commit(kept, found.entropies[: len(kept)]),) if kept else ()
            yield (*commits, *self._finish(reason))

    def _steps(self, steps: Iterator[DenoiseStep]) -> Iterator[DenoiseStep]:
        for step in steps:
            self._count(step)
            yield step

    def _step(self, steps: Iterator[DenoiseStep]) -> DenoiseStep:
        step = next(steps)
        self._count(step)
        return step

    def _count(self, step: DenoiseStep) -> None:
        self.steps, self.passes = self.steps + 1, self.passes + 1
        self.equivalents += step.computed / (step.canvas_BL.shape[1] if self.request.in_place else self.length)
        self.first_text = self.first_text or time.perf_counter()

    def _autoregressive(self, cache: KVCache, last_hidden: torch.Tensor) -> Iterator[tuple[Event, ...]]:
        tokens = autoregressive(
            self.network,
            cache,
            last_hidden,
            self.request.token_sampler,
            self.generator,
            self.forbidden_first,
            self.walk,
            self.top_k,
        )
        for found in tokens:
            self.passes += 1
            kept, reason = self._cut([found.token])
            logprobs = () if found.logprob is None else (self._token_logprobs(found.logprob, found.top),)
            yield (self._commit(kept, (found.entropy,), logprobs), *self._finish(reason))

    def _cut(self, ids: list[int]) -> tuple[list[int], FinishReason | None]:
        """The ids that count: up to the first end token (included) and never more than max_new_tokens in all."""
        room = self.request.max_new_tokens - self.new_tokens
        end = next((index for index, token in enumerate(ids) if token in self.eos), None)
        if end is not None and end < room:
            return ids[: end + 1], "stop"
        return ids[:room], "length" if len(ids) >= room else None

    def _commit(self, ids: list[int], entropies: tuple[float, ...], logprobs: tuple[TokenLogprobs, ...] = ()) -> Commit:
        self.new_tokens += len(ids)
        self.tail = [*self.tail, *ids][-LONGEST:]
        self.first_text = self.first_text or time.perf_counter()
        return Commit(token_ids=tuple(ids), entropies=entropies, logprobs=logprobs)

    def _logprobs(self, step: DenoiseStep, count: int) -> tuple[TokenLogprobs, ...]:
        """The log probabilities of the first `count` positions; nothing when the request does not ask for them."""
        if step.top_ids_BLK is None or step.top_logprobs_BLK is None or step.argmax_logprob_BL is None:
            return ()
        tops = zip(step.top_ids_BLK[0, :count].tolist(), step.top_logprobs_BLK[0, :count].tolist(), strict=True)
        chosen = step.argmax_logprob_BL[0, :count].tolist()
        return tuple(
            self._token_logprobs(logprob, tuple(zip(ids, values, strict=True)))
            for logprob, (ids, values) in zip(chosen, tops, strict=True)
        )

    def _token_logprobs(self, logprob: float, top: tuple[tuple[int, float], ...]) -> TokenLogprobs:
        possible = tuple(pair for pair in top[: self.request.top_logprobs] if pair[1] > IMPOSSIBLE_NATS)
        return TokenLogprobs(logprob=logprob, top=possible)

    def _finish(self, reason: FinishReason | None) -> tuple[Finish, ...]:
        return () if reason is None else (Finish(reason=reason, stats=self._stats()),)

    def _stats(self) -> Stats:
        # The first token of autoregressive decoding comes with the prompt's own pass.
        passes = self.passes - 1 if self.request.mode == "autoregressive" else self.passes
        return Stats(
            mode="autoregressive" if self.request.mode == "autoregressive" else "diffusion",
            prompt_tokens=len(self.request.prompt),
            new_tokens=self.new_tokens,
            canvases=self.canvases,
            denoise_steps=self.steps,
            forward_passes=passes,
            first_text_ms=1000 * ((self.first_text or self.submitted) - self.submitted),
            wall_seconds=time.perf_counter() - self.submitted,
            peak_memory_mb=_peak_memory_mb(),
            queued_ms=1000 * (self.opened - self.submitted),
            reused_tokens=self.reused_tokens,
            canvas_equivalents=self.equivalents,
        )


def canvas_length(request: Request, usual: int) -> int:
    """The longest canvas that the request denoises: what the scratch of its cache must hold."""
    in_place = request.in_place
    if isinstance(in_place, Infill):
        return max(in_place.gap_lengths) + min(SUFFIX_SHOWN, len(in_place.suffix))
    length = request.canvas_length or usual
    return length if in_place is None else min(length, len(in_place.text))


def _draft(step: DenoiseStep, canvas: int, length: int | None = None) -> Draft:
    return Draft(
        canvas=canvas,
        step=step.step,
        token_ids=tuple(step.argmax_BL[0, :length].tolist()),
        entropies=tuple(step.entropy_BL[0, :length].tolist()),
        accepted=tuple(step.accepted_BL[0, :length].tolist()),
    )


def _peak_memory_mb() -> float:
    """The process' peak resident memory."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20) if sys.platform == "darwin" else peak / (1 << 10)
