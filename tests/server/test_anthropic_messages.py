"""POST /v1/messages, driven by the anthropic client against a real server on the embedded model."""

import anthropic
import pytest

from tests.server.serving import FAST, QUESTION

TOOL = {"name": "find_city", "description": "Finds.", "input_schema": {"type": "object", "properties": {}}}


@pytest.fixture(scope="module")
def create(server):
    client = server.anthropic()

    def send(**fields):
        fields = {"model": "tiny", "messages": QUESTION, "max_tokens": 24, **fields}
        fields["extra_body"] = {**FAST, "seed": 7, **fields.get("extra_body", {})}
        return client.messages.create(**fields)

    return send


def test_it_says_what_the_chat_endpoint_says(create, server):
    fields = {"model": "tiny", "messages": QUESTION, "max_tokens": 24, "seed": 7, "extra_body": FAST}
    reply = server.openai().chat.completions.create(**fields)
    message = create()
    assert [block.type for block in message.content] == ["text"]
    assert message.content[0].text == reply.choices[0].message.content
    assert message.stop_reason == {"stop": "end_turn", "length": "max_tokens"}[reply.choices[0].finish_reason]
    assert message.usage.input_tokens == reply.usage.prompt_tokens
    assert message.usage.output_tokens == reply.usage.completion_tokens
    assert message.usage.model_extra["diffusion"]["seed"] == 7


def test_a_stream_has_every_event_in_order(create):
    events = list(create(stream=True))
    kinds = [event.type for event in events]
    assert kinds[:2] == ["message_start", "content_block_start"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert set(kinds[2:-3]) == {"content_block_delta"}
    plain = create()
    assert "".join(event.delta.text for event in events[2:-3]) == plain.content[0].text
    assert events[0].message.usage.input_tokens == events[-2].usage.input_tokens == plain.usage.input_tokens
    assert events[-2].usage.output_tokens == plain.usage.output_tokens
    assert events[-2].delta.stop_reason == plain.stop_reason


def test_the_clients_own_stream_helper_follows(server, create):
    fields = {"model": "tiny", "messages": QUESTION, "max_tokens": 24, "extra_body": {**FAST, "seed": 7}}
    with server.anthropic().messages.stream(**fields) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == final.content[0].text == create().content[0].text


def test_a_stop_sequence_is_told(create):
    whole = create().content[0].text
    stop = whole[len(whole) // 2 :][:3]
    message = create(stop_sequences=[stop])
    assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", stop)
    assert message.content[0].text == whole.split(stop)[0]
    assert list(create(stop_sequences=[stop], stream=True))[-2].delta.stop_sequence == stop


def test_a_conversation_with_calls_and_thoughts_is_taken(create):
    plain = create(tools=[TOOL], max_tokens=2)
    conversation = [
        {"role": "user", "content": [{"type": "text", "text": "Where?", "cache_control": {"type": "ephemeral"}}]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Look.", "signature": ""},
                {"type": "text", "text": "A moment."},
                {"type": "tool_use", "id": "toolu_1", "name": "find_city", "input": {"name": "Oslo"}},
            ],
        },
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "Norway", "is_error": False}],
        },
    ]
    system = [{"type": "text", "text": "Be brief."}]
    message = create(messages=conversation, tools=[TOOL], system=system, metadata={"user_id": "me"})
    assert message.usage.input_tokens > plain.usage.input_tokens
    # What the server says can be sent back to it.
    back = [*conversation, {"role": "assistant", "content": message.content}, *QUESTION]
    assert create(messages=back, tools=[TOOL], max_tokens=2).usage.input_tokens > message.usage.input_tokens


def result_of(content):
    """A conversation in which a tool has returned the content."""
    call = {"type": "tool_use", "id": "c", "name": "find_city", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "c", "content": content}
    return [*QUESTION, {"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]


PLAIN = {"type": "text", "media_type": "text/plain", "data": "It rains."}


def test_a_plain_text_document_in_a_result_is_its_text(create):
    def tokens(content):
        return create(messages=result_of(content), max_tokens=1).usage.input_tokens

    document = {"type": "document", "source": PLAIN}
    assert tokens([document]) == tokens("It rains.")
    full = {**document, "title": "Oslo", "context": "Today", "citations": {"enabled": False}, "cache_control": None}
    assert tokens([{"type": "text", "text": "Found:"}, full]) == tokens("Found:\nOslo\nToday\nIt rains.")


@pytest.mark.parametrize(
    ("block", "words"),
    [
        (
            {"source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}},
            "source.type is 'base64'; only documents of type 'text' can be read",
        ),
        ({"source": {"type": "url", "url": "https://a.b/c.pdf"}}, "source.type is 'url'; only documents"),
        ({"source": {**PLAIN, "media_type": "text/html"}}, "source.media_type must be 'text/plain'"),
        ({"source": {**PLAIN, "data": 5}}, "source.data must be a valid string"),
        ({"source": PLAIN, "citations": {"enabled": True}}, "citations is not supported; remove it"),
        ({}, "source is required"),
    ],
)
def test_any_other_document_in_a_result_is_told(create, block, words):
    with pytest.raises(anthropic.BadRequestError) as caught:
        create(messages=result_of([{"type": "text", "text": "Found:"}, {"type": "document", **block}]))
    assert f"messages.2.content.0.content.1.{words}" in caught.value.api_message


def test_tools_and_thinking_are_asked_for(create):
    plain = create(max_tokens=1).usage.input_tokens
    assert create(max_tokens=1, tools=[TOOL], tool_choice={"type": "auto"}).usage.input_tokens > plain
    assert create(max_tokens=1, tools=[TOOL], tool_choice={"type": "none"}).usage.input_tokens == plain
    thoughtful = create(max_tokens=1, thinking={"type": "adaptive"}).usage.input_tokens
    assert thoughtful != plain
    # A budget is a target, and one that the model does not know.
    assert create(max_tokens=1, thinking={"type": "enabled", "budget_tokens": 1024}).usage.input_tokens == thoughtful
    assert create(max_tokens=1, thinking={"type": "disabled"}).usage.input_tokens == plain


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"tool_choice": {"type": "any"}}, "tool_choice"),
        ({"tool_choice": {"type": "tool"}, "tools": [TOOL]}, "tool_choice"),
        ({"tool_choice": {"type": "tool", "name": "nosuch"}, "tools": [TOOL]}, "tool_choice"),
        ({"tool_choice": {"type": "any", "name": "find_city"}, "tools": [TOOL]}, "tool_choice.name"),
        ({"tool_choice": {"type": "all"}, "tools": [TOOL]}, "tool_choice.type"),
        ({"tools": [{"type": "web_search_20260318", "name": "web_search"}]}, "tools.0.type"),
        ({"tools": [{"type": "web_search_20260318", "name": "web_search"}]}, "'web_search_20260318'; only tools"),
        ({"tools": [{**TOOL, "defer_loading": True}]}, "tools.0.defer_loading"),
        ({"tools": [{**TOOL, "allowed_callers": ["code_execution_20250825"]}]}, "tools.0.allowed_callers"),
        ({"tools": [{**TOOL, "input_examples": [{"name": "Oslo"}]}]}, "tools.0.input_examples"),
        ({"thinking": {"type": "endless"}}, "thinking.type"),
        ({"thinking": {"type": "adaptive", "budget_tokens": 1024}}, "thinking.budget_tokens is only allowed with"),
        ({"output_config": {"effort": "some"}}, "output_config.effort"),
        ({"extra_body": {"mcp_servers": [{"type": "url"}]}}, "mcp_servers"),
        ({"service_tier": "standard"}, "service_tier"),
        ({"messages": [*QUESTION, {"role": "assistant", "content": "It"}]}, "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "system", "content": [{"type": "thinking", "thinking": "x"}]}]}, "messages.0.content"),
        ({"extra_body": {"thread": {"type": "create"}}}, "thread"),
        ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "messages.0.content.0"),
        (
            {"messages": [{"role": "assistant", "content": [{"type": "redacted_thinking", "data": "x"}]}, *QUESTION]},
            "messages.0.content.0 is of type 'redacted_thinking', which is not supported; this server cannot decrypt",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "document", "source": {}}]}]},
            "messages.0.content.0 is of type 'document', which is not supported; send the text itself",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "x" * 999}]}]},
            f"is of type '{'x' * 60}...', which is not supported; "
            "supported types are text, image, thinking, tool_use and tool_result.",
        ),
        ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages.0.content.0 must have a 'type'"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"extra_body": {"top_p": 0.5}}, "top_p"),
        ({"extra_body": {"nosuch": 1}}, "nosuch"),
    ],
)
def test_a_field_that_is_not_supported_is_named(create, fields, name):
    with pytest.raises(anthropic.BadRequestError) as caught:
        create(**fields)
    assert caught.value.type == "invalid_request_error" and name in caught.value.api_message


KEEPS = {"type": "clear_thinking_20251015", "keep": "all"}


@pytest.mark.parametrize("given", [None, {}, {"edits": []}, {"edits": [KEEPS, {**KEEPS, "keep": {"type": "all"}}]}])
def test_edits_of_the_context_that_remove_nothing_pass(create, given):
    assert create(max_tokens=4, extra_body={"context_management": given}).content == create(max_tokens=4).content


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        ({**KEEPS, "keep": {"type": "thinking_turns", "value": 2}}, "'clear_thinking_20251015'"),
        ({"type": "clear_thinking_20251015"}, "'clear_thinking_20251015'"),
        ({**KEEPS, "nosuch": 1}, "'clear_thinking_20251015'"),
        ({"type": "clear_tool_uses_20250919"}, "'clear_tool_uses_20250919'"),
        ({}, "must have a 'type'"),
    ],
)
def test_edits_of_the_context_that_do_something_are_named(create, edit, words):
    with pytest.raises(anthropic.BadRequestError) as caught:
        create(extra_body={"context_management": {"edits": [KEEPS, edit]}})
    assert "context_management.edits.1 " in caught.value.api_message and words in caught.value.api_message


def test_effort_and_hints_of_delivery_have_no_effect(create):
    plain = create(tools=[TOOL])
    for effort in ("low", "medium", "high", "xhigh", "max"):
        assert create(tools=[TOOL], output_config={"effort": effort}).content == plain.content
    hints = {"eager_input_streaming": True, "defer_loading": False, "allowed_callers": ["direct"], "input_examples": []}
    message = create(tools=[{**TOOL, **hints}], extra_body={"mcp_servers": []})
    assert (message.content, message.usage.input_tokens) == (plain.content, plain.usage.input_tokens)


def test_another_model_is_not_found(create):
    with pytest.raises(anthropic.NotFoundError) as caught:
        create(model="claude")
    assert caught.value.type == "not_found_error"


def test_the_full_context_is_told_as_such(create):
    question = [{"role": "user", "content": "1" * 4060}]
    message = create(messages=question, max_tokens=2000, extra_body={"max_denoising_steps": 1})
    room = 4096 - message.usage.input_tokens
    assert 0 < message.usage.output_tokens <= room
    full = message.usage.output_tokens == room and message.stop_reason != "end_turn"
    assert message.stop_reason == ("model_context_window_exceeded" if full else "end_turn")


def test_tokens_are_counted_as_the_reply_counts_them(create, server):
    counted = server.anthropic().messages.count_tokens(model="tiny", messages=QUESTION)
    assert counted.input_tokens == create().usage.input_tokens
    with pytest.raises(anthropic.NotFoundError):
        server.anthropic().messages.count_tokens(model="other", messages=QUESTION)


def test_a_message_of_the_system_may_come_late(create):
    late = create(messages=[*QUESTION, {"role": "system", "content": "Be brief."}], max_tokens=1)
    assert late.usage.input_tokens > create(max_tokens=1).usage.input_tokens


def test_a_history_that_ends_with_a_reply_can_be_counted(server):
    client = server.anthropic()
    answered = [*QUESTION, {"role": "assistant", "content": "1234"}]
    count = client.messages.count_tokens(model="tiny", messages=answered)
    assert count.input_tokens > client.messages.count_tokens(model="tiny", messages=QUESTION).input_tokens


def test_the_clients_tool_runner_goes_on_without_a_thread(server):
    """It asks for one of itself, and leaves that out when it is told that there is none."""
    heard = []

    @anthropic.beta_tool
    def forecast(city: str) -> str:
        """The weather.

        Args:
            city: where
        """
        heard.append(city)
        return "rain"

    runner = server.anthropic().beta.messages.tool_runner(
        model="tiny",
        max_tokens=48,
        tools=[forecast],
        max_iterations=2,
        messages=[{"role": "user", "content": "What is the weather in Oslo?"}],
        tool_choice={"type": "any"},
        extra_body={**FAST, "seed": 7},
    )
    messages = list(runner)
    assert len(messages) == 2 and heard and all(message.content for message in messages)
