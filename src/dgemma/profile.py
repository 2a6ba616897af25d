"""S(L): what canvases of each length take on one model, as its folder keeps it.

Knows nothing of machines or of how it was measured; `engine.pace` weighs it, `bench.canvas` measures it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dgemma.errors import CheckpointError
from dgemma.values import number, require


@dataclass(frozen=True, kw_only=True)
class CanvasRecord:
    """What canvases of one length took on held-out requests, per canvas: `steps`, `equivalents` (steps, each counted by
    the share of positions that it computed), `checks` (passes of the causal mode over drafts, `decode.check`) and new
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
class DenoisingProfile:
    """S(L) of one model, as its folder's `denoising.json` holds it: how many steps a canvas takes at which length.

    answer_tokens  the mean answer of the requests that it was measured on
    """

    canvases: tuple[CanvasRecord, ...]
    answer_tokens: float

    def __post_init__(self) -> None:
        require(len(self.canvases) > 0 and self.answer_tokens > 0, "A denoising profile holds at least one record.")

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "DenoisingProfile":
        """Reads the parsed `denoising.json`. Raises CheckpointError for anything else, ConfigError for numbers that
        cannot be."""
        records = document.get("canvases")
        if not isinstance(records, list) or not all(isinstance(record, Mapping) for record in records):
            raise CheckpointError("denoising.json holds no list `canvases`; remove it or measure it anew.")
        file = "denoising.json"
        names = {"length": int, "steps": float, "equivalents": float, "tokens": float, "accuracy": float}

        def read(record: Mapping[str, Any]) -> CanvasRecord:
            values = {name: number(record, name, kind, file=file) for name, kind in names.items()}
            return CanvasRecord(**values, checks=number(record, "checks", float, 0.0, file))

        return cls(
            canvases=tuple(map(read, records)),
            answer_tokens=number(document, "answer_tokens", float, file=file),
        )

    def to_document(self) -> dict[str, Any]:
        """What `from_document` reads."""
        return {"answer_tokens": self.answer_tokens, "canvases": [vars(record) for record in self.canvases]}
