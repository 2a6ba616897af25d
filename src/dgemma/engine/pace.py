"""How fast this machine runs this model, and which mode and canvas length that speaks for.

`measure_pace` times passes over 1 to 256 canvas positions and one autoregressive token, in well under a second, or in
the time of twenty tokens where these take long; `kept_pace` remembers them in a file by machine and model. `choose`
weighs them against what canvases of each length took on held-out requests like the one at hand (`DenoisingProfile`);
without a profile there is a guess. Knows nothing of requests in flight.

The cost of n tokens: n * t_token one after another; ceil(n / L) canvases of S(L) passes over E(L) L / S(L) positions
and a commit each but the last. Where canvases are checked, a token costs its share of the drafts and checks measured,
and the first look at a canvas is paid whole.
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
from dgemma.decode.passes import Passes
from dgemma.decode.verify import DRAFT_LENGTH, FIRST_LOOK
from dgemma.errors import OutputError
from dgemma.files import replacing
from dgemma.model import DiffusionGemma
from dgemma.profile import CanvasRecord, DenoisingProfile

ROWS = (1, 8, 16, 32, 64, 128, 256)
_CONTEXT = 64
_BUDGET_S = 0.7
_BUDGET_TOKENS = 20
"""With less, a model of billions of weights is timed at two short canvases alone, whose passes touch few experts: a
line through them puts a canvas of 256 at two and a half times its cost."""
_ROUNDS = (3, 12)
"""At least and at most, as far as the time goes: of three alone the ratio of both modes came out by up to 15 % higher
or lower from one process to the next, of twelve by 3 % (docs/log.md)."""
_PASSES = 12
"""Raised when passes become faster, so that what was measured before is measured anew."""
_IN_A_ROW = ((10, 8), (50, 3))
"""Tokens that take less than so many milliseconds are timed so many in a row: the first of them finds weights in memory
that the next ones find in cache."""
_CLEARLY = 0.9
"""The share of one token at a time's cost that diffusion may take at most where it is chosen by a mean over requests of
many kinds: some of them take it half as long again."""
_FASTER = 0.6
"""A kept pace is measured anew where passes take less than this share of what it says. Beside another process they take
two to forty times as long."""
_AS_ACCURATE = 0.1
"""Canvas lengths whose accuracy is this much below the best one's are not chosen. Profiles rest on a few dozen
requests, of which that is two or three."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """Milliseconds: a denoise step (network, head, sample) by canvas positions, and one autoregressive token."""

    step_ms: Mapping[int, float]
    token_ms: float

    def step(self, rows: float) -> float:
        """A step over so many positions: between two measured numbers along the line through both, beyond them along
        the last line."""
        known = sorted(self.step_ms)
        if len(known) == 1:
            return self.step_ms[known[0]] * max(1.0, rows / known[0])
        right = min(max(1, bisect_left(known, rows)), len(known) - 1)
        low, high = known[right - 1], known[right]
        slope = (self.step_ms[high] - self.step_ms[low]) / (high - low)
        return max(min(self.step_ms.values()), self.step_ms[low] + slope * (rows - low))


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The faster way for a request, with what either is expected to take."""

    mode: Literal["diffusion", "autoregressive"]
    canvas_length: int
    diffusion_ms: float
    autoregressive_ms: float


def guess_profile(canvas_length: int, answer_tokens: float = 128) -> DenoisingProfile:
    """For a model that was not measured: 20 tokens per forward pass at 256 positions, as the released model's report
    gives (arXiv 2608.00146), fewer steps for a shorter canvas by a square root, nothing skipped. None below 64: how
    many steps a very short canvas takes cannot be guessed."""
    lengths = sorted({length for length in ROWS if 64 <= length <= canvas_length} | {canvas_length})
    steps = {length: max(4.0, 13.0 * math.sqrt(length / 256)) for length in lengths}
    records = (
        CanvasRecord(length=length, steps=steps[length], equivalents=steps[length], tokens=length, accuracy=1.0)
        for length in lengths
    )
    return DenoisingProfile(canvases=tuple(records), answer_tokens=answer_tokens)


def choose(
    profile: DenoisingProfile,
    pace: Pace,
    max_new_tokens: int,
    canvas_length: int | None = None,
    mean_embedding: Sequence[float] = (),
) -> Choice:
    """The faster mode for an answer of at most `max_new_tokens`, and the canvas length that makes diffusion fastest
    among those that answer as well as the best; `canvas_length` settles the length. The prompt's mean embedding tells
    of which kind the request is. Where the profile knows kinds and it is of none of them, how many passes its canvases
    take is not known, and one token at a time is."""
    kind = profile.kind_of(mean_embedding)
    known, clearly = (profile, _CLEARLY) if kind is None else (kind, 1.0)
    tokens = min(float(max_new_tokens), known.answer_tokens)
    best = max(record.accuracy for record in known.canvases)
    records = [record for record in known.canvases if record.accuracy >= best - _AS_ACCURATE]
    if canvas_length is not None:
        nearest = min(known.canvases, key=lambda record: abs(record.length - canvas_length))
        records = [nearest]
    costs = {record.length: _diffusion_ms(record, pace, tokens) for record in records}
    length = min(costs, key=lambda candidate: costs[candidate])
    one_by_one = tokens * pace.token_ms
    is_known = kind is not None or not (profile.kinds and mean_embedding)
    return Choice(
        mode="diffusion" if is_known and costs[length] < clearly * one_by_one else "autoregressive",
        canvas_length=length if canvas_length is None else canvas_length,
        diffusion_ms=costs[length],
        autoregressive_ms=one_by_one,
    )


def _diffusion_ms(record: CanvasRecord, pace: Pace, tokens: float) -> float:
    denoising = record.steps * pace.step(record.length * record.equivalents / record.steps)
    if record.checks:
        checking, look = record.checks * pace.step(min(DRAFT_LENGTH, record.length)), pace.step(_look(record))
        parts = tokens / record.tokens
        # One canvas at least is looked at, however few tokens are asked for.
        return max(1.0, parts) * look + parts * max(0.0, denoising + checking - look)
    canvases = math.ceil(tokens / record.length)
    return canvases * denoising + (canvases - 1) * pace.step(record.length)


def _look(record: CanvasRecord) -> int:
    """The positions of the first step over a canvas that is checked."""
    return min(FIRST_LOOK, record.length)


def mean_embedding(network: DiffusionGemma, prompt: Sequence[int]) -> list[float]:
    """The mean of a prompt's embeddings [D], without their scale: what tells kinds of requests apart."""
    weight_VD = network.embed_tokens.weight
    ids = torch.tensor(prompt, device=weight_VD.device)
    return weight_VD.detach()[ids].float().mean(0).tolist()


@torch.inference_mode()
def first_passes(network: DiffusionGemma) -> None:
    """A token and a denoise step: weights are laid out and kernels compiled, which a first request would wait for."""
    cache = KVCache(network.config, max_length=1, dtype=network.dtype, device=network.device, scratch_length=1)
    generator = torch.Generator(device=network.device).manual_seed(0)
    ids = head.random_ids(network.config.vocab_size, (1, 1), generator, network.device)
    last_hidden_D = network.encode(ids, cache)[0, -1]
    next(autoregressive(network, cache, last_hidden_D, TokenSampler(), generator))
    next(denoise(network, cache, SamplerConfig(max_denoising_steps=1), [generator], 1))


class _Stopwatch:
    """Times single tokens and denoise steps behind a context of `_CONTEXT` tokens."""

    def __init__(self, network: DiffusionGemma, passes: Passes | None) -> None:
        self.network, self.passes = network, passes
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
        """Milliseconds of one."""
        tokens = autoregressive(
            self.network, self.cache, self.last_hidden_D, TokenSampler(), self.generator, passes=self.passes
        )
        next(tokens)
        took = _ms(lambda: next(tokens))
        self.cache.truncate(self.context)
        return took

    def step(self, rows: int) -> float:
        """Milliseconds of a step over so many positions: the mean of a canvas' first, which reads noise alone, and a
        later one, which is self-conditioned."""
        steps = denoise(self.network, self.cache, self.sampler, [self.generator], rows, passes=self.passes)
        return _ms(lambda: next(steps)) / 2 + _ms(lambda: next(steps, None)) / 2


@torch.inference_mode()
def measure_pace(network: DiffusionGemma, budget_s: float | None = None, passes: Passes | None = None) -> Pace:
    """Times passes from few positions to many, the fastest of some each, and stops when `budget_s` is used up; None
    for 0.7 seconds or the time of 20 tokens, whichever is more.

    Never more than one canvas of two passes beyond the budget; at least a token and the smallest step are measured.
    `passes` are timed instead of the network's own.
    """
    watch = _Stopwatch(network, passes)
    token, step = watch.token, watch.step
    # The first pass of each length takes as long as several, and is no answer's cost.
    recording = passes is not None and passes is not network
    # The first passes lay the weights out and compile kernels.
    once = token()
    in_a_row = next((count for below, count in _IN_A_ROW if once < below), 1)
    step(2)
    start = time.perf_counter()
    token_ms, step_ms = token(), dict.fromkeys(ROWS, math.inf)
    if budget_s is None:
        budget_s = max(_BUDGET_S, _BUDGET_TOKENS * token_ms / 1000)
    for number in range(_ROUNDS[1]):
        if number >= _ROUNDS[0] and time.perf_counter() - start > budget_s:
            break
        token_ms = min(token_ms, *(token() for _ in range(in_a_row)))
        for rows in ROWS:
            if recording and step_ms[rows] == math.inf and (rows == 1 or time.perf_counter() - start < budget_s):
                before = time.perf_counter()
                step(rows)
                start += time.perf_counter() - before
            known = [ms for ms in step_ms.values() if ms < math.inf]
            expected_ms = step_ms[rows] if step_ms[rows] < math.inf else 2 * min(known, default=0)
            if rows > 1 and time.perf_counter() - start + 2 * expected_ms / 1000 > budget_s:
                break
            step_ms[rows] = min(step_ms[rows], step(rows))
    return Pace(step_ms={rows: ms for rows, ms in step_ms.items() if ms < math.inf}, token_ms=token_ms)


def kept_pace(network: DiffusionGemma, file: Path | None, passes: Passes | None = None) -> Pace:
    """The pace that `file` holds for this machine and model, else measured and added to it; measured anew as well where
    passes are clearly faster than it says, since another process was in the way then.

    A file that cannot be read or written is gone without: it only saves a second.
    """
    # Whether its passes are compiled calls is known behind the first.
    first_passes(network)
    key = _fingerprint(network)
    known = {} if file is None else _read(file)
    if key in known and not _is_outdone(known[key], network, passes):
        return known[key]
    pace = measure_pace(network, passes=passes)
    if file is not None and key == _fingerprint(network):
        _write(file, {**known, key: pace})
    return pace


@torch.inference_mode()
def _is_outdone(pace: Pace, network: DiffusionGemma, passes: Passes | None) -> bool:
    """Whether a token or a short step now takes less than `_FASTER` of what it took when the pace was measured."""
    watch, rows = _Stopwatch(network, passes), min(pace.step_ms, key=lambda rows: abs(rows - DRAFT_LENGTH))
    tries = next((count for below, count in _IN_A_ROW if pace.token_ms < below), 1)
    token_ms, step_ms = (min(once() for _ in range(tries)) for once in (watch.token, partial(watch.step, rows)))
    return token_ms < _FASTER * pace.token_ms or step_ms < _FASTER * pace.step_ms[rows]


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
    # It only saves a second.
    with suppress(OSError, OutputError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as temporary:
            temporary.write_text(json.dumps(document, indent=1), encoding="utf-8")


def _fingerprint(network: DiffusionGemma) -> str:
    kinds = sorted({str(parameter.dtype) for parameter in network.parameters()})
    parts = (network.config, kinds, network.device, _processor(network.device), torch.get_num_threads())
    passes = (torch.__version__, _PASSES, *network.are_fused)
    return hashlib.sha256(repr((*parts, *passes)).encode()).hexdigest()[:16]


def _processor(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        told = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        # Rented machines of one name differ in what they can do, so the flags are part of what they are.
        return f"{told['model name']} {told['flags']}"
    except (OSError, KeyError):
        return platform.processor() or platform.machine()


def _ms(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return 1000 * (time.perf_counter() - start)
