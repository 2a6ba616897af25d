"""Thinking and tool calls on the wire, as both clients read them.

No model of this size calls a tool when asked, so the engine's events are made from a text; all else is the real thing.
"""

import json
from collections.abc import Iterator

import pytest

from dgemma.api import LLM
from dgemma.config import EngineConfig
from dgemma.engine.request import Commit, Finish, Stats
from tests.server.serving import QUESTION, running

CALL = '<|tool_call>call:find{city:<|"|>Ålesund "x"<|"|>,n:3}<tool_call|>'
REPLY = f"<|channel>thought\nLook it up.\n<channel|>One moment.{CALL}{CALL}<|tool_response>"
ARGUMENTS = {"city": 'Ålesund "x"', "n": 3}
FUNCTION = {"name": "find", "parameters": {"type": "object", "properties": {}}}


class Told(Iterator):
    """The events of a reply that is known beforehand, in commits of three ids."""

    def __init__(self, ids):
        stats = Stats(
            mode="diffusion", prompt_tokens=9, new_tokens=len(ids), canvases=1, denoise_steps=2, forward_passes=2,
            first_text_ms=1.0, wall_seconds=0.1, peak_memory_mb=1.0,
        )  # fmt: skip
        commits = [Commit(token_ids=tuple(ids[at : at + 3]), entropies=(0.0,) * 3) for at in range(0, len(ids), 3)]
        self._events = iter([*commits, Finish(reason="stop", stats=stats)])

    def __next__(self):
        return next(self._events)

    def close(self, satisfied=False):
        self._events = iter(())


class Scripted(LLM):
    """A model whose every reply is REPLY."""

    def submit(self, prompt=None, *, token_ids=None, **options):
        return Told(self.tokenizer.encode(REPLY, allow_special=True))  # pyright: ignore[reportReturnType]


@pytest.fixture(scope="module")
def server(llm):
    scripted = Scripted(llm.model, EngineConfig())
    with running(scripted) as server:
        yield server
    scripted.engine.close()


@pytest.mark.parametrize(("parallel", "number"), [(True, 2), (False, 1)])
def test_chat_completions(server, parallel, number):
    fields = {"model": "tiny", "messages": QUESTION, "tools": [{"type": "function", "function": FUNCTION}]}
    create = server.openai().chat.completions.create
    choice = create(**fields, parallel_tool_calls=parallel).choices[0]
    assert choice.finish_reason == "tool_calls" and choice.message.content == "One moment."
    assert choice.message.reasoning_content == "Look it up."
    calls = choice.message.tool_calls
    assert [(call.function.name, json.loads(call.function.arguments)) for call in calls] == [
        ("find", ARGUMENTS)
    ] * number
    deltas = [chunk.choices[0].delta for chunk in create(**fields, parallel_tool_calls=parallel, stream=True)]
    assert "".join(delta.content or "" for delta in deltas) == "One moment."
    assert "".join((delta.model_extra or {}).get("reasoning_content", "") for delta in deltas) == "Look it up."
    streamed = [call for delta in deltas for call in delta.tool_calls or []]
    assert [call.index for call in streamed] == list(range(number)) and len({call.id for call in streamed}) == number
    assert all(json.loads(call.function.arguments) == ARGUMENTS for call in streamed)


def test_responses(server):
    fields = {"model": "tiny", "input": "hi", "tools": [{"type": "function", "strict": False, **FUNCTION}]}
    with server.openai().responses.stream(**fields) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    plain = server.openai().responses.create(**fields)
    for response in (final, plain):
        assert [item.type for item in response.output] == ["reasoning", "message", "function_call", "function_call"]
        assert response.output[0].content[0].text == "Look it up." and response.output_text == "One moment."
        assert json.loads(response.output[2].arguments) == ARGUMENTS
        assert response.status == "completed" and response.usage.output_tokens_details.reasoning_tokens > 0
    assert kinds.count("response.output_item.added") == kinds.count("response.output_item.done") == 4
    assert {"response.reasoning_text.delta", "response.reasoning_text.done"} <= set(kinds)
    assert kinds.count("response.function_call_arguments.done") == 2


def test_thoughts_are_summaries_too_where_they_are_asked_for(server):
    fields = {"model": "tiny", "input": "hi", "reasoning": {"effort": "low", "summary": "auto"}}
    with server.openai().responses.stream(**fields) as stream:
        events = list(stream)
        final = stream.get_final_response()
    for response in (final, server.openai().responses.create(**fields)):
        thought = response.output[0]
        assert [part.text for part in thought.summary] == [part.text for part in thought.content] == ["Look it up."]
        assert thought.summary[0].type == "summary_text" and response.reasoning.summary == "auto"
    summary = [event for event in events if event.type.startswith("response.reasoning_summary_")]
    kinds = [event.type.removeprefix("response.reasoning_summary_") for event in summary]
    assert kinds[0] == "part.added" and kinds[-2:] == ["text.done", "part.done"] and set(kinds[1:-2]) == {"text.delta"}
    assert "".join(event.delta for event in summary[1:-2]) == summary[-2].text == summary[-1].part.text == "Look it up."
    assert summary[0].part.text == "" and {event.summary_index for event in summary} == {0}
    assert {(event.item_id, event.output_index) for event in summary} == {(thought_id(events), 0)}
    # All of it between the item's beginning and its end.
    items = [place for place, event in enumerate(events) if event.type.startswith("response.output_item.")]
    assert items[0] < events.index(summary[0]) < events.index(summary[-1]) < items[1]
    assert events[items[0]].item.summary == [] and events[items[1]].item.summary[0].text == "Look it up."
    # Unasked there is none.
    assert server.openai().responses.create(model="tiny", input="hi").output[0].summary == []


def test_a_thought_is_encoded_on_request_and_comes_back(server):
    """As clients ask for it that store nothing; some of them send back nothing else of a thought."""
    create = server.openai().responses.create
    fields = {"model": "tiny", "input": "hi", "store": False, "include": ["reasoning.encrypted_content"]}
    events = list(create(**fields, stream=True))
    items = [event.item for event in events if event.type.startswith("response.output_item.")]
    streamed, response = events[-1].response, create(**fields)
    encoded = response.output[0].encrypted_content
    assert encoded and "Look" not in encoded and [item.encrypted_content for item in items[:2]] == [None, encoded]
    assert streamed.output[0].encrypted_content == encoded
    assert not hasattr(create(model="tiny", input="hi").output[0], "encrypted_content") or (
        create(model="tiny", input="hi").output[0].encrypted_content is None
    )

    def prompt_tokens(**thought):
        call = {"type": "function_call", "call_id": "c", "name": "find", "arguments": "{}"}
        result = {"type": "function_call_output", "call_id": "c", "output": "1"}
        given = [*QUESTION, {"type": "reasoning", "summary": [], **thought}, call, result]
        return server.openai().responses.input_tokens.count(model="tiny", input=given).input_tokens

    told = prompt_tokens(encrypted_content=encoded)
    assert told == prompt_tokens(content=[{"type": "reasoning_text", "text": "Look it up."}]) > prompt_tokens()
    # It goes before a summary, which another client may have shortened.
    assert told == prompt_tokens(encrypted_content=encoded, summary=[{"type": "summary_text", "text": "Look."}])
    back = [item.model_dump(exclude_none=True) for item in response.output if item.type != "function_call"]
    assert create(**{**fields, "input": [*QUESTION, *back, *QUESTION]}).output[0].encrypted_content == encoded


def thought_id(events):
    return next(event.item.id for event in events if event.type == "response.output_item.added")


def test_messages(server):
    tool = {"name": "find", "input_schema": FUNCTION["parameters"]}
    fields = {"model": "tiny", "max_tokens": 99, "messages": QUESTION, "tools": [tool]}
    with server.anthropic().messages.stream(**fields) as stream:
        final = stream.get_final_message()
    for message in (final, server.anthropic().messages.create(**fields)):
        assert [block.type for block in message.content] == ["thinking", "text", "tool_use", "tool_use"]
        assert message.content[0].thinking == "Look it up." and message.content[1].text == "One moment."
        assert message.content[2].input == ARGUMENTS and message.content[2].id != message.content[3].id
        assert message.stop_reason == "tool_use"
    # Clients drop a thought whose signature does not come.
    events = list(server.anthropic().messages.create(**fields, stream=True))
    deltas = [event.delta for event in events if event.type == "content_block_delta" and event.index == 0]
    assert [delta.type for delta in deltas[-2:]] == ["thinking_delta", "signature_delta"]
    assert deltas[-1].signature == "" and sum(event.type == "content_block_stop" for event in events) == 4
    assert not any(
        event.delta.type == "signature_delta"
        for event in events
        if event.type == "content_block_delta" and event.index > 0
    )
    # Or no thought at all.
    omitted = {**fields, "thinking": {"type": "adaptive", "display": "omitted"}}
    with server.anthropic().messages.stream(**omitted) as stream:
        final = stream.get_final_message()
    for message in (final, server.anthropic().messages.create(**omitted)):
        assert [block.type for block in message.content] == ["text", "tool_use", "tool_use"]
    single = {"type": "auto", "disable_parallel_tool_use": True}
    one = server.anthropic().messages.create(**fields, tool_choice=single)
    assert [block.type for block in one.content] == ["thinking", "text", "tool_use"]


@pytest.mark.parametrize("stop", ["moment", "One moment."])
def test_a_stop_string_leaves_the_calls_out_and_thoughts_alone(server, stop):
    fields = {"model": "tiny", "messages": QUESTION, "stop": stop}
    choice = server.openai().chat.completions.create(**fields).choices[0]
    assert choice.finish_reason == "stop" and choice.message.tool_calls is None
    assert choice.message.content == "One moment.".split(stop)[0]
    assert choice.message.reasoning_content == "Look it up."
