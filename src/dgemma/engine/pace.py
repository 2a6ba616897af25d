"""Measures how fast this machine runs this model, and chooses the faster mode and canvas length.

`measure_pace` times passes over 1 to 256 canvas positions and one autoregressive token, in 0.7 seconds, or in the time
of 20 tokens if that is longer. `cached_pace` stores the result in a file, by machine and model. `choose` combines it
with the steps that canvases of each length took on held-out requests of the same kind (`DenoisingProfile`), or with a
guess if there is no profile. Knows nothing of requests in flight.

Cost of n tokens: n * t_token if autoregressive, less what copies from the prompt save; else ceil(n / L) canvases of
S(L) passes over E(L) L / S(L) positions, and a commit for each but the last. If canvases are verified, a token costs
its share of the measured drafts and verifications, and the first look at a canvas is charged in full.
"""

import hashlib
import json
import math
import platform
import time
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import torch

from dgemma.cache import KVCache
from dgemma.config import SamplerConfig
from dgemma.decode import head
from dgemma.decode.autoregressive import TokenSampler, autoregressive
from dgemma.decode.denoise import denoise
from dgemma.decode.lookup import SHORT_COPY
from dgemma.decode.passes import Passes
from dgemma.decode.verify import DRAFT_LENGTH, FIRST_LOOK
from dgemma.errors import OutputError
from dgemma.files import replacing
from dgemma.model import DiffusionGemma
from dgemma.profile import CanvasRecord, DenoisingProfile, RequestKind

ROWS = (1, 8, 16, 32, 64, 128, 256)
"""Canvas positions at which a denoise step is timed."""
_CONTEXT = 64
"""Tokens in the KV cache during the measurement."""
_BUDGET_S = 0.7
_BUDGET_TOKENS = 20
"""The time budget in tokens, if that is longer. With less, a model of billions of weights is timed at two short
canvases only, whose passes touch few experts; extrapolation then puts a canvas of 256 at 2.5 times its cost."""
_ROUNDS = (3, 12)
"""Fewest and most rounds, as the budget allows. After 3 rounds the ratio of the two modes varied by up to 15 % between
processes, after 12 by 3 % (docs/log.md)."""
_PASS_VERSION = 13
"""Part of the file's key. Increase it when passes become faster, so that stored paces are measured again."""
_REPEATS = ((10, 8), (50, 3))
"""(milliseconds, repeats): tokens faster than this are timed this many times in a row. The first finds the weights in
memory, the next ones find them in the processor's cache."""
_CLEARLY = 0.9
"""If the profile is a mean over requests of many kinds, diffusion is chosen only below this share of the
autoregressive cost: some requests take half as long again as the mean."""
_FASTER = 0.6
"""A stored pace is measured again if passes now take less than this share of it. Beside another process they take two
to forty times as long."""
_ACCURACY_MARGIN = 0.1
"""Canvas lengths whose accuracy is further than this below the best are not chosen. Profiles rest on a few dozen
requests, of which this is two or three."""
_CHEAP_COPY = 2.0
"""Requests of no known kind are written with copies from the prompt if one that fails costs less than this many
tokens."""
_GUESSED_ANSWER_TOKENS = 128
"""Tokens of an answer, for a model without a measured profile."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """Milliseconds: a denoise step (network, head, sample) by canvas positions, and one autoregressive token."""

    step_ms: Mapping[int, float]
    token_ms: float

    def step(self, rows: float) -> float:
        """Milliseconds of a step over `rows` positions: linear between the measured ones, and beyond them."""
        known = sorted(self.step_ms)
        if len(known) == 1:
            return self.step_ms[known[0]] * max(1.0, rows / known[0])
        right = min(max(1, bisect_left(known, rows)), len(known) - 1)
        low, high = known[right - 1], known[right]
        slope = (self.step_ms[high] - self.step_ms[low]) / (high - low)
        return max(min(self.step_ms.values()), self.step_ms[low] + slope * (rows - low))


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The faster mode for a request, and the expected time of both modes. `copy_length`: as in `Request`."""

    mode: Literal["diffusion", "autoregressive"]
    canvas_length: int
    copy_length: int
    diffusion_ms: float
    autoregressive_ms: float


def guess_profile(canvas_length: int) -> DenoisingProfile:
    """The guess for a model without a measured profile: 20 tokens per forward pass at 256 positions, as the released
    model's report gives (arXiv 2608.00146); steps in proportion to the square root of the length; no position skipped.
    No length below 64 except the model's own: how many steps a very short canvas takes cannot be guessed."""
    lengths = sorted({length for length in ROWS if 64 <= length <= canvas_length} | {canvas_length})
    steps = {length: max(4.0, 13.0 * math.sqrt(length / 256)) for length in lengths}
    records = (
        CanvasRecord(length=length, steps=steps[length], equivalents=steps[length], tokens=length, accuracy=1.0)
        for length in lengths
    )
    return DenoisingProfile(canvases=tuple(records), answer_tokens=_GUESSED_ANSWER_TOKENS)


def choose(
    profile: DenoisingProfile,
    pace: Pace,
    max_new_tokens: int,
    canvas_length: int | None = None,
    mean_embedding: Sequence[float] = (),
) -> Choice:
    """The faster mode for an answer of at most `max_new_tokens`, and the canvas length at which diffusion is fastest,
    among the lengths about as accurate as the best; `canvas_length` fixes the length. The prompt's mean embedding gives
    the kind of the request. If the profile has kinds and the request is of none of them, the number of passes is
    unknown, and the mode is autoregressive."""
    kind = profile.find_kind(mean_embedding)
    known, clearly = (profile, _CLEARLY) if kind is None else (kind, 1.0)
    tokens = min(float(max_new_tokens), known.answer_tokens)
    best = max(record.accuracy for record in known.canvases)
    records = [record for record in known.canvases if record.accuracy >= best - _ACCURACY_MARGIN]
    if canvas_length is not None:
        nearest = min(known.canvases, key=lambda record: abs(record.length - canvas_length))
        records = [nearest]
    costs = {record.length: _diffusion_ms(record, pace, tokens) for record in records}
    length = min(costs, key=lambda candidate: costs[candidate])
    copy_length, autoregressive_ms = _autoregressive_cost(kind, pace, tokens)
    is_known = kind is not None or not (profile.kinds and mean_embedding)
    return Choice(
        mode="diffusion" if is_known and costs[length] < clearly * autoregressive_ms else "autoregressive",
        canvas_length=length if canvas_length is None else canvas_length,
        copy_length=copy_length,
        diffusion_ms=costs[length],
        autoregressive_ms=autoregressive_ms,
    )


def _autoregressive_cost(kind: RequestKind | None, pace: Pace, tokens: float) -> tuple[int, float]:
    """The copy length to use, and the milliseconds of `tokens` tokens with it. Copies are used where they save passes
    that take longer than theirs, and for requests of no known kind wherever a failed one costs little."""
    # A denoise step takes longer than the pass over as many copied ids.
    price_ms = max(0.0, pace.step(SHORT_COPY) - pace.token_ms)
    if kind is None:
        return SHORT_COPY if price_ms < _CHEAP_COPY * pace.token_ms else 0, tokens * pace.token_ms
    saved_ms = tokens / kind.answer_tokens * (kind.copied * pace.token_ms - kind.copies * price_ms)
    return (SHORT_COPY, tokens * pace.token_ms - saved_ms) if saved_ms > 0 else (0, tokens * pace.token_ms)


def _diffusion_ms(record: CanvasRecord, pace: Pace, tokens: float) -> float:
    denoising = record.steps * pace.step(record.length * record.equivalents / record.steps)
    if record.checks:
        verifying = record.checks * pace.step(min(DRAFT_LENGTH, record.length))
        look = pace.step(min(FIRST_LOOK, record.length))
        canvases = tokens / record.tokens
        # At least one canvas gets a first look, however few tokens the answer has.
        return max(1.0, canvases) * look + canvases * max(0.0, denoising + verifying - look)
    canvases = math.ceil(tokens / record.length)
    return canvases * denoising + (canvases - 1) * pace.step(record.length)


def mean_embedding(network: DiffusionGemma, prompt: Sequence[int]) -> list[float]:
    """The mean of a prompt's token embeddings [D], unscaled, by which kinds of requests are distinguished."""
    weight_VD = network.embed_tokens.weight
    ids = torch.tensor(prompt, device=weight_VD.device)
    return weight_VD.detach()[ids].float().mean(0).tolist()


@torch.inference_mode()
def first_passes(network: DiffusionGemma) -> None:
    """Runs one token and one denoise step: they lay out weights and compile kernels, which a first request would wait
    for."""
    cache = KVCache(network.config, max_length=1, dtype=network.dtype, device=network.device, scratch_length=1)
    generator = torch.Generator(device=network.device).manual_seed(0)
    ids = head.random_ids(network.config.vocab_size, (1, 1), generator, network.device)
    last_hidden_D = network.encode(ids, cache)[0, -1]
    next(autoregressive(network, cache, last_hidden_D, TokenSampler(), generator))
    next(denoise(network, cache, SamplerConfig(max_denoising_steps=1), [generator], 1))


class _Clock:
    """Counts seconds from its construction on, except those of excluded work."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Seconds counted so far."""
        return time.perf_counter() - self._start

    def exclude(self, work: Callable[[], object]) -> None:
        """Does work whose time is not counted."""
        self._start += _time_ms(work) / 1000


class _Stopwatch:
    """Times single tokens and denoise steps after a context of `_CONTEXT` tokens.

    records  whether passes are recorded (CUDA graphs): the first pass of each length then takes as long as several,
             which is not part of an answer's cost
    """

    def __init__(self, network: DiffusionGemma, passes: Passes | None) -> None:
        self.network, self.passes = network, passes
        self.records = passes is not None and passes is not network
        self.generator = torch.Generator(device=network.device).manual_seed(0)
        config = network.config
        self.context = min(_CONTEXT, config.max_position_embeddings - 1)
        self.cache = KVCache(
            config,
            max_length=self.context + 1,
            dtype=network.dtype,
            device=network.device,
            scratch_length=max(ROWS),
        )
        ids = head.random_ids(config.vocab_size, (1, self.context), self.generator, network.device)
        self.last_hidden_D = network.encode(ids, self.cache)[0, -1]
        self.sampler = SamplerConfig(max_denoising_steps=2)

    def token(self) -> float:
        """Milliseconds of one autoregressive token, the second after the context."""
        tokens = autoregressive(
            self.network, self.cache, self.last_hidden_D, TokenSampler(), self.generator, passes=self.passes
        )
        next(tokens)
        token_ms = _time_ms(lambda: next(tokens))
        self.cache.truncate(self.context)
        return token_ms

    def step(self, rows: int) -> float:
        """Milliseconds of a step over `rows` positions: the mean of a canvas' first step, which reads noise alone, and
        its second, which is self-conditioned."""
        steps = denoise(self.network, self.cache, self.sampler, [self.generator], rows, passes=self.passes)
        return _time_ms(lambda: next(steps)) / 2 + _time_ms(lambda: next(steps, None)) / 2


@torch.inference_mode()
def measure_pace(network: DiffusionGemma, budget_s: float | None = None, passes: Passes | None = None) -> Pace:
    """Times passes from few positions to many, the fastest of several rounds, until `budget_s` is used up (None: 0.7
    seconds or the time of 20 tokens, whichever is more).

    Exceeds the budget by at most one canvas of two passes. At least a token and the smallest step are measured.
    `passes` are timed in place of the network's own.
    """
    watch = _Stopwatch(network, passes)
    # The first passes lay out the weights and compile kernels.
    repeats = _repeats(watch.token())
    watch.step(2)
    clock, step_ms = _Clock(), {}
    token_ms = watch.token()
    if budget_s is None:
        budget_s = max(_BUDGET_S, _BUDGET_TOKENS * token_ms / 1000)
    for number in range(_ROUNDS[1]):
        if number >= _ROUNDS[0] and clock.seconds > budget_s:
            break
        token_ms = min(token_ms, *(watch.token() for _ in range(repeats)))
        _time_steps(watch, step_ms, clock, budget_s)
    return Pace(step_ms=step_ms, token_ms=token_ms)


def _time_steps(watch: _Stopwatch, step_ms: dict[int, float], clock: _Clock, budget_s: float) -> None:
    """One round: times a step at each length, until the next one would exceed the budget. `step_ms` has the fastest of
    each length so far."""
    for rows in ROWS:
        if watch.records and rows not in step_ms and (rows == 1 or clock.seconds < budget_s):
            clock.exclude(partial(watch.step, rows))
        # A length not measured yet is expected to take twice as long as the fastest one.
        expected_ms = step_ms.get(rows, 2 * min(step_ms.values(), default=0))
        if rows > 1 and clock.seconds + 2 * expected_ms / 1000 > budget_s:
            break
        step_ms[rows] = min(step_ms.get(rows, math.inf), watch.step(rows))


def cached_pace(network: DiffusionGemma, file: Path | None, passes: Passes | None = None) -> Pace:
    """The pace stored in `file` for this machine and model; measured and stored if it is missing, or if passes are now
    clearly faster, since another process was running when it was measured.

    A file that cannot be read or written is ignored: it only saves a second.
    """
    # The key depends on whether passes are compiled calls, which is known only after the first ones.
    first_passes(network)
    key = _fingerprint(network)
    known = {} if file is None else _read(file)
    if key in known and not _is_outdated(known[key], network, passes):
        return known[key]
    pace = measure_pace(network, passes=passes)
    if file is not None and key == _fingerprint(network):
        _write(file, {**known, key: pace})
    return pace


@torch.inference_mode()
def _is_outdated(pace: Pace, network: DiffusionGemma, passes: Passes | None) -> bool:
    """Whether a token or a short step now takes less than `_FASTER` of what it took when the pace was measured."""
    watch, rows = _Stopwatch(network, passes), min(pace.step_ms, key=lambda rows: abs(rows - DRAFT_LENGTH))
    repeats = _repeats(pace.token_ms)
    token_ms = min(watch.token() for _ in range(repeats))
    step_ms = min(watch.step(rows) for _ in range(repeats))
    return token_ms < _FASTER * pace.token_ms or step_ms < _FASTER * pace.step_ms[rows]


def _repeats(token_ms: float) -> int:
    """How many tokens to time in a row."""
    return next((count for below, count in _REPEATS if token_ms < below), 1)


def _read(file: Path) -> dict[str, Pace]:
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        return {
            key: Pace(
                step_ms={int(rows): float(ms) for rows, ms in entry["step_ms"].items()},
                token_ms=float(entry["token_ms"]),
            )
            for key, entry in document.items()
            if entry["step_ms"]
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _write(file: Path, paces: Mapping[str, Pace]) -> None:
    document = {key: {"step_ms": dict(pace.step_ms), "token_ms": pace.token_ms} for key, pace in paces.items()}
    # Ignored, since the file only saves a second.
    with suppress(OSError, OutputError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as temporary:
            temporary.write_text(json.dumps(document, indent=1), encoding="utf-8")


def _fingerprint(network: DiffusionGemma) -> str:
    dtypes = sorted({str(parameter.dtype) for parameter in network.parameters()})
    parts = (network.config, dtypes, network.device, _processor(network.device), torch.get_num_threads())
    passes = (torch.__version__, _PASS_VERSION, *network.are_fused)
    return hashlib.sha256(repr((*parts, *passes)).encode()).hexdigest()[:16]


def _processor(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        fields = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        # The flags are part of the name: rented machines with the same model name differ in what they can do.
        return f"{fields['model name']} {fields['flags']}"
    except (OSError, KeyError):
        return platform.processor() or platform.machine()


def _time_ms(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return 1000 * (time.perf_counter() - start)
