"""S(L): what canvases of each length take on one model, as its folder keeps it.

Knows nothing of machines or of how it was measured; `engine.pace` weighs it, `bench.canvas` measures it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dgemma.errors import CheckpointError
from dgemma.values import number, require


@dataclass(frozen=True, kw_only=True)
class CanvasRecord:
    """What canvases of one length took on held-out requests, per canvas: `steps`, `equivalents` (steps, each counted by
    the share of positions that it computed), `checks` (passes of the causal mode over drafts, `decode.verify`) and new
    `tokens`; `accuracy` is the share of requests answered right."""

    length: int
    steps: float
    equivalents: float
    tokens: float
    accuracy: float
    checks: float = 0.0

    def __post_init__(self) -> None:
        require(self.length >= 1 and self.steps > 0, "A canvas record needs a length and steps above 0.")
        require(0 < self.equivalents <= self.steps, "A canvas record's equivalents lie between 0 and its steps.")
        require(self.checks >= 0, "A canvas record's checks cannot be below 0.")
        require(self.tokens > 0 and 0 <= self.accuracy <= 1, "A canvas record's tokens or accuracy are impossible.")


@dataclass(frozen=True, kw_only=True)
class RequestKind:
    """What requests that are alike took.

    centre, reach  the mean of their prompts' mean embeddings [D], and how far from it a prompt may lie to be of them
    answer_tokens  their mean answer
    """

    name: str
    centre: tuple[float, ...]
    reach: float
    canvases: tuple[CanvasRecord, ...]
    answer_tokens: float

    def __post_init__(self) -> None:
        require(len(self.canvases) > 0 and self.answer_tokens > 0, "A kind of requests holds at least one record.")
        require(len(self.centre) > 0 and self.reach >= 0, "A kind of requests has a centre and a reach of at least 0.")


@dataclass(frozen=True, kw_only=True)
class DenoisingProfile:
    """S(L) of one model, as its folder's `denoising.json` holds it: how many steps a canvas takes at which length.

    answer_tokens  the mean answer of the requests that it was measured on
    kinds          the same for each kind of them
    """

    canvases: tuple[CanvasRecord, ...]
    answer_tokens: float
    kinds: tuple[RequestKind, ...] = ()

    def __post_init__(self) -> None:
        require(len(self.canvases) > 0 and self.answer_tokens > 0, "A denoising profile holds at least one record.")

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "DenoisingProfile":
        """Reads the parsed `denoising.json`. Raises CheckpointError for anything else, ConfigError for numbers that
        cannot be."""
        kinds = _mappings(document, "kinds") if "kinds" in document else []
        return cls(
            canvases=_records(document),
            answer_tokens=number(document, "answer_tokens", float, file=_FILE),
            kinds=tuple(map(_kind, kinds)),
        )

    def to_document(self) -> dict[str, Any]:
        """What `from_document` reads."""
        return {**_to_document(self), "kinds": [{**vars(kind), **_to_document(kind)} for kind in self.kinds]}

    def kind_of(self, mean_embedding: Sequence[float]) -> RequestKind | None:
        """The kind whose centre is nearest to a prompt's mean embedding [D], if that is within its reach."""
        fitting = [kind for kind in self.kinds if len(kind.centre) == len(mean_embedding)]
        nearest = min(fitting, key=lambda kind: math.dist(kind.centre, mean_embedding), default=None)
        if nearest is None or math.dist(nearest.centre, mean_embedding) > nearest.reach:
            return None
        return nearest


_FILE = "denoising.json"


def _records(document: Mapping[str, Any]) -> tuple[CanvasRecord, ...]:
    names = {"length": int, "steps": float, "equivalents": float, "tokens": float, "accuracy": float}

    def read(record: Mapping[str, Any]) -> CanvasRecord:
        values = {name: number(record, name, kind, file=_FILE) for name, kind in names.items()}
        return CanvasRecord(**values, checks=number(record, "checks", float, 0.0, _FILE))

    return tuple(map(read, _mappings(document, "canvases")))


def _kind(document: Mapping[str, Any]) -> RequestKind:
    name, centre = document.get("name"), document.get("centre")
    if not isinstance(name, str) or not isinstance(centre, list):
        raise CheckpointError("denoising.json holds a kind without a name or a centre.")
    return RequestKind(
        name=name,
        centre=tuple(number({"centre": one}, "centre", float, file=_FILE) for one in centre),
        reach=number(document, "reach", float, file=_FILE),
        canvases=_records(document),
        answer_tokens=number(document, "answer_tokens", float, file=_FILE),
    )


def _mappings(document: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = document.get(name)
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
        raise CheckpointError(f"denoising.json holds no list `{name}`.")
    return found


def _to_document(measured: RequestKind | DenoisingProfile) -> dict[str, Any]:
    return {"answer_tokens": measured.answer_tokens, "canvases": [vars(record) for record in measured.canvases]}
