"""POST /v1/completions, driven by the openai client against a real server on the embedded model."""

import openai
import pytest

import dgemma
from tests.server.serving import FAST


@pytest.fixture(scope="module")
def complete(server):
    client = server.openai()

    def create(**fields):
        fields = {"model": "tiny", "prompt": "Once upon a time", "max_tokens": 12, "seed": 3, **fields}
        fields["extra_body"] = {**FAST, **fields.get("extra_body", {})}
        return client.completions.create(**fields)

    return create


def test_a_stream_is_the_reply(complete):
    reply = complete()
    chunks = list(complete(stream=True, stream_options={"include_usage": True}))
    assert "".join(choice.text for chunk in chunks for choice in chunk.choices) == reply.choices[0].text
    assert chunks[-2].choices[0].finish_reason == reply.choices[0].finish_reason
    assert chunks[-1].usage.total_tokens == reply.usage.total_tokens
    assert all("usage" in chunk.model_fields_set and chunk.usage is None for chunk in chunks[:-1])
    assert all("usage" not in chunk.model_fields_set for chunk in complete(stream=True))
    assert reply.object == "text_completion"


def test_text_and_ids_are_the_same_prompt(complete, llm):
    ids = llm.tokenizer.encode("Once upon a time", add_bos=True)
    assert complete(prompt=ids).choices[0].text == complete().choices[0].text
    assert complete(prompt=[ids]).usage.prompt_tokens == len(ids)


@pytest.mark.parametrize(("fields", "param"), [({"prompt": ["a"] * 17}, "prompt"), ({"n": 17}, "n")])
def test_the_field_that_asks_for_too_many_choices_is_named(complete, fields, param):
    with pytest.raises(openai.BadRequestError, match="17 choices") as caught:
        complete(**fields)
    assert caught.value.param == param


def test_several_prompts_have_their_choices_in_order(complete):
    reply = complete(prompt=["Once upon a time", "The"], n=2)
    assert [choice.index for choice in reply.choices] == [0, 1, 2, 3]
    alone = [("Once upon a time", 3), ("Once upon a time", 4), ("The", 3), ("The", 4)]
    texts = [complete(prompt=prompt, seed=seed).choices[0].text for prompt, seed in alone]
    assert [choice.text for choice in reply.choices] == texts


def test_it_is_what_the_library_generates(complete, llm):
    expected = llm.generate("Once upon a time", max_new_tokens=12, seed=3, **FAST)
    assert complete().usage.completion_tokens == expected.stats.new_tokens
    assert complete().choices[0].text == llm.decode(expected.token_ids)


def test_top_p_is_for_autoregressive_decoding(complete):
    body = {"mode": "autoregressive", "canvas_length": None, "max_denoising_steps": None, "top_k": 5}
    reply = complete(top_p=0.9, temperature=1.0, extra_body=body)
    assert reply.usage.model_extra["diffusion"]["denoise_steps"] == 0


@pytest.mark.parametrize("limit", [None, 4])
def test_a_suffix_makes_it_fill_the_gap(complete, limit):
    fields = {
        "prompt": "She goes to ",
        "suffix": " every day.",
        "max_tokens": limit,
        "extra_body": {"canvas_length": None},
    }
    reply = complete(**fields)
    assert reply.choices[0].text and reply.choices[0].finish_reason == "stop"
    assert reply.usage.completion_tokens <= (limit or 32)
    assert reply.usage.prompt_tokens == len(dgemma.load("tiny").text_ids("She goes to "))
    chunks = list(complete(**fields, stream=True))
    assert "".join(choice.text for chunk in chunks for choice in chunk.choices) == reply.choices[0].text
    # The space before the gap is the prompt's, and not written twice.
    bare = complete(**{**fields, "prompt": "She goes to"})
    assert bare.choices[0].text == f" {reply.choices[0].text}"


def test_drafts_are_on_request(complete):
    chunks = list(complete(stream=True, extra_body={"diffusing": True}))
    drafts = [chunk.model_extra["diffusion"] for chunk in chunks if "diffusion" in chunk.model_extra]
    assert drafts and "".join(choice.text for chunk in chunks for choice in chunk.choices) == complete().choices[0].text


def test_the_reply_ends_with_the_context(complete, llm):
    word = llm.tokenizer.encode("1")
    reply = complete(prompt=word * 4090, max_tokens=1000, extra_body={"max_denoising_steps": 1})
    assert reply.usage.completion_tokens <= 6
    with pytest.raises(openai.BadRequestError, match="tokens > 4095 maximum"):
        complete(prompt=word * 4096)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"echo": True}, "echo"),
        ({"best_of": 2}, "best_of"),
        ({"logprobs": 21}, "logprobs"),
        ({"suffix": "x", "logprobs": 1, "extra_body": {"canvas_length": None}}, "logprobs"),
        ({"suffix": "x", "prompt": [5, 6], "extra_body": {"canvas_length": None}}, "suffix"),
        ({"suffix": "x"}, "suffix"),
        ({"prompt": []}, "prompt"),
        ({"prompt": [[]]}, "prompt.0"),
        ({"prompt": [-1]}, "prompt.0"),
        ({"prompt": [[5, "x"]]}, "prompt.0.1"),
        ({"n": 9, "prompt": ["a", "b"]}, "n"),
    ],
)
def test_a_field_that_cannot_be_served_is_named(complete, fields, param):
    with pytest.raises(openai.BadRequestError) as caught:
        complete(**fields)
    assert caught.value.param == param and param in caught.value.body["message"]


def test_ids_outside_the_vocabulary_are_refused(complete):
    with pytest.raises(openai.BadRequestError, match="vocabulary"):
        complete(prompt=[1_000_000])
