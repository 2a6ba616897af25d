"""Generated JSON Schemas, and a random network over the embedded model's tokens to answer them."""

from dataclasses import replace
from typing import Any

import torch
from hypothesis import strategies as st

import dgemma
from dgemma.checkpoint import EMBEDDED, LoadedModel
from dgemma.config import EngineConfig, SamplerConfig
from dgemma.model import DiffusionGemma
from dgemma.tokenizer import Tokenizer
from tests.test_model import CONFIG

NAMES = ("name", "a", "is it", 'quote"d', "größe", "x-1")
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-99, 999), st.sampled_from(["red", "über", 'a "b"\\', "", "0"])
)
PATTERNS = ("^[A-Z]{2}-[0-9]{1,3}$", "^(ab|c)+$", r"^\d{4}$", "x", r"^\S+@\S+$", "^[^a-y]*$", r'^"\w\\?$')


def bounded(name: str, least: str, most: str) -> st.SearchStrategy[dict[str, Any]]:
    """A type with neither, one or both of two bounds, with at least one number between them."""
    pairs = st.tuples(st.integers(-40, 40), st.integers(0, 60), st.booleans(), st.booleans())
    return pairs.map(
        lambda drawn: (
            {"type": name}
            | ({least: drawn[0]} if drawn[2] else {})
            | ({most: drawn[0] + drawn[1] + 2} if drawn[3] else {})
        )
    )


def sized(minimum: str, maximum: str, most: int) -> st.SearchStrategy[dict[str, Any]]:
    pairs = st.tuples(st.integers(0, 2), st.none() | st.integers(2, most))
    return pairs.map(lambda drawn: {minimum: drawn[0]} | ({maximum: drawn[1]} if drawn[1] else {}))


LEAVES = st.one_of(
    st.sampled_from([{"type": "boolean"}, {"type": "null"}, {"type": ["string", "null"]}, {"type": "string"}]),
    sized("minLength", "maxLength", 12).map(lambda size: {"type": "string", **size}),
    st.sampled_from(PATTERNS).map(lambda pattern: {"type": "string", "pattern": pattern}),
    st.sampled_from(["date", "time", "uuid", "ipv4", "email"]).map(lambda name: {"type": "string", "format": name}),
    st.lists(VALUES, min_size=1, max_size=4).map(lambda values: {"enum": values}),
    VALUES.map(lambda value: {"const": value}),
    st.sampled_from(
        [
            {"type": "string", "format": "nosuch", "pattern": "^[ab]+$"},
            {"type": "number", "multipleOf": 0.25},
            {"type": "string", "contentEncoding": "base64"},
            {"type": "string", "pattern": r"^(?=.*\d)(?!\d)[a-z\d]{2,}$"},
        ]
    ),
    bounded("integer", "minimum", "maximum"),
    bounded("integer", "exclusiveMinimum", "exclusiveMaximum"),
    bounded("number", "minimum", "maximum"),
    bounded("number", "exclusiveMinimum", "exclusiveMaximum"),
    st.integers(1, 9).map(lambda step: {"type": "integer", "multipleOf": step, "minimum": -20, "maximum": 70}),
)


def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    properties = st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)
    return properties.flatmap(
        lambda found: st.sets(st.sampled_from(sorted(found)) if found else st.nothing()).map(
            lambda required: {"type": "object", "properties": found, "required": sorted(required)}
        )
    )


def arrays(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    plain = st.tuples(inner, sized("minItems", "maxItems", 3)).map(
        lambda drawn: {"type": "array", "items": drawn[0], **drawn[1]}
    )
    begun = st.lists(inner, min_size=1, max_size=3).map(
        lambda items: {"type": "array", "prefixItems": items, "items": {"type": "null"}, "minItems": 1}
    )
    return plain | begun


NAME_SCHEMAS = st.sampled_from(
    [{"type": "string"}, True, {"minLength": 2, "maxLength": 5}, {"pattern": "^[a-c ]+$"}, {"pattern": "(?!.*a)b$"},
     {"format": "date"}, {"anyOf": [{"const": "x-1"}, {"pattern": r"^\d"}]}, {"enum": ["a", "b", 1]},
     {"pattern": r"^\W"}, {"allOf": [{"maxLength": 3}, {"pattern": "^a"}], "title": "short"}]
)  # fmt: skip


def maps(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with names that a schema or patterns allow, and with properties that may or may not match them."""
    patterns = st.dictionaries(
        st.sampled_from(["^a", r"\d$", "^x-", "e", r"^\W", "^[^a]*$"]), inner, min_size=1, max_size=2
    )
    named = st.tuples(NAME_SCHEMAS, inner).map(lambda two: {"propertyNames": two[0], "additionalProperties": two[1]})
    declared = st.just({}) | objects(inner) | st.just({"minProperties": 1})
    return st.tuples(named | patterns.map(lambda found: {"patternProperties": found}), declared).map(
        lambda two: {"type": "object", **two[0], **two[1]}
    )


def sets() -> st.SearchStrategy[dict[str, Any]]:
    """Arrays of distinct items."""
    items = st.one_of(
        st.lists(VALUES, min_size=1, max_size=4).map(lambda values: {"enum": values}),
        st.sampled_from(
            [{"type": "boolean"}, {"type": ["null", "boolean"]}, {"anyOf": [{"const": 1}, {"enum": [1.0, 2]}]}]
        ),
        st.tuples(st.integers(-3, 3), st.integers(0, 9)).map(
            lambda two: {"type": "integer", "minimum": two[0], "maximum": two[0] + two[1]}
        ),
    )
    return items.map(lambda each: {"type": "array", "items": each, "uniqueItems": True, "format": "set"})


def combined(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    either = st.lists(inner, min_size=1, max_size=3).map(lambda options: {"anyOf": options, "title": "either"})
    return either | inner.map(lambda one: {"allOf": [one], "description": "just one", "nullable": True, "x-order": 1})


PLAIN_SCHEMAS = st.recursive(
    LEAVES | sets(), lambda inner: st.one_of(objects(inner), arrays(inner), combined(inner), maps(inner)), max_leaves=6
)

TREE = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "value": {"type": "integer"},
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
            },
            "required": ["value", "children"],
        }
    },
    "$ref": "#/$defs/node",
}
LIST = {
    "type": "object",
    "properties": {"v": {"type": "boolean"}, "next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
    "required": ["v", "next"],
}
RECURSIVE_SCHEMAS = st.sampled_from([TREE, LIST, {"type": "object"}, {"type": "array", "maxItems": 3}, {}])
SCHEMAS = PLAIN_SCHEMAS | RECURSIVE_SCHEMAS


def random_llm(seed: int, *, checked: bool = False) -> dgemma.LLM:
    """Random weights that know nothing; the embedded model's tokens. `checked` answers are drafted and checked."""
    tokenizer = Tokenizer.from_file(EMBEDDED["tiny"] / "tokenizer.json")
    config = replace(CONFIG, vocab_size=tokenizer.vocab_size, eos_token_ids=(1,), max_position_embeddings=4096)
    torch.manual_seed(seed)
    network = DiffusionGemma(config)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim >= 2:
                parameter.normal_(0, 0.4)
    sampler = SamplerConfig(max_denoising_steps=3, eos_token_ids=(1, 5), causal_check=checked)
    model = LoadedModel(
        config=config, network=network.eval().requires_grad_(False), sampler=sampler, tokenizer=tokenizer
    )
    return dgemma.LLM(model, EngineConfig(device="cpu", dtype="float32"))
