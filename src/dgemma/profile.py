"""S(L): how many steps a canvas of each length takes on one model, as stored in the model's folder.

Knows nothing of machines or of measuring: `bench.canvas` measures a profile, `engine.pace` uses it to choose the mode
and the canvas length.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dgemma.errors import CheckpointError
from dgemma.values import read_number, require


@dataclass(frozen=True, kw_only=True)
class CanvasRecord:
    """Means over the canvases of one length, measured on held-out requests.

    steps        denoise passes per canvas
    equivalents  the same, each pass counted by the share of positions that it computed
    tokens       new tokens per canvas
    accuracy     the share of requests answered correctly
    checks       causal passes that verify drafts (`decode.verify`), per canvas
    """

    length: int
    steps: float
    equivalents: float
    tokens: float
    accuracy: float
    checks: float = 0.0

    def __post_init__(self) -> None:
        require(self.length >= 1 and self.steps > 0, "A canvas record needs a length and steps above 0.")
        require(0 < self.equivalents <= self.steps, "A canvas record needs equivalents between 0 and its steps.")
        require(self.checks >= 0, "A canvas record needs checks of at least 0.")
        require(self.tokens > 0, "A canvas record needs tokens above 0.")
        require(0 <= self.accuracy <= 1, "A canvas record needs an accuracy between 0 and 1.")


@dataclass(frozen=True, kw_only=True)
class RequestKind:
    """The measurements of one kind of requests, recognised by the mean embedding of the prompt.

    centre         the mean of their prompts' mean embeddings [D]
    reach          the greatest distance from the centre at which a prompt is of this kind
    answer_tokens  their mean number of answer tokens
    copies         how often `decode.lookup.Copies` tries a copy from the prompt while such an answer is written
    copied         how many of the answer's tokens it then copies
    """

    name: str
    centre: tuple[float, ...]
    reach: float
    canvases: tuple[CanvasRecord, ...]
    answer_tokens: float
    copies: float = 0.0
    copied: float = 0.0

    def __post_init__(self) -> None:
        require(len(self.canvases) > 0, "A kind of requests needs at least one canvas record.")
        require(self.answer_tokens > 0, "A kind of requests needs answer_tokens above 0.")
        require(len(self.centre) > 0, "A kind of requests needs a centre.")
        require(self.reach >= 0, "A kind of requests needs a reach of at least 0.")
        require(self.copies >= 0, "A kind of requests needs copies of at least 0.")
        require(
            0 <= self.copied <= self.answer_tokens, "A kind of requests needs copied between 0 and its answer_tokens."
        )


@dataclass(frozen=True, kw_only=True)
class DenoisingProfile:
    """S(L) of one model, stored as `denoising.json` in its folder.

    canvases       one record for each canvas length measured
    answer_tokens  the mean number of answer tokens of the requests measured
    kinds          the same measurements for each kind of requests
    """

    canvases: tuple[CanvasRecord, ...]
    answer_tokens: float
    kinds: tuple[RequestKind, ...] = ()

    def __post_init__(self) -> None:
        require(len(self.canvases) > 0, "A denoising profile needs at least one canvas record.")
        require(self.answer_tokens > 0, "A denoising profile needs answer_tokens above 0.")

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "DenoisingProfile":
        """Reads the parsed `denoising.json`.

        Raises CheckpointError for a malformed document, ConfigError for numbers out of range.
        """
        kinds = _mappings(document, "kinds") if "kinds" in document else []
        return cls(
            canvases=_records(document),
            answer_tokens=read_number(document, "answer_tokens", float, file=_FILE),
            kinds=tuple(map(_kind, kinds)),
        )

    def to_document(self) -> dict[str, Any]:
        """The document that `from_document` reads."""
        return {**_to_document(self), "kinds": [{**vars(kind), **_to_document(kind)} for kind in self.kinds]}

    def find_kind(self, mean_embedding: Sequence[float]) -> RequestKind | None:
        """The kind with the centre nearest to a prompt's mean embedding [D]; None if that is beyond its reach."""
        fitting = [kind for kind in self.kinds if len(kind.centre) == len(mean_embedding)]
        nearest = min(fitting, key=lambda kind: math.dist(kind.centre, mean_embedding), default=None)
        if nearest is None or math.dist(nearest.centre, mean_embedding) > nearest.reach:
            return None
        return nearest


_FILE = "denoising.json"


def _records(document: Mapping[str, Any]) -> tuple[CanvasRecord, ...]:
    names = {"length": int, "steps": float, "equivalents": float, "tokens": float, "accuracy": float}

    def read(record: Mapping[str, Any]) -> CanvasRecord:
        values = {name: read_number(record, name, kind, file=_FILE) for name, kind in names.items()}
        return CanvasRecord(**values, checks=read_number(record, "checks", float, 0.0, _FILE))

    return tuple(map(read, _mappings(document, "canvases")))


def _kind(document: Mapping[str, Any]) -> RequestKind:
    name, centre = document.get("name"), document.get("centre")
    if not isinstance(name, str) or not isinstance(centre, list):
        raise CheckpointError("denoising.json has a kind without a name or a centre.")
    return RequestKind(
        name=name,
        centre=tuple(read_number({"centre": one}, "centre", float, file=_FILE) for one in centre),
        reach=read_number(document, "reach", float, file=_FILE),
        canvases=_records(document),
        answer_tokens=read_number(document, "answer_tokens", float, file=_FILE),
        copies=read_number(document, "copies", float, 0.0, _FILE),
        copied=read_number(document, "copied", float, 0.0, _FILE),
    )


def _mappings(document: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = document.get(name)
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
        raise CheckpointError(f"denoising.json has no list `{name}` of objects.")
    return found


def _to_document(measured: RequestKind | DenoisingProfile) -> dict[str, Any]:
    return {"answer_tokens": measured.answer_tokens, "canvases": [vars(record) for record in measured.canvases]}
