"""A job, that is one or more replies to generate, run to its end beside an event loop.

Promises that the loop is never blocked, that a job which is left stops the engine within one step, and that the same
seed gives the same reply. Knows neither OpenAI nor Anthropic: jobs come in, pieces go out.
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
from dgemma.engine.events import Events
from dgemma.engine.request import Commit, Draft, FinishReason, Stats
from dgemma.errors import CheckpointError, ImageError, UsageError
from dgemma.server.allowance import default_tokens
from dgemma.server.aside import aside
from dgemma.server.config import ServerConfig
from dgemma.server.errors import ApiError
from dgemma.server.fields import MAX_MARKS
from dgemma.server.jobs import Drafted, Ended, GenerationJob, Grown, Piece, Prompt, Started
from dgemma.server.logprobs import TextToken, TextTokens
from dgemma.server.metrics import Metrics
from dgemma.server.replies import GrowingMessage, GrowingText, Growth, count_thinking
from dgemma.server.usage import Usage
from dgemma.tokenizer import Tokenizer

T = TypeVar("T")

RENDERING_THREADS = 2
"""Prompts that are turned into ids at the same time; the rest of the machine is for the model."""
FORMING_THREADS = 2
"""Requests whose form becomes an automaton at the same time, which may take seconds: no others wait for these."""

READING_THREADS = 1
"""Large bodies that are checked at the same time: two would only take turns, as Python runs one thread at a time."""

SHOWING_THREADS = 1
"""Requests whose images are decoded at the same time: text waits for none of them."""


class Service:
    """A loaded model and its counters. Belongs to one event loop."""

    def __init__(self, llm: LLM, tokenizer: Tokenizer, config: ServerConfig, metrics: Metrics) -> None:
        self.llm, self.tokenizer, self.config, self.metrics = llm, tokenizer, config, metrics
        metrics.watch(llm.engine)
        self._open: set[_Reply] = set()
        self._rendering = anyio.CapacityLimiter(RENDERING_THREADS)
        self._forming = anyio.CapacityLimiter(FORMING_THREADS)
        self._reading = anyio.CapacityLimiter(READING_THREADS)
        self._showing = anyio.CapacityLimiter(SHOWING_THREADS)
        # Every open request may have a thread that waits for its next event; the engine limits how many there are.
        self._waiting = anyio.CapacityLimiter(max(1, self.places))

    @property
    def places(self) -> int:
        """Replies that may be open at a time, at work or in the line."""
        return self.llm.engine.config.max_active + self.llm.engine.config.max_waiting

    @property
    def context(self) -> int:
        """Tokens that prompt and reply may have together."""
        return self.llm.engine.max_context

    @property
    def most_marks(self) -> int:
        """Commas and brackets that a body may have: room for a prompt of ids that fills the context, and for as much
        again around it."""
        return max(MAX_MARKS, 2 * self.context)

    @cached_property
    def written(self) -> Mapping[int, bytes]:
        """The bytes of every id that is text. Raises UsageError for a vocabulary whose bytes are not known."""
        try:
            return token_bytes(self.tokenizer)
        except CheckpointError as error:
            told = "This model's vocabulary does not tell the bytes of its tokens, which logprobs and edits need."
            raise UsageError(told) from error

    def stop(self) -> None:
        """Ends every open reply; those who wait for one are told that the server is shutting down."""
        for reply in self._open:
            self.llm.engine.cancel(reply.id)

    async def run_aside(self, work: Callable[[], T]) -> T:
        """What is slow about a body, in a thread beside the event loop. Raises what it raises."""
        return await aside(work, self._reading)

    async def count_tokens(self, job: GenerationJob) -> int:
        """The tokens of a job's prompts, whether or not they would be taken. Raises PromptError, ApiError and
        UsageError."""
        limiter = self._showing if job.image_fields else self._rendering
        rendered = [await aside(partial(self._rendered, job, prompt), limiter) for prompt in job.prompts]
        return sum(len(prompt.ids) for prompt in rendered)

    async def pieces(self, job: GenerationJob) -> AsyncGenerator[Piece]:
        """Runs a job: `Started` once, then for each reply in turn what it grows by and `Ended`.

        Whoever stops iterating closes this generator, which stops the engine. Raises PromptError, ApiError,
        UsageError and BusyError before `Started`.
        """
        prompts = await aside(partial(self._prompts, job), self._showing if job.image_fields else self._rendering)
        replies: list[_Reply] = []
        left = threading.Event()
        try:
            limiter = self._forming if job.has_form else self._rendering
            await aside(partial(self._enter, job, prompts, replies, left), limiter)
            self._open.update(replies)
            yield Started(prompt_tokens=sum(len(prompt.ids) for prompt in prompts))
            for reply in replies:
                while not reply.ended:
                    for piece in await self._when_there(reply.advance):
                        yield piece
                # One that a stop string ended is still at work, in the way of the others.
                reply.close()
                self.metrics.replied(reply.usage)
        finally:
            left.set()
            self._open.difference_update(replies)
            for reply in replies:
                reply.close()
                if not reply.ended:
                    self.metrics.left()

    async def _when_there(self, read: Callable[[], T]) -> T:
        # A thread that waits in the engine is woken by `close`; until then nobody needs to wait for it.
        return await anyio.to_thread.run_sync(read, limiter=self._waiting, abandon_on_cancel=True)

    def _enter(
        self, job: GenerationJob, prompts: Sequence[Prompt], replies: "list[_Reply]", left: threading.Event
    ) -> None:
        """Begins every reply of a job, until it is `left`. A schema that is new may take seconds here to become an
        automaton."""
        # All of them take their places first, so that none can be refused when others were answered already.
        for index in range(len(prompts) * job.choices):
            which, choice = divmod(index, job.choices)
            # The seeds of the choices follow each other, behind the greatest one from the smallest on.
            seed = (job.seed + choice + 2**63) % 2**64 - 2**63
            replies.append(_Reply(self, job, index, prompts[which], seed))
            if left.is_set():
                replies[-1].close()
                return

    def _prompts(self, job: GenerationJob) -> list[Prompt]:
        return [self._fitting(job, prompt) for prompt in job.prompts]

    def _fitting(self, job: GenerationJob, prompt: Any) -> Prompt:
        """One prompt, refused when it is too long."""
        limit = min(self.config.max_prompt_tokens or self.context, self.context - 1)
        # Each of them takes a token at least, and turning all of them into ids may take seconds.
        if not job.raw and len(prompt) + len(job.tools) > limit:
            raise _too_long(f"at least {len(prompt) + len(job.tools)}", limit)
        rendered = self._rendered(job, prompt)
        # A text to go over or to lead up to is read as the prompt is.
        given = job.edit.text if job.edit is not None else job.suffix
        count = len(rendered.ids) + (len(self.tokenizer.encode(given)) if given else 0)
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
    # Clients know this case by its wording, and read both numbers.
    told = f"prompt is too long: {count} tokens > {limit} maximum; shorten it."
    return ApiError(400, told, code="context_length_exceeded")


class _Reply:
    """One reply while it is generated; the engine checks the request when it is made."""

    def __init__(self, service: Service, job: GenerationJob, index: int, prompt: Prompt, seed: int) -> None:
        self._service, self._job, self._index, self._prompt, self._seed = service, job, index, prompt, seed
        room = service.context - len(prompt.ids)
        wanted = job.max_new_tokens
        if wanted is None:
            usual = service.config.default_max_tokens
            wanted = default_tokens(service.llm.engine, usual, prompt, job.options)
            self._ends_with_context = usual > wanted == room
        else:
            self._ends_with_context = wanted > room
        stops, tokenizer = job.stops, service.tokenizer
        self._before = "" if job.suffix is None else job.prompts[index // job.choices]
        plain, message = partial(GrowingText, before=self._before), partial(GrowingMessage, service.llm)
        self._growing = (plain if job.plain else message)(tokenizer, stops)
        self._tokens: TextTokens | None = None
        # Read here where nothing needs it yet: the first to ask computes it for the service, which takes a while for a
        # large vocabulary, and this is a thread beside the event loop, where the writers of replies are not.
        written = service.written if job.edit is not None or job.options.get("logprobs") is not None else {}
        if job.options.get("logprobs") is not None:
            self._tokens = TextTokens(tokenizer, written, raw=job.plain)
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
        # Every length up to the limit is tried, so that without one the engine's own, shorter one is the right one.
        most = None if job.max_new_tokens is None else max_new_tokens
        options = {"max_new_tokens": most, "seed": self._seed, **job.options}
        return llm.submit_infill(self._before, job.suffix, **options)

    @property
    def id(self) -> int:
        """The engine's name for it."""
        return self._events.id

    @property
    def ended(self) -> bool:
        """Whether it came to its end."""
        return self._usage is not None

    @property
    def usage(self) -> Usage:
        """What it took; known at its end."""
        assert self._usage is not None
        return self._usage

    def advance(self) -> list[Piece]:
        """Waits for the engine's next event -> what there is to tell of it. One thread at a time may call it."""
        event = next(self._events, None)
        if event is None:  # closed in the meantime
            return []
        if isinstance(event, Draft):
            return [self._drafted(event)] if self._job.drafts else []
        if isinstance(event, Commit):
            return self._committed(event)
        return self._end(event.reason, self._counted(event.stats))

    def close(self) -> None:
        """Stops the engine's work for this reply, which is whole where a stop string ended it."""
        self._events.close(satisfied=self.ended)

    def _committed(self, event: Commit) -> list[Piece]:
        self._ids += event.token_ids
        if self._tokens is not None:
            self._tokens.push(event.token_ids, event.logprobs)
        growth = self._growing.push(event.token_ids)
        pieces = self._grown(growth)
        if self._growing.stop_string is None or event.stats is None:
            return pieces
        return [*pieces, *self._end("stop", self._counted(event.stats))]

    def _grown(self, growth: Growth, last: bool = False) -> list[Piece]:
        if not growth:
            return []
        self._shown += len(growth.text.encode())
        tokens: tuple[TextToken, ...] = ()
        if self._tokens is not None:
            tokens = self._tokens.finish(self._shown) if last else self._tokens.shown(self._shown)
        return [Grown(index=self._index, growth=growth, tokens=tokens)]

    def _end(self, reason: FinishReason, usage: Usage) -> list[Piece]:
        growth, parts = self._growing.finish()
        pieces = self._grown(growth, last=True)
        calls = parts.tool_calls[:1] if self._job.single_call else parts.tool_calls
        stop_string = self._growing.stop_string
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
            tokens=() if self._tokens is None else tuple(self._tokens.given),
        )
        return [*pieces, end]

    def _drafted(self, draft: Draft) -> Drafted:
        ids = [*self._ids, *draft.token_ids]
        if self._job.edit is not None:
            # What has not had its turn yet reads as it did.
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
