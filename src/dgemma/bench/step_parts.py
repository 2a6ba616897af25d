"""Where the time of one denoise step goes: attention, experts, dense MLP, head, soft embedding, sampler.

The network's parts are timed by hooks around its modules, or by the cycle counters of the fused call that does their
work (`ops.native.layers`). The rest is timed by differences: the head is reading the vocabulary without the expected
embedding, the sampler is a whole step without network and reading. Each part also has the work it must do by formula.
Knows nothing of how results are shown.

Formulas, for L rows, D hidden, H d query and K d key width, C context, k of E experts of width M, I the dense width, V
vocabulary: attention 2 L D (2 H d + 2 K d) + 4 L (C + L) H d; experts 6 L k D M; dense MLP 6 L D I; head 2 L D V.
"""

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from dgemma.bench.machine import synchronise
from dgemma.cache import KVCache
from dgemma.config import ModelConfig, SamplerConfig
from dgemma.decode import head
from dgemma.decode.denoise import denoise
from dgemma.model import Attention, DiffusionGemma, Experts, Layer, Router


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part of a step: its milliseconds, and its work in gigaoperations and megabytes of weights to read."""

    name: str
    ms: float
    gigaoperations: float
    megabytes: float

    @property
    def gflops(self) -> float:
        """Gigaoperations per second."""
        return 1000 * self.gigaoperations / max(1e-6, self.ms)

    @property
    def gigabytes_per_second(self) -> float:
        """Gigabytes of weights read per second."""
        return self.megabytes / max(1e-6, self.ms)


@dataclass(frozen=True, kw_only=True)
class StepParts:
    """One denoise step over a canvas after `context` cached tokens; `step_ms` is the sum of the parts."""

    canvas_length: int
    context: int
    step_ms: float
    parts: tuple[Part, ...]


@torch.inference_mode()
def time_parts(network: DiffusionGemma, canvas_length: int = 256, context: int = 64, runs: int = 5) -> StepParts:
    """Times the parts of a denoise step: medians of `runs` steps, after one that is not measured."""
    device, config = network.device, network.config
    generator = torch.Generator(device=device).manual_seed(0)
    cache = KVCache(config, max_length=context + 1, dtype=network.dtype, device=device, scratch_length=canvas_length)
    network.encode(head.random_ids(config.vocab_size, (1, context), generator, device), cache, keys_only=True)
    canvas_BL = head.random_ids(config.vocab_size, (1, canvas_length), generator, device)
    soft_BLD = network.embed(canvas_BL)
    rounds: list[dict[str, float]] = []
    for _ in range(runs + 1):
        with _clocks(network) as times, _shares(network, cache) as shares:
            hidden_BLD, denoise_ms = _timed(lambda: network.denoise(canvas_BL, cache, soft_BLD), device)
        in_layers = denoise_ms - sum(times.values()) if shares else 0.0
        for name, share in shares.items():
            times[name] += share * in_layers
        reading, read_ms = _timed(lambda hidden=hidden_BLD: head.read(network, hidden, 0.8, [generator]), device)
        soft_ms = min(read_ms, _soft_ms(network, hidden_BLD, read_ms))
        steps = denoise(
            network, cache, SamplerConfig(max_denoising_steps=3), [generator], canvas_length, skip_settled=False
        )
        next(steps)
        _, step_ms = _timed(lambda steps=steps: next(steps), device)
        del reading
        rest_ms = max(0.0, denoise_ms - sum(times.values()))
        rounds.append(
            {
                **times,
                "norms and the rest": rest_ms,
                "head": read_ms - soft_ms,
                "soft embedding": soft_ms,
                "sampler": max(0.0, step_ms - denoise_ms - read_ms),
            }
        )
    medians = {name: statistics.median(item[name] for item in rounds[1:]) for name in rounds[0]}
    work = _work(network, canvas_length, context)
    parts = tuple(
        Part(name=name, ms=ms, gigaoperations=work.get(name, (0, 0))[0], megabytes=work.get(name, (0, 0))[1])
        for name, ms in medians.items()
    )
    return StepParts(canvas_length=canvas_length, context=context, step_ms=sum(medians.values()), parts=parts)


def _soft_ms(network: DiffusionGemma, hidden_BLD: torch.Tensor, read_ms: float) -> float:
    """The part of `read_ms` that the expected embedding takes."""
    compiled = network.fused_head() if head.takes_dense(network, hidden_BLD[..., 0].numel()) else None
    if compiled is None:
        return _timed(lambda: _soften(network, hidden_BLD), network.device)[1]
    # One call computes head and embedding; the same call without the embedding is the head alone.
    return max(0.0, read_ms - _timed(lambda: compiled.read(hidden_BLD.flatten(0, 1)), network.device)[1])


def _soften(network: DiffusionGemma, hidden_BLD: torch.Tensor) -> torch.Tensor:
    """The expected embedding alone, computed as in `head.read` for this number of positions."""
    count, vocab_size = hidden_BLD[..., 0].numel(), network.config.vocab_size
    if head.takes_dense(network, count):
        return network.expect(torch.full((1, count, vocab_size), 1 / vocab_size, device=hidden_BLD.device))
    kept = min(head.SOFT_TOP_K, vocab_size)
    ids_NK = torch.arange(count * kept, device=hidden_BLD.device).view(count, kept) * 7919 % vocab_size
    return network.expect_top(torch.full((count, kept), 1 / kept, device=hidden_BLD.device), ids_NK)


@contextmanager
def _shares(network: DiffusionGemma, cache: KVCache) -> Iterator[dict[str, float]]:
    """Yields a dict that, on exit, has each part's share of the fused layers' time. It stays empty if the layers are
    not fused or cycles cannot be counted; the modules then run one by one."""
    layers = network.fused_layers(cache)
    if layers is None or not layers.counts_cycles:
        with network.unfused():
            yield {}
        return
    shares: dict[str, float] = {}
    with layers.timed() as found:
        yield shares
    shares |= {"attention": found["attention"], "experts": found["experts"], "dense MLP": found["dense"]}


@contextmanager
def _clocks(network: DiffusionGemma) -> Iterator[dict[str, float]]:
    """Yields the milliseconds spent in each kind of module while the context is open."""
    times = {"attention": 0.0, "experts": 0.0, "dense MLP": 0.0}
    started: list[float] = []
    handles = []

    def enter(*_: object) -> None:
        synchronise(network.device)
        started.append(time.perf_counter())

    def leave(name: str) -> None:
        synchronise(network.device)
        times[name] += 1000 * (time.perf_counter() - started.pop())

    for module, name in _named_modules(network):
        handles.append(module.register_forward_pre_hook(enter))
        handles.append(module.register_forward_hook(lambda *_, name=name: leave(name)))
    try:
        yield times
    finally:
        for handle in handles:
            handle.remove()


def _named_modules(network: DiffusionGemma) -> Iterator[tuple[nn.Module, str]]:
    """Each timed module with the name of its part."""
    for module in network.modules():
        if isinstance(module, Attention):
            yield module, "attention"
        elif isinstance(module, Router | Experts):
            yield module, "experts"
        elif isinstance(module, Layer):
            yield module.mlp, "dense MLP"
    yield network.self_conditioning.mlp, "dense MLP"


def _work(network: DiffusionGemma, rows: int, context: int) -> dict[str, tuple[float, float]]:
    """(gigaoperations, megabytes of weights) for each part, by the formulas above."""
    config, size = network.config, network.config.hidden_size
    attention = sum(
        2 * rows * size * _projected(config, index)
        + 4 * rows * (context + rows) * config.num_attention_heads * config.layers[index].head_dim
        for index in range(config.num_hidden_layers)
    )
    experts = 6 * rows * config.top_k_experts * size * config.moe_intermediate_size * config.num_hidden_layers
    dense = 6 * rows * size * config.intermediate_size * (config.num_hidden_layers + 1)
    operations = {
        "attention": attention,
        "experts": experts,
        "dense MLP": dense,
        "head": 2 * rows * size * config.vocab_size,
    }
    operations["soft embedding"] = 2 * rows * size * min(config.vocab_size, head.SOFT_TOP_K)
    megabytes = dict.fromkeys(operations, 0.0)
    for module, name in _named_modules(network):
        megabytes[name] += sum(parameter.nbytes for parameter in module.parameters()) / 1e6
    megabytes["head"] = network.embed_tokens.weight.nbytes / 1e6
    return {name: (count / 1e9, megabytes[name]) for name, count in operations.items()}


def _projected(config: ModelConfig, index: int) -> int:
    layer = config.layers[index]
    keys = layer.num_key_value_heads * layer.head_dim
    values = keys if layer.layer_type == "sliding_attention" else 0
    return 2 * config.num_attention_heads * layer.head_dim + keys + values


def _timed(action, device: torch.device):
    synchronise(device)
    start = time.perf_counter()
    result = action()
    synchronise(device)
    return result, 1000 * (time.perf_counter() - start)
