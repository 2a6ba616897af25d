"""Replies of a guaranteed form, over every endpoint that has a field for it."""

import json

import jsonschema
import openai
import pydantic
import pytest

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


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"response_format": {"type": "grammar"}}, "response_format"),
        ({"response_format": {**NAMED, "json_schema": {"name": "x", "schema": {"type": "nosuch"}}}}, "nosuch"),
        ({"response_format": {**NAMED, "json_schema": {"name": "x", "schema": {"if": {}, "then": {}}}}}, "if"),
        ({"response_format": NAMED, "max_tokens": 3}, "3"),
        ({"response_format": NAMED, "stop": ["x"]}, "stop"),
        ({"response_format": NAMED, "reasoning_effort": "medium"}, "reasoning_effort"),
        ({"response_format": NAMED, "tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
    ],
)
def test_a_form_that_cannot_be_kept_is_refused(server, fields, words):
    with pytest.raises(openai.BadRequestError) as caught:
        server.openai().chat.completions.create(**{**CHAT, **fields})
    assert words in caught.value.body["message"]
