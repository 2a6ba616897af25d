"""One optimiser step on a drawn batch: eager, or on a GPU as a CUDA graph for each batch size.

A step of a small network is some 2,500 GPU operations of about ten microseconds each; launching them from Python takes
three times as long. A CUDA graph is a single launch. Knows nothing of data, files or schedules.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import nn

from dgemma.errors import DataError
from dgemma.model import DiffusionGemma
from dgemma.train.objective import Drawn, Forward, Losses, losses_of
from dgemma.train.recipe import Recipe

_EAGER_STEPS = 3
"""Eager steps of each batch size before it is recorded: they trigger compilation and create the optimisers' states."""


class PlainStep:
    """`step(drawn)` -> Losses: forward, backward, clipping and one optimiser step; gradients are reset."""

    def __init__(
        self,
        network: DiffusionGemma,
        forward: Forward,
        optimizers: Sequence[torch.optim.Optimizer],
        recipe: Recipe,
        precision: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self.network, self.forward, self.optimizers = network, forward, optimizers
        self.recipe, self.precision = recipe, precision

    def __call__(self, drawn: Drawn) -> Losses:
        """One step; `drawn` is on the CPU."""
        return self._run(drawn.to(self.network.device))

    def _run(self, drawn: Drawn) -> Losses:
        with self.precision():
            parts = losses_of(self.network, self.forward, drawn, self.recipe.objective)
        parts.total.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.optimizer.clip)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return _map(parts, torch.Tensor.detach)


def _map(parts: Losses, change: Callable[[torch.Tensor], torch.Tensor]) -> Losses:
    return Losses(**{name: change(value) for name, value in vars(parts).items()})


class RecordedStep(PlainStep):
    """The same step, recorded as a CUDA graph for each batch size and replayed; needs batches drawn with `fixed`.

    The learning rates must be tensors on the device, because a number would be recorded as a constant. Takes the
    arguments of `PlainStep`. Raises DataError if a step cannot be recorded.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._stream = torch.cuda.Stream()
        self._pool = torch.cuda.graph_pool_handle()
        self._seen: dict[tuple, int] = {}
        self._recordings: dict[tuple, tuple[torch.cuda.CUDAGraph, Drawn, Losses]] = {}

    def __call__(self, drawn: Drawn) -> Losses:
        """One step; `drawn` is on the CPU."""
        # Warm-up and recording share one side stream: backward work must be recorded on the stream of its warm-up.
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            parts = self._replay(drawn)
        torch.cuda.current_stream().wait_stream(self._stream)
        return parts

    def _replay(self, drawn: Drawn) -> Losses:
        key = (drawn.covered, *(tensor.shape for tensor in drawn.tensors()))
        self._seen[key] = self._seen.get(key, 0) + 1
        if self._seen[key] <= _EAGER_STEPS:
            return self._run(drawn.to(self.network.device))
        if key not in self._recordings:
            self._recordings[key] = self._record(drawn.to(self.network.device))
        graph, inputs, parts = self._recordings[key]
        for recorded, new in zip(inputs.tensors(), drawn.tensors(), strict=True):
            recorded.copy_(new.pin_memory(), non_blocking=True)
        graph.replay()
        return _map(parts, torch.Tensor.clone)

    def _record(self, inputs: Drawn) -> tuple[torch.cuda.CUDAGraph, Drawn, Losses]:
        graph = torch.cuda.CUDAGraph()
        groups = [group for optimizer in self.optimizers for group in optimizer.param_groups if "capturable" in group]
        try:
            # AdamW requires capturable during capture and warns about it outside; with fused=True it changes nothing.
            for group in groups:
                group["capturable"] = True
            with torch.cuda.graph(graph, pool=self._pool, stream=self._stream):
                parts = self._run(inputs)
        except RuntimeError as error:
            raise DataError(
                f"A training step cannot be recorded as a CUDA graph ({error}); set record = false in [run]."
            ) from error
        finally:
            for group in groups:
                group["capturable"] = False
        return graph, inputs, parts
