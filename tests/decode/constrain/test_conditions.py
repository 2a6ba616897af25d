"""Conditional keywords: what is written validates, and of few values all that validate are written."""

import itertools
import json

import jsonschema
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dgemma.decode.constrain import json_schema
from dgemma.decode.constrain.description import byte_automaton
from dgemma.errors import UsageError
from tests.decode.constrain.test_client_schemas import random_texts
from tests.decode.constrain.test_schema import accepts, automaton_of

VALUES = {"a": ["x", "y"], "b": [0, 1, 2], "c": [True, False, None]}
PLAIN = {"type": "object", "properties": {name: {"enum": values} for name, values in VALUES.items()}}
DRAFT_7 = "http://json-schema.org/draft-07/schema#"


def every_object() -> list[dict]:
    """All objects with some of the properties, in their order."""
    choices = [[*([name, value] for value in values), None] for name, values in VALUES.items()]
    return [dict(filter(None, chosen)) for chosen in itertools.product(*choices)]


SAMPLES = [*every_object(), None]


def assert_exact(schema, samples=SAMPLES):
    """The automaton accepts exactly those of the samples that the reference validator accepts."""
    valid = jsonschema.Draft202012Validator(schema).is_valid
    try:
        automaton = automaton_of(schema)
    except UsageError as error:
        assert "No value satisfies" in str(error) and not any(map(valid, samples))
        return
    for value in samples:
        assert accepts(automaton, json.dumps(value)) == valid(value), value


NAMES = st.sampled_from("abc")
LISTED = NAMES.flatmap(
    lambda name: st.sampled_from([*({"const": value} for value in VALUES[name]), {"enum": VALUES[name][:2]}]).map(
        lambda demanded: {"properties": {name: demanded}}
    )
)
SIMPLE = st.one_of(
    LISTED,
    st.lists(NAMES, min_size=1, max_size=2, unique=True).map(lambda names: {"required": names}),
    LISTED.map(lambda found: {**found, "required": list(found["properties"])}),
    st.tuples(LISTED, st.lists(NAMES, max_size=2, unique=True)).map(
        lambda two: {"type": "object", **two[0], "required": two[1]}
    ),
    st.sampled_from([{"properties": {"b": {"minimum": 1}}}, {"properties": {"a": {"maxLength": 0}}}, True, False]),
    st.integers(0, 3).map(lambda count: {"minProperties": count}),
)
BRANCHES = st.tuples(SIMPLE, SIMPLE, st.sampled_from([["then"], ["else"], ["then", "else"]]), SIMPLE).map(
    lambda drawn: {"if": drawn[0], **dict(zip(drawn[2], (drawn[1], drawn[3]), strict=False))}
)
DEPENDENT = st.dictionaries(NAMES, st.lists(NAMES, max_size=2, unique=True), min_size=1, max_size=2)
CONDITIONS = st.one_of(
    BRANCHES,
    DEPENDENT.map(lambda found: {"dependentRequired": found}),
    st.dictionaries(NAMES, SIMPLE, min_size=1, max_size=2).map(lambda found: {"dependentSchemas": found}),
    SIMPLE.map(lambda found: {"not": found}),
    st.lists(BRANCHES, min_size=2, max_size=3).map(lambda branches: {"allOf": branches}),
)


IF_X = {"if": {"properties": {"a": {"const": "x"}}}}


@settings(max_examples=150)
@example({"allOf": [{**IF_X, "then": False}, {**IF_X, "then": {"required": ["b"]}}]}, ["object", "null"], [])
@example({"allOf": [{**IF_X, "then": {"required": ["b"]}}, {"if": False, "else": IF_X["if"]}]}, ["object", "null"], [])
@given(CONDITIONS, st.sampled_from(["object", ["object", "null"]]), st.sampled_from([[], ["a"]]))
def test_conditions_are_exact(conditions, kind, required):
    assert_exact({**PLAIN, "type": kind, "required": required, **conditions})


@settings(max_examples=100)
@given(CONDITIONS, st.sets(NAMES, min_size=1), st.sampled_from([False, {"enum": ["x", 0, True]}]))
def test_properties_that_nothing_evaluates_are_as_demanded(conditions, declared, demanded):
    # Only declared properties are written, so that the automaton may accept less.
    schema = {
        "type": "object",
        "properties": {name: {"enum": VALUES[name]} for name in VALUES if name in declared},
        "unevaluatedProperties": demanded,
        **conditions,
    }
    valid = jsonschema.Draft202012Validator(schema).is_valid
    automaton = automaton_of(schema)
    for value in SAMPLES:
        assert valid(value) or not accepts(automaton, json.dumps(value)), value


KINDS = [f"k{at}" for at in range(40)]
MANY = {
    "type": "object",
    "properties": {"kind": {"$ref": "#/$defs/kind"}, "size": {"type": "integer", "minimum": 0, "maximum": 99}},
    "required": ["kind", "size"],
    "allOf": [
        {
            "if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]},
            "then": {"properties": {"size": {"const": at}}},
        }
        for at, kind in enumerate(KINDS)
    ],
    "$defs": {"kind": {"enum": [*KINDS, "other"]}},
}


@pytest.mark.parametrize(
    ("schema", "written", "not_written"),
    [
        (MANY, ['{"kind": "k39", "size": 39}', '{"kind": "other", "size": 50}'], ['{"kind": "k39", "size": 38}']),
        # Without `required`, a condition on a property that is not there holds.
        ({"type": "object", "properties": {"country": {"type": "string"}, "code": {"type": "string", "maxLength": 9}},
          "if": {"properties": {"country": {"const": "US"}}},
          "then": {"properties": {"code": {"pattern": "^[0-9]{5}$"}}},
          "else": {"properties": {"code": {"pattern": "^[A-Z]+$"}}, "required": ["code"]}},
         ['{"country": "US", "code": "12345"}', '{"country": "USA", "code": "AB"}', '{"code": "12345"}', "{}"],
         ['{"country": "US", "code": "AB"}', '{"country": "FR"}', '{"country": "FR", "code": "1"}', '{"code": "AB"}']),
        ({"type": "object", "properties": {"to": {"type": "object", "properties": {"land": {"enum": ["NO", "SE"]}},
          "required": ["land"]}, "tax": {"type": "boolean"}}, "required": ["to"],
          "if": {"properties": {"to": {"properties": {"land": {"const": "NO"}}}}}, "then": {"required": ["tax"]}},
         ['{"to": {"land": "NO"}, "tax": true}', '{"to": {"land": "SE"}}'], ['{"to": {"land": "NO"}}']),
        ({"type": "object", "properties": {"age": {"type": "integer", "minimum": 0}, "guardian": {"type": "string"}},
          "required": ["age"], "if": {"properties": {"age": {"exclusiveMaximum": 18}}},
          "then": {"required": ["guardian"]}},
         ['{"age": 18}', '{"age": 17, "guardian": ""}'], ['{"age": 17}']),
        ({"$schema": DRAFT_7, "properties": {"a": {"const": 1}, "b": {"const": 2}}, "dependencies": {"a": ["b"]}},
         ['{"a": 1, "b": 2}', '{"b": 2}', "{}"], ['{"a": 1}']),
        ({"$schema": DRAFT_7, "properties": {"a": {"const": 1}, "b": {"enum": [1, 2]}},
          "dependencies": {"a": {"properties": {"b": {"const": 2}}}}},
         ['{"a": 1, "b": 2}', '{"a": 1}', '{"b": 1}'], ['{"a": 1, "b": 1}']),
        ({"enum": [{"a": 1}, {"a": 1, "b": 2}], "dependentRequired": {"a": ["b"]}}, ['{"a": 1, "b": 2}'], ['{"a": 1}']),
        # References that lead back to themselves.
        ({"type": "object", "properties": {"last": {"type": "boolean"}, "next": {"$ref": "#"}}, "required": ["last"],
          "if": {"properties": {"last": {"const": False}}}, "then": {"required": ["next"]},
          "else": {"properties": {"next": False}}},
         ['{"last": false, "next": {"last": true}}', '{"last": true}'],
         ['{"last": false}', '{"last": true, "next": {"last": true}}']),
        ({"type": "array", "items": {"enum": ["a", "b", 1]}, "contains": {"const": "b"}, "maxItems": 3},
         ['["b"]', '["a", 1, "b"]', '["b", "b"]'], ["[]", '["a"]', '["a", "a", 1]', '["a", "a", "a", "b"]']),
        ({"type": "array", "items": {"type": "integer"}, "contains": {"minimum": 5}, "minContains": 2},
         ["[5, 1, 7]", "[1, 10, 10, 0]"], ["[5]", "[1, 2, 9]", "[]"]),
        ({"type": "array", "contains": {"type": "null"}}, ["[null]", '["x", [1], null]'], ["[]", '["x"]']),
        ({"type": "array", "prefixItems": [{"const": 1}, {"type": "string"}], "contains": {"const": "x"},
          "items": False},
         ['[1, "x"]'], ["[1]", '[1, "y"]', '["x"]']),
        ({"type": "array", "items": {"type": "boolean"}, "contains": {"const": True}, "minContains": 0},
         ["[]", "[false]"], ["[1]"]),
        ({"type": "array", "items": {"enum": ["a", "b", "c"]}, "uniqueItems": True,
          "contains": {"enum": ["b", "c"]}},
         ['["a", "b"]', '["c"]'], ['["a"]', "[]"]),
        ({"type": "integer", "minimum": 0, "maximum": 99, "if": {"minimum": 50}, "then": {"multipleOf": 10}},
         ["49", "50", "90"], ["51", "99", "100"]),
        ({"type": ["string", "null"], "maxLength": 3, "if": {"const": "a"}, "then": False, "else": {"minLength": 1}},
         ['"b"', '"ab"'], ['"a"', '""']),
        ({"type": "string", "maxLength": 3, "not": {"enum": ["", "abc"]}}, ['"ab"', '"é"'], ['""', '"abc"']),
        ({"type": "number", "not": {"const": 1}}, ["10", "1.01", "-1", "0.1"], ["1", "1.0", "1.000"]),
        ({"type": "number", "minimum": 0, "maximum": 10**15, "not": {"const": 10**15}}, ["999999999999999"],
         ["1000000000000000", "999999999999999.999999"]),
        ({"type": "number", "not": {"enum": [0, 0.5]}}, ["0.05", "5"], ["0", "0.0", "0.5", "0.50"]),
        ({"allOf": [{"type": "integer"}, {"not": {"const": 0}}, {"not": {"const": True}}]}, ["1"], ["0"]),
        ({"not": {"enum": ["a", None]}}, ['"b"', "1", '["a"]'], ['"a"', "null"]),
        ({"type": "object", "properties": {"a": {"const": 1}, "b": {"const": 2}}, "not": {"required": ["a", "b"]}},
         ["{}", '{"a": 1}', '{"b": 2}'], ['{"a": 1, "b": 2}']),
        ({"type": "object", "properties": {"a": {"const": 1}}, "unevaluatedProperties": False}, ['{"a": 1}', "{}"],
         ['{"b": 1}']),
        ({"type": "object", "unevaluatedProperties": False}, ["{}"], ['{"b": 1}']),
        ({"type": "object", "unevaluatedProperties": {"type": "integer"}}, ["{}", '{"b": 1}'], ['{"b": "x"}']),
        ({"type": "object", "patternProperties": {"^x-": {"const": 1}}, "unevaluatedProperties": False},
         ["{}", '{"x-a": 1}'], ['{"b": 1}', '{"x-a": 2}']),
        ({"$ref": "#/$defs/base", "properties": {"n": {"const": 1}}, "unevaluatedProperties": False,
          "$defs": {"base": {"type": "object", "properties": {"id": {"const": 0}}, "required": ["id"]}}},
         ['{"n": 1, "id": 0}', '{"id": 0}'], ['{"n": 1}', "{}"]),
        ({"type": "object", "required": ["z"], "properties": {"b": {"const": 2}}, "unevaluatedProperties": False,
          "allOf": [{"properties": {"a": {"const": 1}}}, {"properties": {"z": {}}}]},
         ['{"b": 2, "a": 1, "z": null}'], ['{"b": 2}']),
        ({"anyOf": [{"type": "object", "properties": {"a": {"const": 1}}, "required": ["a"]}, {"type": "null"}],
          "unevaluatedProperties": False}, ['{"a": 1}', "null"], ["{}"]),
    ],
)  # fmt: skip
def test_what_is_written(schema, written, not_written):
    valid = jsonschema.validators.validator_for(schema, jsonschema.Draft202012Validator)(schema).is_valid
    automaton = automaton_of(schema)
    assert [text for text in written if not valid(json.loads(text)) or not accepts(automaton, text)] == []
    assert [text for text in not_written if accepts(automaton, text)] == []
    for text in random_texts(automaton, 20, seed=1):
        assert valid(json.loads(text.decode())), text


def nested(depth: int) -> dict:
    """An object in an object, and so on, each with a condition of its own."""
    inner = {"a": nested(depth - 1)} if depth else {}
    condition = {"if": {"properties": {"k": {"const": "x"}}}, "then": {"required": list(inner)}}
    return {"type": "object", "properties": {**inner, "k": {"enum": ["x", "y"]}}, "required": ["k"], **condition}


def test_conditions_within_one_another_are_compiled_once_each():
    automaton = automaton_of(nested(12))
    assert accepts(automaton, '{"k": "y"}') and accepts(automaton, '{"a": {"k": "y"}, "k": "x"}')
    assert not accepts(automaton, '{"k": "x"}')


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        ({"if": {"properties": {"a": {"pattern": "x"}}}, "then": False},
         "'pattern' cannot be negated, so the keyword 'if' is not supported .at #"),
        ({"items": {"not": {"type": "null"}}},
         "'type' cannot be negated, so the keyword 'not' is not supported .at #/items"),
        ({"not": {"const": {"a": 1}}}, "lists and objects cannot be excluded, so the keyword 'not'"),
        ({"if": {"required": ["a"]}}, "the keyword 'if' is not supported .at #"),
        ({"allOf": [{"if": {"required": ["a"]}}]}, "the keyword 'if' is not supported"),
        ({"enum": [{"a": 1}], "if": {"required": ["a"]}, "then": False}, "'if' is not supported beside 'enum'"),
        ({"patternProperties": {"a": {}}, "dependentRequired": {"a": ["b"]}, "type": "object"},
         "'dependentRequired' is not supported beside 'patternProperties'"),
        ({"allOf": [{"patternProperties": {"a": {}}, "type": "object"}], "unevaluatedProperties": False},
         "'unevaluatedProperties' is not supported beside 'patternProperties'"),
        ({"dependentRequired": {f"p{at}": [f"q{at}"] for at in range(9)}},
         "'dependentRequired' makes more than 64 cases here, or .* .at #"),
        ({"if": {"required": ["a"]}, "then": {"$ref": "#"}}, "'if' makes more than .* one that refers to itself .at #"),
        ({"type": "array", "contains": {}, "maxContains": 2}, "'maxContains' is not supported .at #"),
        ({"type": "array", "unevaluatedItems": False}, "'unevaluatedItems' is not supported .at #"),
        ({"$schema": DRAFT_7, "dependentRequired": {"a": ["b"]}}, "'dependentRequired' is not supported .at #"),
        ({"$schema": DRAFT_7, "allOf": [{"unevaluatedProperties": False}]}, "'unevaluatedProperties' is not supported"),
        ({"$schema": DRAFT_7, "minContains": 2, "contains": {}}, "'minContains' is not supported .at #"),
        ({"dependencies": {"a": ["b"]}}, "'dependencies' is not supported .at #"),
        ({"$schema": DRAFT_7.replace("7", "6"), "if": {}, "then": False}, "'if' is not supported .at #"),
        ({"if": {"$ref": "https://example.com/x"}, "then": False}, "'.ref' cannot be negated"),
    ],
)  # fmt: skip
def test_what_cannot_be_guaranteed_is_told_with_its_place(schema, problem):
    with pytest.raises(UsageError, match=problem):
        byte_automaton(json_schema(schema))
