"""POST /v1/edit against a real server on the embedded model, and the places that it says have changed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dgemma.decode.constrain import token_bytes
from dgemma.server.edit import changes

TEXT = "She go to the the market yestreday. Größe 5 ist zu klein 😀."
BODY = {"model": "tiny", "input": TEXT, "seed": 1, "max_denoising_steps": 4}


@pytest.fixture(scope="module")
def http(server):
    return server.http()


def edit(http, **fields):
    body = {**BODY, **fields}
    if "instruction" in fields:
        del body["max_denoising_steps"]
    reply = http.post("/v1/edit", json=body)
    assert reply.status_code == 200, reply.text
    return reply.json()


def undone(text, places):
    """The text with what stood there before at each place."""
    for place in reversed(places):
        assert text[place["start"] : place["end"]] == place["after"]
        text = text[: place["start"]] + place["before"] + text[place["end"] :]
    return text


@pytest.mark.parametrize("fields", [{}, {"instruction": "Fix the mistakes"}, {"strength": 0.05}, {"canvas_length": 8}])
def test_what_changed_is_told_and_the_rest_is_as_it_was(http, llm, fields):
    reply = edit(http, **fields)
    assert undone(reply["text"], reply["changes"]) == TEXT
    steps = {} if "instruction" in fields else {"max_denoising_steps": 4}
    expected = llm.edit(TEXT, seed=1, **steps, **fields)
    assert reply["text"] == expected.text and reply["usage"]["completion_tokens"] == expected.stats.new_tokens
    assert reply["object"] == "edit" and reply["finish_reason"] == "stop"
    assert edit(http, **fields)["text"] == reply["text"]


def test_words_that_come_and_go_are_told_too(http):
    broken = "She go to the the market yestreday."
    reply = edit(http, input=broken, instruction="Fix the mistakes", strength=1)
    assert reply["changes"] and undone(reply["text"], reply["changes"]) == broken


def test_a_strength_of_zero_touches_nothing(http):
    reply = edit(http, strength=0)
    assert reply["text"] == TEXT and reply["changes"] == []


def events(reply):
    frames = reply.text.strip().split("\n\n")
    assert frames[-1] == "data: [DONE]"
    for frame in frames[:-1]:
        name, data = frame.split("data: ", 1)
        yield name.strip(), json.loads(data)


def test_a_stream_has_drafts_the_text_and_the_changes(http):
    plain = edit(http, canvas_length=8)
    options = {"stream": True, "diffusing": True, "stream_options": {"include_usage": True}, "canvas_length": 8}
    found = list(events(http.post("/v1/edit", json={**BODY, **options})))
    drafts = [data["diffusion"] for name, data in found if name == "event: diffusion.draft"]
    assert drafts and all(draft["text"] for draft in drafts) and drafts[0]["text"].endswith("klein 😀.")
    assert "".join(data["text"] for _, data in found) == plain["text"]
    assert found[-1][1]["changes"] == plain["changes"] and found[-1][1]["finish_reason"] == "stop"
    assert found[-1][1]["usage"]["completion_tokens"] == plain["usage"]["completion_tokens"]
    quiet = list(events(http.post("/v1/edit", json={**BODY, "stream": True})))
    assert all(name == "" for name, _ in quiet) and "usage" not in quiet[-1][1]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": ""}, "input"),
        ({"input": 5}, "input"),
        ({"input": None}, "input"),
        ({"instruction": ""}, "instruction"),
        ({"strength": 1.5}, "strength"),
        ({"strength": -0.1}, "strength"),
        ({"strength": "strong"}, "strength"),
        ({"mode": "autoregressive"}, "mode"),
        ({"diffusing": True}, "diffusing"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"canvas_length": 0}, "canvas_length"),
        ({"max_tokens": 5}, "max_tokens"),
        ({"instruction": "Fix", "temperature": 1.0}, "temperature"),
        ({"nosuch": 1}, "nosuch"),
    ],
)
def test_a_field_that_cannot_be_served_is_named(http, fields, param):
    reply = http.post("/v1/edit", json={**BODY, **fields})
    assert reply.status_code == 400 and reply.json()["error"]["param"] == param
    assert param in reply.json()["error"]["message"]


def test_a_text_beyond_the_context_and_another_model_are_refused(http):
    long = http.post("/v1/edit", json={**BODY, "input": "word " * 9000})
    assert long.status_code == 400 and "tokens > 4095 maximum" in long.json()["error"]["message"]
    assert http.post("/v1/edit", json={**BODY, "model": "gpt"}).status_code == 404


@given(data=st.data(), text=st.text(alphabet="ab é√😀\n", min_size=1, max_size=20))
def test_undoing_the_changes_gives_the_text_that_was(llm, data, text):
    written = token_bytes(llm.tokenizer)
    before = llm.tokenizer.encode(text)
    whole = [index for index, piece in written.items() if piece.isascii()]
    after = [data.draw(st.sampled_from([token, token, whole[0], whole[-1]])) for token in before]
    new = b"".join(written[token] for token in after)
    places = changes(before, after, written)
    assert undone(new.decode(errors="replace"), places) == text or "\ufffd" in new.decode(errors="replace")
    assert bool(places) == (before != after)
