"""Images over HTTP, as OpenAI's and Anthropic's clients send them: three shapes, one prompt, and nothing fetched."""

import base64
import io

import anthropic
import openai
import pytest

from dgemma.api import LLM
from dgemma.config import EngineConfig
from dgemma.server.config import ServerConfig
from tests.images import image_model, picture
from tests.server.serving import running


def encoded(image) -> str:
    file = io.BytesIO()
    image.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


RED, BLUE = encoded(picture("red")), encoded(picture("blue"))


def url(data: str) -> str:
    return f"data:image/png;base64,{data}"


@pytest.fixture(scope="module")
def seeing():
    llm = LLM(image_model(), EngineConfig(device="cpu", dtype="float32"))
    with running(llm, ServerConfig(model_name="seeing")) as server:
        yield server
    llm.engine.close()


@pytest.fixture(scope="module")
def clients(seeing):
    return seeing.openai(), seeing.anthropic()


def chat(client, *parts, **options):
    return client.chat.completions.create(
        model="seeing", messages=[{"role": "user", "content": list(parts)}], max_tokens=12, seed=3, **options
    )


SAY = {"type": "text", "text": "Say it."}
SAYS = [{"role": "user", "content": "Say it."}]


def test_three_protocols_show_the_same_image(clients):
    ours, theirs = clients
    image = {"type": "image_url", "image_url": {"url": url(RED)}}
    first = chat(ours, SAY, image)
    assert first.usage.prompt_tokens > 200
    second = ours.responses.create(
        model="seeing",
        input=[
            {
                "role": "user",
                "content": [{"type": "input_text", "text": "Say it."}, {"type": "input_image", "image_url": url(RED)}],
            }
        ],
        max_output_tokens=12,
        extra_body={"seed": 3},
    )
    source = {"type": "base64", "media_type": "image/png", "data": RED}
    blocks = [{"type": "image", "source": source}, SAY]
    third = theirs.messages.create(
        model="seeing", messages=[{"role": "user", "content": blocks}], max_tokens=12, extra_body={"seed": 3}
    )
    assert (
        first.choices[0].message.content
        == second.output_text
        == "".join(getattr(block, "text", "") for block in third.content)
    )
    assert first.usage.prompt_tokens == second.usage.input_tokens == third.usage.input_tokens
    counted = theirs.messages.count_tokens(model="seeing", messages=[{"role": "user", "content": blocks}])
    assert counted.input_tokens == first.usage.prompt_tokens
    streamed = "".join(
        chunk.choices[0].delta.content or "" for chunk in chat(ours, SAY, image, stream=True) if chunk.choices
    )
    assert streamed == first.choices[0].message.content
    other = chat(ours, SAY, {"type": "image_url", "image_url": {"url": url(BLUE)}})
    assert other.choices[0].message.content != streamed


def test_detail_is_how_much_of_the_context_an_image_takes(clients):
    counts = {
        detail: chat(
            clients[0], SAY, {"type": "image_url", "image_url": {"url": url(RED), "detail": detail}}
        ).usage.prompt_tokens
        for detail in ("low", "auto", "high")
    }
    assert counts["low"] < 100 < counts["auto"] < 320 < counts["high"]


def test_an_image_that_was_read_is_not_read_again(clients):
    image = {"type": "image_url", "image_url": {"url": url(encoded(picture("green")))}}
    chat(clients[0], image, SAY)
    details = chat(clients[0], image, SAY).usage.prompt_tokens_details
    assert details.cached_tokens > 200


@pytest.mark.parametrize(
    ("part", "param", "told"),
    [
        ({"type": "image_url", "image_url": {"url": "https://a.b/c.png"}}, "image_url.url", "does not fetch"),
        ({"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}, "image_url.url", "does not fetch"),
        ({"type": "image_url", "image_url": {"url": "/etc/passwd"}}, "image_url.url", "does not fetch"),
        ({"type": "image_url", "image_url": {"url": url(RED), "detail": "best"}}, "image_url.detail", "auto"),
        ({"type": "image_url", "image_url": {"url": url(RED), "size": 3}}, "image_url.size", "size"),
        ({"type": "image_url", "image_url": url(RED)}, "image_url", "image_url"),
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64,A"}}, "type", "not base64"),
        ({"type": "image_url", "image_url": {"url": url("AAAA")}}, "type", "none of PNG"),
        ({"type": "image_url", "image_url": {"url": url(RED[: len(RED) // 2 // 4 * 4])}}, "type", "damaged"),
        ({"type": "input_audio", "input_audio": {}}, "type", "only text is supported, and images in user messages"),
        ({"type": "image"}, "type", "user"),
    ],
)
def test_what_is_no_image_is_a_400_that_says_why(clients, part, param, told):
    with pytest.raises(openai.BadRequestError, match=told) as caught:
        chat(clients[0], SAY, part)
    where = caught.value.param
    assert where.startswith("messages.0.content.1") and where.endswith(param)
    assert "/etc" not in caught.value.body["message"] or "image_url" in caught.value.body["message"]


def test_only_the_user_shows_images(clients):
    image = {"type": "image_url", "image_url": {"url": url(RED)}}
    for role in ("system", "assistant"):
        with pytest.raises(openai.BadRequestError, match="user") as caught:
            clients[0].chat.completions.create(
                model="seeing", messages=[{"role": role, "content": [image]}, {"role": "user", "content": "?"}]
            )
        assert caught.value.param == "messages.0.content"
    source = {"type": "url", "url": "https://a.b/c.png"}
    with pytest.raises(anthropic.BadRequestError, match="does not fetch"):
        clients[1].messages.create(
            model="seeing",
            messages=[{"role": "user", "content": [{"type": "image", "source": source}]}],
            max_tokens=8,
        )


CALLED = {"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}
NOT_SHOWN = "[image not shown: this model reads no images in tool results]"


@pytest.mark.parametrize("name", ["tiny", "seeing"])
def test_an_image_in_a_result_is_a_text(server, seeing, name):
    """An agent's history keeps it, so that a refusal would end the session."""
    served = server if name == "tiny" else seeing
    ours, theirs = served.openai(), served.anthropic()
    texts = ["It is red.", NOT_SHOWN, "Done."]

    def chat(content):
        messages = [*SAYS, {"role": "assistant", "tool_calls": [CALLED]}]
        messages += [{"role": "tool", "tool_call_id": "c", "content": content}]
        reply = ours.chat.completions.create(model=name, messages=messages, max_tokens=1)
        return reply.usage.prompt_tokens

    def response(output):
        call = {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"}
        items = [*SAYS, call, {"type": "function_call_output", "call_id": "c", "output": output}]
        return ours.responses.create(model=name, input=items, max_output_tokens=1).usage.input_tokens

    def message(content):
        blocks = [{"type": "tool_use", "id": "c", "name": "look", "input": {}}]
        result = [{"type": "tool_result", "tool_use_id": "c", "content": content}]
        messages = [*SAYS, {"role": "assistant", "content": blocks}, {"role": "user", "content": result}]
        return theirs.messages.create(model=name, messages=messages, max_tokens=1).usage.input_tokens

    def parts(image, kind="text"):
        return [{"type": kind, "text": texts[0]}, image, {"type": kind, "text": texts[2]}]

    source = {"type": "base64", "media_type": "image/png", "data": RED}
    linked = {"type": "url", "url": "https://a.b/c.png"}
    counts = {
        chat("\n".join(texts)),
        chat(parts({"type": "image_url", "image_url": {"url": url(RED)}})),
        chat(parts({"type": "image_url", "image_url": {"url": "https://a.b/c.png"}})),
        response("\n".join(texts)),
        response(parts({"type": "input_image", "image_url": url(RED), "detail": "auto"}, "input_text")),
        response(parts({"type": "input_image", "file_id": "file_1"}, "input_text")),
        message("\n".join(texts)),
        message(parts({"type": "image", "source": source})),
        message(parts({"type": "image", "source": linked, "cache_control": {"type": "ephemeral"}})),
    }
    assert len(counts) == 1 and chat(texts[0]) < counts.pop()
    with pytest.raises(openai.BadRequestError, match="only text is supported"):
        chat(parts({"type": "input_audio", "input_audio": {}}))


def test_a_model_that_reads_text_only_says_so(server):
    image = {"type": "image_url", "image_url": {"url": url(RED)}}
    with pytest.raises(openai.BadRequestError, match="has no image tower: it reads text only") as caught:
        server.openai().chat.completions.create(model="tiny", messages=[{"role": "user", "content": [image]}])
    assert caught.value.param == "messages.0.content.0.type"


def test_photographs_have_room_and_a_limit_still_holds(seeing):
    def post(size: int) -> int:
        body = {"model": "seeing", "messages": [{"role": "user", "content": "x"}], "user": "x" * size, "max_tokens": 1}
        return seeing.http().post("/v1/chat/completions", json=body).status_code

    assert post(20 << 20) == 200 and post(33 << 20) == 413
