"""What the clients' own helpers send: replies sent back with what they add, names, nulls, keys and HEAD."""

import openai
import pytest

from tests.server.serving import FAST, QUESTION

CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "1"}


def answered(server, messages, **fields):
    body = {"model": "tiny", "messages": messages, "max_tokens": 2, **FAST, **fields}
    return server.http().post("/v1/chat/completions", json=body)


@pytest.mark.parametrize(
    "messages",
    [
        [*QUESTION, {"role": "assistant", "content": "Yes.", "parsed": None}, *QUESTION],
        [*QUESTION, {"role": "assistant", "content": None, "parsed": {}, "tool_calls": [
            {**CALL, "index": 0, "function": {**CALL["function"], "parsed_arguments": {}}}]}, RESULT],
        [{"role": "user", "content": "Hi", "name": "user"}],
        [*QUESTION, {"role": "assistant", "content": "Yes.", "name": "helper"}, *QUESTION],
        [*QUESTION, {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}, *QUESTION],
        [{"role": "user", "content": [{"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}]}],
    ],
)  # fmt: skip
def test_what_helpers_add_is_taken(server, messages):
    reply = answered(server, messages)
    assert reply.status_code == 200, reply.text


def test_a_refusal_is_text_of_a_reply(server):
    def prompt_tokens(part, role="assistant"):
        return answered(server, [*QUESTION, {"role": role, "content": [part]}, *QUESTION]).json()["usage"][
            "prompt_tokens"
        ]

    refusal = {"type": "refusal", "refusal": "I cannot."}
    assert prompt_tokens(refusal) == prompt_tokens({"type": "text", "text": "I cannot."})
    assert answered(server, [{"role": "user", "content": [refusal]}]).status_code == 400


@pytest.mark.parametrize("fields", [{"mode": None}, {"prediction": None}, {"verbosity": "medium"}, {"functions": []}])
def test_null_and_neutral_values_pass(server, fields):
    assert answered(server, QUESTION, **fields).status_code == 200


@pytest.mark.parametrize("value", [True, None, {}])
def test_a_property_without_a_schema_of_its_own_is_declared(server, value):
    parameters = {"type": "object", "properties": {"x": value}}
    reply = answered(
        server, QUESTION, tools=[{"type": "function", "function": {"name": "f", "parameters": parameters}}]
    )
    assert reply.status_code == 200, reply.text


def test_a_tagged_union_is_held_to(server):
    kinds = [{"type": "object", "properties": {"k": {"const": name}}, "required": ["k"], "additionalProperties": False}
             for name in "cd"]  # fmt: skip
    schema = {"oneOf": kinds, "discriminator": {"propertyName": "k"}}
    form = {"type": "json_schema", "json_schema": {"name": "u", "schema": schema}}
    reply = answered(server, QUESTION, response_format=form, max_tokens=24)
    assert reply.json()["choices"][0]["message"]["content"].replace(" ", "") in ('{"k":"c"}', '{"k":"d"}')


@pytest.mark.parametrize("path", ["/", "/health", "/v1/models", "/metrics"])
def test_head_is_answered(server, path):
    reply = server.http().head(path)
    assert reply.status_code == 200 and not reply.content


def test_a_stop_string_changes_none_of_the_counts_before_it(server):
    create = server.openai().chat.completions.create
    fields = {"model": "tiny", "messages": QUESTION, "max_tokens": 24, "seed": 3}
    whole = create(**fields)
    text = whole.choices[0].message.content
    stopped = create(**fields, stop=[text[-2:]])
    usage, limit = (reply.usage.model_dump()["diffusion"] for reply in (stopped, whole))
    assert usage["canvases"] <= max(1, limit["canvases"]) and usage["denoise_steps"] <= limit["denoise_steps"]
    assert 0 < usage["forward_passes"] <= limit["forward_passes"]


def test_a_responses_call_can_be_dumped_and_sent_back(server):
    item = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}", "caller": None, "namespace": None}
    items = [*QUESTION, {**item, "async_": None}, {"type": "function_call_output", "call_id": "c", "output": "1"}]
    body = {"model": "tiny", "input": items, "max_output_tokens": 2}
    reply = server.http().post("/v1/responses", json=body)
    assert reply.status_code == 200, reply.text


def test_a_gap_of_no_tokens_is_refused(server):
    create = server.openai().completions.create
    with pytest.raises(openai.BadRequestError):
        create(model="tiny", prompt="a", suffix="b", max_tokens=0)
