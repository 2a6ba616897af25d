"""Gaps and revisions as requests, and as the calls and commands that make them."""

import pytest

import dgemma
from dgemma.engine.request import Commit, Draft, Finish
from dgemma.errors import PromptError, UsageError

TEXT = "The cat sat on the mat, and the dog slept."


@pytest.fixture(scope="module")
def llm():
    return dgemma.load("tiny")


def test_a_gap_is_filled_with_the_same_text_for_the_same_seed(llm):
    first, again = (llm.infill("The cat", " on the mat.", max_new_tokens=4, seed=3) for _ in range(2))
    assert first.token_ids == again.token_ids and len(first.token_ids) in (1, 2, 3, 4)
    assert first.stats.canvases in (3, 4) and first.finish_reason == "stop"
    special = set(llm.tokenizer.special_ids.values())
    assert not special & set(first.token_ids)


def test_a_given_gap_length_is_exact(llm):
    events = list(llm.submit_infill("The cat", " on the mat.", length=3, seed=1))
    assert all(len(event.token_ids) == 3 for event in events if isinstance(event, Draft | Commit))
    assert isinstance(events[-1], Finish) and sum(isinstance(event, Commit) for event in events) == 1


def test_longer_gaps_are_tried_until_two_in_a_row_score_no_better(llm, monkeypatch):
    def patch_scores(scores):
        remaining = iter(scores)
        monkeypatch.setattr("dgemma.engine.writing.fill_score", lambda *_: next(remaining))

    patch_scores([-3.0, -4.0, -2.0, -5.0, -5.0])
    assert len(llm.infill("The cat", " on the mat.").token_ids) == 3
    patch_scores([-3.0, -4.0, -5.0])
    assert len(llm.infill("The cat", " on the mat.").token_ids) == 1
    patch_scores([-3.0, -4.0, -5.0, -1.0])
    assert len(llm.infill("The cat", " on the mat.", length=[1, 2, 3, 5]).token_ids) == 5


def test_a_text_is_framed_as_the_answer_to_the_models_text_request(llm):
    assert llm.model.text_request
    default, custom, bare = (
        llm.infill("The sun was", " today.", length=2, instruction=instruction) for instruction in (None, "Hello", "")
    )
    assert default.stats.prompt_tokens > custom.stats.prompt_tokens > bare.stats.prompt_tokens
    assert bare.stats.prompt_tokens == 1 + len(llm.tokenizer.encode("The sun was")) + len(
        llm.tokenizer.encode(" today.")
    )
    explicit = llm.infill("The sun was", " today.", length=2, instruction=llm.model.text_request)
    assert default.token_ids == explicit.token_ids


@pytest.mark.parametrize(("prefix", "suffix"), [("The cat", " on the mat."), ("The sun was", " and the birds sang.")])
def test_the_embedded_model_fills_a_gap_with_few_words(llm, prefix, suffix):
    words = llm.infill(prefix, suffix).text.split()
    assert 1 <= len(words) <= 4 and len(set(words)) == len(words)


@pytest.mark.parametrize("canvas_length", [8, 64])
def test_strength_zero_returns_the_text(llm, canvas_length):
    text = TEXT + "\n\n  Zwei Wörter: \u4f60\u597d \U0001f600\r\n"
    assert llm.edit(text, strength=0, canvas_length=canvas_length).text == text
    assert llm.edit(text, strength=0, instruction="Fix the mistakes").text == text


def test_an_edit_without_instruction_keeps_the_number_of_tokens(llm):
    reply = llm.edit(TEXT, strength=0.9, seed=2)
    assert len(reply.token_ids) == len(llm.tokenizer.encode(TEXT)) == reply.stats.new_tokens


def test_an_edit_with_an_instruction_drops_and_adds_words(llm):
    """At strength 1 the result is the causal answer, in fewer passes."""
    text = "She go to the the market yestreday."
    fixed = llm.edit(text, instruction="Fix the mistakes", strength=1)
    answer = llm.chat([{"role": "user", "content": f"Fix the mistakes: {text}"}], mode="autoregressive")
    assert fixed.text == answer.text != text
    assert fixed.stats.forward_passes < answer.stats.forward_passes
    assert llm.edit(text, instruction="Fix the mistakes", strength=0).text == text
    events = list(llm.submit_edit(text, instruction="Fix the mistakes"))
    special = set(llm.tokenizer.special_ids.values())
    assert not any(special & set(event.token_ids) for event in events if isinstance(event, Commit))


def test_impossible_requests_are_refused(llm):
    with pytest.raises(UsageError, match="strength"):
        llm.edit(TEXT, strength=2)
    with pytest.raises(UsageError, match="text"):
        llm.edit("")
    with pytest.raises(UsageError, match="Gap lengths"):
        llm.infill("a", "b", length=[0, 3])
    with pytest.raises(UsageError, match="take no mode"):
        llm.infill("a", "b", mode="autoregressive")
    with pytest.raises(PromptError, match="context"):
        llm.infill("a " * 5000, "b")
