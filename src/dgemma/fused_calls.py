"""Fused computations as values, so that several requests can share one kernel call.

The network calls `compute(call)`. By default this runs the call. In a context where `dispatcher` is set, it passes the
call to that function, which may collect calls of the same kind and run them as one (`engine.joint_calls`). Each result
is bit for bit that of the call alone.

Shapes: N rows, D hidden, V vocabulary.
"""

from collections.abc import Callable, Hashable, Sequence
from contextvars import ContextVar
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from dgemma.ops.native.rows import TextRows


class FusedCall(Protocol):
    """A computation over some rows. Calls of the same `kind` can be run as one."""

    @property
    def num_rows(self) -> int: ...

    @property
    def kind(self) -> Hashable: ...

    @classmethod
    def run_all(cls, calls: Sequence[Any]) -> list[Any]: ...


dispatcher: ContextVar[Callable[[FusedCall], Any] | None] = ContextVar("dispatcher", default=None)
"""The function that `compute` passes calls to in this context; None to run them directly."""


def compute(call: FusedCall) -> Any:
    """The result of a call."""
    dispatch = dispatcher.get()
    return run_all([call])[0] if dispatch is None else dispatch(call)


def run_all(calls: Sequence[FusedCall]) -> list[Any]:
    """The result of each of the calls, which are of one kind."""
    return type(calls[0]).run_all(calls)


def may_be_joined() -> bool:
    """Whether `compute` would pass a call on, so that it may be joined with others."""
    return dispatcher.get() is not None


class LayersCall(NamedTuple):
    """All layers (`ops.native.layers.FusedLayers`) over the rows of a text -> hidden [N, D]; with `keys_only` the last
    layer stops after its keys and values."""

    layers: Any
    text: TextRows
    keys_only: bool = False

    @property
    def num_rows(self) -> int:
        """Number of rows of the text."""
        return len(self.text.positions)

    @property
    def kind(self) -> Hashable:
        """Calls with the same layers and the same `keys_only`."""
        return "layers", id(self.layers), self.keys_only

    @classmethod
    def run_all(cls, calls: Sequence["LayersCall"]) -> list[Tensor]:
        """The hidden states of each call."""
        hidden_ND = calls[0].layers.run([call.text for call in calls], calls[0].keys_only)
        return _parts(hidden_ND, [call.num_rows for call in calls])


class HeadCall(NamedTuple):
    """The head of a small vocabulary (`ops.native.head.Head`) for the rows `hidden_ND` -> VocabularyReading."""

    head: Any
    hidden_ND: Tensor
    temperature: float = 1.0
    uniforms_N: Tensor | None = None
    forbidden_pairs: Sequence[tuple[int, int]] = ()
    soft: bool = False

    @property
    def num_rows(self) -> int:
        """Number of rows to read."""
        return len(self.hidden_ND)

    @property
    def kind(self) -> Hashable:
        """Calls with the same head, temperature and outputs."""
        return "head", id(self.head), self.temperature, self.uniforms_N is None, self.soft

    @classmethod
    def run_all(cls, calls: Sequence["HeadCall"]) -> list[Any]:
        """The reading of each call."""
        first_call = calls[0]
        if len(calls) == 1:
            return [first_call.head.read(*first_call[1:])]
        counts = [call.num_rows for call in calls]
        forbidden_pairs, first = [], 0
        for call, count in zip(calls, counts, strict=True):
            for row, token in call.forbidden_pairs:
                forbidden_pairs += [(first + one, token) for one in (range(count) if row == -1 else (row,))]
            first += count
        drawn = [call.uniforms_N for call in calls if call.uniforms_N is not None]
        reading = first_call.head.read(
            torch.cat([call.hidden_ND for call in calls]),
            first_call.temperature,
            torch.cat(drawn) if drawn else None,
            forbidden_pairs,
            first_call.soft,
        )
        # With `soft` the kernel overwrites the logits, so no copies are needed.
        logits = reading.logits_NV.split(counts) if first_call.soft else _parts(reading.logits_NV, counts)
        soft = [None] * len(counts) if reading.soft_ND is None else _parts(reading.soft_ND, counts)
        of_each = zip(_parts(reading.ids_N2, counts), _parts(reading.summary_N4, counts), logits, soft, strict=True)
        return [
            replace(reading, ids_N2=ids, summary_N4=summary, logits_NV=own_logits, soft_ND=own_soft)
            for ids, summary, own_logits, own_soft in of_each
        ]


class ProductsCall(NamedTuple):
    """A network's `products` of the hidden states [..., D] with its whole vocabulary -> [..., V]."""

    network: Any
    hidden: Tensor

    @property
    def num_rows(self) -> int:
        """Number of rows to multiply."""
        return self.hidden.numel() // self.hidden.shape[-1]

    @property
    def kind(self) -> Hashable:
        """Calls with the same network."""
        return "products", id(self.network)

    @classmethod
    def run_all(cls, calls: Sequence["ProductsCall"]) -> list[Tensor]:
        """The products of each call."""
        network = calls[0].network
        if len(calls) == 1:
            return [network.products(calls[0].hidden)]
        joined_ND = torch.cat([call.hidden.reshape(-1, call.hidden.shape[-1]) for call in calls])
        products_NV = network.products(joined_ND, row_by_row=True)
        parts = _parts(products_NV, [call.num_rows for call in calls])
        return [part.view(*call.hidden.shape[:-1], -1) for call, part in zip(calls, parts, strict=True)]


def _parts(rows: Tensor, counts: Sequence[int]) -> list[Tensor]:
    """Each call's rows as a tensor of their own, so that none keeps the others' memory alive and each is aligned as if
    computed alone."""
    return [rows] if len(counts) == 1 else [part.clone() for part in rows.split(list(counts))]
