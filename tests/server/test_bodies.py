"""Large bodies: what is wrong with one is found at once, and what takes time with one holds up nobody."""

import gzip
import json
import re
import threading

import pytest
from pydantic import ValidationError

from dgemma.api import LLM
from dgemma.server.anthropic_fields import CountFields, MessagesFields
from dgemma.server.body import MAX_INLINE_BYTES
from dgemma.server.edit import EditFields
from dgemma.server.fields import MAX_SEPARATORS, MAX_UNKNOWN, has_more_separators
from dgemma.server.openai_chat import ChatFields
from dgemma.server.openai_completions import CompletionFields
from dgemma.server.openai_responses_fields import InputTokensFields, ResponseFields
from tests.server.serving import FAST

MANY = 2000
HI = {"role": "user", "content": "hi"}
CHAT = {"model": "tiny", "messages": [HI], "max_tokens": 2, **FAST}
COMPLETION = {"model": "tiny", "prompt": "hi", "max_tokens": 2, **FAST}
RESPONSE = {"model": "tiny", "input": "hi", "max_output_tokens": 16, **FAST}
EDIT = {"model": "tiny", "input": "hi", "instruction": "Fix the mistakes"}
BODIES = {
    "/v1/chat/completions": (ChatFields, CHAT),
    "/v1/completions": (CompletionFields, COMPLETION),
    "/v1/responses": (ResponseFields, RESPONSE),
    "/v1/responses/input_tokens": (InputTokensFields, RESPONSE),
    "/v1/messages": (MessagesFields, CHAT),
    "/v1/messages/count_tokens": (CountFields, CHAT),
    "/v1/edit": (EditFields, EDIT),
}
each_path = pytest.mark.parametrize("path", BODIES)


@pytest.fixture(scope="module")
def http(server):
    return server.http()


def refused(reply):
    assert reply.status_code == 400, reply.text
    return reply.json()["error"]


def errors(kind, body):
    with pytest.raises(ValidationError) as caught:
        kind.model_validate(body)
    return caught.value.errors()


@pytest.mark.parametrize(
    ("document", "marks"),
    [
        (b"1", 0),
        (b"[1,2,[3]]", 4),
        (b'{"a": {"b": 1}, "c": []}', 4),
        (b'[",,[{", 1]', 2),
        (rb'["\",,", "\\", ",\\\",", 2]', 4),
        (rb'["\\\\\",[", "{"]', 2),
        (b'["an end that is missing,,,', 1),
    ],
)
def test_commas_and_brackets_are_counted_outside_of_texts(document, marks):
    assert has_more_separators(document, marks - 1) and not has_more_separators(document, marks)


def test_more_texts_than_the_marks_allow_are_too_many():
    """Quotation marks alone are read one by one."""
    assert has_more_separators(b'"' + b"," * 100 + b'"' + b'"' * 1000, 50)
    assert not has_more_separators(b'["' + b"," * 100 + b'"' + b',"a"' * 48 + b"]", 50)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-16-le", "utf-32-be"])
def test_a_body_in_another_encoding_is_refused(http, encoding):
    """Marks are counted as UTF-8 has them."""
    asked = {**CHAT, "user": '"', "metadata": {str(number): "" for number in range(3)}}
    assert http.post("/v1/chat/completions", json=asked).is_success
    sent = http.post(
        "/v1/chat/completions",
        content=json.dumps(asked).encode(encoding),
        headers={"Content-Type": "application/json"},
    )
    assert "encoded as UTF-8" in refused(sent)["message"]


@each_path
def test_a_compressed_body_is_refused_by_its_encoding(http, path):
    body, headers = json.dumps(BODIES[path][1]).encode(), {"content-type": "application/json"}
    sent = http.post(path, content=gzip.compress(body), headers={**headers, "content-encoding": "gzip"})
    assert refused(sent)["message"].startswith("The request has Content-Encoding 'gzip'; send the body uncompressed")
    assert http.post(path, content=body, headers={**headers, "content-encoding": "identity"}).is_success


@pytest.mark.parametrize(
    ("prompt", "place", "told"),
    [
        ([1, "a"], "prompt", "its item 1 is not an integer"),
        ([1, 2, 3.5], "prompt", "its item 2 is not an integer"),
        ([1.5, 2], "prompt", "its item 0 is not an integer"),
        ([1, -2], "prompt.0", "greater than or equal to 0"),
        (["a", 1], "prompt.1", "a valid string"),
        ([[1], [2, "a"]], "prompt.1.1", "a valid integer"),
    ],
)
def test_a_wrong_item_of_a_prompt_is_told(http, prompt, place, told):
    error = refused(http.post("/v1/completions", json={**COMPLETION, "prompt": prompt}))
    assert error["param"] == place and told in error["message"], error


@each_path
def test_a_body_of_too_many_values_is_refused_before_it_is_read(http, monkeypatch, path):
    kind, body = BODIES[path]
    monkeypatch.setattr(kind, "model_validate", lambda given: pytest.fail("it was read"))
    told = refused(http.post(path, json={**body, "messages": [{}] * MAX_SEPARATORS}))
    assert told["message"].startswith(f"The request body has more than {MAX_SEPARATORS} commas and brackets")


def test_a_text_of_many_commas_is_no_body_of_many_values(http):
    asked = {"model": "tiny", "messages": [{"role": "user", "content": ',"[{' * MAX_SEPARATORS}]}
    assert http.post("/v1/messages/count_tokens", json=asked).json()["input_tokens"] > MAX_SEPARATORS


def test_a_text_that_holds_json_of_too_many_values_is_refused(http):
    told = refused(
        http.post("/v1/completions", json={**COMPLETION, "guided_json": json.dumps({"a": [0] * MAX_SEPARATORS})})
    )
    assert told["param"] == "guided_json" and "commas and brackets" in told["message"]


@pytest.mark.parametrize(
    ("kind", "field", "item"),
    [
        (ChatFields, "messages", {}),
        (ChatFields, "messages", {"role": "user", "content": [{}] * MANY}),
        (ChatFields, "messages", {"role": "assistant", "tool_calls": [{}] * MANY}),
        (ChatFields, "tools", {}),
        (ChatFields, "stop", 1),
        (ChatFields, "guided_choice", 1),
        (CompletionFields, "prompt", [-1] * MANY),
        (CompletionFields, "prompt", {}),
        (ResponseFields, "input", {}),
        (ResponseFields, "input", {"role": "user", "content": [{}] * MANY}),
        (ResponseFields, "input", {"type": "reasoning", "content": [{}] * MANY}),
        (ResponseFields, "input", {"type": "function_call_output", "call_id": "a", "output": [{}] * MANY}),
        (ResponseFields, "tools", {}),
        (MessagesFields, "messages", {}),
        (MessagesFields, "messages", {"role": "user", "content": [{}] * MANY}),
        (MessagesFields, "system", {}),
        (MessagesFields, "tools", {}),
    ],
)
def test_a_list_is_refused_at_its_first_wrong_item(kind, field, item):
    told = [one["loc"] for one in errors(kind, {field: [item] * MANY}) if one["loc"][0] == field]
    assert told and len(told) < 20 and all(place[1] == 0 for place in told)


@pytest.mark.parametrize("field", ["metadata", "tools"])
def test_an_object_is_no_list_of_errors_either(field):
    broken = {f"\ud800{at}": 1 for at in range(MANY)}
    tool = {"type": "function", "name": "f", "parameters": broken}
    body = {**RESPONSE, field: broken if field == "metadata" else [tool]}
    assert len(errors(ResponseFields, body)) == 1


def test_a_handful_of_unknown_fields_is_told(http):
    unknown = {f"f{at}": 1 for at in range(MANY)}
    assert len(errors(ChatFields, {**CHAT, **unknown})) == MAX_UNKNOWN
    assert len(errors(ChatFields, {**CHAT, "messages": [{**HI, **unknown}]})) == MAX_UNKNOWN
    # Those that are known are seen behind them, under the names they have in bodies.
    form = {"type": "json_schema", "json_schema": {**unknown, "name": "f", "schema": {"type": "object"}}}
    assert {one["type"] for one in errors(ChatFields, {**unknown, **CHAT, "response_format": form})} == {
        "extra_forbidden"
    }
    told = refused(http.post("/v1/chat/completions", json={**unknown, **CHAT}))
    assert told["param"] == "f0"
    assert told["message"].startswith("f0 is not a supported field; remove it.")


@each_path
def test_a_large_body_is_read_beside_the_event_loop(http, monkeypatch, path):
    kind, body = BODIES[path]
    threads, own = [], kind.job
    monkeypatch.setattr(kind, "job", lambda fields: threads.append(threading.current_thread().name) or own(fields))
    for size in (1, MAX_INLINE_BYTES):
        reply = http.post(path, content=json.dumps(body) + " " * size, headers={"content-type": "application/json"})
        assert reply.status_code == 200, reply.text
    assert threads[0] != "dgemma-background" and threads[1] == "dgemma-background"


def test_more_messages_than_the_context_has_tokens_are_not_rendered(http, llm, monkeypatch):
    monkeypatch.setattr(LLM, "chat_ids", lambda *given: pytest.fail("they were rendered"))
    for path in ("/v1/chat/completions", "/v1/messages"):
        told = refused(http.post(path, json={**CHAT, "messages": [HI] * llm.engine.max_context}))
        assert told["message"] == "prompt is too long: at least 4096 tokens > 4095 maximum; shorten it."
    tool = {"type": "function", "name": "f"}
    told = refused(http.post("/v1/responses", json={**RESPONSE, "tools": [tool] * llm.engine.max_context}))
    assert told["code"] == "context_length_exceeded"


def test_a_prompt_that_is_too_long_has_the_code_of_openais_api(http, llm):
    for path, body in (
        ("/v1/chat/completions", {**CHAT, "messages": [{"role": "user", "content": "1 " * llm.engine.max_context}]}),
        ("/v1/completions", {**COMPLETION, "prompt": [5] * llm.engine.max_context}),
    ):
        told = refused(http.post(path, json=body))
        assert told["code"] == "context_length_exceeded"
        # Clients read both numbers, and go by these words.
        count = re.fullmatch(r"prompt is too long: (\d+) tokens > 4095 maximum; shorten it\.", told["message"])
        assert count and int(count[1]) > 4095


def test_bodies_are_described_by_their_fields(http):
    paths = http.get("/openapi.json").json()["paths"]
    for path, (kind, _) in BODIES.items():
        documented_as = paths[path]["post"]["requestBody"]["content"]["application/json"]["schema"]
        assert documented_as["$ref"].endswith(f"/{kind.__name__}")
