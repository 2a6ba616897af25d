"""Tool calls that are held to a form: whatever the weights, each call is read back and its arguments validate."""

import json

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dgemma
from dgemma.chat import parse
from dgemma.decode.constrain import ConstraintCompiler, tool_calls
from dgemma.engine.request import Commit
from dgemma.errors import UsageError
from dgemma.tokenizer import TOOL_CALL_BEGIN
from tests.decode.constrain.schemas import LEAVES, LIST, TREE, arrays, maps, objects, random_llm, sets

LLMS = [random_llm(seed) for seed in range(2)]
TINY = dgemma.load("tiny")
TOKENIZER = LLMS[0].tokenizer
assert TOKENIZER is not None
COMPILER = ConstraintCompiler(TOKENIZER, vocab_size=LLMS[0].config.vocab_size, end_ids=(1, 5))
VALUES_OF_PARAMETERS = st.one_of(LEAVES, objects(LEAVES), arrays(LEAVES), maps(LEAVES), sets())
PARAMETERS = objects(VALUES_OF_PARAMETERS) | st.sampled_from([TREE, LIST, {}, None])
REQUESTS = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**31),
        "mode": st.sampled_from(["diffusion", "diffusion", "autoregressive"]),
        "temperature": st.sampled_from([0.01, 1.0, 50.0]),
        "canvas_length": st.sampled_from([5, 16, 33]),
        "max_denoising_steps": st.integers(1, 3),
    }
)


def tool(name, parameters, **more):
    return {"type": "function", "function": {"name": name, "parameters": parameters, **more}}


def checked(calls, tools):
    """Every call is one of the tools', with arguments that validate."""
    schemas = {declared["function"]["name"]: declared["function"]["parameters"] for declared in tools}
    for call in calls:
        jsonschema.validate(dict(call.arguments), schemas[call.name] or {"type": "object", "maxProperties": 0})


@settings(max_examples=12)
@given(PARAMETERS, PARAMETERS, REQUESTS, st.integers(0, 12), st.booleans(), st.sampled_from([*LLMS, TINY]))
def test_a_required_call_validates_and_fits(first, second, request, extra, many, llm):
    tools = [tool("find.it", first), tool("a-b", second)]
    automaton = COMPILER.compile(tool_calls(tools, many=many))
    most = int(automaton.distance_S[0]) + extra
    form = {"tools": tools, "tool_choice": "required", "parallel_tool_calls": many}
    reply = llm.generate("Answer:", max_new_tokens=most, **request, **form)
    assert reply.finish_reason == "tool_calls" and len(reply.token_ids) <= most and reply.token_ids[-1] in (1, 5)
    assert reply.text == "" and (len(reply.tool_calls) == 1 or many)
    checked(reply.tool_calls, tools)


@settings(max_examples=16)
@given(PARAMETERS, PARAMETERS, REQUESTS, st.integers(0, 12), st.booleans(), st.sampled_from([*LLMS, TINY]))
def test_an_answer_beside_tools_is_calls_or_a_value_of_the_schema(parameters, schema, request, extra, many, llm):
    tools, schema = [tool("find.it", parameters)], schema or {"type": "integer"}
    automaton = COMPILER.compile(tool_calls(tools, many=many, answer=schema))
    most = int(automaton.distance_S[0]) + extra
    options = {"tools": tools, "schema": schema, "parallel_tool_calls": many}
    reply = llm.chat("Answer.", max_new_tokens=most, **request, **options)
    assert len(reply.token_ids) <= most and reply.token_ids[-1] in (1, 5)
    if reply.finish_reason == "tool_calls":
        assert reply.text == "" and (len(reply.tool_calls) == 1 or many)
        checked(reply.tool_calls, tools)
    else:
        assert reply.finish_reason == "stop" and not reply.tool_calls
        jsonschema.validate(json.loads(reply.text), schema)


def test_both_ways_of_answering_beside_tools_are_open():
    """What the automaton takes, whatever a model would say."""
    constraint = tool_calls([tool("f", None)], answer={"const": 7})
    automaton = COMPILER.compile(constraint)
    found = set()
    for seed in range(24):
        options = {"tools": [tool("f", None)], "schema": {"const": 7}, "seed": seed, "max_new_tokens": 40}
        reply = LLMS[seed % 2].chat("Answer.", mode="autoregressive", temperature=50.0, **options)
        found.add("call" if reply.tool_calls else reply.text)
    assert found == {"call", "7"} and automaton.distance_S[0] == 2


@settings(max_examples=10)
@given(PARAMETERS, REQUESTS, st.integers(1, 60), st.sampled_from([*LLMS, TINY]))
def test_with_a_strict_tool_calls_that_come_validate_and_the_limit_stays_exact(parameters, request, limit, llm):
    tools = [tool("find", parameters, strict=True), tool("other", None)]
    reply = llm.generate("Answer:", max_new_tokens=limit, tools=tools, **request)
    checked(reply.tool_calls, tools)
    ended = reply.token_ids[-1] in (1, 5)
    assert len(reply.token_ids) == limit or ended
    assert reply.finish_reason == ("tool_calls" if reply.tool_calls else "stop" if ended else "length")


@pytest.mark.parametrize("mode", ["diffusion", "autoregressive"])
def test_a_named_tool_is_called_once(mode):
    tools = [
        tool("find", {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}),
        tool("x", None),
    ]
    messages = [{"role": "user", "content": "?"}]
    options = {"tools": tools, "tool_choice": "find", "mode": mode, "max_new_tokens": 40}
    options |= {"max_denoising_steps": 4} if mode == "diffusion" else {}
    reply = TINY.chat(messages, **options)
    (call,) = reply.tool_calls
    assert call.name == "find" and isinstance(call.arguments["n"], int)
    events = TINY.stream(messages, **options)
    ids = [token for event in events if isinstance(event, Commit) for token in event.token_ids]
    assert ids == reply.token_ids and ids[0] == TOKENIZER.special_id(TOOL_CALL_BEGIN)


VALUES = {
    "text": 'a "quoted" {brace}, <|"|> and\nline',
    "number": [0, -3, 2.5, 1e-05],
    "odd: key": {"b": True, "A": None, "": []},
    " ": "space",
}


def test_every_value_is_written_so_that_it_is_read_back():
    tools = [tool("say", {"const": VALUES})]
    reply = TINY.generate("x", max_new_tokens=200, tools=tools, tool_choice="required", parallel_tool_calls=False)
    assert dict(reply.tool_calls[0].arguments) == VALUES
    assert json.dumps(parse(reply.token_ids, TOKENIZER).tool_calls[0].arguments["number"]) == "[0, -3, 2.5, 1e-05]"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"tools": [], "tool_choice": "required"}, "at least one tool"),
        ({"tools": [tool("a b", None)], "tool_choice": "required"}, "name of 1 to 128 letters"),
        ({"tools": [tool("a", None), tool("a", None)], "tool_choice": "required"}, "Two tools have the name a"),
        ({"tools": [tool("a", None)], "tool_choice": "b"}, "neither auto nor required"),
        ({"tools": [tool("a", {"type": "nosuch"})], "tool_choice": "required"}, "tool a .*at #/type"),
        ({"tools": [tool("a", {"type": "string"})], "tool_choice": "required"}, "can satisfy|satisfies"),
        ({"tools": [tool("a", {"if": {}}, strict=True)]}, "'if' is not supported"),
        ({"tools": [tool("a", None)], "tool_choice": "a", "regex": "x"}, "no tool calls with it|no room"),
        ({"tools": [tool("a", None)], "tool_choice": "a", "thinking": True}, "no room for thinking"),
        ({"tools": [tool("a", None)], "tool_choice": "a", "max_new_tokens": 2}, "only 2 are left"),
    ],
)
def test_calls_that_cannot_be_held_are_told(options, problem):
    with pytest.raises(UsageError, match=problem):
        TINY.chat([{"role": "user", "content": "?"}], **options)
