"""What a schema lets through, text by text, and what is refused by name."""

import json

import jsonschema
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dgemma.decode.constrain.byte_automaton import ByteAutomaton
from dgemma.decode.constrain.description import byte_automaton, json_schema
from dgemma.decode.constrain.work import TooLargeError
from dgemma.errors import UsageError
from tests.decode.constrain.schemas import PLAIN_SCHEMAS, TREE, objects


def automaton_of(schema) -> ByteAutomaton:
    return byte_automaton(json_schema(schema))


def accepts(automaton: ByteAutomaton, text: str) -> bool:
    state = 0
    for value in text.encode():
        state = int(automaton.next_S256[state, value])
        if state < 0:
            return False
    return bool(automaton.accepting_S[state])


PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"type": "integer"},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}},
    },
    "required": ["name"],
}


@pytest.mark.parametrize(
    ("schema", "written", "not_written"),
    [
        (PERSON, ['{"name": "Ä\\n"}', '{"name": "", "tags": ["a", "b"]}'], 
         ['{"age": 1}', '{"name":""}', '{"tags": [], "name": ""}']),
        ({"type": "array", "items": {"type": "null"}, "minItems": 1, "maxItems": 2}, ["[null]", "[null, null]"],
         ["[]", "[null, null, null]"]),
        ({"prefixItems": [{"const": 1}, {"const": 2}], "maxItems": 2}, ["[]", "[1]", "[1, 2]"], ["[2]", "[1, 2, 3]"]),
        ({"prefixItems": [{"const": 1}], "items": {"const": 0}, "minItems": 2}, ["[1, 0]", "[1, 0, 0]"], ["[1]", "[]"]),
        ({"enum": [1, "x", None, {"a": [True]}]}, ["1", '"x"', "null", '{"a": [true]}'], ["true", '{"a":[true]}']),
        ({"enum": [1, "x"], "type": "string"}, ['"x"'], ["1"]),
        ({"enum": ["aab", "x"], "pattern": "^a"}, ['"aab"'], ['"x"']),
        ({"enum": [1, 2.0, 3], "maximum": 2}, ["1", "2.0"], ["3"]),
        ({"enum": [[1], [2]], "items": {"$ref": "#/$defs/one"}, "$defs": {"one": {"const": 1}}}, ["[1]"], ["[2]"]),
        ({"type": ["integer", "null"], "minimum": 3}, ["3", "null", "17"], ["2", "-4", "3.0", "03"]),
        ({"allOf": [{"type": "integer"}, {"minimum": 3}]}, ["3"], ["2", "3.5"]),
        ({"type": "string", "minLength": 2, "pattern": "^[a-c]*$"}, ['"ab"', '"ccc"'], ['"a"', '"ad"']),
        ({"type": "string", "format": "date"}, ['"2024-12-31"'], ['"2024-13-01"', '"2024-02-30"']),
        ({"oneOf": [{"type": "integer"}, {"type": "string"}]}, ["4", '"4"'], ["4.5"]),
        ({"properties": {}}, ["{}"], ['{"a": 1}']),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, ["{}", '{"a": 1, "b": 2}'],
         ['{"a": "b"}', '{"": 1}']),
        ({"properties": {"a": {"const": 1}, "b": {"const": 2}}, "minProperties": 1, "maxProperties": 1},
         ['{"a": 1}', '{"b": 2}'], ["{}", '{"a": 1, "b": 2}']),
        ({"required": ["z"], "additionalProperties": {"const": 1}}, ['{"z": 1}'], ["{}"]),
        ({"type": "object"}, ["{}", '{"a": {"b": [1, "c", null]}}'], ["[]", "1"]),
        (True, ["1", "[]", "{}", '"x"', "null"], ["", "[1,2]"]),
        (TREE, ['{"value": 1, "children": [{"value": 2, "children": []}]}'], ['{"value": 1}']),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 1.5}, ["0.1", "1", "1.5", "1.50"],
         ["0", "0.0", "1.51", "-1", "1e0"]),
        # As a float it is the bound.
        ({"type": "number", "exclusiveMaximum": 10**12}, ["999999999999", "0.5"], ["999999999999.999999"]),
        ({"type": "integer", "multipleOf": 4, "minimum": -4, "maximum": 9}, ["-4", "0", "8"], ["2", "12"]),
        ({"$ref": "#/definitions/a~1b", "definitions": {"a/b": {"const": "x"}}}, ['"x"'], ['"y"']),
        ({"$ref": "#/$defs/A%5Bint%5D", "$defs": {"A[int]": {"const": "x"}}}, ['"x"'], ['"y"']),
        ({"type": ["integer", "null"], "minimum": 0.2, "maximum": 0.8}, ["null"], ["0", "1"]),
        ({"type": "number", "minimum": -0.0}, ["0", "0.5"], ["-1", "-0"]),
        ({"type": "integer", "minimum": 10**15, "maximum": 2**53}, ["1700000000000000"], ["5", str(2**53 + 1)]),
        ({"type": "integer", "multipleOf": 5}, ["-5", "0", "4995"], ["3", "-5.0"]),
        ({"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"const": 1}], "additionalItems": False},
         ["[1]", "[]"], ["[2]", "[1, 1]"]),
        ({"type": "array", "items": {"enum": ["a", "b", "c"]}, "uniqueItems": True, "minItems": 1},
         ['["b"]', '["a", "c"]'], ["[]", '["a", "a"]']),
        # 1 and 1.0 are equal, 1 and true are not.
        ({"type": "array", "items": {"enum": [1, "a", 1.0, True, "a", [1], [1.0], {"b": 1}, {"b": 1.0}]},
          "uniqueItems": True}, ['[1, "a", true, [1], {"b": 1}]'], ["[1, 1.0]", '["a", "a"]', "[[1], [1.0]]"]),
        ({"propertyNames": {"enum": ["a", "b"]}, "additionalProperties": {"type": "integer"}, "type": "object"},
         ["{}", '{"a": 1, "b": 2}'], ['{"c": 1}', '{"a": "x"}']),
        ({"type": "string", "format": "password", "example": "x"}, ['"x y"'], ["1"]),
        ({"type": "string", "maxLength": 5000}, ['"' + "x" * 400 + '"'], ["1"]),
        ({"type": "array", "maxItems": 500, "items": {"type": "array", "items": PERSON, "maxItems": 400}}, ["[]"],
         ["[1]"]),
        ({"type": "object", "propertyNames": {"enum": ["a", "bc"], "maxLength": 1}, "additionalProperties":
          {"const": 0}}, ['{"a": 0}', "{}"], ['{"bc": 0}']),
        ({"propertyNames": {"pattern": "^[a-c]$"}, "type": "object", "additionalProperties": {"const": 0}},
         ['{"a": 0, "b": 0}', "{}"], ['{"d": 0}', '{"aa": 0}', '{"": 0}']),
        ({"propertyNames": {"pattern": "^a"}, "properties": {"ab": {"const": 1}, "b": {"const": 2}}},
         ['{"ab": 1}', "{}"], ['{"b": 2}', '{"ac": 1}']),
        ({"allOf": [{"propertyNames": {"maxLength": 2}, "type": "object"}, {"propertyNames": {"pattern": "^a"}},
                    {"additionalProperties": {"const": 0}}]}, ['{"ab": 0}'], ['{"b": 0}', '{"abc": 0}', '{"ab": 1}']),
        ({"type": "object", "propertyNames": {"type": ["string", "null"]}, "additionalProperties": {"const": 0}},
         ['{"a b": 0}'], ['{"": 0}']),
        ({"type": "object", "propertyNames": {"type": "integer"}}, ["{}"], ['{"1": 0}']),
        ({"type": "object", "propertyNames": False}, ["{}"], ['{"a": 0}']),
        ({"type": "object", "patternProperties": {"^a": {"type": "integer"}, "b$": {"minimum": 3}},
          "properties": {"ab": {"maximum": 5}, "c": {"const": 0}}}, ['{"ab": 4, "c": 0}'],
         ['{"ab": 2}', '{"ab": 4.5}', '{"a": 1}']),
        ({"type": "object", "patternProperties": {"^a": {"const": 1}, "b$": {"const": 2}}},
         ['{"ac": 1, "cb": 2}', "{}"], ['{"ab": 1}', '{"ab": 2}', '{"c": 1}', '{"ac": 2}']),
        ({"type": "object", "required": ["a", "b"], "patternProperties": {"^a$": {"const": 1}},
          "additionalProperties": {"const": 2}}, ['{"a": 1, "b": 2}'], ['{"a": 2, "b": 2}', '{"a": 1, "b": 1}']),
        ({"type": "object", "additionalProperties": {"const": 1}, "allOf": [{"patternProperties": {"^a": {"type":
          "integer"}}, "type": "object"}]}, ['{"a": 1}', "{}"], ['{"a": 2}', '{"b": 1}']),
        # Names with characters that no pattern writes may match all the same.
        ({"type": "object", "properties": {"a\x01": {"enum": [1, 2]}}, "patternProperties": {"^a": {"const": 1}}},
         ['{"a\\u0001": 1}', "{}"], ['{"a\\u0001": 2}']),
        ({"not": False, "type": "null"}, ["null"], ["1"]),
        ({"anyOf": [{"not": {"description": "none"}}, {"type": "null"}]}, ["null"], ["1"]),
        ({"type": "string", "nullable": True}, ['"x"'], ["null"]),
        ({"type": ["string", "null"], "nullable": False}, ['"x"', "null"], ["1"]),
        ({"type": "string", "format": "iri", "pattern": "^a+$"}, ['"aa"'], ['"b"']),
        ({"type": "string", "format": "time", "pattern": "[+]01:00$"}, ['"10:00:00+01:00"'], ['"10:00:00Z"']),
        ({"type": "number", "multipleOf": 0.25, "maximum": 1}, ["0.5", "-2.75", "1", "0.0"], ["0.3", "1.25", "1.5"]),
        ({"type": "integer", "multipleOf": 0.5}, ["3"], ["3.5"]),
        ({"type": "array", "items": {"type": ["boolean", "null"]}, "uniqueItems": True},
         ["[false, true, null]", "[null]"], ["[true, true]", "[1]"]),
        ({"type": "array", "items": {"type": "integer", "exclusiveMinimum": 0, "maximum": 9, "multipleOf": 4},
          "uniqueItems": True}, ["[4, 8]", "[8]"], ["[0]", "[4, 4]", "[5]"]),
        # One object described in several places.
        ({"allOf": [{"properties": {"a": {"type": "integer"}}, "required": ["a"], "type": "object"},
                    {"properties": {"b": {"type": "string"}}, "required": ["b"], "type": "object"}]},
         ['{"a": 1, "b": ""}'], ["{}", '{"a": 1}']),
        ({"$ref": "#/$defs/Base", "properties": {"n": {"const": 1}}, "required": ["n"],
          "$defs": {"Base": {"type": "object", "properties": {"id": {"const": 0}}, "required": ["id"]}}},
         ['{"n": 1, "id": 0}'], ['{"n": 1}', '{"id": 0}']),
        ({"type": "object", "properties": {"a": {"const": 1}, "b": {"const": 2}, "c": {"const": 3}}, "required": ["c"],
          "anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
         ['{"a": 1, "c": 3}', '{"b": 2, "c": 3}', '{"a": 1, "b": 2, "c": 3}'], ['{"c": 3}', '{"a": 1}']),
        ({"allOf": [{"properties": {"a": {"minimum": 2}, "b": {"const": 0}}}, {"type": "object", "properties":
          {"a": {"type": "integer"}}, "additionalProperties": False}]}, ['{"a": 2}', "{}"], ['{"a": 1}', '{"b": 0}']),
        ({"oneOf": [{"$ref": "#/$defs/C"}, {"$ref": "#/$defs/D"}], "discriminator": {"propertyName": "k"}, "$defs": {
            "C": {"type": "object", "properties": {"k": {"const": "c", "default": "c"}, "m": {"const": 1}}},
            "D": {"type": "object", "properties": {"k": {"const": "d", "default": "d"}}}}},
         ['{"k": "c"}', '{"k": "c", "m": 1}', '{"k": "d"}'], ["{}", '{"m": 1}']),
        ({"$defs": {"N": {"type": "object", "required": ["v"], "properties": {"v": {"const": 1}, "default": {"anyOf": [
            {"$ref": "#/$defs/N"}, {"type": "null"}]}}}}, "$ref": "#/$defs/N"},
         ['{"v": 1}', '{"v": 1, "default": {"v": 1, "default": null}}'], ["{}"]),
    ],
)  # fmt: skip
def test_what_is_written(schema, written, not_written):
    automaton = automaton_of(schema)
    for text in written:
        jsonschema.validate(json.loads(text), schema)
    assert [text for text in written if not accepts(automaton, text)] == []
    assert [text for text in not_written if accepts(automaton, text)] == []


TWICE = st.tuples(objects(PLAIN_SCHEMAS), objects(PLAIN_SCHEMAS)).flatmap(
    lambda two: st.sampled_from([{"allOf": list(two)}, {**two[0], "anyOf": [two[1], {"required": ["a"]}]}])
)


@settings(max_examples=90)
@given(PLAIN_SCHEMAS | TWICE, st.data())
def test_every_text_of_an_automaton_validates(schema, data):
    automaton = automaton_of(schema)
    assume(automaton.accepting_S.any())
    state, text = 0, b""
    while not (automaton.accepting_S[state] and (len(text) > 300 or data.draw(st.booleans()))):
        following = [byte for byte in range(256) if automaton.next_S256[state, byte] >= 0]
        if not following or len(text) > 1000:
            break
        byte = data.draw(st.sampled_from(following))
        state, text = int(automaton.next_S256[state, byte]), text + bytes([byte])
    if automaton.accepting_S[state]:
        value = json.loads(text.decode())
        jsonschema.validate(value, schema)
        assert json.dumps(value, ensure_ascii=False) == text.decode() or any(mark in text for mark in b".")


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        ("x", "must be an object or a boolean, not str .at #"),
        ({"type": "object", "properties": {"a": {"type": "text"}}}, "at #/properties/a/type"),
        ({"type": "string", "minLength": -1}, "at #/minLength"),
        ({"not": {"type": "null"}}, "'not' is not supported .at #"),
        ({"properties": {"a": {"if": {}}}}, "'if' is not supported .at #/properties/a"),
        ({"type": "array", "uniqueItems": True}, "uniqueItems cannot be guaranteed"),
        ({"type": "string", "minlength": 3}, "'minlength' is not supported .at #"),
        ({"type": "string", "formatMinimum": "2024-01-01"}, "'formatMinimum' is not supported .at #"),
        ({"type": "string", "pattern": "(?<!a)b"}, "look-behind"),
        ({"type": "string", "pattern": "(a"}, "at #/pattern"),
        ({"type": "string", "pattern": "^\\p{L}+$"}, "reference validator cannot compile the pattern .* .bad escape"),
        (
            {"type": "array", "items": {"enum": ["a", "a"]}, "uniqueItems": True, "minItems": 2},
            "minItems is 2, but `items` lists 1 ",
        ),
        ({"type": "integer", "minimum": 5, "maximum": 4}, "no integer that can be written"),
        ({"type": "array", "minItems": 3, "maxItems": 2}, "minItems 3 is above maxItems 2"),
        ({"type": "number", "multipleOf": 0.1}, "multipleOf 0.1 cannot be guaranteed"),
        ({"type": "integer", "multipleOf": 7, "minimum": 0, "maximum": 10**6}, "needs bounds"),
        ({"enum": [1], "type": "string"}, "none of its listed values"),
        ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, "options 0 and 1 are not clearly distinct"),
        ({"$ref": "https://example.com/x"}, "points outside the document"),
        ({"$ref": "#/$defs/none"}, "points to nothing"),
        ({"enum": [1], "$ref": "https://example.com/x"}, "points outside the document"),
        ({"enum": [1], "items": {"$dynamicRef": "https://example.com/x"}}, "'.dynamicRef' is not supported"),
        ({"properties": {"a": {"$id": "x", "items": {"$ref": "#"}}}}, "at the top level only"),
        ({"type": "object", "minProperties": 2}, "minProperties above 1"),
        ({"$schema": "http://json-schema.org/draft-04/schema#"}, "not one of the drafts"),
        ({"$schema": "http://json-schema.org/draft-07/schema#", "prefixItems": []}, "'prefixItems' is not supported"),
        ({"$schema": 5}, "is not a string"),
        ({"type": "string", "pattern": "a{5000000000}"}, "a pattern cannot be used"),
        ({"type": "object", "propertyNames": {"not": {"const": "a"}}}, "'not' is not supported .at #/propertyNames"),
        ({"type": "object", "propertyNames": {"oneOf": [{"const": "a"}]}}, "'oneOf' is not supported in propertyNames"),
        ({"type": "object", "propertyNames": {"pattern": "a"}, "minProperties": 2}, "minProperties above 1"),
        (
            {
                "$defs": {"n": {"enum": ["a", "b"]}},
                "propertyNames": {"$ref": "#/$defs/n", "const": "a"},
                "type": "object",
            },
            "nothing beside it",
        ),
        (
            {"$defs": {"n": {"enum": [1, 2]}}, "items": {"$ref": "#/$defs/n", "maximum": 1}, "uniqueItems": True},
            "nothing beside it",
        ),
        ({"type": ["integer", "number"], "minimum": 0.2, "maximum": 0.1}, "no integer or number that can be written"),
        ({"const": float("nan")}, "not a JSON document"),
        ({"const": "\ud800"}, "not a JSON document"),
        ({"const": {1, 2}}, "not a JSON document"),
    ],
)
def test_schemas_that_cannot_be_used_are_told_with_the_place(schema, problem):
    with pytest.raises(UsageError, match=problem):
        json_schema(schema)


def test_what_is_too_large_or_never_ends_is_told():
    with pytest.raises(TooLargeError, match="maximum lengths"):
        automaton_of({"type": "string", "minLength": 5000, "maxLength": 6000})
    with pytest.raises(UsageError, match="recursion end"):
        automaton_of({"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]})
    with pytest.raises(UsageError, match="recursion end"):
        automaton_of({"$ref": "#"})


def test_options_with_a_distinct_property_are_distinct():
    kinds = [{"properties": {"kind": {"const": name}}, "required": ["kind"], "type": "object"} for name in ("a", "b")]
    assert accepts(automaton_of({"oneOf": kinds}), '{"kind": "b"}')
    with pytest.raises(UsageError, match="not clearly distinct"):
        json_schema({"oneOf": [kinds[0], kinds[0]]})


def test_a_schema_nested_however_deeply_is_compiled_or_refused():
    # Somewhere here reading goes deeper than writing does.
    for depth in (*range(100, 340, 20), *range(940, 1010), 5000):
        schema: dict = {"type": "null"}
        for _ in range(depth):
            schema = {"type": "array", "items": schema}
        try:
            assert json_schema(schema).kind == "json_schema"
        except UsageError as error:
            assert "The schema cannot be used" in str(error)
