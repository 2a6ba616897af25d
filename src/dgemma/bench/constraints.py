"""The cost of constrained decoding: building an automaton, and a denoise step with and without it.

Medians of alternating runs in one process. Knows nothing of how results are shown.
"""

import statistics
import time
from dataclasses import dataclass

import torch

from dgemma.cache import KVCache
from dgemma.decode import constrain, head
from dgemma.model import DiffusionGemma
from dgemma.tokenizer import Tokenizer

_BUDGET = 512
"""Tokens left for the answer: more than the measured canvas, in which it therefore need not end."""

_NAMES = ("name", "date", "city")
_SHORT = {"type": "string", "maxLength": 50}
_NUMBERS = {"type": "array", "items": {"type": "number"}, "maxItems": 8}
_TREE = {"type": "array", "items": {"$ref": "#/$defs/tree"}, "maxItems": 4}

CONSTRAINTS: dict[str, constrain.Constraint] = {
    "one of three words": constrain.choice(["positive", "negative", "neutral"]),
    "a date by regex": constrain.regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
    "three strings": constrain.json_schema(
        {"type": "object", "properties": {name: {"type": "string"} for name in _NAMES}}
    ),
    "three strings of at most 50": constrain.json_schema(
        {"type": "object", "properties": dict.fromkeys(_NAMES, _SHORT), "required": ["name"]}
    ),
    "a string of at most 1000": constrain.json_schema({"type": "string", "maxLength": 1000}),
    "numbers and a choice": constrain.json_schema(
        {"type": "object", "properties": {"values": _NUMBERS, "unit": {"enum": ["cm", "m", "km"]}}}
    ),
    "a tree": constrain.json_schema(
        {
            "$ref": "#/$defs/tree",
            "$defs": {"tree": {"type": "object", "properties": {"name": {"type": "string"}, "children": _TREE}}},
        }
    ),
    "any object": constrain.json_schema({"type": "object"}),
}


@dataclass(frozen=True, kw_only=True)
class ConstraintCost:
    """The cost of one constraint.

    build_seconds   to build its automaton, without what is prepared once per vocabulary
    free_ms         a denoise step without the constraint
    constrained_ms  the same step with it
    """

    name: str
    states: int
    build_seconds: float
    free_ms: float
    constrained_ms: float

    @property
    def share(self) -> float:
        """The share of a constrained step that the constraint takes."""
        return max(0.0, 1 - self.free_ms / self.constrained_ms)


@torch.inference_mode()
def measure_constraints(
    network: DiffusionGemma, tokenizer: Tokenizer, end_ids: tuple[int, ...], canvas_length: int = 64, runs: int = 9
) -> tuple[ConstraintCost, ...]:
    """Times a step over a canvas of `canvas_length` for every constraint. Returns () for a model without end ids."""
    if not end_ids:
        return ()
    generator = torch.Generator(device=network.device).manual_seed(0)
    context, vocab_size = 64, network.config.vocab_size
    cache = KVCache(
        network.config, max_length=context + 1, dtype=network.dtype, device=network.device, scratch_length=canvas_length
    )
    network.encode(head.random_ids(vocab_size, (1, context), generator, network.device), cache)
    canvas_BL = head.random_ids(vocab_size, (1, canvas_length), generator, network.device)

    def step(walk: constrain.Walk | None) -> float:
        start = time.perf_counter()
        head.read(network, network.denoise(canvas_BL, cache), 0.8, [generator], constraint=walk)
        return 1000 * (time.perf_counter() - start)

    costs = []
    compiler = constrain.ConstraintCompiler(tokenizer, vocab_size=vocab_size, end_ids=end_ids)
    # Warm-up: the vocabulary's bytes are prepared once for all constraints.
    compiler.compile(constrain.choice(["a"]))
    for name, constraint in CONSTRAINTS.items():
        start = time.perf_counter()
        automaton = compiler.compile(constraint)
        build_seconds = time.perf_counter() - start
        walk = constrain.Walk(automaton=automaton, remaining=_BUDGET)
        rounds = [(step(None), step(walk)) for _ in range(runs + 1)][1:]
        free_ms, constrained_ms = (statistics.median(times) for times in zip(*rounds, strict=True))
        costs.append(
            ConstraintCost(
                name=name,
                states=len(automaton.distance_S),
                build_seconds=build_seconds,
                free_ms=free_ms,
                constrained_ms=constrained_ms,
            )
        )
    return tuple(costs)
