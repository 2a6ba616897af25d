"""Requests that no client should send: each is a 4xx with one clear sentence, and the server is alive afterwards."""

import json

import pytest

from tests.server.serving import QUESTION

CHAT = "/v1/chat/completions"
PATHS = (CHAT, "/v1/completions", "/v1/responses", "/v1/messages", "/v1/edit")
GOOD = {"model": "tiny", "messages": QUESTION, "max_tokens": 1, "canvas_length": 4, "max_denoising_steps": 1}
DEEP = '{"a":' * 200 + "1" + "}" * 200
DEEP_TOOL = f'[{{"type": "function", "function": {{"name": "f", "parameters": {DEEP}}}}}]'


@pytest.fixture(scope="module")
def http(server):
    return server.http()


def sentence(reply, status=400):
    """The message of an error reply, which must be one of this server's kind."""
    assert reply.status_code == status, reply.text
    error = reply.json()["error"]
    assert isinstance(error["type"], str) and error["message"].endswith((".", ".)"))
    for secret in ("Traceback", "site-packages", "/src/", "dgemma/server", "pydantic"):
        assert secret not in reply.text
    return error["message"]


@pytest.fixture(autouse=True)
def alive(http):
    yield
    assert http.get("/health").json() == {"status": "ok", "model": "tiny"}
    assert http.post(CHAT, json=GOOD).status_code == 200


def post(http, path, content, kind="application/json"):
    return http.post(path, content=content, headers={"content-type": kind})


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"model": "tiny", "messages": [{"role"', "not valid JSON"),
        (b"", "empty"),
        (b"[]", "must be a JSON object"),
        (b'"tiny"', "must be a JSON object"),
        (b"null", ""),
        (b'{"model": "\xff\xfe"}', "UTF-8"),
        (b'{"model": ' + b"9" * 5000 + b"}", "too many digits"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b"{}", "model is required"),
    ],
    ids=["truncated", "empty", "list", "text", "null", "bytes", "digits", "deep-list", "deep-object", "nothing"],
)
def test_a_body_that_is_no_request(http, path, content, words):
    assert words in sentence(post(http, path, content))


def test_a_body_that_is_not_said_to_be_json(http):
    for kind in ("text/plain", "application/x-ndjson", "application/jsonl", "text/json"):
        assert "Content-Type: application/json" in sentence(post(http, CHAT, json.dumps(GOOD), kind))
    for kind in ("application/json; charset=utf-8", "Application/JSON", "application/vnd.api+json"):
        assert post(http, CHAT, json.dumps(GOOD), kind).status_code == 200
        assert "must be a JSON object" in sentence(post(http, CHAT, "[]", kind))


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("messages", '"hi"'),
        ("messages", "{}"),
        ("messages", "[]"),
        ("messages", "[1]"),
        ("messages", '[{"role": 5, "content": "x"}]'),
        ("messages", '[{"role": "king", "content": "x"}]'),
        ("messages", '[{"role": "user", "content": 5}]'),
        ("messages", '[{"role": "user", "content": "\\ud800"}]'),
        ("messages", '[{"role": "user", "content": "x", "mood": 1}]'),
        ("messages", '[{"role": "tool", "content": "x", "tool_call_id": "y"}]'),
        ("messages", '[{"role": "user", "content": "x", "tool_call_id": "a"}]'),
        ("max_tokens", "1e400"),
        ("max_tokens", "1" + "0" * 300),
        ("max_tokens", '"5"'),
        ("max_tokens", "1.5"),
        ("max_tokens", "true"),
        ("max_tokens", "-1"),
        ("temperature", "NaN"),
        ("temperature", "Infinity"),
        ("temperature", "1e308"),
        ("seed", "1" + "0" * 30),
        ("canvas_length", "1000000000"),
        ("stop", '""'),
        ("stop", "[1]"),
        ("stop", json.dumps(["x"] * 17)),
        ("n", "100000"),
        ("model", "5"),
        ("model", '""'),
        ("tools", '[{"type": "function"}]'),
        ("tools", '[{"type": "function", "function": {"name": "a b"}}]'),
        ("tools", '[{"type": "function", "function": {"name": "f", "parameters": {"x": NaN}}}]'),
        ("tools", '[{"type": "function", "function": {"name": "f", "parameters": {"\\udfff": 1}}}]'),
        ("tools", DEEP_TOOL),
        ("\\ud800", "1"),
        ("a\\u0000b", "1"),
        ("x" * 5000, "1"),
    ],
)  # fmt: skip
def test_a_field_of_the_wrong_kind_is_named(http, field, text):
    good = {name: value for name, value in GOOD.items() if name != field}
    body = json.dumps(good)[:-1] + f', "{field}": {text}}}'
    message = sentence(post(http, CHAT, body))
    assert len(message) < 400
    if field in GOOD:
        assert field in message or "Message" in message


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"max_tokens": 0}, "max_tokens must be greater than or equal to 1."),
        ({"seed": "x"}, "seed must be a valid integer."),
        ({"messages": []}, "messages must not be empty."),
        ({"messages": [1]}, "messages.0 must be an object."),
        ({"stop": ["x"] * 17}, "stop is too long; the limit is 16."),
        ({"model": ""}, "model must not be empty."),
        ({"response_format": {}}, "response_format must have a 'type'."),
        (
            {"response_format": {"type": "x"}},
            "response_format must have one of the types 'text', 'json_object', 'json_schema'.",
        ),
        ({"a": 1, "b": 2}, "a is not a supported field; remove it. (1 more error.)"),
        ({"a": 1, "b": 2, "n": 0}, "n must be greater than or equal to 1. (2 more errors.)"),
    ],
)
def test_a_message_says_what_the_field_must_be(http, fields, message):
    assert sentence(http.post(CHAT, json={**GOOD, **fields})) == message


@pytest.mark.parametrize("arguments", ["{", "[1]", "{" * 5000, '{"a":' * 500 + "1" + "}" * 500])
def test_arguments_of_a_call_that_are_no_object(http, arguments):
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}
    messages = [{"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "c", "content": "x"}]
    assert "arguments" in sentence(http.post(CHAT, json={**GOOD, "messages": messages}))


@pytest.mark.parametrize(
    "model", ["../../etc/passwd", "/etc/passwd", "tiny/../tiny", "tiny\u0000", "C:\\x", "x" * 9999]
)
def test_a_model_name_is_a_name_and_no_path(http, model):
    for path in (CHAT, "/v1/messages"):
        message = sentence(http.post(path, json={**GOOD, "model": model}), 404)
        assert message == "The requested model does not exist; this server serves tiny."


@pytest.mark.parametrize("name", ["..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "%00", "%ff", "nosuch"])
def test_a_model_that_is_asked_for_by_path_is_not_found(http, name):
    sentence(http.get(f"/v1/models/{name}"), 404)


def test_a_prompt_of_ten_megabytes_is_too_large(http):
    body = json.dumps({**GOOD, "messages": [{"role": "user", "content": "x" * 10_000_000}]})
    assert "larger" in sentence(post(http, CHAT, body), 413)
    # Without a length in the head the limit is found while reading.
    pieces = (body[start : start + 65536].encode() for start in range(0, len(body), 65536))
    assert "larger" in sentence(post(http, "/v1/messages", pieces), 413)


def test_a_prompt_that_is_small_enough_to_read_but_not_to_take(http):
    reply = http.post(CHAT, json={**GOOD, "messages": [{"role": "user", "content": "word " * 200_000}]})
    assert "tokens > 4095 maximum" in sentence(reply)


def test_addresses_and_methods_that_are_not_there(http):
    assert sentence(http.get("/nosuch"), 404).startswith("There is no endpoint at this path;")
    sentence(http.get("/v1/messages/nosuch"), 404)
    sentence(http.get(CHAT), 405)
    sentence(http.delete("/v1/models"), 405)
    for path, meant in (
        ("/chat/completions", "/v1/chat/completions"),
        ("/v1/v1/messages", "/v1/messages"),
        ("/models/tiny", "/v1/models/ID"),
        ("/v1/health", "/health"),
        ("//v1/messages", "/v1/messages"),
        ("/v1//v1/chat/completions", "/v1/chat/completions"),
        ("//v1//models/tiny", "/v1/models/ID"),
    ):
        assert f"did you mean {meant}? The base URL" in sentence(http.post(path, json=GOOD), 404)
    assert "did you mean" not in sentence(http.post("/v1/v1/v1/messages", json=GOOD), 404)
    for path in ("//v1/messages", "/v1/v1/messages", "/messages", "/v1//messages/count_tokens", "/v1/messages/nosuch"):
        reply = http.post(path, json=GOOD)
        assert reply.json()["type"] == "error" and reply.json()["error"]["type"] == "not_found_error"
        assert reply.headers["request-id"] == reply.headers["x-request-id"]
    for path in ("//v1/chat/completions", "/v1/messagesx", "/v1/v1/responses"):
        assert "type" not in http.post(path, json=GOOD).json()
    assert http.get("/docs").status_code == http.get("/redoc").status_code == 404
