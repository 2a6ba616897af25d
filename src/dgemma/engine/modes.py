"""Resolves mode "auto" for a request. The pace of the machine is measured at the first such request, and again when new
kernels have made passes faster. Knows nothing of requests in flight.
"""

import threading
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from dgemma.config import SamplerConfig
from dgemma.decode.passes import Passes
from dgemma.engine.device_lock import DeviceLock
from dgemma.engine.pace import Choice, Pace, cached_pace, choose, mean_embedding
from dgemma.engine.request import Request
from dgemma.model import DiffusionGemma
from dgemma.ops import native
from dgemma.profile import DenoisingProfile


class ModeChooser:
    """Chooses modes for one network. May be called from any thread; holds the device `lock` while it measures."""

    def __init__(
        self,
        network: DiffusionGemma,
        passes: Passes,
        sampler: SamplerConfig,
        profile: DenoisingProfile,
        pace_file: str | None,
        lock: DeviceLock,
    ) -> None:
        self._network, self._passes, self._sampler, self._profile = network, passes, sampler, profile
        self._file = None if pace_file is None else Path(pace_file)
        self._pace: tuple[int, Pace] | None = None
        self.after_fork(lock)

    def after_fork(self, lock: DeviceLock) -> None:
        """Replaces the locks in a forked child, where no thread would release them."""
        self._device_lock, self._measuring = lock, threading.Lock()

    def choose(self, max_new_tokens: int, canvas_length: int | None, prompt: Sequence[int]) -> Choice:
        """The faster mode, its canvas length and copy length for an answer of at most `max_new_tokens` to `prompt`. The
        first call may measure the machine."""
        with self._measuring:
            # Passes become several times as fast once compiled kernels have arrived.
            arrivals = native.look_for_arrivals()
            if self._pace is None or self._pace[0] != arrivals:
                measure = partial(cached_pace, self._network, self._file, self._passes)
                self._pace = arrivals, self._device_lock.between_turns(measure)
            pace = self._pace[1]
        mean_D = mean_embedding(self._network, prompt) if prompt and self._profile.kinds else ()
        return choose(self._profile, pace, max_new_tokens, canvas_length, mean_D)

    def resolve(self, request: Request) -> Request:
        """The request with "auto" replaced by a mode and a copy length, and by a canvas length where that is not
        decided per canvas."""
        if request.mode != "auto":
            return request
        if request.reference or request.in_place is not None:
            return replace(request, mode="diffusion")
        if self._sampler.causal_check and request.causal_check:
            # The first look at a canvas decides its length (`decode.verify`): the model's own or less.
            longest = request.canvas_length or self._network.config.canvas_length
            choice = self.choose(request.max_new_tokens, longest, request.prompt)
            return replace(request, mode=choice.mode, copy_length=choice.copy_length)
        choice = self.choose(request.max_new_tokens, request.canvas_length, request.prompt)
        return replace(request, mode=choice.mode, canvas_length=choice.canvas_length, copy_length=choice.copy_length)
