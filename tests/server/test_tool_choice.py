"""Calls that must come, with the real clients: the arguments validate whatever the model would have said."""

import json

import anthropic
import jsonschema
import openai
import pytest

from tests.server.serving import FAST, QUESTION

SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "maxLength": 12},
        "days": {"type": "integer", "minimum": 1, "maximum": 30},
        "units": {"enum": ["metric", "imperial"]},
        "tags": {"type": "array", "items": {"type": "string", "pattern": "^[a-z]{1,5}$"}, "maxItems": 2},
    },
    "required": ["city", "days", "units"],
    "additionalProperties": False,
}
FUNCTIONS = [
    {"name": "forecast", "description": "The weather.", "parameters": SCHEMA},
    {"name": "now", "parameters": {"type": "object", "properties": {}}},
]
TOOLS = [{"type": "function", "function": function} for function in FUNCTIONS]
SCHEMAS = {function["name"]: function["parameters"] for function in FUNCTIONS}
NAMED = {"type": "function", "function": {"name": "forecast"}}
CHAT = {"model": "tiny", "messages": QUESTION, "max_tokens": 80, "tools": TOOLS}
MODES = [FAST, {"mode": "autoregressive"}]


def checked(name, arguments):
    jsonschema.validate(arguments, SCHEMAS[name])
    return name


@pytest.mark.parametrize("body", MODES)
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("choice", ["required", NAMED])
def test_a_chat_reply_is_a_call(server, body, seed, choice):
    create = server.openai().chat.completions.create
    fields = {**CHAT, "tool_choice": choice, "seed": seed, "extra_body": body}
    reply = create(**fields).choices[0]
    calls = [(call.function.name, json.loads(call.function.arguments)) for call in reply.message.tool_calls]
    assert reply.finish_reason == "tool_calls" and reply.message.content is None
    names = [checked(*call) for call in calls]
    assert choice == "required" or names == ["forecast"]
    chunks = [chunk.choices[0] for chunk in create(**fields, stream=True)]
    streamed = [call.function for chunk in chunks for call in chunk.delta.tool_calls or []]
    assert [(call.name, json.loads(call.arguments)) for call in streamed] == calls
    assert chunks[-1].finish_reason == "tool_calls" and all(chunk.delta.content is None for chunk in chunks)


def test_one_call_where_no_more_are_wanted(server):
    fields = {**CHAT, "tool_choice": "required", "parallel_tool_calls": False, "extra_body": FAST}
    (call,) = server.openai().chat.completions.create(**fields).choices[0].message.tool_calls
    checked(call.function.name, json.loads(call.function.arguments))


@pytest.mark.parametrize("choice", ["required", {"type": "function", "name": "forecast"}])
def test_a_response_is_a_call(server, choice):
    tools = [{"type": "function", "strict": True, **function} for function in FUNCTIONS]
    fields = {"model": "tiny", "input": "hi", "max_output_tokens": 80, "tools": tools, "tool_choice": choice}
    with server.openai().responses.stream(**fields, extra_body={**FAST, "seed": 3}) as stream:
        for _ in stream:
            pass
        final = stream.get_final_response()
    plain = server.openai().responses.create(**fields, extra_body={**FAST, "seed": 3})
    for response in (final, plain):
        assert {item.type for item in response.output} == {"function_call"} and response.status == "completed"
        names = [checked(item.name, json.loads(item.arguments)) for item in response.output]
        assert choice == "required" or names == ["forecast"]
    assert plain.tools[0].strict and (plain.tool_choice == choice or plain.tool_choice.name == "forecast")


@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "forecast"}])
def test_a_message_is_a_call(server, choice):
    tools = [{"name": f["name"], "input_schema": f["parameters"]} for f in FUNCTIONS]
    fields = {"model": "tiny", "max_tokens": 80, "messages": QUESTION, "tools": tools, "tool_choice": choice}
    with server.anthropic().messages.stream(**fields, extra_body={**FAST, "seed": 3}) as stream:
        final = stream.get_final_message()
    for message in (final, server.anthropic().messages.create(**fields, extra_body={**FAST, "seed": 3})):
        assert {block.type for block in message.content} == {"tool_use"} and message.stop_reason == "tool_use"
        names = [checked(block.name, block.input) for block in message.content]
        assert choice["type"] == "any" or names == ["forecast"]


def test_a_strict_tool_may_be_left_uncalled(server):
    tools = [{"type": "function", "function": {**FUNCTIONS[0], "strict": True}}, TOOLS[1]]
    reply = server.openai().chat.completions.create(**{**CHAT, "tools": tools, "max_tokens": 30}, extra_body=FAST)
    choice = reply.choices[0]
    for call in choice.message.tool_calls or ():
        checked(call.function.name, json.loads(call.function.arguments))
    assert choice.finish_reason in ("stop", "length", "tool_calls") and reply.usage.completion_tokens <= 30
    # What is strict is not told to the model: the prompt is the same.
    plain = server.openai().chat.completions.create(**{**CHAT, "max_tokens": 1}, extra_body=FAST)
    assert plain.usage.prompt_tokens == reply.usage.prompt_tokens


BROKEN = {"type": "function", "function": {"name": "f", "parameters": {"type": "array", "uniqueItems": True}}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "integer"}}}


def test_a_form_of_the_text_is_none_of_a_call_that_must_come(server):
    """As there is no text then; clients that want a typed answer ask for both."""
    reply = server.openai().chat.completions.create(
        **{**CHAT, "tools": TOOLS[:1], "tool_choice": "required"}, response_format=FORMAT, extra_body=FAST
    )
    (call,) = reply.choices[0].message.tool_calls
    assert call.function.name == TOOLS[0]["function"]["name"] and not reply.choices[0].message.content


def test_stop_strings_end_no_call_that_must_come(server):
    """They end visible text, and there is none."""
    letters = [*"abcdefghijk", "{", "}", ":"]
    create, fields = server.openai().chat.completions.create, {**CHAT, "tool_choice": NAMED, "seed": 1}
    stopped = create(**fields, stop=letters, extra_body=FAST).choices[0]
    assert stopped.finish_reason == "tool_calls" and stopped.message.content is None
    functions = [
        choice.message.tool_calls[0].function for choice in (stopped, *create(**fields, extra_body=FAST).choices)
    ]
    assert functions[0] == functions[1] and checked(functions[0].name, json.loads(functions[0].arguments))
    tool = {"name": "forecast", "input_schema": SCHEMA}
    message = server.anthropic().messages.create(
        model="tiny",
        max_tokens=80,
        messages=QUESTION,
        tools=[tool],
        tool_choice={"type": "any"},
        stop_sequences=letters,
        extra_body=FAST,
    )
    assert message.stop_reason == "tool_use" and message.stop_sequence is None


def test_an_effort_makes_no_thought_before_a_call_that_must_come(server):
    fields = {**CHAT, "tool_choice": NAMED, "seed": 1, "extra_body": FAST}
    create = server.openai().chat.completions.create
    hinted, plain = create(**fields, reasoning_effort="high"), create(**fields)
    assert hinted.usage.prompt_tokens == plain.usage.prompt_tokens
    calls = [reply.choices[0].message.tool_calls[0].function for reply in (hinted, plain)]
    assert calls[0] == calls[1] and not hinted.choices[0].message.model_extra.get("reasoning_content")
    response = server.openai().responses.create(
        model="tiny",
        input="hi",
        tools=[{"type": "function", "strict": True, **FUNCTIONS[0]}],
        tool_choice="required",
        reasoning={"effort": "high"},
        extra_body=FAST,
    )
    assert {item.type for item in response.output} == {"function_call"}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"tools": []}, "the request has no tools"),
        ({"tool_choice": {"type": "function", "function": {"name": "nosuch"}}}, "not in tools"),
        ({"tool_choice": {"type": "function", "function": {"name": 5}}}, "tool_choice.function.name"),
        ({"tool_choice": {"type": "custom", "custom": {"name": "x"}}}, "tool_choice"),
        ({"tool_choice": 5}, "tool_choice"),
        ({"tool_choice": False}, "tool_choice"),
        ({"tools": [BROKEN]}, "tool f"),
        ({"tools": [{"type": "function", "function": {"name": "g", "parameters": {"type": "string"}}}]}, "tool g"),
        ({"tools": [TOOLS[0], TOOLS[0]]}, "Two tools have the name forecast"),
        ({"max_tokens": 3}, "only 3 are left"),
        ({"extra_body": {"guided_regex": "x"}}, "both constrain the reply"),
    ],
)
def test_a_call_that_cannot_be_held_is_refused(server, fields, words):
    with pytest.raises(openai.BadRequestError) as caught:
        server.openai().chat.completions.create(**{**CHAT, "tool_choice": "required", **fields})
    assert words in caught.value.body["message"]


def test_a_strict_tool_that_cannot_be_held_is_refused(server):
    tools = [{"type": "function", "function": {**BROKEN["function"], "strict": True}}]
    with pytest.raises(openai.BadRequestError, match="tool f cannot be constrained by its parameters"):
        server.openai().chat.completions.create(**{**CHAT, "tools": tools})
    with pytest.raises(anthropic.BadRequestError, match="cannot be combined with thinking"):
        tool = {"name": "f", "input_schema": {"type": "object"}}
        server.anthropic().messages.create(
            model="tiny",
            max_tokens=9,
            messages=QUESTION,
            tools=[tool],
            tool_choice={"type": "any"},
            thinking={"type": "adaptive"},
        )
