"""Compares our denoise step and token with transformers', on the same weights, in one process, in alternating runs.

A denoise step is all that each implementation's own loop does: the network, the head, sampling, acceptance, and what
prepares the next step's self-conditioning. transformers is timed inside its own `generate`, with eager experts. Knows
nothing of how results are shown.
"""

import statistics
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import torch

from dgemma.cache import KVCache
from dgemma.checkpoint import names
from dgemma.config import SamplerConfig
from dgemma.decode.denoise import denoise
from dgemma.decode.graphs import passes_of
from dgemma.model import DiffusionGemma

TOKENS = 8
"""Number of consecutive autoregressive tokens that are timed together."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Median milliseconds of `runs` alternating runs. Ratios are theirs over ours."""

    transformers: str
    canvas_length: int
    context: int
    runs: int
    our_step_ms: float
    their_step_ms: float
    our_token_ms: float
    their_token_ms: float

    @property
    def step_ratio(self) -> float:
        """How many of our denoise steps fit into one of transformers'."""
        return self.their_step_ms / self.our_step_ms

    @property
    def token_ratio(self) -> float:
        """The same for one autoregressive token."""
        return self.their_token_ms / self.our_token_ms


def available() -> bool:
    """Whether transformers is installed."""
    return find_spec("transformers") is not None


def build_theirs(network: DiffusionGemma) -> Any:
    """transformers' model with the weights of `network`, all in one dtype, with eager experts."""
    import transformers

    config = transformers.DiffusionGemmaConfig(**network.config.to_hf())
    model = transformers.DiffusionGemmaForBlockDiffusion(config)
    # Our matrices may be bfloat16 while hidden states are float32; transformers cannot multiply these.
    state = {names.to_file(name): value.to(network.dtype) for name, value in network.state_dict().items()}
    unexpected = model.load_state_dict(state, strict=False, assign=True).unexpected_keys
    assert not unexpected, unexpected
    model.tie_weights()
    model.set_experts_implementation("eager")
    return model.eval().requires_grad_(False)


@torch.inference_mode()
def compare(
    network: DiffusionGemma,
    canvas_length: int,
    context: int,
    runs: int,
    weights: DiffusionGemma | None = None,
) -> Comparison:
    """Alternates a step and `TOKENS` tokens of both implementations `runs` times, after one round without timing.

    Tokens are timed in a row, as in an answer: a single one would find the CPU caches filled by the step before it.

    weights: the network that transformers gets its weights from; for a quantised `network`, the float original.
    """
    import transformers

    model = build_theirs(weights or network)
    ours, theirs = _our_sides(network, canvas_length, context), _their_sides(model, canvas_length, context)
    seconds: dict[str, list[float]] = {"our step": [], "their step": [], "our token": [], "their token": []}
    for run in range(runs + 1):
        for name, action in zip(seconds, (ours[0], theirs[0], ours[1], theirs[1]), strict=True):
            taken = action()
            if run:
                seconds[name].append(taken)
    medians = [1000 * statistics.median(values) for values in seconds.values()]
    return Comparison(
        transformers=transformers.__version__,
        canvas_length=canvas_length,
        context=context,
        runs=runs,
        our_step_ms=medians[0],
        their_step_ms=medians[1],
        our_token_ms=medians[2],
        their_token_ms=medians[3],
    )


Side = Callable[[], float]
"""Runs a step or some tokens once -> seconds of a step or a token."""


def _our_sides(network: DiffusionGemma, length: int, context: int) -> tuple[Side, Side]:
    generator = torch.Generator(device=network.device).manual_seed(0)
    cache = KVCache(
        network.config, max_length=context + TOKENS, dtype=network.dtype, device=network.device, scratch_length=length
    )
    ids = torch.randint(network.config.vocab_size, (1, context), generator=generator, device=network.device)
    network.encode(ids, cache)
    # Time the second step: the first one has no self-conditioning.
    sampler, passes = SamplerConfig(max_denoising_steps=3), passes_of(network)

    def step() -> float:
        steps = denoise(network, cache, sampler, [generator], length, skip_settled=False, passes=passes)
        next(steps)
        start = time.perf_counter()
        next(steps)
        return time.perf_counter() - start

    def token() -> float:
        start = time.perf_counter()
        for _ in range(TOKENS):
            int(network.logits(passes.encode(ids[:, :1], cache)[:, -1]).argmax())
        taken = time.perf_counter() - start
        cache.truncate(context)
        return taken / TOKENS

    return step, token


def _their_sides(model: Any, length: int, context: int) -> tuple[Side, Side]:
    from transformers import DynamicCache

    ids = torch.randint(model.config.text_config.vocab_size, (1, context), device=model.device)
    model.config.canvas_length = length
    model.generation_config.max_denoising_steps = 2
    cache = DynamicCache(config=model.config.get_text_config())
    model.model.encoder(input_ids=ids, past_key_values=cache)
    cap = model.final_logit_softcapping
    plain = model._denoising_step

    def step() -> float:
        times: list[float] = []

        def timed(*arguments: Any, **options: Any) -> Any:
            start = time.perf_counter()
            result = plain(*arguments, **options)
            times.append(time.perf_counter() - start)
            return result

        model._denoising_step = timed
        model.generate(ids, max_new_tokens=length)
        return times[1]

    def token() -> float:
        # A sliding layer's cache cannot drop a token again, so each run uses a copy.
        own = deepcopy(cache)
        start = time.perf_counter()
        for _ in range(TOKENS):
            hidden = model.model.encoder(input_ids=ids[:, :1], past_key_values=own).last_hidden_state[:, -1]
            logits = model.lm_head(hidden).float()
            int((torch.tanh(logits / cap) * cap).argmax())
        return (time.perf_counter() - start) / TOKENS

    return step, token
