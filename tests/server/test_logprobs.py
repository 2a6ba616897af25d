"""Log probabilities on the wire, with the real client, and which tokens they are of."""

import math
from dataclasses import replace
from itertools import pairwise

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dgemma.decode.constrain import token_bytes
from dgemma.engine.request import TokenLogprobs
from dgemma.server.logprobs import LogprobsFormat, TextTokens
from dgemma.server.replies import IncrementalMessage
from tests.server.serving import FAST, QUESTION

CHAT = {"model": "tiny", "messages": QUESTION, "max_tokens": 24, "seed": 7, "logprobs": True, "top_logprobs": 3}
MODES = [FAST, {"mode": "autoregressive"}]
CALL = '<|tool_call>call:find{city:<|"|>Oslo<|"|>}<tool_call|>'


def written(entries):
    """The text of the entries' bytes."""
    return b"".join(bytes(entry.bytes) for entry in entries).decode()


@pytest.mark.parametrize("body", MODES)
@pytest.mark.parametrize("stop", [None, "\n"])
def test_a_chat_reply_has_them_streamed_and_not(server, body, stop):
    create = server.openai().chat.completions.create
    fields = {**CHAT, "stop": stop, "extra_body": body}
    choice = create(**fields).choices[0]
    entries = choice.logprobs.content
    assert written(entries).startswith(choice.message.content) and (stop or written(entries) == choice.message.content)
    for entry in entries:
        assert entry.logprob <= 0 and len(entry.top_logprobs) == 3
        best = entry.top_logprobs[0]
        assert bytes(entry.bytes) == bytes(best.bytes) and entry.logprob == pytest.approx(best.logprob, abs=1e-5)
        assert sum(math.exp(top.logprob) for top in entry.top_logprobs) < 1 + 1e-4
    chunks = [chunk.choices[0] for chunk in create(**fields, stream=True)]
    streamed = [entry for chunk in chunks if chunk.logprobs for entry in chunk.logprobs.content]
    assert streamed == entries
    assert all(chunk.delta.content for chunk in chunks if chunk.logprobs)


def test_without_alternatives_and_without_being_asked(server):
    create = server.openai().chat.completions.create
    fields = {**CHAT, "top_logprobs": None, "extra_body": FAST}
    entries = create(**fields).choices[0].logprobs.content
    assert entries and all(entry.top_logprobs == [] for entry in entries)
    assert create(**{**fields, "logprobs": None}).choices[0].logprobs is None


@pytest.mark.parametrize("body", MODES)
def test_a_completion_has_them_streamed_and_not(server, body):
    create = server.openai().completions.create
    fields = {"model": "tiny", "prompt": "Once upon a time", "max_tokens": 20, "seed": 3, "logprobs": 2}
    choice = create(**fields, extra_body=body).choices[0]
    told = choice.logprobs
    assert "".join(told.tokens) == choice.text
    assert all(choice.text[at:].startswith(token) for at, token in zip(told.text_offset, told.tokens, strict=True))
    assert len(told.token_logprobs) == len(told.top_logprobs) == len(told.tokens)
    for token, value, top in zip(told.tokens, told.token_logprobs, told.top_logprobs, strict=True):
        assert len(top) == 2 and top[token] == pytest.approx(value, abs=1e-5)
    parts = [chunk.choices[0].logprobs for chunk in create(**fields, extra_body=body, stream=True)]
    for name in ("tokens", "token_logprobs", "top_logprobs", "text_offset"):
        assert [item for part in parts if part for item in getattr(part, name)] == getattr(told, name)
    plain = create(**{**fields, "logprobs": 0}, extra_body=body).choices[0].logprobs
    assert plain.token_logprobs == told.token_logprobs and all(top == {} for top in plain.top_logprobs)


@pytest.mark.parametrize("body", MODES)
def test_a_response_has_them_streamed_and_not(server, body):
    create = server.openai().responses.create
    fields = {"model": "tiny", "input": "Fix: she go home.", "max_output_tokens": 24, "temperature": 0.4}
    fields |= {"include": ["message.output_text.logprobs"], "top_logprobs": 2, "extra_body": {**body, "seed": 7}}
    response = create(**fields)
    (part,) = response.output[0].content
    assert response.top_logprobs == 2
    assert written(part.logprobs) == response.output_text
    assert all(entry.logprob <= 0 and len(entry.top_logprobs) == 2 for entry in part.logprobs)
    events = list(create(**fields, stream=True))
    streamed = [entry for event in events if event.type == "response.output_text.delta" for entry in event.logprobs]
    assert [entry.logprob for entry in streamed] == [entry.logprob for entry in part.logprobs]
    (done,) = [event for event in events if event.type == "response.output_text.done"]
    assert [entry.token for entry in done.logprobs] == [entry.token for entry in part.logprobs]
    assert events[-1].response.output[0].content[0].logprobs == part.logprobs
    # What the server says can be sent back to it.
    back = [*(item.model_dump(exclude_none=True) for item in response.output), {"role": "user", "content": "Go on."}]
    assert create(**{**fields, "input": back, "max_output_tokens": 1}).usage.input_tokens > 3


def test_a_response_has_none_unless_they_are_included(server):
    create = server.openai().responses.create
    fields = {"model": "tiny", "input": "Hello", "max_output_tokens": 2}
    assert create(**fields).output[0].content[0].logprobs == []
    with pytest.raises(openai.BadRequestError) as caught:
        create(**fields, top_logprobs=2)
    assert caught.value.param == "top_logprobs" and "include" in caught.value.body["message"]


def test_a_held_reply_has_them_of_what_may_be_said(server):
    body = {**FAST, "guided_choice": ["yes", "no"]}
    choice = server.openai().chat.completions.create(**CHAT, extra_body=body).choices[0]
    first = choice.logprobs.content[0]
    assert written(choice.logprobs.content) == choice.message.content
    assert all(choice_begins(top.token) for top in first.top_logprobs)


def choice_begins(token):
    return token and ("yes".startswith(token) or "no".startswith(token))


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"logprobs": None}, "top_logprobs"),
        ({"logprobs": False, "top_logprobs": 1}, "top_logprobs"),
        ({"top_logprobs": 21}, "top_logprobs"),
        ({"top_logprobs": -1}, "top_logprobs"),
        ({"logprobs": 1}, "logprobs"),
    ],
)
def test_what_cannot_be_asked_for_is_named(server, fields, param):
    with pytest.raises(openai.BadRequestError) as caught:
        server.openai().chat.completions.create(**{**CHAT, **fields})
    assert caught.value.param == param


@given(
    thinking=st.sampled_from(["", "hm", "so\nit is"]),
    text=st.text(alphabet="ab ñ√\n😀", max_size=20).filter(str.strip),
    calls=st.integers(0, 1),
    cuts=st.lists(st.integers(0, 199)),
)
def test_the_tokens_are_those_of_the_text_wherever_the_pieces_are_cut(llm, thinking, text, calls, cuts):
    header = f"<|channel>thought\n{thinking}\n<channel|>" if thinking else ""
    text = text.lstrip("\n") if thinking else text
    ids = llm.tokenizer.encode(f"{header}{text}{CALL * calls}<turn|>x", allow_special=True)
    size_of = token_bytes(llm.tokenizer)
    tokens, incremental = TextTokens(llm.tokenizer, size_of, raw=False), IncrementalMessage(llm, llm.tokenizer, [])
    shown, given = "", []
    places = sorted({place % (len(ids) + 1) for place in cuts} | {0, len(ids)})
    for start, end in pairwise(places):
        tokens.push(ids[start:end], [TokenLogprobs(logprob=0.0, top=())] * (end - start))
        shown += incremental.push(ids[start:end]).text
        given += tokens.release(len(shown.encode()))
        assert b"".join(size_of[token.id] for token in given).lstrip(b"\n").startswith(shown.encode().lstrip(b"\n"))
    shown += incremental.finish()[0].text
    given += tokens.finish(len(shown.encode()))
    assert b"".join(size_of[token.id] for token in given).lstrip(b"\n") == text.encode().lstrip(b"\n")
    assert [token.start for token in given] == sorted(token.start for token in given)
    # Every token is told at the character that it begins in.
    for token in given:
        assert token.offset <= len(text.encode()[: token.start].decode(errors="ignore"))


def test_a_thought_that_is_the_reply_has_its_own(llm):
    ids = llm.tokenizer.encode("<|channel>thought\nOslo.<channel|><turn|>", allow_special=True)
    tokens = TextTokens(llm.tokenizer, token_bytes(llm.tokenizer), raw=False)
    tokens.push(ids, [TokenLogprobs(logprob=0.0, top=())] * len(ids))
    assert tokens.release(0) == ()
    assert llm.decode([token.id for token in tokens.finish(5)]).endswith("Oslo.")


def test_parts_of_a_character_and_special_tokens_are_told_as_such(llm):
    size_of = token_bytes(llm.tokenizer)
    part = next(index for index, text in size_of.items() if text == b"\xe2")
    end = llm.tokenizer.special_id("<turn|>")
    tokens = TextTokens(llm.tokenizer, size_of, raw=True)
    tokens.push([part], [TokenLogprobs(logprob=-1.0, top=((part, -1.0), (end, -2.0)))])
    given = tokens.finish(3)
    (entry,) = LogprobsFormat(llm.tokenizer, size_of).chat(given)["content"]
    assert entry["token"] == "bytes:\\xe2" and entry["bytes"] == [0xE2]
    assert entry["top_logprobs"][1] == {"token": "<turn|>", "logprob": -2.0, "bytes": None}
    assert LogprobsFormat(llm.tokenizer, size_of).completion([replace(given[0], offset=4)])["text_offset"] == [4]
