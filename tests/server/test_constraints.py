"""Replies of a guaranteed form, over every endpoint that has a field for it."""

import datetime
import ipaddress
import json
import re
import threading
import time
from typing import Annotated, Literal

import anthropic
import jsonschema
import openai
import pydantic
import pytest

from dgemma.decode.constrain import description
from dgemma.errors import UsageError
from dgemma.server.generation import COMPILE_THREADS
from tests.server.serving import FAST, QUESTION

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 12},
        "ages": {"type": "array", "items": {"type": "integer"}},
    },
    "required": ["name", "ages"],
    "additionalProperties": False,
}
NAMED = {"type": "json_schema", "json_schema": {"name": "person", "strict": True, "schema": SCHEMA}}
CHAT = {"model": "tiny", "messages": QUESTION, "max_tokens": 60, "seed": 7, "extra_body": FAST}


class Person(pydantic.BaseModel):
    """What the client's own helper makes a schema of."""

    name: str
    age: int


class Wide(pydantic.BaseModel):
    """Types whose schemas have names, formats and sets."""

    names: dict[Annotated[str, pydantic.StringConstraints(min_length=2, max_length=4)], bool]
    codes: dict[Annotated[str, pydantic.StringConstraints(pattern="^[A-Z]{2}$")], bool]
    days: dict[datetime.date, None]
    kinds: set[Literal["a", "b"]]
    hours: frozenset[Annotated[int, pydantic.Field(ge=0, le=23)]]
    network: ipaddress.IPv4Network | None
    stars: Annotated[float, pydantic.Field(multiple_of=0.5, ge=0, le=5, json_schema_extra={"x-widget": "stars"})]


def checked(text):
    jsonschema.validate(value := json.loads(text), SCHEMA)
    return value


@pytest.mark.parametrize("seed", [1, 2])
def test_a_chat_reply_keeps_to_its_schema_and_limit(server, seed):
    create = server.openai().chat.completions.create
    fields = {**CHAT, "seed": seed, "response_format": NAMED}
    reply = create(**fields)
    value = checked(reply.choices[0].message.content)
    assert reply.choices[0].finish_reason == "stop" and reply.usage.completion_tokens <= 60
    streamed = "".join(chunk.choices[0].delta.content or "" for chunk in create(**fields, stream=True))
    assert checked(streamed) == value


def test_the_clients_helper_parses_what_it_asked_for(server):
    completion = server.openai().chat.completions.parse(**CHAT, response_format=Person)
    assert isinstance(completion.choices[0].message.parsed, Person)
    schema = Wide.model_json_schema()
    form = {"type": "json_schema", "json_schema": {"name": "wide", "schema": schema}}
    reply = server.openai().chat.completions.create(**{**CHAT, "max_tokens": 200, "response_format": form})
    jsonschema.validate(json.loads(reply.choices[0].message.content), schema)


def test_any_object_is_an_object(server):
    reply = server.openai().chat.completions.create(**CHAT, response_format={"type": "json_object"})
    assert isinstance(json.loads(reply.choices[0].message.content), dict)


def test_a_response_keeps_to_its_schema(server):
    form = {"type": "json_schema", "name": "person", "schema": SCHEMA, "strict": True}
    body = {**FAST, "seed": 3}
    response = server.openai().responses.create(
        model="tiny", input="hi", max_output_tokens=60, text={"format": form}, extra_body=body
    )
    checked(response.output_text)
    assert response.text.format.schema_ == SCHEMA


def test_a_message_keeps_to_its_schema(server):
    message = server.anthropic().messages.create(
        model="tiny",
        messages=QUESTION,
        max_tokens=60,
        output_config={"format": {"type": "json_schema", "schema": SCHEMA}},
        extra_body=FAST,
    )
    checked(message.content[0].text)


TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}


def test_beside_tools_a_reply_is_calls_or_of_the_form(server):
    """As agents ask for both. The embedded model was never taught tools, so of itself it answers."""
    client = server.openai()
    chat = client.chat.completions.create(**{**CHAT, "response_format": NAMED, "tools": [TOOL]})
    checked(chat.choices[0].message.content)
    forced = {"response_format": NAMED, "tools": [TOOL], "tool_choice": "required"}
    called = client.chat.completions.create(**{**CHAT, **forced})
    assert called.choices[0].message.tool_calls[0].function.name == "f"
    form = {"format": {"type": "json_schema", "name": "x", "schema": SCHEMA}}
    function = {"type": "function", "strict": False, **TOOL["function"]}
    response = client.responses.create(model="tiny", input="Anna is 5.", text=form, tools=[function], extra_body=FAST)
    checked(response.output_text)
    message = server.anthropic().messages.create(
        model="tiny",
        max_tokens=100,
        messages=CHAT["messages"],
        tools=[{"name": "f", "input_schema": {"type": "object"}}],
        output_config={"format": {"type": "json_schema", "schema": SCHEMA}},
        extra_body=FAST,
    )
    checked(message.content[0].text)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"response_format": {"type": "grammar"}}, "response_format"),
        ({"response_format": {**NAMED, "json_schema": {"name": "x", "schema": {"type": "nosuch"}}}}, "nosuch"),
        (
            {"response_format": {**NAMED, "json_schema": {"name": "x", "schema": {"if": {"items": {}}, "then": {}}}}},
            "'if'",
        ),
        ({"response_format": NAMED, "max_tokens": 3}, "3"),
        ({"extra_body": {"guided_regex": "a"}, "tools": [TOOL]}, "tools"),
    ],
)
def test_a_form_that_cannot_be_kept_is_refused(server, fields, words):
    with pytest.raises(openai.BadRequestError) as caught:
        server.openai().chat.completions.create(**{**CHAT, **fields})
    assert words in caught.value.body["message"]


FORMS = [
    ({"structured_outputs": {"regex": "[A-Z]{2}-[0-9]{3}"}}, lambda text: re.fullmatch("[A-Z]{2}-[0-9]{3}", text)),
    ({"guided_regex": "(yes|no), [a-z]+"}, lambda text: re.fullmatch("(yes|no), [a-z]+", text)),
    ({"structured_outputs": {"choice": ["left", "right", "straight on"]}}, ["left", "right", "straight on"].count),
    ({"guided_choice": ["ja", "nein"]}, ["ja", "nein"].count),
    ({"structured_outputs": {"json": SCHEMA}}, checked),
    ({"structured_outputs": {"json_object": True}}, lambda text: isinstance(json.loads(text), dict)),
    ({"guided_json": SCHEMA}, checked),
    ({"guided_json": json.dumps(SCHEMA)}, checked),
]
WAYS = [FAST, {"mode": "autoregressive"}]


@pytest.mark.parametrize("way", WAYS, ids=["diffusion", "autoregressive"])
@pytest.mark.parametrize(("form", "holds"), FORMS)
def test_vllms_fields_hold_a_chat_and_a_completion(server, form, holds, way):
    client, body = server.openai(), {**way, **form}
    reply = client.chat.completions.create(**{**CHAT, "extra_body": body})
    assert holds(reply.choices[0].message.content) and reply.choices[0].finish_reason == "stop"
    chunks = client.chat.completions.create(**{**CHAT, "extra_body": body}, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == reply.choices[0].message.content
    raw = client.completions.create(model="tiny", prompt="Answer: ", max_tokens=60, extra_body=body)
    assert holds(raw.choices[0].text) and raw.choices[0].finish_reason == "stop"


@pytest.mark.parametrize(("form", "holds"), FORMS[:4])
def test_they_hold_a_response_and_a_message(server, form, holds):
    body = {**FAST, **form}
    fields = {"model": "tiny", "extra_body": body}
    assert holds(server.openai().responses.create(input="hi", max_output_tokens=60, **fields).output_text)
    message = server.anthropic().messages.create(messages=QUESTION, max_tokens=60, **fields)
    assert holds(message.content[0].text)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"guided_regex": "(a"}, "a group is not closed at character"),
        ({"guided_regex": r"(a)\1"}, "back-references are not supported"),
        ({"guided_regex": "(?<=a)b"}, "look-behind"),
        ({"guided_regex": "(?=a)b"}, "No answer of at least one token"),
        ({"guided_regex": ""}, "guided_regex"),
        ({"guided_regex": 5}, "guided_regex"),
        ({"guided_regex": "a" * 5000}, "guided_regex"),
        ({"guided_regex": "(((a{1,100}){1,100}){1,100}){1,100}"}, "nests too many counts"),
        ({"guided_regex": "(a|b)*a(a|b){20}"}, "more than 20000 states"),
        ({"guided_regex": "[^a]{9999}"}, "more than 20000 states"),
        ({"guided_regex": "a{99999}"}, "more than 10000 times"),
        ({"guided_regex": "[0-9]{70}"}, "60"),
        ({"guided_choice": []}, "guided_choice"),
        ({"guided_choice": ["a", ""]}, "guided_choice.1"),
        ({"guided_choice": "a"}, "guided_choice"),
        ({"guided_choice": ["a"] * 1025}, "guided_choice"),
        ({"guided_json": "{"}, "guided_json is not valid JSON"),
        ({"guided_json": {"type": "nosuch"}}, "nosuch"),
        ({"guided_grammar": "root ::= x"}, "guided_grammar is not supported"),
        ({"structured_outputs": {}}, "structured_outputs must set exactly one constraint"),
        ({"structured_outputs": {"regex": "a", "choice": ["a"]}}, "structured_outputs must set exactly one constraint"),
        ({"structured_outputs": {"grammar": "x"}}, "structured_outputs.grammar is not supported"),
        ({"structured_outputs": {"nosuch": 1}}, "structured_outputs.nosuch"),
        ({"guided_regex": "a", "guided_choice": ["a"]}, "both constrain the reply"),
        ({"guided_regex": "a", "response_format": NAMED}, "both constrain the reply"),
    ],
)
def test_what_cannot_hold_a_reply_is_refused(server, body, words):
    with pytest.raises(openai.BadRequestError) as caught:
        server.openai().chat.completions.create(**{**CHAT, "extra_body": {**FAST, **body}})
    assert words in caught.value.body["message"] and len(caught.value.body["message"]) < 400


def test_other_endpoints_refuse_as_well(server):
    with pytest.raises(anthropic.BadRequestError, match="a group is not closed"):
        create = server.anthropic().messages.create
        create(model="tiny", max_tokens=9, messages=QUESTION, extra_body={"guided_regex": "(a"})
    with pytest.raises(openai.BadRequestError, match="cannot be combined with suffix"):
        server.openai().completions.create(model="tiny", prompt="a", suffix="b", extra_body={"guided_regex": "a"})
    with pytest.raises(openai.BadRequestError, match="a group is not closed"):
        server.openai().responses.create(model="tiny", input="hi", extra_body={"guided_regex": "(a"})


YES_OR_NO = {"const": "yes or no"}
FORMAT = {"type": "json_schema", "json_schema": {"name": "x", "schema": YES_OR_NO}}


def test_a_stop_string_cuts_a_reply_of_a_form(server):
    """As smolagents asks for both. What is left need not parse."""
    client, fields = server.openai(), {**CHAT, "response_format": FORMAT}
    create = client.chat.completions.create
    for stop, text in (([" or"], '"yes'), (["never there"], '"yes or no"')):
        choice = create(**fields, stop=stop).choices[0]
        assert (choice.message.content, choice.finish_reason) == (text, "stop")
        chunks = [chunk.choices[0] for chunk in create(**fields, stop=stop, stream=True)]
        assert "".join(chunk.delta.content or "" for chunk in chunks) == text and chunks[-1].finish_reason == "stop"
        body = {**FAST, "guided_choice": ['"yes or no"']}
        raw = client.completions.create(model="tiny", prompt="A: ", stop=stop, extra_body=body)
        assert (raw.choices[0].text, raw.choices[0].finish_reason) == (text, "stop")
        message = server.anthropic().messages.create(
            model="tiny",
            messages=QUESTION,
            max_tokens=60,
            stop_sequences=stop,
            output_config={"format": {"type": "json_schema", "schema": YES_OR_NO}},
            extra_body=FAST,
        )
        assert message.content[0].text == text
        assert message.stop_reason == ("stop_sequence" if text == '"yes' else "end_turn")


EFFORTS = ("none", "low", "high", "max")


def test_an_effort_beside_a_form_is_a_hint(server):
    """Codex sends one in every turn. A reply of a form has no room for a thought, and the prompt asks for none."""
    client, messages = server.openai(), server.anthropic().messages
    form = {"type": "json_schema", "name": "x", "schema": YES_OR_NO}
    plain = client.chat.completions.create(**CHAT, response_format=FORMAT)
    for effort in EFFORTS:
        chat = client.chat.completions.create(**CHAT, response_format=FORMAT, reasoning_effort=effort)
        assert chat.choices[0].message.content == '"yes or no"'
        assert chat.usage.prompt_tokens == plain.usage.prompt_tokens
        response = client.responses.create(
            model="tiny",
            input=QUESTION,
            reasoning={"effort": effort, "summary": "auto"},
            text={"format": form},
            include=["reasoning.encrypted_content"],
            extra_body=FAST,
        )
        assert response.output_text == '"yes or no"' and response.usage.input_tokens == plain.usage.prompt_tokens
        assert [item.type for item in response.output] == ["message"]
    body = {**FAST, "guided_choice": ["ja"]}
    chat = client.chat.completions.create(**{**CHAT, "extra_body": body}, reasoning_effort="high")
    assert chat.choices[0].message.content == "ja" and chat.usage.prompt_tokens == plain.usage.prompt_tokens
    for thinking in ({"type": "adaptive"}, {"type": "enabled", "budget_tokens": 1024}):
        message = messages.create(
            model="tiny",
            messages=QUESTION,
            max_tokens=60,
            thinking=thinking,
            output_config={"format": {"type": "json_schema", "schema": YES_OR_NO}},
            extra_body=FAST,
        )
        assert [block.type for block in message.content] == ["text"] and message.content[0].text == '"yes or no"'
        assert message.usage.input_tokens == plain.usage.prompt_tokens


def test_a_form_that_takes_long_to_compile_holds_up_nobody_else(server, monkeypatch):
    """Not even as many of them as are compiled at a time."""
    client, may_end, told = server.openai(), threading.Event(), []

    def slowly(constraint):
        assert may_end.wait(30)
        raise UsageError("The form is too large.")

    monkeypatch.setattr(description, "byte_automaton", slowly)

    def ask(number: int) -> None:
        with pytest.raises(openai.BadRequestError) as caught:
            client.chat.completions.create(**{**CHAT, "extra_body": {**FAST, "guided_regex": f"a{number}"}})
        told.append(caught.value.message)

    others = [threading.Thread(target=ask, args=(number,)) for number in range(COMPILE_THREADS)]
    for other in others:
        other.start()
    try:
        assert client.chat.completions.create(**CHAT).choices[0].message.content and told == []
    finally:
        may_end.set()
        for other in others:
            other.join()
    assert len(told) == len(others) and all("too large" in sentence for sentence in told)


def test_who_leaves_while_a_form_is_compiled_leaves_no_reply_behind(server, monkeypatch):
    engine, begun = server.llm.engine, threading.Event()
    submit = server.llm.submit

    def slowly(*given, **named):
        begun.set()
        time.sleep(0.5)
        return submit(*given, **named)

    monkeypatch.setattr(server.llm, "submit", slowly)
    with pytest.raises(openai.APITimeoutError):
        server.openai().with_options(timeout=0.3).chat.completions.create(**{**CHAT, "max_tokens": 3000})
    assert begun.wait(10)
    deadline = time.monotonic() + 20
    cancelled = engine.snapshot().cancelled
    while engine.snapshot().cancelled == cancelled and time.monotonic() < deadline:
        time.sleep(0.01)
    assert engine.snapshot().active == engine.snapshot().waiting == 0
