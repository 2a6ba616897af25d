"""Compiling a form ends: whatever a schema is, its work is counted, and honest schemas come nowhere near the bound."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dgemma.decode.constrain import work
from dgemma.decode.constrain.byte_automaton import determinise
from dgemma.decode.constrain.description import byte_automaton, json_schema, tool_calls
from dgemma.decode.constrain.expressions import Expressions
from dgemma.decode.constrain.patterns import MAX_PATTERN
from dgemma.decode.constrain.references import References
from dgemma.decode.constrain.schema import SchemaCompiler
from dgemma.decode.constrain.schema_document import check
from dgemma.decode.constrain.work import MAX_WORK, UNITS_BETWEEN_CHECKS, TooLargeError, TooSlowError, Work
from dgemma.errors import UsageError
from tests.decode.constrain.schemas import PLAIN_SCHEMAS, SCHEMAS
from tests.decode.constrain.test_schema import TWICE, accepts, automaton_of

POINT = {"type": "object", "properties": {"x": {"const": 1}}, "required": ["x"]}


def doubling(count: int, keyword: str, first: dict) -> dict:
    """A chain of definitions, each of which names the one before twice: 2 to the count of the first."""
    twice = [{"$ref": f"#/$defs/d{index}"} for index in range(count)]
    later = {f"d{index + 1}": {keyword: [one, one]} for index, one in enumerate(twice)}
    return {"$ref": f"#/$defs/d{count}", "$defs": {"d0": first, **later}}


def tagged(count: int, *, required: bool = True) -> list[dict]:
    needed = {"required": ["kind"]} if required else {}
    return [{"type": "object", "properties": {"kind": {"const": f"k{at}"}}, **needed} for at in range(count)]


def test_the_count_is_refused_beyond_its_bound_and_starts_afresh():
    counter = Work()
    counter.spend(MAX_WORK)
    with pytest.raises(TooLargeError, match=r"The constraint nests too many .* simplify it"):
        counter.spend(1)
    counter.afresh().spend(MAX_WORK)


def test_the_time_is_refused_and_kept_from_one_count_to_the_next():
    late = Work(deadline=time.thread_time() - 1)
    with pytest.raises(TooSlowError, match="more than 20 seconds to compile; simplify it"):
        late.spend(UNITS_BETWEEN_CHECKS)
    with pytest.raises(TooSlowError):
        late.afresh().spend(UNITS_BETWEEN_CHECKS)


@pytest.mark.parametrize("schema", [{}, {"type": "string", "minLength": 300, "maxLength": 5000}])
def test_what_takes_too_long_is_never_made_smaller_instead(schema, monkeypatch):
    # One of depth, one of lengths: a smaller form would depend on how fast the machine is.
    constraint = json_schema(schema)
    assert byte_automaton(constraint).accepting_S.any()
    monkeypatch.setattr(work, "UNITS_BETWEEN_CHECKS", 1000)
    monkeypatch.setattr(work, "MAX_SECONDS", 0.0)
    with pytest.raises(TooSlowError):
        byte_automaton(constraint)


@pytest.mark.parametrize(
    ("schema", "written", "not_written"),
    [
        (doubling(40, "allOf", POINT), ['{"x": 1}'], ["{}"]),
        (doubling(40, "allOf", {"type": "boolean"}), ["true"], ["1"]),
        (doubling(40, "anyOf", POINT), ['{"x": 1}'], ["{}"]),
        ({"oneOf": [{"const": f"v{at}"} for at in range(2000)]}, ['"v0"', '"v1999"'], ['"v2000"']),
        ({"oneOf": tagged(500)}, ['{"kind": "k499"}'], ["{}"]),
        ({"oneOf": tagged(500, required=False), "discriminator": {"propertyName": "kind"}}, ['{"kind": "k0"}'], ["{}"]),
        ({"type": "array", "uniqueItems": True, "maxItems": 2, "items": {"enum": [{"a": at} for at in range(200)]}},
         ['[{"a": 3}, {"a": 199}]'], ['[{"a": 3}, {"a": 3}]']),
        ({"const": [{"a": at} for at in range(800)], "uniqueItems": True},
         [json.dumps([{"a": at} for at in range(800)])], ["[]"]),
        ({"enum": [[1, 1.0], [1, True]], "uniqueItems": True}, ["[1, true]"], ["[1, 1.0]"]),
        ({"enum": [{"a": 1}, {"b": 1}, {}], "propertyNames": {"enum": ["a"]}}, ['{"a": 1}', "{}"], ['{"b": 1}']),
        ({"enum": [{"a": 1}, {"bc": 1}], "propertyNames": {"maxLength": 1}}, ['{"a": 1}'], ['{"bc": 1}']),
        ({"enum": [{"a": 1}, {}], "propertyNames": False}, ["{}"], ['{"a": 1}']),
        # Equal to Python, and not the same in JSON.
        ({"allOf": [{"properties": {"a": {"enum": [1, 2]}}}, {"properties": {"a": {"enum": [True, 2]}}}]},
         ['{"a": 2}'], ['{"a": 1}', '{"a": true}']),
        ({"type": "string", "pattern": "^(" + "|".join(f"{at:03}" for at in range(1000)) + ")$"}, ['"042"'], ['"42"']),
    ],
)  # fmt: skip
def test_what_was_long_to_compile_and_need_not_be(schema, written, not_written):
    automaton = automaton_of(schema)
    assert [text for text in written if not accepts(automaton, text)] == []
    assert [text for text in not_written if accepts(automaton, text)] == []


WIDE = {"allOf": [{"type": "object", "properties": {f"p{at}": {"const": at}}} for at in range(3000)]}


def paired(count: int) -> dict:
    """Two objects that differ nowhere, in each of which two properties are one of the kind before."""
    both = {
        f"{side}{at}": {
            "type": "object",
            "properties": {name: {"$ref": f"#/$defs/{side}{at - 1}"} for name in "ab"},
            "required": ["a", "b"],
        }
        for at in range(1, count)
        for side in "de"
    }
    ends = {"d0": {"type": "number"}, "e0": {"type": "integer"}}
    options = [{"$ref": f"#/$defs/{side}{count - 1}"} for side in "de"]
    return {"oneOf": options, "$defs": {**ends, **both}}


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        (paired(40), "options 0 and 1 are not clearly distinct"),
        ({"oneOf": [{"const": at % 999} for at in range(1000)]}, "options 0 and 999 are not clearly distinct"),
        ({"oneOf": [{"type": "object", "properties": {"a": {"const": at}, "b": {"type": "null"}}}
                    for at in range(400)]}, "options 0 and 1 are not clearly distinct"),
        ({"oneOf": [{"type": "object", "required": ["a"], "properties": {"a": {"type": "object", "required": ["b"],
          "properties": {"b": {"const": at}}}}} for at in range(3000)]}, "too many"),
        ({"type": "array", "uniqueItems": True, "items": {"enum": [{"a": at} for at in range(3000)]}}, "too many"),
        (WIDE, "too many"),
        ({"anyOf": [{"type": "object", "properties": {f"p{at}": {"type": "string"}}} for at in range(10_000)]},
         "too many"),
        ({"properties": {f"p{at}": {"type": "integer"} for at in range(20_000)}}, "too many"),
        ({"type": [{"a": at} for at in range(10_000)]}, "too many"),
        ({"$schema": "http://json-schema.org/draft-07/schema#", "dependencies": {"a": [{"a": at} for at in
          range(10_000)]}}, "too many"),
        ({"$defs": {"a": {"pattern": "a" * 5000}}}, f"a pattern has more than {MAX_PATTERN} characters; shorten it "
         r"\(at #/\$defs/a/pattern\)"),
        ({"patternProperties": {"a" * 5000: {}}}, "more than 4096 characters"),
        ({"properties": {f"p{at}": {"pattern": f"{at}" + "[ab]" * 1000} for at in range(1000)}}, "too many"),
        # Neither fetched nor searched for.
        ({"const": {"a": 1}, "propertyNames": {"$ref": "http://127.0.0.1:9/x"}}, "points outside the document"),
        ({"const": {"a" * 60 + "!": 1}, "propertyNames": {"pattern": "^(a+)+$"}}, "an enum, a type and lengths only"),
    ],
)  # fmt: skip
def test_what_would_take_long_is_refused_by_the_count(schema, problem, monkeypatch):
    # What is beyond the bound by far is beyond a tenth of it, and sooner.
    monkeypatch.setattr(work, "MAX_WORK", MAX_WORK // 10)
    with pytest.raises(UsageError, match=problem) as told:
        byte_automaton(json_schema(schema))
    assert not isinstance(told.value, TooSlowError) and len(str(told.value)) < 300


def test_more_properties_than_there_are_take_no_room():
    schema = {"properties": {"a": {"type": "null"}}, "minProperties": 10**12}
    assert not automaton_of(schema).accepting_S.any()
    assert accepts(automaton_of({**schema, "type": ["object", "null"]}), "null")


def test_patterns_of_the_greatest_length_are_taken():
    schema = {"type": "string", "pattern": "^" + "a" * (MAX_PATTERN - 2) + "$"}
    assert accepts(automaton_of(schema), '"' + "a" * (MAX_PATTERN - 2) + '"')


def test_the_schema_of_a_tool_is_counted_as_any_other(monkeypatch):
    tool_calls([{"name": "t", "parameters": doubling(40, "allOf", POINT)}])
    monkeypatch.setattr(work, "MAX_WORK", MAX_WORK // 10)
    with pytest.raises(UsageError, match=r"Calls of the tool t .* too many"):
        tool_calls([{"name": "t", "parameters": WIDE}])
    with pytest.raises(UsageError, match="too many parts"):
        tool_calls([{"name": f"t{at}", "parameters": POINT} for at in range(2000)])


class Counted(Work):
    """What was spent on it."""

    spent = 0.0

    def spend(self, units: float) -> None:
        super().spend(units)
        self.spent += units


@settings(max_examples=60)
@given(SCHEMAS | TWICE)
def test_honest_schemas_come_nowhere_near_the_bound(schema):
    checking, counter = Counted(), Counted()
    document = json.loads(check(schema, checking))
    expressions = Expressions(counter)
    try:
        determinise(expressions, SchemaCompiler(expressions, document).compile(4), 20_000)
    except TooLargeError as error:
        # The bound of the automaton, which was there before the count comes into it.
        assert "20000 states" in str(error)
    assert checking.spent < MAX_WORK / 50 and counter.spent < MAX_WORK / 4


NAMES = "abc"
OPTIONS = st.one_of(
    st.integers(0, 3).map(lambda value: {"const": value}),
    st.lists(st.sampled_from([0, 1.0, 1, True, "x", [1], [1.0]]), min_size=1, max_size=3).map(lambda v: {"enum": v}),
    st.sampled_from([{"type": "string"}, {"type": ["boolean", "null"]}, {"$ref": "#/$defs/one"}, False]),
    st.dictionaries(st.sampled_from(NAMES), st.sampled_from([{"const": 1}, {"const": 2}, {"enum": [2, 3]}, {}])).map(
        lambda found: {"type": "object", "properties": found, "required": sorted(found)}
    ),
)
ALIKE = st.sampled_from([OPTIONS, OPTIONS.filter(lambda one: isinstance(one, dict) and "properties" in one)])


@given(ALIKE.flatmap(lambda options: st.lists(options, min_size=1, max_size=5)), st.none() | st.sampled_from(NAMES))
def test_options_are_distinct_as_a_look_at_every_pair_says(options, tag):
    schema = {"oneOf": options, **({"discriminator": {"propertyName": tag}} if tag else {})}
    references = References({**schema, "$defs": {"one": {"const": 1}}}, Work())
    pairs = [(first, second) for second in range(len(options)) for first in range(second)]
    if any(references.overlap(options[first], options[second], tag) for first, second in pairs):
        with pytest.raises(UsageError, match="not clearly distinct"):
            references.distinct_options(schema, "#")
    else:
        assert len(references.distinct_options(schema, "#")) == len(options)


def test_lists_that_hold_a_number_twice_are_not_distinct():
    for first, second in (([1], [1.0]), ({"a": 1}, {"a": 1.0}), (1, 1.0)):
        with pytest.raises(UsageError, match="not clearly distinct"):
            json_schema({"oneOf": [{"const": first}, {"const": second}]})
    json_schema({"oneOf": [{"const": [1]}, {"const": [True]}]})


@given(st.lists(st.sets(st.integers(0, 6)), min_size=7, max_size=7), st.permutations(range(7)))
def test_references_are_recursive_where_a_way_leads_back(edges, order):
    definitions = {
        f"d{at}": {"properties": {f"p{to}": {"$ref": f"#/$defs/d{to}"} for to in targets}}
        for at, targets in enumerate(edges)
    }
    references = References({"$defs": definitions}, Work())
    for at in order:
        reached, waiting = set(), [at]
        while waiting:
            new = edges[waiting.pop()] - reached
            reached |= new
            waiting += new
        assert references.recursive(f"#/$defs/d{at}") == (at in reached)


def inlined(schema, definitions):
    """The schema with what its references lead to in their place."""
    if isinstance(schema, list):
        return [inlined(part, definitions) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {name: inlined(value, definitions) for name, value in schema.items()}


REFERENCE = st.sampled_from([{"$ref": f"#/$defs/{name}"} for name in "xyz"])
COMBINED = st.recursive(
    REFERENCE,
    lambda inner: st.tuples(st.sampled_from(["allOf", "anyOf"]), st.lists(inner, min_size=1, max_size=3)).map(
        lambda drawn: {drawn[0]: drawn[1]}
    ),
    max_leaves=6,
)


@settings(max_examples=25)
@given(PLAIN_SCHEMAS | TWICE, COMBINED, st.data())
def test_what_references_share_is_what_it_is_in_their_place(leaf, combined, data):
    point = {"type": "object", "properties": {"a": leaf, "n": {"const": 1}}, "required": ["n"]}
    wider = {"allOf": [{"$ref": "#/$defs/x"}], "properties": {"b": {"const": 2}}, "required": ["b"]}
    definitions = {"x": point, "y": wider, "z": {"anyOf": [{"$ref": "#/$defs/y"}, {"required": ["a"]}]}}
    automata = [automaton_of(each) for each in ({**combined, "$defs": definitions}, inlined(combined, definitions))]
    states, text = (0, 0), b""
    for _ in range(60):
        accepting = [bool(each.accepting_S[state]) for each, state in zip(automata, states, strict=True)]
        assert accepting[0] == accepting[1], text
        rows = [each.next_S256[state] for each, state in zip(automata, states, strict=True)]
        assert ((rows[0] >= 0) == (rows[1] >= 0)).all(), text
        following = [byte for byte in range(256) if rows[0][byte] >= 0]
        if not following:
            break
        byte = data.draw(st.sampled_from(following))
        states, text = (int(rows[0][byte]), int(rows[1][byte])), text + bytes([byte])
