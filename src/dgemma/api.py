"""load() and LLM: the few calls most people need.

    llm = dgemma.load("tiny")
    reply = llm.chat([{"role": "user", "content": "..."}], max_new_tokens=128, seed=7)
    print(reply.text, reply.stats.tokens_per_second)

`generate` continues a text as it stands; `chat` answers messages through the model's chat template; `stream` gives the
events of either as they happen. Nothing here prints.
"""

import os
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from operator import index
from pathlib import Path
from typing import Any, Unpack

import torch

from dgemma import chat as chat_format
from dgemma.checkpoint import LoadedModel, find_model, open_model
from dgemma.checkpoint.load import Progress
from dgemma.config import EngineConfig, ModelConfig
from dgemma.engine.engine import Engine
from dgemma.engine.events import Events
from dgemma.engine.placement import placed
from dgemma.engine.request import Event, Infill, Request, Revision
from dgemma.errors import ImageError, PromptError, UsageError
from dgemma.images import PreparedImage, prepare_images
from dgemma.model import DiffusionGemma
from dgemma.options import (
    FORMS,
    AnyOptions,
    ChatOptions,
    EditOptions,
    GapOptions,
    ReplyOptions,
    RequestMaker,
    needed_tokenizer,
    options_in_place,
)
from dgemma.reply import Reply, checked_stops, told, whole
from dgemma.tokenizer import Tokenizer

Messages = Sequence[Mapping[str, Any]]

REWRITING_ROOM = 16
"""Tokens that a text which answers an instruction may have besides twice its own."""
_OF_DIFFUSION = ("canvas_length", "max_denoising_steps", "temperature", "skip_settled", "causal_check")
"""Options without a meaning where the causal mode alone goes over a text."""
# Of ten lengths four are tried so, and what is chosen comes nearly as close to the right one (docs/log.md).
_INFILL_PATIENCE = 2
_PACE_FILE = os.path.expanduser("~/.cache/dgemma/pace.json")
PACE_FILE = _PACE_FILE if os.path.isabs(_PACE_FILE) else None
"""Where the speeds are kept that mode "auto" measures, by machine and model; None for a user without a home."""


def edit_messages(text: str, instruction: str) -> Messages:
    """How `LLM.edit` asks for an edit by instruction."""
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
    file whose name ends so; fetched once, resumable).

    quant: `int8`, `int4` or `fp8` weights in memory, made while the files are read; None keeps the files', of a GGUF
    file as exactly as half of the memory allows.
    progress: called with the bytes of weights that are read and with those of all.
    Raises ModelNotFoundError for a name that is none of these, CheckpointError for files that cannot be used or do not
    fit into memory, UsageError for a device that is not there.
    """
    config = placed(
        EngineConfig(
            device=device,
            dtype=str(dtype).removeprefix("torch."),  # pyright: ignore[reportArgumentType]
            max_context=max_context,
            pace_file=PACE_FILE,
        )
    )
    folder = find_model(name)
    model = open_model(
        folder, dtype=config.dtype, device=config.device, quant=quant, progress=progress, keep_halves=True
    )
    return LLM(model, config)


class LLM:
    """A loaded model. `network`, `tokenizer` and `config` are the parts, for those who want them."""

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
        """The tokenizer; None for a folder without one, which works with `token_ids` only."""
        return self.model.tokenizer

    @property
    def config(self) -> ModelConfig:
        """The network's configuration."""
        return self.model.config

    def generate(
        self, prompt: str | None = None, *, token_ids: Sequence[int] | None = None, **options: Unpack[ReplyOptions]
    ) -> Reply:
        """Continues `prompt` (or `token_ids`) as it stands.

        Options: max_new_tokens, seed (default 0), mode ("diffusion", "autoregressive", "auto"), canvas_length,
        max_denoising_steps, temperature (diffusion: scales the schedule, default 1; autoregressive: default 0,
        greedy), top_k, top_p (autoregressive only; what is said of canvases is of diffusion alone, and the mode can be
        changed beside it), skip_settled (default True; False computes every position of a
        canvas in every step), causal_check (default True; False leaves every canvas to diffusion, even where the
        model's own settings, as the embedded model's do, let the causal mode check those that start unsure), reference
        (transformers' loop, draw for draw).
        logprobs=N tells the log probability of every id and of the N likeliest ones at its place (0: of the id alone).
        stop: a text or several at the first of which the reply's text ends (`token_ids` may go on to the end of what
        was settled with it).
        images: with token_ids, what `prepare_images` gives, in the places of their image tokens.
        One of schema (JSON Schema), regex (matched as a whole) and choices (a list of texts) holds the answer to a form
        for certain: whatever the weights, it has it and ends within max_new_tokens.
        Raises PromptError, UsageError, and ConfigError for sampling numbers that cannot be.
        """
        given: dict[str, Any] = {**options}
        stops = self._stops(given)
        return whole(self.engine.submit(self._continuation(prompt, token_ids, given)), self._parsed, stops)

    def chat(
        self,
        messages: str | Messages,
        *,
        schema: Mapping[str, Any] | bool | None = None,
        **options: Unpack[ChatOptions],
    ) -> Reply:
        """Answers messages such as `[{"role": "user", "content": "..."}]`; a string is one message of the user. Options
        as in `generate`, and `thinking=True`, which does not go together with a form, and `tools=[...]`, of forms with
        a schema alone: the answer is then one or more calls, or a value that the schema describes.

        A content may be a list of parts, texts and images of the user: `{"type": "image", "image": path, bytes or PIL
        image}`, or OpenAI's `image_url` with a data: URL. Each takes up to `image_tokens` of the context (70, 140, 280,
        560 or 1120; default 280). A path is opened, whoever wrote it: do not pass on strangers' messages with one.

        With tools, `tool_choice` is "auto", "required" (the answer is one or more calls) or the name of a tool (one
        call of it); such calls have arguments that validate. With "auto" calls do so once a tool is `strict`.
        `parallel_tool_calls=False` allows one call at most, where calls are held to a form.
        """
        if isinstance(messages, str):
            messages = [{"role": "user", "content": messages}]
        given: dict[str, Any] = {"schema": schema, **options}
        stops = self._stops(given)
        return whole(self.engine.submit(self._answer(messages, given)), self._parsed, stops)

    def stream(
        self,
        prompt: str | Messages | None = None,
        *,
        token_ids: Sequence[int] | None = None,
        drafts: bool = False,
        **options: Unpack[AnyOptions],
    ) -> Generator[Event]:
        """Events as they happen: Commit and Finish, and with `drafts` a Draft after every denoise step.

        A string or `token_ids` are continued as by `generate`, messages are answered as by `chat`. The request begins
        at once, and ends when the iterator is closed or let go of.
        """
        return told(self.submit(prompt, token_ids=token_ids, **options), self._parsed, drafts)

    def submit(
        self,
        prompt: str | Messages | None = None,
        *,
        token_ids: Sequence[int] | None = None,
        **options: Unpack[AnyOptions],
    ) -> Events:
        """The engine's own iterator: every event, drafts included; its `close` ends the request within one step.

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
        """(messages with a placeholder for each image, the images as the image tower takes them), as `chat` does it.

        Raises ImageError, which says which one, for images that cannot be read, and for any where the model reads text
        only; PromptError, before they are decoded, for more of them than the context or one request takes; UsageError
        for an `image_tokens` that is none of `images.BUDGETS`.
        """
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
        """Writes what stands between `prefix` and `suffix`; the reply's text is the gap alone. A space at the end of
        `prefix` belongs to the gap's first word and is not written twice.

        `length` is the gap in tokens, or the lengths to try; by default 1, 2, 3, 4, 6, 8, 12 .. up to `max_new_tokens`
        (default 32) are tried until two in a row read no better, and the filling that reads best from end to end is
        taken. With an `instruction` the text is shown to the model as its answer to that; by default as the answer to
        the model's own `text_request`, if it has one, else as a document ('' always does). Further options: seed,
        max_denoising_steps, temperature. Raises PromptError, UsageError and ConfigError.
        """
        events = self.submit_infill(prefix, suffix, length=length, instruction=instruction, **options)
        return whole(events, partial(self._in_place, prefix))

    def edit(
        self, text: str, *, instruction: str | None = None, strength: float = 0.5, **options: Unpack[EditOptions]
    ) -> Reply:
        """Goes over `text` in place and rewrites what the model doubts; the reply's text is the whole text, and what is
        not rewritten comes back byte for byte.

        With an `instruction` the model goes through the text as the answer to it: a token stays while the causal mode
        finds it at least `strength` times as likely as its own choice; words are replaced, added and dropped. Without
        one, tokens that the denoiser, reading the text on both sides, gives a probability below `strength` are
        rewritten by diffusion, the text standing as in `infill`; their number stays. 0 touches nothing, 1 may touch
        everything. Further options: seed, and without an instruction canvas_length, max_denoising_steps, temperature.
        Raises PromptError, UsageError, and ConfigError for sampling numbers that cannot be.
        """
        events = self.submit_edit(text, instruction=instruction, strength=strength, **options)
        return whole(events, partial(self._in_place, ""))

    def submit_infill(
        self,
        prefix: str,
        suffix: str,
        *,
        length: int | Sequence[int] | None = None,
        instruction: str | None = None,
        **options: Unpack[GapOptions],
    ) -> Events:
        """The events of `infill`: drafts of one length after another, then the Commit of the best (`gap_text`)."""
        given = options_in_place(options, GapOptions)
        tokenizer = needed_tokenizer(self.model)
        most = given.pop("max_new_tokens", None)
        if length is None:
            most = 32 if most is None else most
            if not isinstance(most, int):
                raise UsageError(f"max_new_tokens is a whole number, not {most!r}.")
            powers = [2**power for power in range(most.bit_length())]
            lengths = tuple(sorted(count for count in (*powers, *(3 * power for power in powers)) if count <= most))
        else:
            lengths = tuple(length) if isinstance(length, Sequence) else (length,)
            if not lengths or not all(isinstance(count, int) for count in lengths):
                raise UsageError(f"length is a whole number of tokens, or several, not {length!r}.")
            most = max(1, *lengths) if most is None else most
        request = self._requests.make(self.text_ids(prefix, instruction), max_new_tokens=most, **given)
        special = tuple(tokenizer.special_ids.values())
        patience = _INFILL_PATIENCE if length is None else None
        gap = Infill(suffix=self._encode(suffix), gap_lengths=lengths, forbidden=special, patience=patience)
        return self.engine.submit(replace(request, in_place=gap))

    def submit_edit(
        self, text: str, *, instruction: str | None = None, strength: float = 0.5, **options: Unpack[EditOptions]
    ) -> Events:
        """The events of `edit`: a Commit for each piece of the text, as it was where nothing was doubted."""
        if "max_new_tokens" in options:
            raise UsageError("An edit takes as many tokens as its text asks for; leave out max_new_tokens.")
        given = options_in_place(options, EditOptions)
        for name in _OF_DIFFUSION:
            if instruction is not None and given.get(name) is not None:
                raise UsageError(f"With an instruction the causal mode goes over the text; leave out {name}.")
        if not isinstance(instruction, str | None):
            raise UsageError(f"instruction is a text, not {instruction!r}.")
        tokenizer = needed_tokenizer(self.model)
        ids = self._encode(text)
        if text.encode(errors="surrogatepass").decode(errors="replace") != text:
            raise PromptError("The text has half of a surrogate pair, which would not come back; leave it out.")
        special = tuple(tokenizer.special_ids.values())
        revision = Revision(text=ids, strength=strength, answers=instruction is not None, forbidden=special)
        if instruction is None:
            prompt, most = self.text_ids(""), max(1, len(ids))
        else:
            prompt = self.chat_ids(edit_messages(text, instruction))
            most = 2 * len(ids) + REWRITING_ROOM
        request = self._requests.make(prompt, max_new_tokens=most, **given)
        return self.engine.submit(replace(request, in_place=revision))

    def gap_text(self, prefix: str, token_ids: Sequence[int]) -> str:
        """What fills a gap after `prefix`, without the space that already stands there."""
        text = self.decode(token_ids, skip_special=False)
        return text.removeprefix(" ") if prefix.endswith(" ") else text

    def decode(self, token_ids: Sequence[int], *, skip_special: bool = True) -> str:
        """Ids as text; an empty string for a model without a tokenizer."""
        return "" if self.tokenizer is None else self.tokenizer.decode(token_ids, skip_special=skip_special)

    def parse(self, token_ids: Sequence[int], *, complete: bool = True) -> chat_format.MessageParts:
        """Generated ids as thinking, text and tool calls; `complete=False` for a reply that still grows."""
        if self.tokenizer is None:
            return chat_format.MessageParts(thinking="", text="", tool_calls=())
        return chat_format.parse(token_ids, self.tokenizer, complete=complete)

    def text_ids(self, text: str, instruction: str | None = None) -> tuple[int, ...]:
        """The ids of a text before a gap as `infill` shows it: the beginning of an answer, or of a document."""
        request = self.model.text_request if instruction is None else instruction
        # A space belongs to the word after it, so the one before the gap is the model's to write.
        text = text.removesuffix(" ") if isinstance(text, str) else text
        if not request:
            return self._encode(text, add_bos=True)
        return (*self.chat_ids([{"role": "user", "content": request}]), *self._encode(text))

    def _continuation(self, prompt: str | None, token_ids: Sequence[int] | None, options: Mapping[str, Any]) -> Request:
        request = self._requests.make(self._prompt_ids(prompt, token_ids), **options)
        if token_ids is None and options.get("images"):
            raise UsageError("A text shows no images: give chat() messages with them, or token_ids with image tokens.")
        # Ids may be a conversation's, which was rendered with its tools.
        if token_ids is None and options.get("tools") and request.constraint is None:
            raise UsageError("Only chat() tells a model of tools; here they hold an answer to calls, with tool_choice.")
        return request

    def _prompt_ids(self, prompt: str | None, token_ids: Sequence[int] | None) -> tuple[int, ...]:
        if (prompt is None) == (token_ids is None):
            raise UsageError("Give either a prompt or token_ids.")
        if token_ids is not None:
            try:
                return tuple(index(token) for token in token_ids)
            except TypeError:
                raise PromptError("token_ids are whole numbers: the ids of one prompt.") from None
        return self._encode(prompt or "", add_bos=True)

    def _encode(self, text: str, *, add_bos: bool = False) -> tuple[int, ...]:
        if not isinstance(text, str):
            raise PromptError(f"A text is needed here, not {type(text).__name__}; conversations go to chat().")
        return tuple(needed_tokenizer(self.model).encode(text, add_bos=add_bos))

    def _answer(self, messages: Messages, options: dict[str, Any]) -> Request:
        tools, thinking = options.get("tools"), options.pop("thinking", False)
        if thinking and options.get("tool_choice", "auto") != "auto":
            raise UsageError("An answer that must be a tool call has no room for thinking; leave one of them out.")
        forms = [name for name in FORMS if options.get(name) is not None]
        if (thinking and forms) or (tools and {"regex", "choices"} & {*forms}):
            other = "thinking" if thinking else "tool calls"
            raise UsageError(f"An answer held to {forms[0]} has no room for {other}; leave one of them out.")
        if options.pop("images", None) is not None:
            raise UsageError("chat() takes images as parts of messages; `images` goes with token_ids.")
        left, images = self.prepare_images(messages, options.pop("image_tokens", 280))
        return self._requests.make(self.chat_ids(left, tools, thinking, images), images=images, **options)

    def chat_ids(
        self,
        messages: Messages,
        tools: Sequence[Mapping[str, Any]] | None = None,
        thinking: bool = False,
        images: Sequence[PreparedImage] = (),
    ) -> tuple[int, ...]:
        """The prompt of a conversation, as `chat` renders it; of one with images what `prepare_images` gives."""
        return tuple(
            chat_format.render(
                messages,
                needed_tokenizer(self.model),
                template=self.model.chat_template,
                tools=tools,
                thinking=thinking,
                image_lengths=[image.num_soft_tokens for image in images],
            )
        )

    def _parsed(self, token_ids: Sequence[int], complete: bool) -> chat_format.MessageParts:
        return self.parse(token_ids, complete=complete)

    def _in_place(self, prefix: str, token_ids: Sequence[int], complete: bool) -> chat_format.MessageParts:
        """Every id as text: none of them speaks to a reader of messages."""
        return chat_format.MessageParts(thinking="", text=self.gap_text(prefix, token_ids), tool_calls=())

    def _stops(self, options: dict[str, Any]) -> tuple[str, ...]:
        stops = checked_stops(options.pop("stop", None))
        if stops and any(options.get(name) is not None for name in FORMS):
            raise UsageError("An answer held to schema, regex or choices has no room for stop; leave one of them out.")
        if stops:
            needed_tokenizer(self.model)
        return stops
