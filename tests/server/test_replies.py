"""Text from ids in pieces: wherever the pieces are cut, nothing is lost, shown twice, or shown of a stop string."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dgemma.server.replies import IncrementalMessage, IncrementalText, StopStrings, count_thinking

WORDS = st.text(alphabet="ab ñ√\n", max_size=30)
CALL = '<|tool_call>call:find{city:<|"|>Oslo<|"|>,n:3}<tool_call|>'


def cut(items, cuts):
    """The items in pieces that end at the cuts."""
    places = sorted({place % (len(items) + 1) for place in cuts} | {0, len(items)})
    return [items[start:end] for start, end in pairwise(places)]


@given(
    text=WORDS,
    stops=st.lists(st.text(alphabet="ab ñ", min_size=1, max_size=4), max_size=3),
    cuts=st.lists(st.integers(0, 99)),
)
def test_a_stop_string_ends_the_text_wherever_the_pieces_are_cut(text, stops, cuts):
    matcher = StopStrings(stops)
    shown = ""
    for piece in cut(text, cuts):
        shown += matcher.push(piece)
        assert not any(stop in shown for stop in stops)
    shown += matcher.finish()
    places = [text.find(stop) for stop in stops if stop in text]
    assert shown == (text[: min(places)] if places else text)
    assert (matcher.hit is not None) == bool(places)


@given(text=WORDS, cuts=st.lists(st.integers(0, 99)), stops=st.lists(st.sampled_from(["ab", "ñ", "\n\n"]), max_size=2))
def test_raw_text_is_the_decoded_ids(llm, text, cuts, stops):
    ids = llm.tokenizer.encode(text)
    incremental = IncrementalText(llm.tokenizer, stops)
    shown = "".join(incremental.push(piece).text for piece in cut(ids, cuts))
    delta, parts = incremental.finish()
    assert shown + delta.text == parts.text == min((text.split(stop)[0] for stop in stops), key=len, default=text)


@given(
    thinking=st.sampled_from(["", "hm", "so\nit is"]),
    text=WORDS.filter(str.strip),
    calls=st.integers(0, 2),
    cuts=st.lists(st.integers(0, 199)),
)
def test_thinking_text_and_calls_come_apart(llm, thinking, text, calls, cuts):
    header = f"<|channel>thought\n{thinking}\n<channel|>" if thinking else ""
    # The end of a thought takes the line breaks behind it away.
    text = text.lstrip("\n") if thinking else text
    ids = llm.tokenizer.encode(f"{header}{text}{CALL * calls}<turn|>", allow_special=True)
    incremental = IncrementalMessage(llm, llm.tokenizer, [])
    deltas = [incremental.push(piece) for piece in cut(ids, cuts)]
    delta, parts = incremental.finish()
    deltas.append(delta)
    assert "".join(delta.thinking for delta in deltas) == parts.thinking == thinking
    assert "".join(delta.text for delta in deltas) == parts.text == text
    assert [(call.name, call.arguments) for call in parts.tool_calls] == [("find", {"city": "Oslo", "n": 3})] * calls


def test_a_reply_that_is_all_thought_is_text(llm):
    ids = llm.tokenizer.encode("<|channel>thought\nOslo.<channel|><turn|>", allow_special=True)
    incremental = IncrementalMessage(llm, llm.tokenizer, [])
    assert incremental.push(ids).thinking == "Oslo."
    delta, parts = incremental.finish()
    assert delta.text == parts.text == "Oslo."


def test_text_that_turns_out_to_be_a_thought_is_followed_by_the_answer_on_a_new_line(llm):
    incremental = IncrementalMessage(llm, llm.tokenizer, [])
    shown = incremental.push(llm.tokenizer.encode("perhaps")).text
    shown += incremental.push(llm.tokenizer.encode("<channel|>Oslo", allow_special=True)).text
    delta, parts = incremental.finish()
    assert shown + delta.text == "perhaps\nOslo" and (parts.thinking, parts.text) == ("perhaps", "Oslo")


def test_a_stop_string_ends_the_message_and_its_calls(llm):
    incremental = IncrementalMessage(llm, llm.tokenizer, ["END"])
    incremental.push(llm.tokenizer.encode(f"fooENDbar{CALL}<turn|>", allow_special=True))
    assert incremental.finish()[1].text == "foo" and incremental.finish()[1].tool_calls == ()


@pytest.mark.parametrize(("text", "inside"), [("a b", False), ("<|channel>thought\nx<channel|>", True)])
def test_thinking_tokens_are_counted_with_their_markers(llm, text, inside):
    ids = llm.tokenizer.encode(text, allow_special=True)
    assert count_thinking(ids, llm.tokenizer) == (len(ids) if inside else 0)
