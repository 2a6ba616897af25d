"""The engine: runs a request to its end and tells what happens as events.

Encodes the prompt in chunks, then writes canvas after canvas (or token after token), committing each through the
encoder before the next; the last one needs no commit pass. Knows nothing of text.
"""

import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import torch

from dgemma.cache import KVCache
from dgemma.config import EngineConfig, SamplerConfig
from dgemma.decode.autoregressive import autoregressive
from dgemma.decode.denoise import DenoiseStep, denoise
from dgemma.engine.request import Commit, Draft, Event, Finish, FinishReason, Request, Stats
from dgemma.errors import PromptError, UsageError
from dgemma.model import DiffusionGemma


def resolve(config: EngineConfig) -> EngineConfig:
    """Settles every `auto`: the first CUDA device if there is one; float32 on CPU, bfloat16 on CUDA."""
    device = ("cuda" if torch.cuda.is_available() else "cpu") if config.device == "auto" else config.device
    kind = torch.device(device).type
    if kind == "cuda" and not torch.cuda.is_available():
        raise UsageError("No CUDA device is available; use device='cpu'.")
    dtype = ("bfloat16" if kind == "cuda" else "float32") if config.dtype == "auto" else config.dtype
    return replace(config, device=device, dtype=dtype)


class Engine:
    """One network on one device. `submit` runs a request; closing its iterator stops it within one step."""

    def __init__(self, network: DiffusionGemma, sampler: SamplerConfig, config: EngineConfig) -> None:
        self.network, self.sampler, self.config = network, sampler, config
        self.max_context = min(config.max_context or 2**62, network.config.max_position_embeddings)

    def submit(self, request: Request) -> Iterator[Event]:
        """Events of one request: Draft after each step, Commit for what is settled, Finish at the end.

        Raises PromptError for an empty prompt or one that leaves no room for an answer, UsageError for impossible
        request values.
        """
        self._check(request)
        return _Run(self, request).events()

    def _check(self, request: Request) -> None:
        if not request.prompt:
            raise PromptError("The prompt is empty; give at least one token.")
        if not all(0 <= token < self.network.config.vocab_size for token in request.prompt):
            raise PromptError(f"The prompt has ids outside the vocabulary 0..{self.network.config.vocab_size - 1}.")
        if request.max_new_tokens < 1:
            raise UsageError(f"max_new_tokens must be at least 1, not {request.max_new_tokens}.")
        if request.canvas_length is not None and request.canvas_length < 1:
            raise UsageError(f"canvas_length must be at least 1, not {request.canvas_length}.")
        if request.mode not in ("diffusion", "autoregressive", "auto"):
            raise UsageError(f"mode {request.mode!r} is not one of diffusion, autoregressive, auto.")
        total = len(request.prompt) + request.max_new_tokens
        if total > self.max_context:
            raise PromptError(
                f"The prompt of {len(request.prompt)} tokens and {request.max_new_tokens} new ones exceed the "
                f"context of {self.max_context}; shorten the prompt or ask for fewer tokens."
            )


class _Run:
    """The state of one request while it runs."""

    def __init__(self, engine: Engine, request: Request) -> None:
        self.network, self.request, self.engine = engine.network, request, engine
        self.length = request.canvas_length or engine.network.config.canvas_length
        sampler = engine.sampler
        if request.max_denoising_steps is not None:
            sampler = replace(sampler, max_denoising_steps=request.max_denoising_steps)
        if request.temperature != 1.0:
            factor = max(request.temperature, 1e-3)
            sampler = replace(sampler, t_min=sampler.t_min * factor, t_max=sampler.t_max * factor)
        self.sampler = sampler
        # The reference stops where transformers stops: at generation_config's end tokens and at no others.
        fallback = () if request.reference else engine.network.config.eos_token_ids
        self.eos = frozenset(request.eos_token_ids or sampler.eos_token_ids or fallback)
        # A first canvas that begins with an end token would be an empty answer.
        self.forbidden_first = () if request.reference else tuple(sorted(self.eos))
        self.generator = torch.Generator(device=self.network.device).manual_seed(request.seed)
        self.canvases = self.steps = self.passes = self.new_tokens = 0
        self.started = time.perf_counter()
        self.first_text: float | None = None

    @torch.inference_mode()
    def events(self) -> Iterator[Event]:
        request = self.request
        cache = KVCache(
            self.network.config,
            max_length=len(request.prompt) + request.max_new_tokens + self.length,
            dtype=self.network.dtype,
            device=self.network.device,
            scratch_length=self.length,
        )
        last_hidden = self._prefill(cache)
        if request.mode == "autoregressive":
            yield from self._autoregressive(cache, last_hidden)
        else:
            yield from self._diffusion(cache)

    def _prefill(self, cache: KVCache) -> torch.Tensor:
        tokens = torch.tensor([self.request.prompt], device=self.network.device)
        chunks = tokens.split(self.engine.config.prefill_chunk, dim=1)
        return [self.network.encode(chunk, cache)[0, -1] for chunk in chunks][-1]

    def _diffusion(self, cache: KVCache) -> Iterator[Event]:
        while True:
            forbidden = self.forbidden_first if self.canvases == 0 else ()
            last: DenoiseStep | None = None
            for last in denoise(
                self.network, cache, self.sampler, self.generator, self.length, forbidden_first=forbidden
            ):
                self.steps, self.passes = self.steps + 1, self.passes + 1
                self.first_text = self.first_text or time.perf_counter()
                yield _draft(last, self.canvases)
            assert last is not None
            self.canvases += 1
            ids = last.argmax_BL[0].tolist()
            kept, reason = self._cut(ids)
            yield self._commit(kept, last.entropy_BL[0, : len(kept)].tolist())
            if reason is not None:
                yield Finish(reason=reason, stats=self._stats())
                return
            self.network.encode(last.argmax_BL, cache)
            self.passes += 1

    def _autoregressive(self, cache: KVCache, last_hidden: torch.Tensor) -> Iterator[Event]:
        tokens = autoregressive(
            self.network, cache, last_hidden, self.request.token_sampler, self.generator, self.forbidden_first
        )
        for token, entropy in tokens:
            self.passes += 1
            kept, reason = self._cut([token])
            yield self._commit(kept, [entropy])
            if reason is not None:
                yield Finish(reason=reason, stats=self._stats())
                return

    def _cut(self, ids: list[int]) -> tuple[list[int], FinishReason | None]:
        """The ids that count: up to the first end token (included) and never more than max_new_tokens in all."""
        room = self.request.max_new_tokens - self.new_tokens
        end = next((index for index, token in enumerate(ids) if token in self.eos), None)
        if end is not None and end < room:
            return ids[: end + 1], "stop"
        return ids[:room], "length" if len(ids) >= room else None

    def _commit(self, ids: list[int], entropies: list[float]) -> Commit:
        self.new_tokens += len(ids)
        self.first_text = self.first_text or time.perf_counter()
        return Commit(token_ids=tuple(ids), entropies=tuple(entropies))

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
            first_text_ms=1000 * ((self.first_text or self.started) - self.started),
            wall_seconds=time.perf_counter() - self.started,
            peak_memory_mb=_peak_memory_mb(),
        )


def _draft(step: DenoiseStep, canvas: int) -> Draft:
    return Draft(
        canvas=canvas,
        step=step.step,
        token_ids=tuple(step.argmax_BL[0].tolist()),
        entropies=tuple(step.entropy_BL[0].tolist()),
        accepted=tuple(step.accepted_BL[0].tolist()),
    )


def _peak_memory_mb() -> float:
    """The process' peak resident memory."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20) if sys.platform == "darwin" else peak / (1 << 10)
