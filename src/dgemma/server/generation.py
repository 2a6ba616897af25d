"""Runs generation jobs on the engine without blocking the event loop.

Promises that an abandoned job stops its work within one denoise step and that the same seed gives the same reply. Knows
neither OpenAI's nor Anthropic's API: jobs come in, pieces go out.
"""

import threading
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, TypeVar

import anyio
import anyio.to_thread

from dgemma.api import LLM
from dgemma.chat import MessageParts
from dgemma.decode.constrain import token_bytes
from dgemma.engine.default_limit import default_tokens
from dgemma.engine.events import Events
from dgemma.engine.request import Commit, Draft, FinishReason, Stats
from dgemma.errors import CheckpointError, ImageError, UsageError
from dgemma.server.background import in_background
from dgemma.server.config import ServerConfig
from dgemma.server.errors import ApiError
from dgemma.server.fields import MAX_SEPARATORS
from dgemma.server.jobs import Committed, Drafted, Ended, GenerationJob, Piece, Prompt, Started
from dgemma.server.logprobs import TextToken, TextTokens
from dgemma.server.metrics import Metrics
from dgemma.server.replies import Delta, IncrementalMessage, IncrementalText, count_thinking
from dgemma.server.usage import Usage
from dgemma.tokenizer import Tokenizer

T = TypeVar("T")

RENDER_THREADS = 2
"""Prompts tokenised at the same time; the other cores are for the model."""
COMPILE_THREADS = 2
"""Constraints compiled into automata at the same time. Each may take seconds; requests without one do not wait."""

PARSE_THREADS = 1
"""Large bodies validated at the same time. More would not be faster: the GIL lets one thread run at a time."""

IMAGE_THREADS = 1
"""Requests whose images are decoded at the same time; requests without images do not wait."""


class Service:
    """A loaded model and its metrics. Belongs to one event loop."""

    def __init__(self, llm: LLM, tokenizer: Tokenizer, config: ServerConfig, metrics: Metrics) -> None:
        self.llm, self.tokenizer, self.config, self.metrics = llm, tokenizer, config, metrics
        metrics.watch(llm.engine)
        self._open: set[_Reply] = set()
        self._render_limiter = anyio.CapacityLimiter(RENDER_THREADS)
        self._compile_limiter = anyio.CapacityLimiter(COMPILE_THREADS)
        self._parse_limiter = anyio.CapacityLimiter(PARSE_THREADS)
        self._image_limiter = anyio.CapacityLimiter(IMAGE_THREADS)
        # Each open reply may occupy a thread that waits for its next event; the engine limits their number.
        self._waiting = anyio.CapacityLimiter(max(1, self.max_open_replies))

    @property
    def max_open_replies(self) -> int:
        """Maximum number of open replies, active or queued."""
        return self.llm.engine.config.max_active + self.llm.engine.config.max_waiting

    @property
    def context(self) -> int:
        """Maximum number of tokens of prompt and reply together."""
        return self.llm.engine.max_context

    @property
    def max_prompt_tokens(self) -> int:
        """Maximum number of tokens of a prompt; it leaves room for one token of the reply."""
        return min(self.config.max_prompt_tokens or self.context, self.context - 1)

    @property
    def max_separators(self) -> int:
        """Maximum number of commas and brackets in a body: `MAX_SEPARATORS` or, if that is more, twice what a prompt of
        token ids that fills the context needs."""
        return max(MAX_SEPARATORS, 2 * self.context)

    @cached_property
    def token_bytes(self) -> Mapping[int, bytes]:
        """The bytes of every text token, by id. Raises UsageError if the vocabulary does not define them."""
        try:
            return token_bytes(self.tokenizer)
        except CheckpointError as error:
            message = "Log probabilities and edits need the bytes of every token, which this model does not define."
            raise UsageError(message) from error

    def stop(self) -> None:
        """Cancels every open reply; its client gets a 503 or an error event."""
        for reply in self._open:
            self.llm.engine.cancel(reply.id)

    async def parse_in_background(self, work: Callable[[], T]) -> T:
        """Runs the parsing of a large body in a background thread. Raises what `work` raises."""
        return await in_background(work, self._parse_limiter)

    async def count_tokens(self, job: GenerationJob) -> int:
        """The number of tokens in a job's prompts, even if they are too long. Raises PromptError, ApiError and
        UsageError."""
        limiter = self._image_limiter if job.image_fields else self._render_limiter
        rendered = [await in_background(partial(self._rendered, job, prompt), limiter) for prompt in job.prompts]
        return sum(len(prompt.ids) for prompt in rendered)

    async def pieces(self, job: GenerationJob) -> AsyncGenerator[Piece]:
        """Runs a job: yields `Started`, then for each reply in turn its `Committed` and `Drafted` pieces and `Ended`.

        A caller that stops early must close this generator, which cancels the job. Raises PromptError, ApiError,
        UsageError and BusyError before `Started`.
        """
        limiter = self._image_limiter if job.image_fields else self._render_limiter
        prompts = await in_background(partial(self._checked_prompts, job), limiter)
        replies: list[_Reply] = []
        abandoned = threading.Event()
        try:
            limiter = self._compile_limiter if job.has_constraint else self._render_limiter
            await in_background(partial(self._submit_all, job, prompts, replies, abandoned), limiter)
            self._open.update(replies)
            yield Started(prompt_tokens=sum(len(prompt.ids) for prompt in prompts))
            for reply in replies:
                while not reply.ended:
                    for piece in await self._in_waiting_thread(reply.advance):
                        yield piece
                # A reply that ended at a stop string is still active in the engine.
                reply.close()
                self.metrics.replied(reply.usage)
        finally:
            abandoned.set()
            self._open.difference_update(replies)
            for reply in replies:
                reply.close()
                if not reply.ended:
                    self.metrics.abandoned()

    async def _in_waiting_thread(self, wait: Callable[[], T]) -> T:
        # The thread may be abandoned on cancellation: `close` wakes it in the engine.
        return await anyio.to_thread.run_sync(wait, limiter=self._waiting, abandon_on_cancel=True)

    def _submit_all(
        self, job: GenerationJob, prompts: Sequence[Prompt], replies: "list[_Reply]", abandoned: threading.Event
    ) -> None:
        """Submits every reply of a job and adds it to `replies`, until the job is `abandoned`. Compiling a new
        constraint may take seconds here."""
        # All replies are submitted before the first is read, so that none is refused after others were sent.
        for index in range(len(prompts) * job.choices):
            prompt_index, choice = divmod(index, job.choices)
            # Choices have consecutive seeds, which wrap around as int64.
            seed = (job.seed + choice + 2**63) % 2**64 - 2**63
            replies.append(_Reply(self, job, index, prompts[prompt_index], seed))
            if abandoned.is_set():
                replies[-1].close()
                return

    def _checked_prompts(self, job: GenerationJob) -> list[Prompt]:
        return [self._checked_prompt(job, prompt) for prompt in job.prompts]

    def _checked_prompt(self, job: GenerationJob, prompt: Any) -> Prompt:
        """Renders a prompt. Raises ApiError if it is too long."""
        limit = self.max_prompt_tokens
        # Every message and tool takes at least one token. Rendering far too many would take seconds.
        if not job.raw and len(prompt) + len(job.tools) > limit:
            raise _too_long(f"at least {len(prompt) + len(job.tools)}", limit)
        rendered = self._rendered(job, prompt)
        # The text to edit, or the one after a gap, counts as part of the prompt.
        extra = job.edit.text if job.edit is not None else job.suffix
        count = len(rendered.ids) + (len(self.tokenizer.encode(extra)) if extra else 0)
        if count > limit:
            raise _too_long(str(count), limit)
        return rendered

    def _rendered(self, job: GenerationJob, prompt: Any) -> Prompt:
        if not job.raw:
            try:
                messages, images = self.llm.prepare_images(prompt)
            except ImageError as error:
                raise ApiError(400, str(error), param=job.image_fields[error.number]) from error
            return Prompt(ids=self.llm.chat_ids(messages, job.tools, job.thinking, images), images=images)
        if job.suffix is not None or job.edit is not None:
            return Prompt(ids=self.llm.text_ids(prompt))
        return Prompt(ids=self.tokenizer.encode(prompt, add_bos=True) if isinstance(prompt, str) else list(prompt))


def _too_long(count: str, limit: int) -> ApiError:
    # Clients recognise this error by its wording and parse both numbers.
    message = f"prompt is too long: {count} tokens > {limit} maximum; shorten it."
    return ApiError(400, message, code="context_length_exceeded")


class _Reply:
    """One reply while it is generated. Submits its request to the engine, which may refuse it, when it is made."""

    def __init__(self, service: Service, job: GenerationJob, index: int, prompt: Prompt, seed: int) -> None:
        self._service, self._job, self._index, self._prompt, self._seed = service, job, index, prompt, seed
        room = service.context - len(prompt.ids)
        wanted = job.max_new_tokens
        if wanted is None:
            usual = service.config.default_max_tokens
            sizes = {name: job.options[name] for name in ("canvas_length", "mode") if name in job.options}
            wanted = default_tokens(service.llm.engine, usual, len(prompt.ids), prompt.images, **sizes)
            self._ends_with_context = usual > wanted == room
        else:
            self._ends_with_context = wanted > room
        stops, tokenizer = job.stops, service.tokenizer
        self._before = "" if job.suffix is None else job.prompts[index // job.choices]
        plain, message = partial(IncrementalText, before=self._before), partial(IncrementalMessage, service.llm)
        self._incremental = (plain if job.plain else message)(tokenizer, stops)
        self._tokens: TextTokens | None = None
        # The first access computes the table, which takes a while for a large vocabulary. This constructor runs in a
        # background thread; the writers that use the table later run on the event loop.
        token_bytes = service.token_bytes if job.edit is not None or job.options.get("logprobs") is not None else {}
        if job.options.get("logprobs") is not None:
            self._tokens = TextTokens(tokenizer, token_bytes, raw=job.plain)
        self._ids: list[int] = []
        self._shown = 0
        self._usage: Usage | None = None
        self._events = self._submit(min(wanted, room))

    def _submit(self, max_new_tokens: int) -> Events:
        llm, job = self._service.llm, self._job
        if job.edit is not None:
            edit, options = job.edit, {"seed": self._seed, **job.options}
            return llm.submit_edit(edit.text, instruction=edit.instruction, strength=edit.strength, **options)
        if job.suffix is None:
            options = {"max_new_tokens": max_new_tokens, "seed": self._seed, **job.options}
            return llm.submit(token_ids=self._prompt.ids, images=self._prompt.images, **options)
        # Gap lengths up to the limit are tried. Without an explicit limit the library's default applies: it is shorter.
        limit = None if job.max_new_tokens is None else max_new_tokens
        options = {"max_new_tokens": limit, "seed": self._seed, **job.options}
        return llm.submit_infill(self._before, job.suffix, **options)

    @property
    def id(self) -> int:
        """The engine's id of the request."""
        return self._events.id

    @property
    def ended(self) -> bool:
        """Whether the reply is complete."""
        return self._usage is not None

    @property
    def usage(self) -> Usage:
        """The usage of the complete reply."""
        assert self._usage is not None
        return self._usage

    def advance(self) -> list[Piece]:
        """Waits for the engine's next event and returns its pieces, perhaps none. One thread at a time may call it."""
        event = next(self._events, None)
        if event is None:  # closed by another thread
            return []
        if isinstance(event, Draft):
            return [self._drafted(event)] if self._job.drafts else []
        if isinstance(event, Commit):
            return self._committed(event)
        return self._end(event.reason, self._counted(event.stats))

    def close(self) -> None:
        """Stops the engine's work for this reply. A reply that ended at a stop string counts as finished."""
        self._events.close(satisfied=self.ended)

    def _committed(self, event: Commit) -> list[Piece]:
        self._ids += event.token_ids
        if self._tokens is not None:
            self._tokens.push(event.token_ids, event.logprobs)
        delta = self._incremental.push(event.token_ids)
        pieces = self._delta_pieces(delta)
        if self._incremental.stop_string is None or event.stats is None:
            return pieces
        return [*pieces, *self._end("stop", self._counted(event.stats))]

    def _delta_pieces(self, delta: Delta, last: bool = False) -> list[Piece]:
        if not delta:
            return []
        self._shown += len(delta.text.encode())
        tokens: tuple[TextToken, ...] = ()
        if self._tokens is not None:
            tokens = self._tokens.finish(self._shown) if last else self._tokens.release(self._shown)
        return [Committed(index=self._index, delta=delta, tokens=tokens)]

    def _end(self, reason: FinishReason, usage: Usage) -> list[Piece]:
        delta, parts = self._incremental.finish()
        pieces = self._delta_pieces(delta, last=True)
        calls = parts.tool_calls[:1] if self._job.single_call else parts.tool_calls
        stop_string = self._incremental.stop_string
        reason = "stop" if stop_string is not None else "tool_calls" if calls else reason
        self._usage = usage
        end = Ended(
            index=self._index,
            parts=MessageParts(thinking=parts.thinking, text=parts.text, tool_calls=calls),
            reason=reason,
            stop_string=stop_string,
            context_full=reason == "length" and self._ends_with_context,
            usage=usage,
            token_ids=tuple(self._ids),
            tokens=() if self._tokens is None else tuple(self._tokens.released),
        )
        return [*pieces, end]

    def _drafted(self, draft: Draft) -> Drafted:
        ids = [*self._ids, *draft.token_ids]
        if self._job.edit is not None:
            # The rest of the text is still unchanged.
            ids += self._service.tokenizer.encode(self._job.edit.text)[len(ids) :]
        if self._job.plain:
            thinking, text = "", self._service.tokenizer.decode(ids)
            text = text.removeprefix(" ") if self._before.endswith(" ") else text
        else:
            parts = self._service.llm.parse(ids)
            thinking, text = parts.thinking, parts.text
        text = min((text.split(stop, 1)[0] for stop in self._job.stops), key=len, default=text)
        return Drafted(index=self._index, draft=draft, thinking=thinking, text=text)

    def _counted(self, stats: Stats) -> Usage:
        return Usage.from_stats(stats, seed=self._seed, thinking_tokens=self._thinking_tokens())

    def _thinking_tokens(self) -> int:
        return 0 if self._job.plain else count_thinking(self._ids, self._service.tokenizer)
