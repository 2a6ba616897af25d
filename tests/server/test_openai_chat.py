"""POST /v1/chat/completions, driven by the openai client against a real server on the embedded model."""

import json

import openai
import pytest

from tests.server.serving import FAST, QUESTION

TOOL = {
    "type": "function",
    "function": {
        "name": "find_city",
        "description": "Finds a city.",
        "parameters": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
    },
}


@pytest.fixture(scope="module")
def chat(server):
    client = server.openai()

    def create(**fields):
        fields = {"model": "tiny", "messages": QUESTION, "max_tokens": 24, "seed": 7, **fields}
        fields["extra_body"] = {**FAST, **fields.get("extra_body", {})}
        return client.chat.completions.create(**fields)

    return create


def streamed(chunks):
    """The chunks of a stream -> text, finish reason and usage per index."""
    chunks = list(chunks)
    texts, reasons = {}, {}
    for chunk in chunks:
        for choice in chunk.choices:
            texts[choice.index] = texts.get(choice.index, "") + (choice.delta.content or "")
            reasons[choice.index] = choice.finish_reason or reasons.get(choice.index)
    assert len({chunk.id for chunk in chunks}) == 1
    return texts, reasons, chunks


def test_a_stream_is_the_reply_and_a_seed_repeats_it(chat):
    reply, again = chat(), chat()
    choice = reply.choices[0]
    assert choice.message.role == "assistant" and choice.message.content
    assert again.choices[0].message.content == choice.message.content
    texts, reasons, chunks = streamed(chat(stream=True, stream_options={"include_usage": True}))
    assert texts == {0: choice.message.content} and reasons == {0: choice.finish_reason}
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens == reply.usage.completion_tokens
    assert all("usage" in chunk.model_fields_set and chunk.usage is None for chunk in chunks[:-1])
    assert all("usage" not in chunk.model_fields_set for chunk in chat(stream=True))


def test_usage_adds_up_and_tells_of_denoising(chat):
    usage = chat().usage
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    diffusion = usage.model_extra["diffusion"]
    assert diffusion["mode"] == "diffusion" and diffusion["seed"] == 7
    assert 1 <= diffusion["canvases"] <= diffusion["denoise_steps"] <= 3 * diffusion["canvases"]
    per_forward = usage.completion_tokens / diffusion["forward_passes"]
    assert diffusion["tokens_per_forward"] == pytest.approx(per_forward, abs=1e-3)


def test_the_seed_that_was_drawn_is_told_and_repeats_the_reply(chat):
    reply = chat(seed=None)
    seed = reply.usage.model_extra["diffusion"]["seed"]
    assert chat(seed=seed).choices[0].message.content == reply.choices[0].message.content


@pytest.mark.parametrize("mode", ["diffusion", "autoregressive"])
@pytest.mark.parametrize("limit", [1, 5])
def test_the_limit_is_exact_and_the_reason_true(chat, server, mode, limit):
    body = {"mode": mode, "canvas_length": None, "max_denoising_steps": None if mode == "autoregressive" else 2}
    reply = chat(max_tokens=None, max_completion_tokens=limit, extra_body=body)
    choice = reply.choices[0]
    assert reply.usage.completion_tokens <= limit
    assert choice.finish_reason == ("stop" if reply.usage.completion_tokens < limit else choice.finish_reason)
    assert (choice.finish_reason == "length") <= (reply.usage.completion_tokens == limit)
    assert reply.usage.model_extra["diffusion"]["mode"] == mode


def test_choices_have_seeds_that_follow_each_other(chat):
    several, next_one = chat(n=2), chat(seed=8)
    contents = [choice.message.content for choice in several.choices]
    assert [choice.index for choice in several.choices] == [0, 1]
    assert contents == [chat().choices[0].message.content, next_one.choices[0].message.content]
    assert several.usage.prompt_tokens == next_one.usage.prompt_tokens
    assert several.usage.completion_tokens == chat().usage.completion_tokens + next_one.usage.completion_tokens
    texts, reasons, _ = streamed(chat(n=2, stream=True))
    assert [texts[0], texts[1]] == contents and None not in reasons.values()


@pytest.mark.parametrize("place", [0, 3, 9])
def test_a_stop_string_is_respected_across_canvases(chat, place):
    borders = {"canvas_length": 2, "max_denoising_steps": 1}
    whole = chat(extra_body=borders).choices[0].message.content
    stop = whole[min(place, len(whole) - 1) :][:4]
    reply = chat(stop=[stop, "never said"], extra_body=borders)
    assert reply.choices[0].message.content == whole.split(stop)[0]
    assert reply.choices[0].finish_reason == "stop"
    texts, reasons, _ = streamed(chat(stop=stop, stream=True, extra_body=borders))
    assert texts[0] == whole.split(stop)[0] and reasons == {0: "stop"}
    # What was generated and not shown counts, as it was work; more than the limit it never is.
    assert 1 <= reply.usage.completion_tokens <= 24


def test_drafts_are_on_request_and_change_nothing(chat):
    plain = chat().choices[0].message.content
    texts, _, chunks = streamed(chat(stream=True, extra_body={"diffusing": True}))
    assert texts == {0: plain}
    drafts = [chunk.model_extra["diffusion"] for chunk in chunks if "diffusion" in chunk.model_extra]
    assert drafts and drafts[-1]["text"] == plain
    for draft in drafts:
        sizes = {len(draft[name]) for name in ("tokens", "entropies", "accepted")}
        assert sizes == {16} and draft["step"] >= 1
    _, _, without = streamed(chat(stream=True))
    assert not any("diffusion" in chunk.model_extra for chunk in without)


def test_drafts_are_events_of_their_own_name(server):
    body = {"model": "tiny", "messages": QUESTION, "stream": True, "diffusing": True, "max_tokens": 8, **FAST}
    reply = server.http().post("/v1/chat/completions", json=body)
    assert reply.headers["content-type"].startswith("text/event-stream")
    frames = reply.text.strip().split("\n\n")
    named = [frame for frame in frames if frame.startswith("event: diffusion.draft\ndata: ")]
    assert named and frames[-1] == "data: [DONE]"
    assert all(frame.startswith("data: ") for frame in frames if frame not in named)
    assert all(json.loads(frame.split("data: ", 1)[1])["choices"][0]["delta"] == {} for frame in named)


def test_tools_are_declared_and_their_results_taken(chat):
    with_tool = chat(tools=[TOOL], tool_choice="auto", parallel_tool_calls=False)
    assert with_tool.usage.prompt_tokens > chat().usage.prompt_tokens
    assert chat(tools=[TOOL], tool_choice="none").usage.prompt_tokens == chat().usage.prompt_tokens
    call = {"id": "call_1", "type": "function", "function": {"name": "find_city", "arguments": '{"name": "Oslo"}'}}
    conversation = [
        *QUESTION,
        {"role": "assistant", "content": None, "tool_calls": [call], "reasoning_content": "Look it up."},
        {"role": "tool", "tool_call_id": "call_1", "content": "Norway"},
    ]
    reply = chat(messages=conversation, tools=[TOOL])
    assert reply.usage.prompt_tokens > with_tool.usage.prompt_tokens
    # What the server says can be sent back to it.
    message = reply.choices[0].message
    followed = chat(messages=[*conversation, message, *QUESTION], tools=[TOOL], max_tokens=2)
    assert followed.usage.prompt_tokens > reply.usage.prompt_tokens


def test_thinking_is_asked_for_by_the_effort(chat):
    plain, thinking = chat(max_tokens=1), chat(max_tokens=1, reasoning_effort="medium")
    assert thinking.usage.prompt_tokens != plain.usage.prompt_tokens
    assert chat(max_tokens=1, reasoning_effort="none").usage.prompt_tokens == plain.usage.prompt_tokens


def test_content_in_parts_is_content(chat):
    parts = [{"type": "text", "text": QUESTION[0]["content"]}]
    assert chat(messages=[{"role": "user", "content": parts}]).choices == chat().choices


def test_fields_that_change_nothing_pass(chat):
    neutral = {"frequency_penalty": 0, "presence_penalty": 0.0, "logit_bias": {}, "logprobs": False, "n": 1}
    more = {"top_p": 1, "user": "me", "metadata": {"a": "b"}, "store": False, "service_tier": "auto"}
    assert chat(**neutral, **more, response_format={"type": "text"}).choices == chat().choices


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("logprobs", 3),
        ("top_logprobs", 3),
        ("frequency_penalty", 0.5),
        ("presence_penalty", -1),
        ("logit_bias", {"5": 1}),
        ("top_p", 0.5),
        ("service_tier", "flex"),
        ("store", True),
        ("tool_choice", "required"),
        ("tool_choice", "always"),
        ("tool_choice", {"type": "function", "function": {"name": "find_city"}}),
        ("tool_choice", {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}}),
        ("reasoning_effort", "high"),
        ("stream_options", {"include_usage": True}),
        ("functions", [{"name": "f"}]),
        ("audio", {"voice": "x", "format": "mp3"}),
        ("web_search_options", {}),
        ("prediction", {"type": "content", "content": "x"}),
        ("verbosity", "low"),
        ("diffusing", True),
        ("nosuch", 1),
        ("n", 17),
        ("n", 0),
        ("temperature", 3),
        ("max_completion_tokens", 3),
    ],
)
def test_a_field_that_is_not_supported_is_named(chat, field, value):
    with pytest.raises(openai.BadRequestError) as caught:
        chat(extra_body={field: value})
    assert caught.value.param == field and field in caught.value.body["message"]
    assert caught.value.type == "invalid_request_error"


@pytest.mark.parametrize(
    ("part", "place"),
    [
        ({"type": "text", "text": "x", "foo": 1}, "foo"),
        ({"text": "x"}, "type"),
        ({"type": "input_text", "text": "x"}, "type"),
        ({"type": "text", "text": 5}, "text"),
        ({"type": "text"}, "text"),
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "foo": 1}}, "image_url.foo"),
    ],
)
def test_what_is_wrong_in_a_part_is_named(chat, part, place):
    with pytest.raises(openai.BadRequestError) as caught:
        chat(messages=[{"role": "user", "content": [part]}])
    assert caught.value.param == f"messages.0.content.0.{place}"


def test_a_place_inside_a_message_is_named(chat):
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    with pytest.raises(openai.BadRequestError, match="text only") as caught:
        chat(messages=[*QUESTION, {"role": "user", "content": [image]}])
    assert caught.value.param == "messages.1.content.0.type"


def test_a_prompt_beyond_the_limit_is_refused(chat):
    with pytest.raises(openai.BadRequestError, match="at most 4095"):
        chat(messages=[{"role": "user", "content": "1 2 3 " * 5000}])


def test_another_model_is_not_found(chat):
    with pytest.raises(openai.NotFoundError, match="this server has tiny"):
        chat(model="gpt-4o")


def test_the_clients_own_stream_helper_follows(server):
    fields = {"model": "tiny", "messages": QUESTION, "max_tokens": 12, "seed": 1, "extra_body": FAST}
    with server.openai().chat.completions.stream(**fields) as stream:
        kinds = {event.type for event in stream}
        final = stream.current_completion_snapshot
    assert "content.done" in kinds
    plain = server.openai().chat.completions.create(**fields)
    assert final.choices[0].message.content == plain.choices[0].message.content
