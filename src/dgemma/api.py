"""load() and LLM: the calls that most programs need.

    llm = dgemma.load("tiny")
    reply = llm.chat([{"role": "user", "content": "..."}], max_new_tokens=128, seed=7)
    print(reply.text, reply.stats.tokens_per_second)

`generate` continues a text; `chat` answers messages through the model's chat template; `stream` yields the events of
either as they happen. Nothing here prints.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Unpack

import torch

from dgemma import chat as chat_format
from dgemma.checkpoint import LoadedModel, find_model, open_model
from dgemma.checkpoint.load import Progress, require_callable, source_of
from dgemma.config import EngineConfig, ModelConfig
from dgemma.engine.default_limit import default_tokens
from dgemma.engine.engine import Engine
from dgemma.engine.events import Events
from dgemma.engine.placement import resolve_placement
from dgemma.engine.request import Event, Infill, Request, Revision, Rewrite
from dgemma.engine.validation import check_flag, check_text, is_whole, whole_ids
from dgemma.errors import ImageError, PromptError, UsageError
from dgemma.files import cache_folder
from dgemma.images import BUDGETS, PreparedImage, prepare_images
from dgemma.model import DiffusionGemma
from dgemma.options import (
    CONSTRAINT_OPTIONS,
    AnyOptions,
    ChatOptions,
    EditOptions,
    GapOptions,
    ReplyOptions,
    RequestMaker,
    checked_images,
    infill_or_edit_options,
    require_tokenizer,
)
from dgemma.quant import check_kind
from dgemma.reply import Reply, checked_stops, collect_reply, stream_events
from dgemma.tokenizer import Tokenizer

Messages = Sequence[Mapping[str, Any]]

REWRITING_ROOM = 16
"""An edit by instruction may have twice the tokens of its text, and this many more."""
_DIFFUSION_OPTIONS = ("canvas_length", "max_denoising_steps", "temperature", "skip_settled", "causal_check")
"""Options without effect on an edit by instruction, which consists of causal passes alone."""
_INFILL_PATIENCE = 2
"""Gap lengths in a row that may score no better before `infill` stops: of ten lengths four are then tried, and the
choice is nearly as close to the right length (docs/log.md)."""
_CACHE = cache_folder()
PACE_FILE = None if _CACHE is None else str(_CACHE / "pace.json")
"""The file in which mode "auto" stores the speeds it measures, by machine and model; None without a home folder."""


def edit_messages(text: str, instruction: str) -> Messages:
    """The messages with which `LLM.edit` asks for an edit by instruction."""
    return [{"role": "user", "content": f"{instruction}: {text}"}]


def load(
    name: str | Path = "tiny",
    *,
    device: str = "auto",
    dtype: torch.dtype | str = "auto",
    quant: str | None = None,
    max_context: int | None = None,
    progress: Progress | None = None,
) -> "LLM":
    """Loads a model: `tiny`, a local folder or GGUF file, or a hub id (`owner/name`, or `owner/name:TAG` for the GGUF
    file whose name ends with TAG). A hub model is downloaded once; an interrupted download resumes.

    device: `cpu`, `cuda`, or `auto`: CUDA if there is such a device.
    dtype: `float32`, `bfloat16` or `float16`; `auto` is float32 on a CPU and bfloat16 on CUDA.
    quant: `int8`, `int4` or `fp8` quantises the weights while the files are read. None keeps the precision of the
    files; of a GGUF file as much of it as fits into half of the memory.
    max_context: most tokens of one request, prompt and answer; at most the model's own limit, which is the default.
    progress: called with the bytes of weights read so far and in total.
    Raises ModelNotFoundError for an unknown name, CheckpointError for files that cannot be used or do not fit into
    memory, UsageError for a device that does not exist and for other arguments that make no sense.
    """
    # A download may follow, so what needs no files is checked first.
    if quant is not None:
        check_kind(quant)
    require_callable(progress)
    config = resolve_placement(
        EngineConfig(
            device=device,
            dtype=str(dtype).removeprefix("torch."),  # pyright: ignore[reportArgumentType]
            max_context=max_context,
            pace_file=PACE_FILE,
        )
    )
    folder = find_model(name)
    require_context(folder, max_context)
    model = open_model(
        folder, dtype=config.dtype, device=config.device, quant=quant, progress=progress, keep_bfloat16=True
    )
    return LLM(model, config)


def require_context(model: Path, max_context: int | None) -> None:
    """Raises UsageError for a context longer than that of the model in this folder or file. Reads no weights."""
    if max_context is None:
        return
    longest = source_of(model).describe().config.max_position_embeddings
    if max_context > longest:
        raise UsageError(f"max_context {max_context} is more than this model's context of {longest} tokens.")


class LLM:
    """A loaded model. `network`, `tokenizer` and `config` give access to its parts."""

    def __init__(self, model: LoadedModel, config: EngineConfig) -> None:
        self.model = model
        self.engine = Engine(model.network, model.sampler, config, model.profile, model.tower)
        self._requests = RequestMaker(model)

    def __reduce__(self) -> Any:
        raise UsageError("A loaded model cannot be copied or pickled; load it again where it is needed.")

    @property
    def network(self) -> DiffusionGemma:
        """The network."""
        return self.model.network

    @property
    def tokenizer(self) -> Tokenizer | None:
        """The tokenizer; None for a folder without one, which takes `token_ids` only."""
        return self.model.tokenizer

    @property
    def config(self) -> ModelConfig:
        """The network's configuration."""
        return self.model.config

    def generate(
        self, prompt: str | None = None, *, token_ids: Sequence[int] | None = None, **options: Unpack[ReplyOptions]
    ) -> Reply:
        """Continues `prompt` (or `token_ids`) as it stands.

        max_new_tokens: default the model's own, or what the prompt leaves of the context. seed: default 0.
        mode: "diffusion" (default), "autoregressive", or "auto", the faster of the two on this machine.
        canvas_length, max_denoising_steps: default the model's own; without effect in autoregressive mode.
        temperature: diffusion: scales the schedule, default 1. Autoregressive: default 0, which is greedy.
        top_k, top_p: with mode "autoregressive" only.
        skip_settled: False computes every position of a canvas in every step.
        causal_check: False decodes every canvas by diffusion, even if the model's settings, like those of the embedded
        model, let the causal pass verify canvases that start unsure.
        reference: runs transformers' loop, draw for draw.
        logprobs: N returns the log probability of each id and of the N likeliest ids at its position; 0 of the id only.
        stop: a text or several; the reply's text ends before the first of them, also under a constraint, which the
        text then need not satisfy. `token_ids` may contain the ids that were committed together with the stop.
        images: with token_ids, what `prepare_images` returns, in the order of their image tokens.
        schema (JSON Schema), regex (must match the whole answer) or choices (a list of texts): constrains the answer.
        It satisfies the constraint and ends within max_new_tokens, whatever the weights, unless a stop cuts it.
        Raises PromptError, UsageError, and ConfigError for impossible sampling values.
        """
        given: dict[str, Any] = {**options}
        stops = self._stops(given)
        events = self.engine.submit(self._continuation(prompt, token_ids, given))
        return collect_reply(events, self.parse, stops)

    def chat(
        self,
        messages: str | Messages,
        *,
        schema: Mapping[str, Any] | bool | None = None,
        **options: Unpack[ChatOptions],
    ) -> Reply:
        """Answers messages such as `[{"role": "user", "content": "..."}]`; a string is one message of the user.

        Options as in `generate`, and `thinking=True`, which cannot be combined with a constraint, and `tools=[...]`.
        Of the constraints, tools can be combined with `schema` only: the answer is then one or more calls, or a value
        that the schema describes.

        A user's content may be a list of texts and images: `{"type": "image", "image": path, bytes or PIL image}`, or
        OpenAI's `image_url` with a data: URL. Each image takes up to `image_tokens` of the context (70, 140, 280, 560
        or 1120; default 280). A path is opened from this machine's disk: remove paths from messages of untrusted users.

        With tools, `tool_choice` is "auto" (default), "required" (the answer is one or more calls) or the name of a
        tool (one call of it). The arguments of required calls satisfy the tool's schema; with "auto" they do if any
        tool is `strict`. `parallel_tool_calls=False` allows at most one call, where calls are constrained.
        """
        if isinstance(messages, str):
            messages = [{"role": "user", "content": messages}]
        given: dict[str, Any] = {"schema": schema, **options}
        stops = self._stops(given)
        return collect_reply(self.engine.submit(self._answer(messages, given)), self.parse, stops)

    def stream(
        self,
        prompt: str | Messages | None = None,
        *,
        token_ids: Sequence[int] | None = None,
        drafts: bool = False,
        **options: Unpack[AnyOptions],
    ) -> Generator[Event]:
        """Yields events as they happen: Commit and Finish, and with `drafts` a Draft after every denoise step.

        A string or `token_ids` are continued as by `generate`, messages are answered as by `chat`. The request is
        submitted at once, and ends when the iterator is closed or dropped.
        """
        check_flag("drafts", drafts)
        return stream_events(self.submit(prompt, token_ids=token_ids, **options), self.parse, drafts)

    def submit(
        self,
        prompt: str | Messages | None = None,
        *,
        token_ids: Sequence[int] | None = None,
        **options: Unpack[AnyOptions],
    ) -> Events:
        """The engine's own iterator: all events, drafts included. Its `close` ends the request within one step.

        A string or `token_ids` are continued as by `generate`, messages are answered as by `chat`.
        """
        given: dict[str, Any] = {**options}
        if given.pop("stop", None) is not None:
            raise UsageError("stop is for generate() and chat(); here, end the iteration where the text says so.")
        if prompt is None or isinstance(prompt, str):
            return self.engine.submit(self._continuation(prompt, token_ids, given))
        if token_ids is not None:
            raise UsageError("Give messages or token_ids, not both.")
        return self.engine.submit(self._answer(prompt, given))

    def prepare_images(self, messages: Messages, image_tokens: int = 280) -> tuple[Messages, tuple[PreparedImage, ...]]:
        """(messages with a placeholder for each image, the images as the image tower takes them), as `chat` uses them.

        Raises ImageError, with the image's number, for an image that cannot be read, and for any image if the model
        reads text only; PromptError, before decoding any, for more images than the context or one request can hold;
        UsageError for an `image_tokens` that is not in `images.BUDGETS`.
        """
        if image_tokens not in BUDGETS:
            budgets = ", ".join(map(str, BUDGETS))
            raise UsageError(f"image_tokens must be one of {budgets}, not {image_tokens!r}.")
        left, shown = chat_format.take_images(messages)
        if not shown:
            return left, ()
        if (tower := self.model.tower) is None:
            raise ImageError("This model has no image tower: it reads text only. Leave the images out.", number=0)
        wanted = [(image.source, image.max_soft_tokens or image_tokens) for image in shown]
        return left, prepare_images(
            wanted, tower.config.patch_size, tower.config.pooling_kernel_size, self.engine.max_context
        )

    def infill(
        self,
        prefix: str,
        suffix: str,
        *,
        length: int | Sequence[int] | None = None,
        instruction: str | None = None,
        **options: Unpack[GapOptions],
    ) -> Reply:
        """Fills the gap between `prefix` and `suffix`; the reply's text is the gap only. A space at the end of `prefix`
        belongs to the gap's first word and is not written twice.

        length: tokens of the gap, or a list of lengths to try. By default 1, 2, 3, 4, 6, 8, 12 .. up to
        `max_new_tokens` (default 32), until two in a row score no better. The filling with the best score is returned.
        instruction: the request that the text is presented to the model as an answer to. Default: the model's own
        `text_request`; without one, or with '', the text is presented as a document.
        Further options: seed, max_denoising_steps, temperature. Raises PromptError, UsageError and ConfigError.
        """
        events = self.submit_infill(prefix, suffix, length=length, instruction=instruction, **options)
        return collect_reply(events, partial(self._in_place, prefix))

    def edit(
        self, text: str, *, instruction: str | None = None, strength: float = 0.5, **options: Unpack[EditOptions]
    ) -> Reply:
        """Rewrites the parts of `text` that the model finds unlikely. The reply's text is the whole text; what is not
        rewritten is returned byte for byte.

        With an `instruction`, the text is a draft of the answer to it, which the causal pass verifies: a token stays if
        it is at least `strength` times as likely as the model's own choice; words may be replaced, added and dropped.
        Without one, the denoiser reads the text in both directions, presented as in `infill`, and rewrites tokens whose
        probability is below `strength`; the number of tokens stays.
        strength: 0 changes nothing, 1 may change everything.
        Further options: seed; without an instruction also canvas_length, max_denoising_steps, temperature. Raises
        PromptError, UsageError, and ConfigError for impossible sampling values.
        """
        events = self.submit_edit(text, instruction=instruction, strength=strength, **options)
        return collect_reply(events, partial(self._in_place, ""))

    def submit_infill(
        self,
        prefix: str,
        suffix: str,
        *,
        length: int | Sequence[int] | None = None,
        instruction: str | None = None,
        **options: Unpack[GapOptions],
    ) -> Events:
        """The events of `infill`: drafts of one length after another, then the Commit of the best (see `gap_text`)."""
        given = infill_or_edit_options(options, GapOptions)
        tokenizer = require_tokenizer(self.model)
        most = given.pop("max_new_tokens", None)
        if length is None:
            most = 32 if most is None else most
            if not is_whole(most):
                raise UsageError(f"max_new_tokens must be a whole number, not {most!r}.")
            most = int(most)
            powers = [2**power for power in range(most.bit_length())]
            lengths = tuple(sorted(count for count in (*powers, *(3 * power for power in powers)) if count <= most))
        else:
            lengths = tuple(length) if isinstance(length, Sequence) else (length,)
            if not lengths or not all(map(is_whole, lengths)):
                raise UsageError(f"length must be a whole number of tokens or a list of them, not {length!r}.")
            most = max(1, *lengths) if most is None else most
        request = self._requests.make(self.text_ids(prefix, instruction), max_new_tokens=most, **given)
        special = tuple(tokenizer.special_ids.values())
        patience = _INFILL_PATIENCE if length is None else None
        gap = Infill(suffix=self._encode(suffix), gap_lengths=lengths, forbidden=special, patience=patience)
        return self.engine.submit(replace(request, in_place=gap))

    def submit_edit(
        self, text: str, *, instruction: str | None = None, strength: float = 0.5, **options: Unpack[EditOptions]
    ) -> Events:
        """The events of `edit`: a Commit for each piece of the text, changed or not."""
        if "max_new_tokens" in options:
            raise UsageError("The length of an edit follows from its text; leave out max_new_tokens.")
        given = infill_or_edit_options(options, EditOptions)
        for name in _DIFFUSION_OPTIONS:
            if instruction is not None and given.get(name) is not None:
                raise UsageError(f"An edit by instruction uses the causal pass only, not {name}; leave it out.")
        check_text("instruction", instruction)
        tokenizer = require_tokenizer(self.model)
        ids = self._encode(text)
        if text.encode(errors="surrogatepass").decode(errors="replace") != text:
            raise PromptError(
                "The text has half of a surrogate pair, which an edit cannot return unchanged; remove it."
            )
        special = tuple(tokenizer.special_ids.values())
        if instruction is None:
            prompt, most = self.text_ids(""), max(1, len(ids))
            in_place = Revision(text=ids, strength=strength, forbidden=special)
        else:
            prompt = self.chat_ids(edit_messages(text, instruction))
            most = 2 * len(ids) + REWRITING_ROOM
            in_place = Rewrite(text=ids, strength=strength, forbidden=special)
        request = self._requests.make(prompt, max_new_tokens=most, **given)
        return self.engine.submit(replace(request, in_place=in_place))

    def gap_text(self, prefix: str, token_ids: Sequence[int]) -> str:
        """The text of a gap after `prefix`, without the space that `prefix` already ends with."""
        if not isinstance(prefix, str):
            raise UsageError(f"prefix must be a text, not {prefix!r}.")
        text = self.decode(token_ids, skip_special=False)
        return text.removeprefix(" ") if prefix.endswith(" ") else text

    def decode(self, token_ids: Sequence[int], *, skip_special: bool = True) -> str:
        """Ids as text; an empty string for a model without a tokenizer."""
        check_flag("skip_special", skip_special)
        ids = whole_ids(token_ids)
        return "" if self.tokenizer is None else self.tokenizer.decode(ids, skip_special=skip_special)

    def parse(self, token_ids: Sequence[int], complete: bool = True) -> chat_format.MessageParts:
        """Splits generated ids into thinking, text and tool calls; `complete=False` for an unfinished reply."""
        if self.tokenizer is None:
            return chat_format.MessageParts(thinking="", text="", tool_calls=())
        return chat_format.parse(whole_ids(token_ids), self.tokenizer, complete=complete)

    def text_ids(self, text: str, instruction: str | None = None) -> tuple[int, ...]:
        """The ids of a text before a gap as `infill` presents it: the beginning of an answer, or of a document."""
        check_text("instruction", instruction)
        request = self.model.text_request if instruction is None else instruction
        # A space is part of the word after it, so the model writes the one before the gap.
        text = text.removesuffix(" ") if isinstance(text, str) else text
        if not request:
            return self._encode(text, add_bos=True)
        return (*self.chat_ids([{"role": "user", "content": request}]), *self._encode(text))

    def _continuation(self, prompt: str | None, token_ids: Sequence[int] | None, options: Mapping[str, Any]) -> Request:
        request = self._request(self._prompt_ids(prompt, token_ids), options)
        if token_ids is None and options.get("images"):
            raise UsageError(
                "A text shows no images; put them into messages for chat(), or give token_ids with image tokens."
            )
        # token_ids may be a conversation that was rendered with these tools.
        if token_ids is None and options.get("tools") and request.constraint is None:
            raise UsageError(
                "Only chat() shows tools to the model; here they only constrain an answer, with tool_choice."
            )
        return request

    def _request(self, prompt_ids: tuple[int, ...], options: Mapping[str, Any]) -> Request:
        """A request for an answer, which may take the model's usual number of tokens or what the prompt leaves."""
        request = self._requests.make(prompt_ids, **options)
        if options.get("max_new_tokens") is not None:
            return request
        sizes = request.images, request.canvas_length, request.mode
        return replace(
            request, max_new_tokens=default_tokens(self.engine, request.max_new_tokens, len(prompt_ids), *sizes)
        )

    def _prompt_ids(self, prompt: str | None, token_ids: Sequence[int] | None) -> tuple[int, ...]:
        if (prompt is None) == (token_ids is None):
            raise UsageError("Give either a prompt or token_ids.")
        if token_ids is not None:
            return whole_ids(token_ids)
        return self._encode("" if prompt is None else prompt, add_bos=True)

    def _encode(self, text: str, *, add_bos: bool = False) -> tuple[int, ...]:
        if not isinstance(text, str):
            raise PromptError(f"Give a text, not {type(text).__name__}; conversations go to chat().")
        return tuple(require_tokenizer(self.model).encode(text, add_bos=add_bos))

    def _answer(self, messages: Messages, options: dict[str, Any]) -> Request:
        tools, thinking = options.get("tools"), options.pop("thinking", False)
        check_flag("thinking", thinking)
        if thinking and options.get("tool_choice", "auto") != "auto":
            raise UsageError("An answer that must be a tool call has no room for thinking; leave one of them out.")
        constraints = [name for name in CONSTRAINT_OPTIONS if options.get(name) is not None]
        if (thinking and constraints) or (tools and {"regex", "choices"} & {*constraints}):
            other = "thinking" if thinking else "tool calls"
            raise UsageError(
                f"An answer constrained by {constraints[0]} has no room for {other}; leave one of them out."
            )
        if options.pop("images", None) is not None:
            raise UsageError("chat() takes images as parts of messages; `images` goes with token_ids.")
        left, images = self.prepare_images(messages, options.pop("image_tokens", 280))
        return self._request(self.chat_ids(left, tools, thinking, images), options | {"images": images})

    def chat_ids(
        self,
        messages: Messages,
        tools: Sequence[Mapping[str, Any]] | None = None,
        thinking: bool = False,
        images: Sequence[PreparedImage] = (),
    ) -> tuple[int, ...]:
        """The prompt of a conversation, as `chat` renders it. If it has images, pass what `prepare_images` returns."""
        check_flag("thinking", thinking)
        images = checked_images(images)
        return tuple(
            chat_format.render(
                messages,
                require_tokenizer(self.model),
                template=self.model.chat_template,
                tools=tools,
                thinking=thinking,
                image_lengths=[image.num_soft_tokens for image in images],
            )
        )

    def _in_place(self, prefix: str, token_ids: Sequence[int], complete: bool) -> chat_format.MessageParts:
        """Decodes every id as text: an infill or edit has no thinking and no tool calls."""
        return chat_format.MessageParts(thinking="", text=self.gap_text(prefix, token_ids), tool_calls=())

    def _stops(self, options: dict[str, Any]) -> tuple[str, ...]:
        stops = checked_stops(options.pop("stop", None))
        if stops:
            require_tokenizer(self.model)
        return stops
