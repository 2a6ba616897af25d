"""POST /v1/responses, driven by the openai client against a real server on the embedded model."""

import openai
import pytest

from dgemma.server import generation
from dgemma.server.errors import INTERNAL_ERROR
from tests.server.serving import FAST, QUESTION

TOOL = {"type": "function", "name": "find_city", "parameters": {"type": "object", "properties": {}}, "strict": False}


@pytest.fixture(scope="module")
def respond(server):
    client = server.openai()

    def create(**fields):
        fields = {"model": "tiny", "input": QUESTION[0]["content"], "max_output_tokens": 24, **fields}
        fields["extra_body"] = {**FAST, "seed": 7, **fields.get("extra_body", {})}
        return client.responses.create(**fields)

    return create


def test_it_says_what_the_chat_endpoint_says(respond, server):
    fields = {"model": "tiny", "messages": QUESTION, "max_tokens": 24, "seed": 7, "extra_body": FAST}
    reply = server.openai().chat.completions.create(**fields)
    response = respond()
    assert response.output_text == reply.choices[0].message.content
    assert response.status == ("incomplete" if reply.choices[0].finish_reason == "length" else "completed")
    assert response.usage.total_tokens == reply.usage.total_tokens
    assert response.usage.model_extra["diffusion"]["seed"] == 7


def test_a_stream_has_every_event_in_order(respond):
    events = list(respond(stream=True))
    kinds = [event.type for event in events]
    start = ["response.created", "response.in_progress", "response.output_item.added", "response.content_part.added"]
    end = ["response.output_text.done", "response.content_part.done", "response.output_item.done"]
    deltas = kinds[4:-4]
    assert kinds[:4] == start and kinds[-4:-1] == end and set(deltas) == {"response.output_text.delta"}
    assert [event.sequence_number for event in events] == list(range(len(events)))
    final, plain = events[-1].response, respond()
    assert kinds[-1] == f"response.{final.status}"
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == final.output_text == plain.output_text
    assert events[0].response.status == "in_progress" and events[0].response.output == []


def test_a_limit_that_is_reached_makes_it_incomplete(respond):
    response = respond(max_output_tokens=2)
    assert response.status == "incomplete" and response.incomplete_details.reason == "max_output_tokens"
    assert response.usage.output_tokens == 2 and response.output[0].status == "incomplete"


def test_the_clients_own_stream_helper_follows(server):
    fields = {"model": "tiny", "input": "hi", "max_output_tokens": 200, "extra_body": {**FAST, "seed": 1}}
    with server.openai().responses.stream(**fields) as stream:
        last = [event for event in stream][-1]
    assert last.response.output_text == server.openai().responses.create(**fields).output_text


def test_a_conversation_with_calls_and_thoughts_is_taken(respond):
    plain = respond(tools=[TOOL], max_output_tokens=2)
    conversation = [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Where is Oslo?"}]},
        {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]},
        {"type": "function_call", "call_id": "call_1", "name": "find_city", "arguments": '{"name": "Oslo"}'},
        {"type": "function_call_output", "call_id": "call_1", "output": "Norway"},
    ]
    response = respond(input=conversation, tools=[TOOL], instructions="Be brief.", max_output_tokens=8)
    assert response.usage.input_tokens > plain.usage.input_tokens
    assert response.tools[0].name == "find_city" and response.instructions == "Be brief."
    # What the server says can be sent back to it.
    back = [*conversation, *(item.model_dump(exclude_none=True) for item in response.output), *QUESTION]
    assert respond(input=back, tools=[TOOL], max_output_tokens=2).usage.input_tokens > response.usage.input_tokens


def test_metadata_is_repeated(respond):
    assert respond(metadata={"job": "1"}, max_output_tokens=1, store=False).metadata == {"job": "1"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("previous_response_id", "resp_1"),
        ("conversation", "conv_1"),
        ("store", True),
        ("background", True),
        ("include", ["file_search_call.results"]),
        ("context_management", [{"type": "compaction"}]),
        ("include", ["message.output_text.logprobs", 3]),
        ("truncation", "auto"),
        ("top_logprobs", 2),
        ("tool_choice", "required"),
        ("max_tool_calls", 1),
        ("nosuch", 1),
    ],
)
def test_a_field_that_is_not_supported_is_named(respond, field, value):
    with pytest.raises(openai.BadRequestError) as caught:
        respond(extra_body={field: value})
    assert caught.value.param == field and field in caught.value.body["message"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input.0"),
        ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input.0.content.0.type"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input.0.content.0.image_url"),
        ({"tools": [{"type": "web_search"}]}, "tools.0.type"),
        ({"tools": [{**TOOL, "strict": "yes"}]}, "tools.0.strict"),
        ({"tools": [TOOL], "tool_choice": {"type": "function", "name": "nosuch"}}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "web_search"}}, "tool_choice"),
        ({"reasoning": {"effort": "some"}}, "reasoning.effort"),
        ({"reasoning": {"summary": "long"}}, "reasoning.summary"),
        ({"tools": [{**TOOL, "defer_loading": True}]}, "tools.0.defer_loading"),
        ({"include": ["reasoning.encrypted_content"], "extra_body": {"top_logprobs": 2}}, "top_logprobs"),
        ({"text": {"format": {"type": "grammar"}}}, "text.format"),
        ({"temperature": -1}, "temperature"),
        ({"input": []}, "input"),
    ],
)
def test_a_place_inside_a_field_is_named(respond, fields, param):
    with pytest.raises(openai.BadRequestError) as caught:
        respond(**fields)
    assert caught.value.param == param and param in caught.value.body["message"]


def test_tokens_are_counted_as_the_reply_counts_them(respond, server):
    count = server.openai().responses.input_tokens.count(model="tiny", input=QUESTION[0]["content"])
    assert count.object == "response.input_tokens"
    assert count.input_tokens == respond().usage.input_tokens
    # It is the same for every model that is served, so none has to be named.
    for fields in ({}, {"model": None}):
        assert server.openai().responses.input_tokens.count(input=QUESTION[0]["content"], **fields) == count
    with pytest.raises(openai.NotFoundError):
        server.openai().responses.input_tokens.count(model="nosuch", input="hi")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"tools": [TOOL, {"type": "web_search"}]}, "tools.1.type is 'web_search'; only function tools"),
        (
            {"tools": [{"type": "namespace", "name": "x", "tools": [TOOL]}]},
            "tools.0.type is 'namespace'; only function tools",
        ),
        (
            {"input": [{"type": "item_reference", "id": "x"}]},
            "input.0 is of type 'item_reference', which is not supported; "
            "this server stores nothing, so send the item itself.",
        ),
        (
            {"input": [{"type": "computer_call"}]},
            "is of type 'computer_call', which is not supported; "
            "supported types are message, reasoning, function_call and function_call_output.",
        ),
        (
            {"input": [{"type": "message", "role": "user", "content": [{"type": "refusal", "refusal": "No."}]}]},
            "input.0.content.0.type is 'refusal'; only text is supported, and images in user messages",
        ),
        ({"input": [{"type": 5}]}, "input.0 must have a 'type'"),
        ({"input": ["hi"]}, "input.0 must be an object"),
        (
            {"input": [{"type": "reasoning", "summary": [], "encrypted_content": "x"}]},
            "input.0.encrypted_content was not made by this server",
        ),
        (
            {"input": [{"type": "reasoning", "summary": [], "encrypted_content": "dgemma:///8="}]},
            "input.0.encrypted_content was not made by this server",
        ),
    ],
)
def test_a_type_that_is_not_taken_is_named(respond, fields, words):
    with pytest.raises(openai.BadRequestError) as caught:
        respond(**fields)
    assert words in caught.value.body["message"]


def test_what_changes_nothing_passes(respond):
    include = ["reasoning.encrypted_content"]
    extra = {"client_metadata": {"x": "y"}, "service_tier": "flex"}
    hints = {"stream_options": {"include_obfuscation": True}, "text": {"verbosity": "low"}}
    tools = [{**TOOL, "defer_loading": False, "allowed_callers": ["direct"]}]
    response = respond(include=include, tools=tools, extra_body={**extra, **hints})
    plain = respond(tools=[TOOL])
    assert response.output_text == plain.output_text
    assert response.usage.input_tokens == plain.usage.input_tokens and response.tools == plain.tools
    assert not response.output[0].content[0].logprobs
    both = [*include, "message.output_text.logprobs"]
    assert respond(include=both).output[0].content[0].logprobs


def test_thinking_is_asked_for_by_the_effort(respond):
    def prompt_tokens(**reasoning):
        response = respond(reasoning=reasoning, max_output_tokens=1)
        assert response.reasoning.effort == reasoning.get("effort")
        assert response.reasoning.summary == reasoning.get("summary")
        return response.usage.input_tokens

    plain = prompt_tokens()
    assert {prompt_tokens(effort=effort) for effort in ("none", "minimal")} == {plain}
    thinking = {prompt_tokens(effort=effort) for effort in ("low", "medium", "high", "xhigh", "max")}
    assert len(thinking) == 1 and thinking != {plain}
    assert {prompt_tokens(summary=summary) for summary in ("auto", "concise", "detailed")} == {plain}


def test_a_thought_comes_back_by_its_content_or_its_summary(respond):
    def prompt_tokens(**thought):
        call = {"type": "function_call", "call_id": "call_1", "name": "find_city", "arguments": "{}"}
        result = {"type": "function_call_output", "call_id": "call_1", "output": "Norway"}
        given = [*QUESTION, {"type": "reasoning", "id": "rs_1", **thought}, call, result]
        return respond(input=given, tools=[TOOL], max_output_tokens=1).usage.input_tokens

    summary = [{"type": "summary_text", "text": "Look it up."}]
    content = [{"type": "reasoning_text", "text": "Look it up."}]
    told = prompt_tokens(summary=summary, encrypted_content=None)
    assert told == prompt_tokens(summary=[], content=content) == prompt_tokens(summary=summary, content=content)
    assert told > prompt_tokens(summary=[])


def test_a_refusal_in_an_earlier_reply_is_text(respond):
    def prompt_tokens(part):
        reply = {"type": "message", "role": "assistant", "content": [part]}
        return respond(input=[*QUESTION, reply, *QUESTION], max_output_tokens=1).usage.input_tokens

    told = prompt_tokens({"type": "refusal", "refusal": "No."})
    assert told == prompt_tokens({"type": "output_text", "text": "No."})


def test_a_stream_that_fails_late_ends_with_a_response_that_failed(respond, server, monkeypatch):
    def fail(self, event):
        raise RuntimeError("/home/somebody")

    monkeypatch.setattr(generation._Reply, "_end", fail)
    events = list(respond(stream=True))
    error, last = events[-2:]
    assert [event.type for event in events[:2]] == ["response.created", "response.in_progress"]
    assert (error.type, error.message) == ("error", INTERNAL_ERROR)
    assert last.type == "response.failed" and last.response.status == "failed" and last.response.usage is None
    assert (last.response.error.code, last.response.error.message) == ("server_error", INTERNAL_ERROR)
    assert [event.sequence_number for event in events] == list(range(len(events)))
    said = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert last.response.output_text == said and all(item.status != "in_progress" for item in last.response.output)
