"""The options of a call -> the engine's Request: defaults, what does not go together, the form of an answer.

Knows prompts as ids only.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from inspect import Parameter, signature
from typing import Any, TypedDict

from dgemma.checkpoint import LoadedModel
from dgemma.decode import constrain
from dgemma.decode.autoregressive import TokenSampler
from dgemma.decode.constrain import TokenAutomaton
from dgemma.engine.request import Mode, Request
from dgemma.errors import PromptError, UsageError
from dgemma.images import PreparedImage
from dgemma.tokenizer import TURN_END, Tokenizer

NO_TOKENIZER = (
    "This model has no tokenizer: a folder needs a tokenizer.json, and of GGUF files the vocabulary gemma4 is read."
)


class _Sampling(TypedDict, total=False):
    max_new_tokens: int | None
    seed: int
    mode: Mode
    canvas_length: int | None
    max_denoising_steps: int | None
    temperature: float | None
    top_k: int
    top_p: float
    reference: bool
    skip_settled: bool
    causal_check: bool
    regex: str | None
    choices: Sequence[str] | None
    tools: Sequence[Mapping[str, Any]] | None
    tool_choice: str
    parallel_tool_calls: bool
    logprobs: int | None
    images: Sequence[PreparedImage] | None


class Options(_Sampling, total=False):
    """What a request may be given beside its prompt (`dgemma.LLM.generate` tells what each means)."""

    schema: Mapping[str, Any] | bool | None


class ReplyOptions(Options, total=False):
    """The same for who waits for a whole reply."""

    stop: str | Sequence[str] | None


class ChatOptions(_Sampling, total=False):
    """What `dgemma.LLM.chat` may be given beside its messages and a schema."""

    stop: str | Sequence[str] | None
    thinking: bool
    image_tokens: int


class AnyOptions(ReplyOptions, total=False):
    """What an answer to a prompt of either kind may be given."""

    thinking: bool
    image_tokens: int


class GapOptions(TypedDict, total=False):
    """What `dgemma.LLM.infill` may be given beside the texts, the gap's length and an instruction."""

    max_new_tokens: int | None
    seed: int
    max_denoising_steps: int | None
    temperature: float | None


class EditOptions(TypedDict, total=False):
    """What `dgemma.LLM.edit` may be given beside a text, an instruction and a strength; all but the seed work without
    an instruction alone."""

    seed: int
    canvas_length: int | None
    max_denoising_steps: int | None
    temperature: float | None


FORMS = ("schema", "regex", "choices")
"""Options that hold an answer to a form."""


_WITHOUT_EFFECT = {
    **dict.fromkeys(FORMS, "schema, regex and choices hold an answer, not a gap or a revised text; leave them out."),
    **{
        name: f"Tools are called in an answer, not in a gap or a revised text; leave out {name}."
        for name in ("tools", "tool_choice", "parallel_tool_calls")
    },
    "stop": "stop ends an answer, not a gap or a revised text; leave it out.",
    "logprobs": "logprobs tell of an answer, not of a gap or a revised text; leave them out.",
    "mode": "Filling a gap and revising a text work by diffusion; leave out mode.",
    "reference": "Filling a gap and revising a text are not in the reference; leave out reference.",
}
"""Why options of answers are refused where a text is worked on in place."""


def options_in_place(given: Mapping[str, Any], taken: type[GapOptions] | type[EditOptions]) -> dict[str, Any]:
    """The options of a gap or of a text to go over; what is another answer's option may have its default value.

    Raises UsageError for any other, named with the reason why it has no effect.
    """
    foreign = set(_DEFAULTS) - set(taken.__annotations__)
    for name, value in given.items():
        # Of the modes "auto" may mean the only one there is.
        if name in foreign and value not in (None, _DEFAULTS[name]) and (name, value) != ("mode", "auto"):
            raise UsageError(_WITHOUT_EFFECT.get(name, f"A gap and a text to go over take no {name}; leave it out."))
    return {name: value for name, value in given.items() if name not in foreign}


def needed_tokenizer(model: LoadedModel) -> Tokenizer:
    """The tokenizer of a model. Raises PromptError where it has none."""
    if model.tokenizer is None:
        raise PromptError(f"{NO_TOKENIZER} In Python it takes token_ids instead of text.")
    return model.tokenizer


class RequestMaker:
    """Makes the requests to one model; the automata of forms are kept from one to the next."""

    def __init__(self, model: LoadedModel) -> None:
        self._model = model

    def make(
        self,
        prompt: tuple[int, ...],
        /,
        *,
        max_new_tokens: int | None = None,
        seed: int = 0,
        mode: Mode = "diffusion",
        canvas_length: int | None = None,
        max_denoising_steps: int | None = None,
        temperature: float | None = None,
        top_k: int = 0,
        top_p: float = 1.0,
        reference: bool = False,
        skip_settled: bool = True,
        causal_check: bool = True,
        schema: Mapping[str, Any] | bool | None = None,
        regex: str | None = None,
        choices: Sequence[str] | None = None,
        tools: Sequence[Mapping[str, Any]] | None = None,
        tool_choice: str = "auto",
        parallel_tool_calls: bool = True,
        logprobs: int | None = None,
        images: Sequence[PreparedImage] | None = None,
        **unknown: Any,
    ) -> Request:
        """A request for the ids of a prompt, with the options of `LLM.generate`. Raises UsageError for options that are
        not known or do not go together, and what compiling a form raises."""
        if unknown:
            raise UsageError(f"There is no option {next(iter(unknown))!r}; help(dgemma.LLM.generate) lists them.")
        if mode != "autoregressive" and (top_k or top_p != 1.0):
            raise UsageError("top_k and top_p work with mode='autoregressive' only.")
        if reference and (mode != "diffusion" or canvas_length is not None or temperature not in (None, 1.0)):
            raise UsageError("reference=True takes no mode, canvas_length or temperature of its own.")
        images = () if images is None else images
        if not isinstance(images, Sequence) or not all(isinstance(image, PreparedImage) for image in images):
            raise UsageError("images are what prepare_images gives; chat() takes pictures as they are, in messages.")
        calls = constrain.chosen_calls(tools or (), tool_choice, many=parallel_tool_calls, answer=schema)
        if calls is not None and tool_choice == "auto":
            # It is the answer that may come instead of calls.
            schema = None
        automaton = self._automaton(schema, regex, choices, calls)
        if reference and automaton is not None:
            raise UsageError("reference=True takes no schema, regex or choices, and no tool that it is held to.")
        sampler = TokenSampler(temperature=temperature or 0.0, top_k=top_k, top_p=top_p)
        return Request(
            prompt=prompt,
            max_new_tokens=self._model.sampler.max_new_tokens if max_new_tokens is None else max_new_tokens,
            seed=seed,
            mode=mode,
            canvas_length=canvas_length,
            max_denoising_steps=max_denoising_steps,
            temperature=1.0 if temperature is None else temperature,
            token_sampler=sampler,
            reference=reference,
            skip_settled=skip_settled,
            causal_check=causal_check,
            turn_boundary_ids=self._turn_ends(),
            constraint=automaton,
            open_end=calls is not None and calls.open_end,
            top_logprobs=logprobs,
            images=tuple(images),
        )

    def _automaton(
        self,
        schema: Mapping[str, Any] | bool | None,
        regex: str | None,
        choices: Sequence[str] | None,
        calls: constrain.Constraint | None,
    ) -> TokenAutomaton | None:
        if sum(given is not None for given in (schema, regex, choices, calls)) > 1:
            raise UsageError("Give one of schema, regex and choices, and no tool calls with it.")
        if schema is not None:
            constraint = constrain.json_schema(schema)
        elif regex is not None:
            constraint = constrain.regex(regex)
        elif choices is not None:
            constraint = constrain.choice(choices)
        elif calls is not None:
            constraint = calls
        else:
            return None
        return self._constraints.compile(constraint)

    @cached_property
    def _constraints(self) -> constrain.ConstraintCompiler:
        tokenizer, vocab_size = needed_tokenizer(self._model), self._model.config.vocab_size
        return constrain.ConstraintCompiler(tokenizer, vocab_size=vocab_size, end_ids=self._model.end_ids)

    def _turn_ends(self) -> tuple[int, ...]:
        tokenizer = self._model.tokenizer
        return (tokenizer.special_id(TURN_END),) if tokenizer is not None and tokenizer.has_special(TURN_END) else ()


_DEFAULTS: dict[str, Any] = {
    **{
        name: parameter.default
        for name, parameter in signature(RequestMaker.make).parameters.items()
        if parameter.kind is Parameter.KEYWORD_ONLY
    },
    "stop": None,
}
"""Every option of an answer, and what it is where it is not given."""
