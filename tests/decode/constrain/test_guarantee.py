"""Whatever the schema, the weights, the seed and the temperature: the answer parses, validates, ends and fits."""

import json
import re
from typing import Any

import jsonschema
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import dgemma
from dgemma.decode.constrain import ConstraintCompiler, TokenAutomaton, choice, json_schema, regex
from dgemma.engine.request import Commit, Draft, Finish
from dgemma.errors import UsageError
from tests.decode.constrain.schemas import SCHEMAS, random_llm

LLMS = [random_llm(0), random_llm(1, checked=True)]
TINY = dgemma.load("tiny")
COMPILER = ConstraintCompiler(LLMS[0].tokenizer, vocab_size=LLMS[0].config.vocab_size, end_ids=(1, 5))  # pyright: ignore
REQUESTS = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**31),
        "mode": st.sampled_from(["diffusion", "diffusion", "autoregressive"]),
        "temperature": st.sampled_from([0.01, 0.5, 1.0, 3.0, 50.0]),
        "canvas_length": st.sampled_from([1, 5, 8, 16, 33]),
        "max_denoising_steps": st.integers(1, 3),
    }
)


def shortest(automaton: TokenAutomaton) -> int:
    return int(automaton.distance_S[0])


def answer(
    llm: dgemma.LLM, request: dict[str, Any], extra: int, automaton: TokenAutomaton, **form: Any
) -> dgemma.Reply:
    most = shortest(automaton) + extra
    reply = llm.generate("Answer:", max_new_tokens=most, **request, **form)
    assert len(reply.token_ids) <= most and reply.finish_reason == "stop"
    assert reply.token_ids[-1] in (1, 5) and not {1, 5} & set(reply.token_ids[:-1])
    return reply


def check_schema(schema: Any, request: dict[str, Any], extra: int, llm: dgemma.LLM) -> None:
    automaton = COMPILER.compile(json_schema(schema))
    assume(shortest(automaton) < 150)
    value = json.loads(answer(llm, request, extra, automaton, schema=schema).text)
    jsonschema.validate(value, schema)


@settings(max_examples=60)
@given(SCHEMAS, REQUESTS, st.integers(0, 30), st.sampled_from([*LLMS, TINY]))
def test_every_schema_gives_json_that_validates_and_fits(schema, request, extra, llm):
    check_schema(schema, request, extra, llm)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@settings(max_examples=2000)
@given(SCHEMAS, REQUESTS, st.integers(0, 30), st.sampled_from([*LLMS, TINY]))
def test_two_thousand_schemas(schema, request, extra, llm):
    check_schema(schema, request, extra, llm)


@settings(max_examples=15)
@given(
    st.sampled_from(["[A-Z][a-z]+", r"(\d{2}:){2}\d{2}", "a|bb|ccc", "[^x]{3,9}", "(ab)*c?"]),
    REQUESTS,
    st.integers(0, 9),
)
def test_every_pattern_matches_in_whole(pattern, request, extra):
    reply = answer(LLMS[0], request, extra, COMPILER.compile(regex(pattern)), regex=pattern)
    assert re.fullmatch(pattern, reply.text)


@settings(max_examples=15)
@given(st.lists(st.text(min_size=1, max_size=9), min_size=1, max_size=5), REQUESTS, st.integers(0, 9))
def test_every_choice_is_one_of_them(options, request, extra):
    reply = answer(LLMS[1], request, extra, COMPILER.compile(choice(options)), choices=options)
    assert TINY.decode(reply.token_ids) in options


def test_drafts_are_valid_paths_too_and_commits_are_the_answer():
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "required": ["n"]}
    messages = [{"role": "user", "content": "How many?"}]
    events = list(TINY.stream(messages, drafts=True, schema=schema, canvas_length=16, max_new_tokens=16))
    ids: list[int] = []
    for event in events:
        if isinstance(event, Draft) and len(ids) + len(event.token_ids) >= 16:
            assert json.loads(TINY.decode([*ids, *event.token_ids]))["n"] >= 1
        elif isinstance(event, Commit):
            ids += event.token_ids
    assert (
        isinstance(events[-1], Finish)
        and ids == TINY.chat(messages, schema=schema, canvas_length=16, max_new_tokens=16).token_ids
    )


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"schema": {"type": "strin"}}, "at #/type"),
        ({"schema": {"properties": {"a": {"minlength": 1}}}}, "'minlength' is not supported .at #/properties/a"),
        ({"schema": {"type": "array", "minItems": 9}, "max_new_tokens": 4}, "only 4 are left"),
        ({"schema": {"type": "integer"}, "regex": "a"}, "one of schema, regex and choices"),
        ({"schema": {"type": "integer"}, "thinking": True}, "no room for thinking"),
        ({"regex": "a", "tools": [{"name": "f"}]}, "constrained by regex has no room for tool calls"),
        ({"schema": {"type": "integer"}, "tools": [{"name": "f"}], "tool_choice": "f"}, "no tool calls with it"),
        ({"schema": {"type": "strin"}, "tools": [{"name": "f"}]}, "at #/type"),
        ({"schema": {"type": "integer"}, "reference": True}, "reference=True takes no schema"),
        ({"regex": "(a"}, "not closed"),
        ({"regex": 5}, "pattern in a string"),
        ({"choices": "yes"}, "list of at least one"),
        ({"choices": [""]}, "not empty"),
        ({"choices": ["\ud800"]}, "surrogate"),
    ],
)
def test_forms_that_cannot_be_are_told_before_any_pass(options, problem):
    with pytest.raises(UsageError, match=problem):
        TINY.chat([{"role": "user", "content": "?"}], **options)


def test_a_form_holds_no_gap_and_no_revision():
    with pytest.raises(UsageError, match="leave them out"):
        TINY.infill("a", "b", length=2, regex="a")


@pytest.mark.parametrize("seed", range(3))
def test_a_choice_that_the_model_is_torn_between_does_not_take_all_steps(seed):
    ask = [{"role": "user", "content": "Is a whale a fish?"}]
    reply = TINY.chat(ask, choices=["yes", "no"], seed=seed, max_denoising_steps=48)
    assert reply.text in ("yes", "no")
    assert reply.stats.denoise_steps < 24
