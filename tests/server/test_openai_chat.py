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
    def prompt_tokens(**fields):
        return chat(max_tokens=1, **fields).usage.prompt_tokens

    plain, thinking = prompt_tokens(), prompt_tokens(reasoning_effort="medium")
    assert thinking != plain
    assert {prompt_tokens(reasoning_effort=effort) for effort in ("none", "minimal")} == {plain}
    assert {prompt_tokens(reasoning_effort=effort) for effort in ("low", "high", "xhigh", "max")} == {thinking}


def test_thinking_is_asked_for_by_the_templates_switch(chat):
    def prompt_tokens(switch, **fields):
        body = {"chat_template_kwargs": switch}
        return chat(max_tokens=1, extra_body=body, **fields).usage.prompt_tokens

    plain = chat(max_tokens=1).usage.prompt_tokens
    assert {prompt_tokens(switch) for switch in (None, {}, {"enable_thinking": False})} == {plain}
    assert prompt_tokens({"enable_thinking": True}) == prompt_tokens({}, reasoning_effort="low") != plain
    assert prompt_tokens({"enable_thinking": True}, reasoning_effort="high") != plain
    for switch, told in (
        ({"enable_thinking": True, "tools": []}, "chat_template_kwargs.tools is not a supported field"),
        ({"enable_thinking": "yes"}, "chat_template_kwargs.enable_thinking"),
        ({"enable_thinking": True}, "chat_template_kwargs contradicts reasoning_effort"),
    ):
        with pytest.raises(openai.BadRequestError, match=told):
            prompt_tokens(switch, reasoning_effort="none")
    with pytest.raises(openai.BadRequestError, match="cannot be combined with chat_template_kwargs"):
        prompt_tokens({"enable_thinking": True}, response_format={"type": "json_object"})


def test_content_in_parts_is_content(chat):
    parts = [{"type": "text", "text": QUESTION[0]["content"]}]
    assert chat(messages=[{"role": "user", "content": parts}]).choices == chat().choices


def test_fields_that_change_nothing_pass(chat):
    neutral = {"frequency_penalty": 0, "presence_penalty": 0.0, "logit_bias": {}, "logprobs": False, "n": 1}
    more = {"top_p": 1, "user": "me", "metadata": {"a": "b"}, "store": False, "service_tier": "auto"}
    assert chat(**neutral, **more, response_format={"type": "text"}).choices == chat().choices


def test_neutral_values_of_other_servers_fields_pass(chat, server):
    neutral = {"top_k": -1, "min_p": 0, "repetition_penalty": 1.0, "ignore_eos": False, "skip_special_tokens": True}
    hints = {"verbosity": "low", "service_tier": "flex"}
    assert chat(extra_body={**neutral, **hints}).choices == chat().choices
    greedy = {"mode": "autoregressive", "canvas_length": None, "max_denoising_steps": None}
    assert chat(extra_body={**greedy, "top_k": -1}).choices == chat(extra_body=greedy).choices
    options = {"include_usage": False, "include_obfuscation": True, "continuous_usage_stats": False}
    assert streamed(chat(stream=True, stream_options=options))[0] == {0: chat().choices[0].message.content}
    client, body = server.openai(), {**FAST, "seed": 1, "min_p": 0.0, "metadata": None}
    texts = [
        client.completions.create(model="tiny", prompt="a", max_tokens=4, extra_body=more).choices[0].text
        for more in (body, {**FAST, "seed": 1})
    ]
    assert texts[0] == texts[1]


def test_messages_come_back_as_other_clients_keep_them(chat):
    call = {"id": "call_1", "type": "function", "function": {"name": "find_city", "arguments": "{}"}}
    kept = {"provider_specific_fields": None, "thinking_blocks": [], "reasoning_details": [], "cache_control": {}}

    def prompt_tokens(tool, call, kept):
        said = [
            {"role": "assistant", "content": None, "tool_calls": [call], **kept},
            {"role": "tool", "tool_call_id": "call_1", "content": "Norway"},
        ]
        return chat(messages=[*QUESTION, *said], tools=[tool], max_tokens=1).usage.prompt_tokens

    cached = {**TOOL, "cache_control": {}, "function": {**TOOL["function"], "cache_control": {"type": "ephemeral"}}}
    told = prompt_tokens(cached, {**call, "extra_content": None}, kept)
    assert told == prompt_tokens(TOOL, call, {})
    for name in ("provider_specific_fields", "thinking_blocks", "reasoning_details"):
        with pytest.raises(openai.BadRequestError, match=f"messages.1.{name}"):
            prompt_tokens(TOOL, call, {name: [{"type": "thinking"}]})
    with pytest.raises(openai.BadRequestError, match=r"messages.1.tool_calls.0.extra_content"):
        prompt_tokens(TOOL, {**call, "extra_content": {"google": {}}}, {})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("logprobs", 3),
        ("top_logprobs", 3),
        ("frequency_penalty", 0.5),
        ("presence_penalty", -1),
        ("logit_bias", {"5": 1}),
        ("top_p", 0.5),
        ("min_p", 0.1),
        ("repetition_penalty", 1.1),
        ("ignore_eos", True),
        ("skip_special_tokens", False),
        ("top_k", -2),
        ("store", True),
        ("tool_choice", "required"),
        ("tool_choice", "always"),
        ("tool_choice", {"type": "function", "function": {"name": "find_city"}}),
        ("tool_choice", {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}}),
        ("reasoning_effort", "some"),
        ("stream_options", {"include_usage": True}),
        ("functions", [{"name": "f"}]),
        ("audio", {"voice": "x", "format": "mp3"}),
        ("web_search_options", {}),
        ("prediction", {"type": "content", "content": "x"}),
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


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"messages": [{"role": "user", "content": [{"type": "refusal", "refusal": "No."}]}]},
            "messages.0.content.0.type is 'refusal'; only text is supported, and images in user messages.",
        ),
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools.0.type is 'custom'; only function tools"),
        ({"tools": [{"type": "\ud800" + "x" * 99, "function": {"name": "x"}}]}, r"tools.0.type is '\ud800xxx"),
    ],
)
def test_a_type_that_is_not_taken_is_named(server, fields, words):
    body = json.dumps({"model": "tiny", "messages": QUESTION, **fields})
    reply = server.http().post("/v1/chat/completions", content=body, headers={"content-type": "application/json"})
    assert reply.status_code == 400 and words in reply.json()["error"]["message"]
    assert len(reply.json()["error"]["message"]) < 200


def test_a_place_inside_a_message_is_named(chat):
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    with pytest.raises(openai.BadRequestError, match="text only") as caught:
        chat(messages=[*QUESTION, {"role": "user", "content": [image]}])
    assert caught.value.param == "messages.1.content.0.type"


def test_a_prompt_beyond_the_limit_is_refused(chat):
    with pytest.raises(openai.BadRequestError, match="tokens > 4095 maximum"):
        chat(messages=[{"role": "user", "content": "1 2 3 " * 5000}])


def test_another_model_is_not_found(chat):
    with pytest.raises(openai.NotFoundError, match="this server serves tiny"):
        chat(model="gpt-4o")


def test_the_clients_own_stream_helper_follows(server):
    fields = {"model": "tiny", "messages": QUESTION, "max_tokens": 12, "seed": 1, "extra_body": FAST}
    with server.openai().chat.completions.stream(**fields) as stream:
        kinds = {event.type for event in stream}
        final = stream.current_completion_snapshot
    assert "content.done" in kinds
    plain = server.openai().chat.completions.create(**fields)
    assert final.choices[0].message.content == plain.choices[0].message.content
