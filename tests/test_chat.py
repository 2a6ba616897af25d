"""Conversations become the documented prompts, user input never becomes a special token, and replies are parsed."""

import json

import jinja2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dgemma.chat import MessageParts, ToolCall, default_template, parse, render, sandbox
from dgemma.errors import PromptError
from dgemma.tokenizer import SPECIAL_TOKENS
from tests.test_tokenizer import small_tokenizer

TOKENIZER = small_tokenizer()
TINY = default_template()
USER = {"role": "user", "content": "Where is the boat?"}
TOOL = {
    "type": "function",
    "function": {
        "name": "lookup",
        "description": "Look up a boat",
        "parameters": {
            "type": "object",
            "properties": {
                "limit": {"type": "integer"},
                "boat": {"type": "string", "description": "Its name", "enum": ["Ada", "Eve"]},
            },
            "required": ["boat"],
        },
    },
}
CALL = {"id": "1", "type": "function", "function": {"name": "lookup", "arguments": '{"limit": 2, "boat": "Ada"}'}}


def prompt(messages, template=TINY, **options):
    """The prompt as text; checks that its ids encode that text with the markers as special tokens."""
    ids = render(messages, TOKENIZER, template=template, **options)
    text = TOKENIZER.decode(ids, skip_special=False)
    assert ids == TOKENIZER.encode(text, allow_special=True)
    return text


def conversation_of_two_calls(*results: dict) -> list[dict]:
    calls = [
        {"id": name, "type": "function", "function": {"name": "forecast", "arguments": {"city": city}}}
        for name, city in (("a", "Oslo"), ("b", "Rome"))
    ]
    answers = [{"role": "tool", "content": "none", **result} for result in results]
    return [{"role": "user", "content": "Weather?"}, {"role": "assistant", "tool_calls": calls}, *answers]


def test_tool_results_are_put_in_the_order_of_their_calls():
    rain, sun = {"tool_call_id": "a", "content": "rain"}, {"tool_call_id": "b", "content": "sun"}
    in_order = render(conversation_of_two_calls(rain, sun), TOKENIZER)
    assert render(conversation_of_two_calls(sun, rain), TOKENIZER) == in_order
    assert render(conversation_of_two_calls(sun, {"content": "rain"}), TOKENIZER) == in_order
    assert render(conversation_of_two_calls({"content": "rain"}, {"content": "sun"}), TOKENIZER) == in_order
    other = [{"tool_call_id": "a", "content": "sun"}, {"tool_call_id": "b", "content": "rain"}]
    assert render(conversation_of_two_calls(*other), TOKENIZER) != in_order


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ([{"tool_call_id": "z"}], "Message 3 answers the call z, which is not one of the calls before it"),
        ([{"tool_call_id": "a"}, {"tool_call_id": "a"}], "Message 4 answers the call a a second time"),
    ],
)
def test_tool_results_without_a_matching_call_are_refused(results, message):
    with pytest.raises(PromptError, match=message):
        render(conversation_of_two_calls(*results), TOKENIZER)


def test_turns_have_markers_and_the_prompt_ends_with_an_open_model_turn():
    system = {"role": "developer", "content": " Be brief.\n"}
    answer = {"role": "assistant", "content": "In the harbour."}
    assert prompt([system, USER, answer, USER]) == (
        "<bos><|turn>system\nBe brief.<turn|>\n<|turn>user\nWhere is the boat?<turn|>\n"
        "<|turn>model\nIn the harbour.<turn|>\n<|turn>user\nWhere is the boat?<turn|>\n<|turn>model\n"
    )
    assert prompt([USER], add_generation_prompt=False) == "<bos><|turn>user\nWhere is the boat?<turn|>\n"


def test_only_the_built_in_format_pre_fills_an_empty_thought_and_thinking_replaces_it():
    assert prompt([USER], template=None).endswith("<|turn>model\n<|channel>thought\n<channel|>")
    for template in (None, TINY):
        thinking = prompt([USER], template=template, thinking=True)
        assert thinking.startswith("<bos><|turn>system\n<|think|>\n<turn|>\n<|turn>user\n")
        assert thinking.endswith("<turn|>\n<|turn>model\n")


def test_text_parts_are_joined_line_by_line():
    parts = [{"type": "text", "text": "One"}, {"type": "input_text", "text": "Two"}]
    assert "<|turn>user\nOne\nTwo<turn|>" in prompt([{"role": "user", "content": parts}])


def test_tools_are_declared_in_the_system_turn():
    assert prompt([USER], tools=[TOOL]).startswith(
        '<bos><|turn>system\n<|tool>declaration:lookup{description:<|"|>Look up a boat<|"|>,parameters:{properties:{'
        'boat:{description:<|"|>Its name<|"|>,enum:[<|"|>Ada<|"|>,<|"|>Eve<|"|>],type:<|"|>STRING<|"|>},'
        'limit:{type:<|"|>INTEGER<|"|>}},required:[<|"|>boat<|"|>],type:<|"|>OBJECT<|"|>}}<tool|><turn|>\n'
    )


def test_calls_and_results_share_one_model_turn_which_goes_on_after_them():
    called = {"role": "assistant", "content": None, "tool_calls": [CALL], "reasoning_content": "I must look."}
    result = {"role": "tool", "tool_call_id": "1", "content": "far out"}
    spoken = (
        "<|turn>model\n<|channel>thought\nI must look.\n<channel|>"
        '<|tool_call>call:lookup{boat:<|"|>Ada<|"|>,limit:2}<tool_call|>'
        '<|tool_response>response:lookup{value:<|"|>far out<|"|>}<tool_response|>'
    )
    assert prompt([USER, called, result]).endswith("<turn|>\n" + spoken)
    answered = [USER, called, result, {"role": "assistant", "content": "Far out."}]
    assert prompt(answered, add_generation_prompt=False).endswith(spoken + "Far out.<turn|>\n")
    assert prompt([USER, called], add_generation_prompt=False).endswith("<tool_call|><|tool_response>")
    structured = {"role": "tool", "content": {"miles": 3, "lost": False}}
    assert "response:lookup{lost:false,miles:3}" in prompt([USER, called, structured])


def test_earlier_thoughts_are_dropped_once_the_user_speaks_again():
    inline = {"role": "assistant", "content": "<|channel>thought\nSecret.\n<channel|>Here."}
    called = {"role": "assistant", "tool_calls": [CALL], "reasoning_content": "Secret."}
    result = {"role": "tool", "tool_call_id": "1", "content": "far"}
    for history in ([inline], [called, result]):
        assert "Secret" not in prompt([USER, *history, USER])
    assert "<|turn>model\nHere.<turn|>" in prompt([USER, inline, USER])
    assert "<|channel>thought\nSecret.\n<channel|>" in prompt([USER, called, result])


@pytest.mark.parametrize(
    ("messages", "options", "message"),
    [
        ([], {}, "at least one message"),
        ([{"role": "pirate", "content": "arr"}], {}, "Message 1 needs one of the roles"),
        ([{"role": ["user"], "content": "arr"}], {}, "Message 1 needs one of the roles"),
        (["hello"], {}, "Message 1 needs one of the roles"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}], {}, "neither text nor image"),
        ([{"role": "user", "content": 3}], {}, "neither text nor image"),
        ([{"role": "user", "content": b"far"}], {}, "neither text nor image"),
        ([{"role": "user", "content": [np.zeros(2), "far"]}], {}, "neither text nor image"),
        ([{"role": "system", "content": [np.zeros(2)]}, USER], {}, "neither text nor image"),
        ([{**USER, "tool_calls": [CALL]}, USER], {}, "Message 1 calls tools"),
        ([{**USER, "tool_calls": "lookup"}, {"role": "tool", "content": "far"}], {}, "Message 1 calls tools"),
        ([USER, {"role": "tool", "content": {}, "tool_calls": [CALL]}], {}, "Message 2 calls tools"),
        ([USER, {"role": "tool", "content": "far"}], {}, "no tool call comes before"),
        ([USER, {"role": "assistant", "tool_calls": [CALL]}], {}, "result of each call"),
        ([USER, {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{"}}]}], {}, "not JSON"),
        (
            [USER, {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": [1]}}]}],
            {},
            "JSON object",
        ),
        ([{**USER, "mood": object()}], {}, "plain JSON values"),
        ([USER], {"tools": [{"type": "function"}]}, "needs a name"),
        ([USER], {"template": "{{ messages }}", "tools": [TOOL]}, "does not support tools"),
        ([USER], {"template": "{{ messages }}", "thinking": True}, "does not support thinking"),
        ([USER], {"template": "{% if %}"}, "not valid"),
        ([USER], {"template": "{{ raise_exception('no user') }}"}, "no user"),
        ([USER], {"template": "{{ messages.append(1) }}"}, "cannot render"),
        ([USER], {"template": "{{ ''.__class__.__mro__ }}"}, "cannot render"),
    ],
)
def test_invalid_conversations_and_templates_are_refused(messages, options, message):
    with pytest.raises(PromptError, match=message):
        render(messages, TOKENIZER, **options)


DOUBLING = "{% set n = namespace(v=['aa'], s='aa') %}{% for i in range(60) %}"


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{% for i in [1] %}" * 25 + "x" + "{% endfor %}" * 25, "not valid .*nested"),
        ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "not valid .*recursion"),
        ("{{ " + "9" * 5000 + " }}", "not valid .*digits"),
        ("{# " + "x" * 2_000_000 + " #}", "more than the 1,048,576 allowed"),
        ("{{ 'a' * 10**10 }}", "more than 67,108,864 characters"),
        ("{{ 10**10 * [0] }}", "more than 67,108,864 characters"),
        ("{{ 9 ** 99999 }}", "65,536 bits"),
        (DOUBLING + "{% set n.s = n.s ~ n.s %}{% endfor %}", "67,108,864 characters"),
        (DOUBLING + "{% set n.s = n.s + n.s %}{% endfor %}", "67,108,864 characters"),
        (DOUBLING + "{% set s %}{{ n.s }}{{ n.s }}{% endset %}{% set n.s = s %}{% endfor %}", "67,108,864 characters"),
        (DOUBLING + "{% set n.s = n.s | replace('a', n.s) %}{% endfor %}", "67,108,864 characters"),
        (DOUBLING + "{% set n.s = n.s.replace('a', n.s) %}{% endfor %}", "67,108,864 characters"),
        (DOUBLING + "{% set n.s = n.s | join(n.s) %}{% endfor %}", "67,108,864 characters"),
        (DOUBLING + "{% set n.s = n.s.join(n.s) %}{% endfor %}", "67,108,864 characters"),
        ("{{ '%s' * 100 % (('a' * 1000000,) * 100) }}", "67,108,864 characters"),
        ("{{ ('{0}' * 100).format('a' * 1000000) }}", "67,108,864 characters"),
        ("{{ ('a' * 100000).translate({97: 'b' * 100000}) }}", "67,108,864 characters"),
        ("{{ ('a' * 100000) | wordwrap(1, true, 'b' * 100000) }}", "67,108,864 characters"),
        ("{{ ('\n' * 100000) | indent(900) }}", "67,108,864 characters"),
        ("{% for i in range(100) %}{{ 'a' * 700000 }}{% endfor %}", "67,108,864 characters"),
        ("{% for i in range(700) %}{% set a = range(100000) | list %}{% endfor %}", "67,108,864 characters"),
        ("{{ 'a' | center(10**10) }}", "width above 999"),
        ("{{ 'a'.center(10**10) }}", "width above 999"),
        ("{{ 'a' | indent(10**10, true) }}", "width above 999"),
        ("{{ messages | tojson(indent=10**9) }}", "width above 999"),
        ("{{ '%10000000000d' % 1 }}", "width above 999"),
        ("{{ '%*d' | format(10000000000, 1) }}", "width above 999"),
        ("{{ '{:>10000000000}'.format(1) }}", "width above 999"),
        ("{{ '{:{}}'.format(1, 10000000000) }}", "width above 999"),
        ("{{ [1] | batch(10**9, 0) | list }}", "width above 999"),
        ("{{ [[1]] | sum(start=[]) }}", "adds up lists"),
        ("{{ lipsum(n=100000) }}", "lipsum"),
        ("{{ 'a'.encode() }}{{ (1).to_bytes(10**10, 'big') }}", "unsafe"),
        ("{% for i in range(10**9) %}{% endfor %}", "Range too big"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "recursion"),
    ],
)
def test_a_template_cannot_exhaust_memory_or_crash_the_process(template, message):
    with pytest.raises(PromptError, match=f"^The model's chat template .*{message}"):
        render([USER], TOKENIZER, template=template)


@pytest.mark.parametrize(
    "template",
    [
        "{% for i in range(99) %}{% for j in range(99) %}{% endfor %}{% endfor %}x",
        "{% set l = range(50) | list %}{% for i in l %}{% for j in l %}{% endfor %}{% endfor %}x",
        "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}",
    ],
)
def test_loops_and_calls_without_output_are_bounded(template, monkeypatch):
    monkeypatch.setattr(sandbox, "MAX_STEPS", 2000)
    with pytest.raises(PromptError, match=r"chat template cannot render .* takes more than 2,000 steps"):
        render([USER], TOKENIZER, template=template)


@pytest.mark.parametrize("shown", ["n.v", "n.v | tojson", "n.v ~ 'x'", "n.v | string", "n.v | pprint"])
def test_printing_an_exponentially_nested_list_is_bounded(shown, monkeypatch):
    monkeypatch.setattr(sandbox, "MAX_CHARACTERS", 10_000)
    with pytest.raises(PromptError, match="makes more than 10,000 characters"):
        render([USER], TOKENIZER, template=DOUBLING + "{% set n.v = [n.v, n.v] %}{% endfor %}{{ " + shown + " }}")


def test_a_template_is_stopped_at_its_time_limit(monkeypatch):
    monkeypatch.setattr(sandbox, "_MAX_SECONDS", -1)
    with pytest.raises(PromptError, match="seconds"):
        render([USER], TOKENIZER, template="{% for i in [1] %}{% endfor %}")


def test_ordinary_template_features_are_within_the_bounds():
    everyday = (
        "{% for m in messages %}{{ loop.index }}/{{ loop.length }}{{ loop.last }}{{ loop.previtem }} "
        "{{ '%03d|%s' % (7, m.role) }} {{ '{:>5}{{}}'.format(m.role) }} {{ 'a' ~ 1 ~ none }} {{ [1] + [2] }} "
        "{{ 2 ** 8 * 3 % 5 + 1.5 }} {{ m.content | indent(2) | replace('a', 'bb') }} {{ ['x', 'y'] | join(', ') }} "
        "{{ {'b': [1], 'a': none} | tojson(indent=1) }} {{ 'ab'.center(4) }} {{ [1, 2] | sum }} {{ 'ab' * 2 }}"
        "{% else %}none{% endfor %}{% for k, v in {'k': 1}.items() recursive %}{{ k }}{{ v }}{% endfor %}"
    )
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
    environment.filters["tojson"] = lambda value, **options: json.dumps(value, **options)
    message = {"role": "user", "content": "a boat\non a sea" * 999}
    for messages in ([message], [message, {"role": "user", "content": "b" * 999}]):
        ids = render(messages, TOKENIZER, template=everyday)
        assert TOKENIZER.decode(ids) == environment.from_string(everyday).render(messages=messages)


def test_a_long_conversation_is_within_the_bounds():
    turns = [USER, {"role": "assistant", "content": "In the harbour." * 9}] * 5000
    assert len(render([*turns, USER], TOKENIZER)) > 100_000


# Writes every content twice without a space, so that the end of one copy meets the beginning of the next.
JOINING = (
    "{%- for message in messages -%}<|turn>{{ message['role'] }}\n"
    "{{ message.content }}{{ message.content }}<turn|>{%- endfor -%}"
    "{{ tools | tojson if tools }}"
)
fragments = st.sampled_from(
    [*SPECIAL_TOKENS, "<|", "|>", "<|tu", "rn>", "turn|>", "\ue000", "\ue0001\ue001", " a\n", "<"]
)
hostile = st.lists(fragments, max_size=4).map("".join)


@pytest.mark.parametrize("template", [None, TINY, JOINING], ids=["built in", "tiny", "joining"])
@given(first=hostile, second=hostile, key=hostile)
def test_no_input_becomes_a_special_token(template, first, second, key):
    def specials(one, two, name):
        call = {"id": one, "function": {"name": name or "f", "arguments": {name: [two, {"deep": one}]}}}
        parameters = {"type": "object", "properties": {name: {"type": "string", "description": two, "enum": [one]}}}
        messages = [
            {"role": "system", "content": one},
            {"role": "user", "content": [{"type": "text", "text": one}, {"type": "text", "text": two}]},
            {"role": "assistant", "content": two, "tool_calls": [call], "reasoning_content": f"x{one}"},
            {"role": "tool", "content": two, "tool_call_id": one},
        ]
        ids = render(messages, TOKENIZER, template=template, tools=[{"name": name or "f", "parameters": parameters}])
        return [token for token in ids if TOKENIZER.is_special(token)]

    assert specials(first, second, key) == specials(*("x" if value else "" for value in (first, second, key)))


@given(hostile.map(str.strip))
def test_content_reaches_the_model_as_it_was_typed(content):
    for template, shown in ((TINY, content), (JOINING, content * 2)):
        ids = render([{"role": "user", "content": content}], TOKENIZER, template=template)
        assert f"user\n{shown}<turn|>" in TOKENIZER.decode(ids, skip_special=False)


def test_transformers_renders_the_template_to_the_same_text(tmp_path):
    transformers = pytest.importorskip("transformers")
    theirs = transformers.PreTrainedTokenizerFast(
        tokenizer_object=TOKENIZER.backend, bos_token="<bos>", chat_template=TINY, clean_up_tokenization_spaces=False
    )
    call = {"id": "1", "type": "function", "function": {"name": "lookup", "arguments": {"limit": 2, "boat": None}}}
    messages = [
        {"role": "system", "content": "Be brief."},
        USER,
        {"role": "assistant", "content": "Wait.", "tool_calls": [call], "reasoning_content": "Hm."},
        {"role": "tool", "tool_call_id": "1", "content": "far"},
    ]
    for conversation in (messages[:2], messages, [*messages, USER]):
        for thinking in (False, True):
            text = theirs.apply_chat_template(
                conversation, tools=[TOOL], add_generation_prompt=True, enable_thinking=thinking, tokenize=False
            )
            rendered = prompt(conversation, tools=[TOOL], thinking=thinking)
            # transformers leaves dropping old thoughts to the template; both must give the same text.
            assert rendered == text


def parse_both(text, **options):
    """Parses a text and its ids, which must agree."""
    parts = parse(TOKENIZER.encode(text, allow_special=True), TOKENIZER, **options)
    assert parse(text, TOKENIZER, **options) == parts
    return parts


def reply(thinking="", text="", calls=()):
    return MessageParts(thinking=thinking, text=text, tool_calls=tuple(calls))


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        ("Far out.<turn|><eos><eos>", reply(text="Far out.")),
        ("  kept\n", reply(text="  kept\n")),
        ("", reply()),
        ("<|channel>thought\nHm.\n<channel|>\nFar out.<turn|>", reply("Hm.", "Far out.")),
        ("<|channel>thought\n<channel|>Far out.", reply(text="Far out.")),
        ("thought\nHm.<channel|>Far out.", reply("Hm.", "Far out.")),
        ("<|channel>thought\nFar out.<channel|><turn|>", reply(text="Far out.")),
        ("<|channel>thought\nFar out, cut at the li", reply(text="Far out, cut at the li")),
        (
            "<|channel>thought\nHm.<|tool_call>call:f{}<tool_call|><|tool_response>",
            reply("Hm.", calls=[ToolCall(name="f", arguments={})]),
        ),
    ],
)
def test_a_reply_is_split_into_thinking_text_and_tool_calls(written, parts):
    assert parse_both(written) == parts


@pytest.mark.parametrize(
    ("written", "arguments"),
    [
        ('{k:<|"|>v<|"|>,n:3}', {"k": "v", "n": 3}),
        (
            '{a:{b:[1,-2.5e3,true,null,<|"|>x, y: {z}<|"|>]}, c : false}',
            {"a": {"b": [1, -2500.0, True, None, "x, y: {z}"]}, "c": False},
        ),
        ('{"k": "a \\"b\\"", <|"|>m<|"|>: []}', {"k": 'a "b"', "m": []}),
        ("{city:New York,code:007}", {"city": "New York", "code": "007"}),
    ],
)
def test_arguments_of_tool_calls_are_parsed(written, arguments):
    assert parse_both(f"<|tool_call>call:f{written}<tool_call|>").tool_calls == (
        ToolCall(name="f", arguments=arguments),
    )


@pytest.mark.parametrize(
    "written",
    [
        "",
        "call:f",
        "call:f{",
        "call:f{k}",
        "call:f{k:}",
        "call:{k:1}",
        "f{k:1}",
        "call:f{k:1}}",
        "call:f{k:[1}",
        "call:f{" + "k:{" * 999,
    ],
)
def test_malformed_tool_calls_stay_in_the_text(written):
    for end in ("", "<tool_call|>"):
        text = f"Wait.<|tool_call>{written}{end}"
        assert parse_both(text) == reply(text="Wait." + text.removeprefix("Wait."))


def test_parsing_an_incomplete_reply_shows_nothing_that_may_still_change():
    assert parse_both("<|channel>thought\nHm", complete=False) == reply("Hm")
    assert parse_both("Wait.<|tool_call>call:f{k:", complete=False) == reply(text="Wait.")
    half = TOKENIZER.encode("far \U0001f514")[:-1]
    assert parse(half, TOKENIZER, complete=False).text == "far "


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | hostile
keys = st.text("abcXYZ_09", min_size=1, max_size=6)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | words
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3))


@given(st.dictionaries(keys, values, max_size=4))
def test_rendered_tool_calls_are_parsed_to_the_same_calls(arguments):
    call = {"function": {"name": "lookup", "arguments": json.dumps(arguments)}}
    messages = [USER, {"role": "assistant", "content": "", "tool_calls": [call]}]
    ids = render(messages, TOKENIZER, template=TINY, add_generation_prompt=False)
    begin = len(render([USER], TOKENIZER, template=TINY))
    assert parse(ids[begin:], TOKENIZER) == reply(calls=[ToolCall(name="lookup", arguments=arguments)])


@given(st.lists(st.integers(0, TOKENIZER.vocab_size + 5), max_size=60))
def test_parsing_any_ids_succeeds_and_loses_no_visible_text(ids):
    parts = parse(ids, TOKENIZER)
    parse(ids, TOKENIZER, complete=False)
    ends = {TOKENIZER.special_id(name) for name in ("<eos>", "<turn|>", "<|turn>", "<|tool_response>")}
    shown = ids[: next((position for position, token in enumerate(ids) if token in ends), len(ids))]
    written = TOKENIZER.decode(shown).removeprefix("thought").strip()
    assert parts.text.strip() or parts.tool_calls or not written
