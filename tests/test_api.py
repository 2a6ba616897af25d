"""The public Python API, on the embedded model and on folders with random weights."""

import copy
import math
import pickle
from inspect import Parameter, signature
from typing import Any

import numpy as np
import pytest
import torch

import dgemma
from dgemma.checkpoint import EMBEDDED, LoadedModel, open_model, quantise_model, save_model
from dgemma.config import SamplerConfig
from dgemma.decode import verify
from dgemma.engine.request import Commit, Draft, Finish
from dgemma.errors import (
    CheckpointError,
    DgemmaError,
    ModelNotFoundError,
    NotFiniteError,
    OutputError,
    PromptError,
    UsageError,
)
from dgemma.options import AnyOptions, ChatOptions, Options, ReplyOptions, RequestMaker
from tests.test_model import CONFIG, make_network


@pytest.fixture(scope="module")
def tiny():
    return dgemma.load("tiny")


REQUEST = [{"role": "user", "content": "Solve this Sudoku:\n1030\n0402\n2043\n0320"}]


@pytest.mark.parametrize("mode", ["diffusion", "autoregressive"])
def test_the_same_seed_gives_the_same_answer_within_the_limit(tiny, mode):
    first, second = (tiny.chat(REQUEST, max_new_tokens=17, seed=3, mode=mode) for _ in range(2))
    assert first.token_ids == second.token_ids
    assert 1 <= len(first.token_ids) <= 17 == (17 if first.finish_reason == "stop" else len(first.token_ids))
    assert first.stats.new_tokens == len(first.token_ids) == len(first.entropies)


def test_streamed_commits_are_the_reply_and_drafts_come_on_request(tiny):
    events = list(tiny.stream(REQUEST, drafts=True, max_new_tokens=40, seed=1))
    ids = [token for event in events if isinstance(event, Commit) for token in event.token_ids]
    reply = tiny.chat(REQUEST, max_new_tokens=40, seed=1)
    assert ids == reply.token_ids
    drafts = [event for event in events if isinstance(event, Draft)]
    assert len(drafts) == reply.stats.denoise_steps and isinstance(events[-1], Finish)
    assert not any(isinstance(event, Draft) for event in tiny.stream(REQUEST, max_new_tokens=8))


@pytest.mark.parametrize("mode", ["diffusion", "autoregressive"])
def test_a_text_ends_at_the_first_stop_string(tiny, mode):
    options = {"max_new_tokens": 60, "seed": 1, "mode": mode, "canvas_length": 8}
    for ask, prompt in ((tiny.chat, REQUEST), (tiny.generate, "Once upon a time")):
        whole, before = ask(prompt, **options), tiny.engine.snapshot()
        middle = len(whole.text) // 2
        stops = [whole.text[middle + 3 : middle + 6], whole.text[middle : middle + 3], "never there"]
        cut = ask(prompt, stop=stops, **options)
        first = min(position for stop in stops if (position := whole.text.find(stop)) >= 0)
        assert cut.text == whole.text[:first] and cut.finish_reason == "stop"
        assert cut.token_ids == whole.token_ids[: len(cut.token_ids)] and len(cut.entropies) == len(cut.token_ids)
        assert cut.stats.new_tokens == len(cut.token_ids) and cut.stats.mode == mode
        after = tiny.engine.snapshot()
        assert (after.finished - before.finished, after.cancelled, after.active) == (1, before.cancelled, 0)
        assert ask(prompt, stop="never there", **options).text == whole.text


@pytest.mark.parametrize(
    ("options", "message"),
    [({"stop": ""}, "none of them empty"), ({"stop": [3]}, "a text or a list of texts")],
)
def test_invalid_stop_strings_are_refused(tiny, options, message):
    for ask, prompt in ((tiny.chat, REQUEST), (tiny.generate, "Once")):
        with pytest.raises(UsageError, match=message):
            ask(prompt, **options)


@pytest.mark.parametrize(
    "constraint", [{"schema": {"const": "yes or no"}}, {"regex": '"yes or no"'}, {"choices": ['"yes or no"']}]
)
@pytest.mark.parametrize("mode", ["diffusion", "autoregressive"])
def test_a_stop_string_cuts_a_constrained_answer(tiny, constraint, mode):
    for ask, prompt in ((tiny.chat, REQUEST), (tiny.generate, "Once")):
        reply = ask(prompt, stop=[" or", "never there"], mode=mode, **constraint)
        assert (reply.text, reply.finish_reason) == ('"yes', "stop")
        assert ask(prompt, stop="never there", mode=mode, **constraint).text == '"yes or no"'


TOOLS = [{"type": "function", "function": {"name": "buy", "parameters": {"type": "object", "properties": {}}}}]


def test_a_streamed_tool_call_finishes_with_reason_tool_calls(tiny):
    options = {"tools": TOOLS, "tool_choice": "required", "max_new_tokens": 60}
    whole = tiny.chat(REQUEST, **options)
    *_, last = tiny.stream(REQUEST, **options)
    assert isinstance(last, Finish) and last.reason == whole.finish_reason == "tool_calls"


def test_token_ids_are_streamed_and_a_closed_stream_ends_its_request(tiny):
    ids = tiny.tokenizer.encode("Once upon a time", add_bos=True)
    streamed_ids = [
        token
        for event in tiny.stream(token_ids=ids, max_new_tokens=20)
        if isinstance(event, Commit)
        for token in event.token_ids
    ]
    assert streamed_ids == tiny.generate(token_ids=ids, max_new_tokens=20).token_ids
    for starts in (True, False):
        stream = tiny.stream(token_ids=ids, max_new_tokens=400, canvas_length=8)
        assert not starts or isinstance(next(stream), Commit)
        del stream
        assert tiny.engine.snapshot().active == tiny.engine.snapshot().waiting == 0
    with pytest.raises(UsageError, match="stop is for generate"):
        tiny.stream("Once", stop="a")


def test_autoregressive_mode_takes_one_pass_per_token(tiny):
    for limit in (1, 2, 20):
        stats = tiny.chat(REQUEST, mode="autoregressive", max_new_tokens=limit).stats
        assert stats.forward_passes == stats.new_tokens and stats.tokens_per_forward == 1


def test_the_suffix_of_a_gap_is_part_of_the_prompt(tiny):
    short, longer = (tiny.infill("She went ", suffix, length=1).stats.prompt_tokens for suffix in ("", " home again."))
    assert longer - short == len(tiny.tokenizer.encode(" home again."))


def test_an_answer_of_several_canvases_keeps_its_limits(tiny):
    options = {"max_new_tokens": 21, "seed": 1, "canvas_length": 8, "max_denoising_steps": 3}
    for checked in (True, False):
        reply = tiny.generate("Once upon a time", causal_check=checked, **options)
        stats = reply.stats
        assert stats.denoise_steps <= 3 * stats.canvases and stats.canvases <= 3
        assert (stats.forward_passes == stats.denoise_steps) != checked
        if reply.finish_reason == "length":
            assert len(reply.token_ids) == 21


def test_an_answer_never_begins_with_an_end_token(tiny):
    for mode in ("diffusion", "autoregressive"):
        reply = tiny.chat([{"role": "user", "content": "?"}], max_new_tokens=4, mode=mode)
        assert reply.token_ids[0] not in tiny.model.sampler.eos_token_ids


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"max_new_tokens": 0}, UsageError),
        ({"mode": "guess"}, UsageError),
        ({"top_k": 3}, UsageError),
        ({"canvas_length": 0}, UsageError),
        ({"max_new_tokens": 10**6}, PromptError),
        ({"max_tokens": 4}, UsageError),
    ],
)
def test_impossible_options_are_refused(tiny, options, error):
    with pytest.raises(error):
        tiny.chat(REQUEST, **options)


def test_invalid_prompts_are_refused(tiny):
    with pytest.raises(UsageError):
        tiny.generate()
    with pytest.raises(PromptError, match="empty"):
        tiny.generate(token_ids=[])
    with pytest.raises(PromptError, match="outside the vocabulary"):
        tiny.generate(token_ids=[10**6])
    with pytest.raises(PromptError, match="at least one message"):
        tiny.chat([])
    with pytest.raises(PromptError, match="role"):
        tiny.chat([{"role": "pirate", "content": "arr"}])
    with pytest.raises(PromptError, match="whole numbers"):
        tiny.generate(token_ids=["a"])
    with pytest.raises(PromptError, match="not list; conversations go to chat"):
        tiny.generate(REQUEST)
    with pytest.raises(PromptError, match="not int"):
        tiny.edit(3)


def test_a_string_is_one_message_of_the_user(tiny):
    text = REQUEST[0]["content"]
    assert tiny.chat(text, max_new_tokens=8).token_ids == tiny.chat(REQUEST, max_new_tokens=8).token_ids


def test_unknown_models_and_empty_folders_are_refused(tmp_path):
    with pytest.raises(ModelNotFoundError, match="no model 'huge'"):
        dgemma.load("huge")
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        dgemma.load(tmp_path)


def test_a_folder_without_a_tokenizer_works_on_token_ids(tmp_path):
    model = LoadedModel(config=CONFIG, network=make_network(), sampler=SamplerConfig(max_denoising_steps=3))
    save_model(model, tmp_path)
    llm = dgemma.load(tmp_path)
    assert llm.generate(token_ids=[2, 17, 5], max_new_tokens=12, seed=7).text == ""
    with pytest.raises(PromptError, match="token_ids"):
        llm.generate("text")


def test_saving_to_the_path_of_a_file_is_refused_and_leaves_it_alone(tmp_path):
    (tmp_path / "file").write_text("mine")
    model = LoadedModel(config=CONFIG, network=make_network(), sampler=SamplerConfig())
    with pytest.raises(OutputError, match="file"):
        save_model(model, tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("mode", ["diffusion", "autoregressive"])
@pytest.mark.parametrize("constraint", [{}, {"regex": "[a-z]{3,9}"}])
def test_log_probabilities_come_on_request_and_change_nothing(tiny, mode, constraint):
    options = {"max_new_tokens": 24, "seed": 5, "mode": mode, **constraint}
    plain, with_logprobs = tiny.chat(REQUEST, **options), tiny.chat(REQUEST, logprobs=4, **options)
    assert plain.logprobs == [] and plain.token_ids == with_logprobs.token_ids
    assert len(with_logprobs.logprobs) == len(with_logprobs.token_ids)
    for token, entry in zip(with_logprobs.token_ids, with_logprobs.logprobs, strict=True):
        values = [value for _, value in entry.top]
        assert values == sorted(values, reverse=True) and sum(map(math.exp, values)) < 1 + 1e-4
        assert 1 <= len(values) <= 4 and entry.logprob <= values[0] + 1e-5
        assert dict(entry.top).get(token, entry.logprob) == pytest.approx(entry.logprob, abs=1e-5)
    without_top = tiny.chat(REQUEST, logprobs=0, **options)
    assert [entry.logprob for entry in without_top.logprobs] == [entry.logprob for entry in with_logprobs.logprobs]
    assert all(entry.top == () for entry in without_top.logprobs)
    events = tiny.stream(REQUEST, logprobs=4, **options)
    streamed = [entry for event in events if isinstance(event, Commit) for entry in event.logprobs]
    assert streamed == with_logprobs.logprobs


@pytest.mark.parametrize("end_early", [False, True])
def test_skipped_positions_keep_their_log_probabilities(tiny, end_early):
    options = {"max_new_tokens": 200 if end_early else 48, "seed": 2, "logprobs": 3, "causal_check": False}
    # Which of these requests skips positions depends on the weights.
    requests = ("Fix the mistakes: He go home.", "What is 12 + 30?", 'Extract name as JSON: "Anna Lee paid $250."')
    replies = (tiny.chat([{"role": "user", "content": text}], **options) for text in requests)
    reply = next(
        candidate for candidate in replies if candidate.stats.canvas_equivalents < candidate.stats.denoise_steps
    )
    assert reply.stats.canvas_equivalents < reply.stats.denoise_steps
    chosen = [entry.top[0][0] for entry in reply.logprobs]
    assert chosen == reply.token_ids
    whole = tiny.chat(REQUEST, skip_settled=False, **options)
    assert [entry.top[0][0] for entry in whole.logprobs] == whole.token_ids


def test_a_checked_token_has_the_log_probabilities_of_the_causal_mode(tiny, monkeypatch):
    monkeypatch.setattr(verify, "UNSURE_SHARE", 0.0)
    monkeypatch.setattr(verify, "ACCEPT_RATIO", 1.0)
    request = [{"role": "user", "content": "Fix the mistakes: She go to the the market yestreday."}]
    reply = tiny.chat(request, logprobs=2)
    causal = tiny.chat(request, logprobs=2, mode="autoregressive")
    assert reply.stats.forward_passes > reply.stats.denoise_steps
    assert len(reply.logprobs) == len(reply.token_ids)
    for entry, causal_entry, token in zip(reply.logprobs, causal.logprobs, reply.token_ids, strict=False):
        assert entry.logprob == pytest.approx(causal_entry.logprob, abs=1e-3)
        assert dict(entry.top).get(token, entry.logprob) == pytest.approx(entry.logprob)


def test_impossible_logprobs_are_refused(tiny):
    with pytest.raises(UsageError, match="logprobs must be between"):
        tiny.chat(REQUEST, logprobs=-1)
    with pytest.raises(UsageError, match="not for an infill"):
        tiny.infill("a", "b", length=2, logprobs=1)


@pytest.mark.parametrize("mode", ["diffusion", "autoregressive", "auto"])
def test_int8_answers_in_every_mode(mode):
    llm = dgemma.load("tiny", quant="int8")
    assert llm.chat("Fix the mistakes: He have a dog.", max_new_tokens=8, mode=mode).text


def test_float16_answers_in_diffusion():
    assert dgemma.load("tiny", dtype="float16").chat("Fix the mistakes: He have a dog.", max_new_tokens=16).text


@pytest.mark.parametrize(("canvas_length", "limit"), [(3, 10), (6, 18), (1, 5)])
def test_copied_drafts_keep_the_token_limit(tiny, canvas_length, limit):
    prompt = "Sort: pear, fig, apple, plum, cherry, banana"
    assert tiny.chat(prompt, canvas_length=canvas_length, max_new_tokens=limit).stats.new_tokens <= limit


def test_a_low_temperature_does_not_disable_checks(tiny):
    """Whether a canvas needs checks is judged at the model's own temperatures."""
    text = "When we arrived to the station, the train have already left and we was very angry about it."
    request = f"Fix the mistakes: {text}"
    cold, usual = (tiny.chat(request, temperature=temperature, max_new_tokens=48) for temperature in (0.0, 1.0))
    assert cold.stats.forward_passes > cold.stats.denoise_steps
    assert cold.text == usual.text


def test_generating_from_an_empty_prompt_gives_a_text(tiny):
    reply = tiny.generate("", max_new_tokens=24)
    assert reply.text


@pytest.mark.parametrize("name", ["gpu", "meta", "cuda:77"])
def test_a_missing_device_is_refused(name):
    with pytest.raises(UsageError, match="device"):
        dgemma.load("tiny", device=name)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": None}, "seed must be a whole number"),
        ({"seed": 2**64}, "seed must be between"),
        ({"max_new_tokens": 3.0}, "max_new_tokens must be a whole number"),
        ({"canvas_length": 2.0}, "canvas_length must be a whole number"),
        ({"max_denoising_steps": "3"}, "max_denoising_steps must be a whole number"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "Only chat"),
        ({"thinking": True}, "thinking is for messages only"),
    ],
)
def test_the_error_for_an_invalid_option_names_it(tiny, options, message):
    with pytest.raises(UsageError, match=message):
        tiny.generate("Hello", **options)


@pytest.mark.parametrize("name", ["temperature", "canvas_length", "max_denoising_steps", "max_new_tokens"])
def test_an_edit_refuses_options_that_it_would_ignore(tiny, name):
    with pytest.raises(UsageError, match=name):
        tiny.edit("She go home.", instruction="Fix the mistakes", **{name: 1})


@pytest.mark.parametrize("seed", [0, 7])
@pytest.mark.parametrize(("prompt", "answer"), [
    ("Fix the mistakes: They was late for the the train yestreday.", "They were late for the train yesterday."),
    ("Fix the mistakes: They was late.", "They were late."),
    ("Sort these words alphabetically: pear, apple, fig", "apple, fig, pear"),
    ("Extract name and city as JSON: Anna Lee, a nurse, lives in Lisbon.", '{"name": "Anna Lee", "city": "Lisbon"}'),
    ("Tom has 12 apples. He buys 7 more. How many apples does Tom have now?", "12 + 7 = 19. The answer is 19."),
    ("Solve this Sudoku:\n1030\n0402\n2043\n0320", "1234\n3412\n2143\n4321"),
])  # fmt: skip
def test_the_documented_requests_are_answered_right(tiny, prompt, answer, seed):
    """The requests that the README, the help texts, the page, the docs and the examples show."""
    assert tiny.chat(prompt, seed=seed).text == answer


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda llm: llm.chat(5), "list of messages"),
        (lambda llm: llm.edit("a", strength="x"), "strength must be between 0 and 1"),
        (lambda llm: llm.submit([{"role": "user", "content": "x"}], token_ids=[2, 3]), "not both"),
        (lambda llm: llm.infill("word " * 3960, " day" * 100, length=128), "exceed the context"),
        (lambda llm: llm.chat("x", prompt=(2, 3)), "no option 'prompt'"),
        (lambda llm: llm.infill("x", "y", prompt=1), "no option 'prompt'"),
        (lambda llm: llm.edit("x", prompt=1), "no option 'prompt'"),
        (lambda llm: llm.edit("x", instruction=5), "instruction must be a text"),
        (lambda llm: llm.edit(""), "is empty"),
        (copy.deepcopy, "load it again"),
        (pickle.dumps, "load it again"),
        (lambda _: dgemma.load(device=None), "device 'None' does not exist"),  # pyright: ignore[reportArgumentType]
        (lambda _: dgemma.load(dtype="foo"), "foo"),
        (lambda _: dgemma.load(progress=5), "progress must be a function"),  # pyright: ignore[reportArgumentType]
        (lambda _: open_model(EMBEDDED["tiny"], progress="x"), "progress must be a function"),
        (lambda _: quantise_model(EMBEDDED["tiny"], "x", "int8", progress=0), "progress must be a function"),
        (lambda _: dgemma.load(max_context=4097), "max_context 4097 is more than this model's context of 4096 tokens"),
        (lambda llm: llm.generate(0), "Give a text, not int"),
        (lambda llm: llm.chat("x", thinking="no"), "thinking must be True or False, not 'no'"),
        (lambda llm: llm.chat("x", image_tokens=100), "image_tokens must be one of 70, 140"),
        (lambda llm: llm.stream("x", drafts="no"), "drafts must be True or False, not 'no'"),
        (lambda llm: llm.infill("a", "b", instruction=b"x"), "instruction must be a text"),
        (lambda llm: llm.infill("a", "b", length=True), "length must be a whole number"),
        (lambda llm: llm.infill("a", "b", max_new_tokens=True), "max_new_tokens must be a whole number"),
        (lambda llm: llm.decode("x"), "token_ids must be whole numbers"),
        (lambda llm: llm.decode([2], skip_special=0), "skip_special must be True or False"),
        (lambda llm: llm.parse([[2]]), "token_ids must be whole numbers"),
        (lambda llm: llm.gap_text(None, [2]), "prefix must be a text"),
        (lambda llm: llm.chat_ids([{"role": "user", "content": "x"}], images=5), "what prepare_images gives"),
        (lambda llm: llm.chat_ids([{"role": "user", "content": "x"}], thinking=5), "thinking must be"),
        (lambda llm: save_model(llm, "x"), "llm.model"),
        (lambda llm: save_model(llm.model, ""), "No folder"),
        (lambda llm: save_model(llm.model, "a\0b"), "cannot be made: embedded null byte"),
        (lambda llm: save_model(llm.model, "a" * 1000), "cannot be made: File name too long"),
    ],
)
def test_misuse_of_the_api_is_refused_with_a_message(tiny, ask, message):
    with pytest.raises(DgemmaError, match=message):
        ask(tiny)


@pytest.mark.parametrize("options", [{"tools": []}, {"tool_choice": "required"}, {"parallel_tool_calls": False}])
def test_infill_and_edit_refuse_tools(tiny, options):
    for call in (lambda: tiny.infill("a", "b", **options), lambda: tiny.edit("She go home.", **options)):
        with pytest.raises(UsageError, match=f"leave out {next(iter(options))}"):
            call()


@pytest.mark.parametrize(
    ("name", "value"),
    [("skip_settled", False), ("causal_check", False), ("canvas_length", 9), ("mode", "autoregressive"), ("top_k", 3)],
)
def test_infill_and_edit_refuse_options_of_answers(tiny, name, value):
    with pytest.raises(UsageError, match=name):
        tiny.infill("a", "b", **{name: value})
    if name != "canvas_length":
        with pytest.raises(UsageError, match=name):
            tiny.edit("She go home.", **{name: value})


def test_infill_accepts_options_of_answers_at_their_defaults(tiny):
    neutral = {"skip_settled": True, "causal_check": True, "mode": "auto", "schema": None, "stop": None, "top_p": 1.0}
    plain = tiny.infill("The cat sat", " mat.", length=2)
    assert tiny.infill("The cat sat", " mat.", length=2, **neutral, canvas_length=None).token_ids == plain.token_ids


def test_a_space_before_a_gap_is_not_written_twice(tiny):
    bare = tiny.infill("She goes to", " every day.", length=2, seed=7)
    spaced = tiny.infill("She goes to ", " every day.", length=2, seed=7)
    assert spaced.token_ids == bare.token_ids and bare.text == f" {spaced.text}"
    assert tiny.gap_text("a  ", tiny.tokenizer.encode("  b")) == " b"


def test_what_needs_no_files_is_checked_before_a_model_is_looked_for():
    """The model may be a download of hours."""
    for options in ({"quant": "int3"}, {"progress": 5}, {"max_context": 0}, {"dtype": "foo"}, {"device": "gpu"}):
        with pytest.raises(DgemmaError, match=next(iter(options))):
            dgemma.load("nosuch", **options)


def test_ids_may_come_as_a_tensor_and_lengths_as_numpy_numbers(tiny):
    ids = tiny.tokenizer.encode("Once upon a time")
    assert tiny.decode(torch.tensor(ids)) == tiny.parse(torch.tensor(ids)).text == "Once upon a time"
    filled = tiny.infill("The cat sat", " mat.", length=[np.int64(2)])
    assert filled.token_ids == tiny.infill("The cat sat", " mat.", length=2).token_ids
    few, same = (tiny.infill("The cat", " mat.", max_new_tokens=kind(2)) for kind in (int, np.int64))
    assert few.token_ids == same.token_ids


def test_a_copy_is_written_to_the_home_folder_that_its_path_names(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    save_model(tiny.model, "~/copy")
    assert dgemma.load("~/copy").config == tiny.config and (tmp_path / "copy" / "config.json").is_file()


def test_load_accepts_a_torch_dtype():
    assert dgemma.load(dtype=torch.float32).network.dtype == torch.float32


@pytest.mark.parametrize("quant", [None, "int8"])
@pytest.mark.parametrize("mode", ["diffusion", "autoregressive", "reference", "constrained"])
def test_one_non_finite_value_in_the_embedding_is_refused(mode, quant):
    """The token is not in the prompt, so the value is read only by the output head."""
    llm = dgemma.load("tiny", quant=quant)
    llm.network.embed_tokens.weight[1500, 0] = math.nan
    options: dict[str, Any] = {"mode": "diffusion" if mode == "constrained" else mode}
    if mode == "reference":
        options = {"reference": True}
    with pytest.raises(CheckpointError, match="not finite"):
        llm.generate("Once", max_new_tokens=8, choices=["a", "b"] if mode == "constrained" else None, **options)


@pytest.mark.parametrize(
    "mode", ["diffusion", "autoregressive", "auto", "reference", "unchecked", "constrained", "infill", "int8"]
)
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_non_finite_weights_raise_an_error_in_every_mode(mode, value):
    llm = dgemma.load("tiny", quant="int8" if mode == "int8" else None)
    network, other = llm.network, llm.network.layers[1]
    weight = other.post_feedforward_layernorm.weight if mode == "int8" else other.mlp.up_proj.weight  # pyright: ignore[reportAttributeAccessIssue]
    weight.view(-1)[0] = value  # pyright: ignore[reportIndexIssue,reportCallIssue]
    assert network.layers is not None
    options: dict[str, Any] = {"max_new_tokens": 8, "seed": 1}
    with pytest.raises(NotFiniteError, match="not finite"):
        if mode == "infill":
            llm.infill("The cat", " mat.", length=2)
        elif mode == "constrained":
            llm.generate("Once upon", choices=["a time", "another"], **options)
        elif mode in ("reference", "unchecked"):
            llm.generate("Once", **options, **({"reference": True} if mode == "reference" else {"causal_check": False}))
        else:
            llm.generate("Once upon a time", mode="diffusion" if mode == "int8" else mode, **options)


def test_the_typed_dicts_name_every_option():
    parameters = signature(RequestMaker.make).parameters.items()
    names = {name for name, parameter in parameters if parameter.kind is Parameter.KEYWORD_ONLY}
    assert Options.__optional_keys__ == names
    assert ReplyOptions.__optional_keys__ == names | {"stop"}
    assert AnyOptions.__optional_keys__ == names | {"stop", "thinking", "image_tokens"}
    assert ChatOptions.__optional_keys__ == AnyOptions.__optional_keys__ - {"schema"}


def test_an_edit_refuses_a_lone_surrogate(tiny):
    for instruction in (None, "Fix the mistakes"):
        with pytest.raises(PromptError, match="surrogate"):
            tiny.edit("a\ud800b", strength=0, instruction=instruction)
    assert tiny.edit("a \U0001f600 b", strength=0).text == "a \U0001f600 b"


def test_the_default_limit_is_what_the_prompt_leaves():
    """Of the context, here; a number that is given is not changed."""
    small, messages = dgemma.load(max_context=50), "Tell me a story."
    reply = small.chat(messages, seed=1)
    prompt = reply.stats.prompt_tokens
    assert 0 < len(reply.token_ids) <= 50 - prompt
    assert small.chat(messages, seed=1, max_new_tokens=50 - prompt).token_ids == reply.token_ids
    with pytest.raises(PromptError, match="exceed"):
        small.chat(messages, max_new_tokens=51 - prompt)
    with pytest.raises(PromptError, match="exceed"):
        small.generate(token_ids=[2] * 50)


def test_chat_accepts_images_none_and_refuses_a_list(tiny):
    assert tiny.chat("x", images=None, max_new_tokens=2).token_ids
    with pytest.raises(UsageError, match="parts of messages"):
        tiny.chat("x", images=[])


def test_stop_is_refused_by_infill_edit_and_streams(tiny):
    for call in (tiny.edit, lambda text, **options: tiny.infill(text, text, **options)):
        assert call("a b", stop=None).text
        with pytest.raises(UsageError, match="stop ends an answer"):
            call("a b", stop="x")
    for call in (tiny.stream, tiny.submit):
        list(call("Once", stop=None, max_new_tokens=2))
        with pytest.raises(UsageError, match="end the iteration"):
            call("Once", stop="x")


@pytest.mark.parametrize("call", [
    lambda llm: llm.infill("a", "b", length=[]), lambda llm: llm.generate("x", stop=5),
    lambda llm: llm.generate("x", stop={"a": 1}), lambda llm: llm.generate("x", stop=torch.tensor(1)),
    lambda llm: llm.generate("x", tools=5), lambda llm: llm.chat("x", parallel_tool_calls=0),
    lambda _: dgemma.load(device=2**70),  # pyright: ignore[reportArgumentType]
    lambda llm: llm.generate("x", images=5), lambda llm: llm.generate(token_ids=[2], images=[5]),
])  # fmt: skip
def test_options_of_a_wrong_type_are_refused(tiny, call):
    with pytest.raises(UsageError):
        call(tiny)
    assert tiny.generate(token_ids=[2], images=None, max_new_tokens=2).token_ids
