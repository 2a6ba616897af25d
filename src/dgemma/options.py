"""Turns the options of a call into the engine's Request: defaults, conflicting options, constraints.

Knows prompts as ids only.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from inspect import Parameter, signature
from typing import Any, TypedDict

from dgemma.checkpoint import LoadedModel
from dgemma.config import Mode
from dgemma.decode import constrain
from dgemma.decode.autoregressive import TokenSampler
from dgemma.decode.constrain import TokenAutomaton
from dgemma.engine.request import Request
from dgemma.engine.validation import check_flag
from dgemma.errors import PromptError, UsageError
from dgemma.images import PreparedImage
from dgemma.tokenizer import TURN_END, Tokenizer

NO_TOKENIZER = "This model has no tokenizer: a folder needs a tokenizer.json, and a GGUF file the vocabulary gemma4."


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
    """The options of a request; `dgemma.LLM.generate` documents them."""

    schema: Mapping[str, Any] | bool | None


class ReplyOptions(Options, total=False):
    """The options of calls that return a Reply: `stop` as well."""

    stop: str | Sequence[str] | None


class ChatOptions(_Sampling, total=False):
    """The options of `dgemma.LLM.chat` besides messages and schema."""

    stop: str | Sequence[str] | None
    thinking: bool
    image_tokens: int


class AnyOptions(ReplyOptions, total=False):
    """The options of calls that take a text or messages (`dgemma.LLM.stream` and `submit`)."""

    thinking: bool
    image_tokens: int


class GapOptions(TypedDict, total=False):
    """The options of `dgemma.LLM.infill` besides prefix, suffix, length and instruction."""

    max_new_tokens: int | None
    seed: int
    max_denoising_steps: int | None
    temperature: float | None


class EditOptions(TypedDict, total=False):
    """The options of `dgemma.LLM.edit` besides text, instruction and strength. With an instruction only `seed` is
    accepted."""

    seed: int
    canvas_length: int | None
    max_denoising_steps: int | None
    temperature: float | None


CONSTRAINT_OPTIONS = ("schema", "regex", "choices")
"""Options that constrain an answer."""
_OF_MESSAGES = ("thinking", "image_tokens")
"""Options of chats, which `LLM` takes out before a request is made."""


_WITHOUT_EFFECT = {
    **dict.fromkeys(
        CONSTRAINT_OPTIONS, "schema, regex and choices constrain an answer, not an infill or an edit; leave them out."
    ),
    **{
        name: f"Tools are called in an answer, not in an infill or an edit; leave out {name}."
        for name in ("tools", "tool_choice", "parallel_tool_calls")
    },
    "stop": "stop ends an answer, not an infill or an edit; leave it out.",
    "logprobs": "logprobs are given for an answer, not for an infill or an edit; leave them out.",
    "mode": "Infills and edits take no mode; leave out mode.",
    "reference": "transformers' generate() has no infills and edits to reproduce; leave out reference.",
}
"""Why `infill` and `edit` refuse options of answers."""


def infill_or_edit_options(given: Mapping[str, Any], taken: type[GapOptions] | type[EditOptions]) -> dict[str, Any]:
    """The options of an infill or an edit. Options of answers alone are dropped if they are None or the default.

    Raises UsageError for one with another value, with the reason why it has no effect.
    """
    not_taken = set(_DEFAULTS) - set(taken.__annotations__)
    for name, value in given.items():
        # mode="auto" is accepted: it leaves the choice to the call.
        if name in not_taken and value not in (None, _DEFAULTS[name]) and (name, value) != ("mode", "auto"):
            raise UsageError(_WITHOUT_EFFECT.get(name, f"Infills and edits have no option {name}; leave it out."))
    return {name: value for name, value in given.items() if name not in not_taken}


def require_tokenizer(model: LoadedModel) -> Tokenizer:
    """The model's tokenizer. Raises PromptError if it has none."""
    if model.tokenizer is None:
        raise PromptError(f"{NO_TOKENIZER} In Python, give token_ids in place of text.")
    return model.tokenizer


def checked_images(images: Sequence[PreparedImage] | None) -> tuple[PreparedImage, ...]:
    """The images as a tuple. Raises UsageError for anything but prepared images."""
    images = () if images is None else images
    if not isinstance(images, Sequence) or not all(isinstance(image, PreparedImage) for image in images):
        raise UsageError("images must be what prepare_images gives; chat() takes image files, in messages.")
    return tuple(images)


class RequestMaker:
    """Makes requests for one model; keeps compiled constraints from one request to the next."""

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
        """A request for a prompt given as ids, with the options of `LLM.generate`. Raises UsageError for unknown or
        conflicting options, and whatever compiling a constraint raises."""
        if unknown:
            name = next(iter(unknown))
            if name in _OF_MESSAGES:
                raise UsageError(f"{name} is for messages only; give messages to chat() or stream(), or leave it out.")
            raise UsageError(f"There is no option {name!r}; help(dgemma.LLM.generate) lists them.")
        if mode != "autoregressive" and (top_k or top_p != 1.0):
            raise UsageError("top_k and top_p work with mode='autoregressive' only.")
        if reference and (mode != "diffusion" or canvas_length is not None or temperature not in (None, 1.0)):
            raise UsageError("reference=True takes no mode, canvas_length or temperature; leave them out.")
        images = checked_images(images)
        if tools is not None and (isinstance(tools, str | Mapping) or not isinstance(tools, Sequence)):
            raise UsageError("tools must be a list of tool declarations.")
        check_flag("parallel_tool_calls", parallel_tool_calls)
        calls = constrain.chosen_calls(tools or (), tool_choice, many=parallel_tool_calls, answer=schema)
        if calls is not None and tool_choice == "auto":
            # The schema is part of `calls`: it describes the answer that may come in place of calls.
            schema = None
        automaton = self._automaton(schema, regex, choices, calls)
        if reference and automaton is not None:
            raise UsageError(
                "reference=True takes no schema, regex, choices, or tools that are required or strict; leave them out."
            )
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
            images=images,
        )

    def _automaton(
        self,
        schema: Mapping[str, Any] | bool | None,
        regex: str | None,
        choices: Sequence[str] | None,
        calls: constrain.Constraint | None,
    ) -> TokenAutomaton | None:
        if sum(given is not None for given in (schema, regex, choices, calls)) > 1:
            raise UsageError("Give only one of schema, regex and choices, and no tool calls with it.")
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
        tokenizer, vocab_size = require_tokenizer(self._model), self._model.config.vocab_size
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
"""Every option of an answer, with its default."""
