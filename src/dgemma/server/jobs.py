"""What an HTTP request asks of the model, and the pieces of which every endpoint makes its reply.

Plain values: knows neither protocols nor threads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dgemma.chat import MessageParts
from dgemma.engine.request import Draft, FinishReason
from dgemma.images import PreparedImage
from dgemma.server.logprobs import TextToken
from dgemma.server.replies import Growth
from dgemma.server.usage import Usage


@dataclass(frozen=True, kw_only=True)
class GenerationJob:
    """What one HTTP request asks for.

    prompts      messages, a text, or ids; `choices` replies to each, with the seeds seed, seed + 1, ...
    raw          continue the prompt as it stands; otherwise it is a conversation whose reply is taken apart
    suffix       fill the gap between the prompt, a text, and this
    options      further options of `LLM.stream`
    stops        strings that end a reply and are not part of it
    drafts       give the canvas after every denoise step
    single_call  a reply may hold one tool call at most
    image_fields  the fields that hold the images of the messages, in their order
    edit         go over a text behind the prompt, which is what `LLM.submit_edit` makes of it, instead of replying
    """

    prompts: tuple[Any, ...]
    seed: int
    raw: bool = False
    suffix: str | None = None
    tools: Sequence[Mapping[str, Any]] = ()
    thinking: bool = False
    choices: int = 1
    max_new_tokens: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    stops: tuple[str, ...] = ()
    drafts: bool = False
    single_call: bool = False
    image_fields: tuple[str, ...] = ()
    edit: "Edit | None" = None

    @property
    def has_form(self) -> bool:
        """Whether replies are held to something that must first be compiled."""
        return not self.options.keys().isdisjoint(("schema", "regex", "choices", "tools"))

    @property
    def plain(self) -> bool:
        """Whether what is generated is text alone, and no message."""
        return self.raw or self.edit is not None


@dataclass(frozen=True, kw_only=True)
class Edit:
    """A text to go over; the three are `LLM.edit`'s."""

    text: str
    instruction: str | None
    strength: float


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """A prompt as the engine takes it."""

    ids: Sequence[int]
    images: tuple[PreparedImage, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Started:
    """The first piece: every prompt was accepted. The number of tokens is over all prompts."""

    prompt_tokens: int


@dataclass(frozen=True, kw_only=True)
class Grown:
    """Thinking or text that will not change any more, with its text's tokens where log probabilities are asked for."""

    index: int
    growth: Growth
    tokens: tuple[TextToken, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Drafted:
    """The canvas after a denoise step, and the whole reply as it would read with it; all of it may change."""

    index: int
    draft: Draft
    thinking: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Ended:
    """The end of one reply: all of it, why it ended, and what it took.

    stop_string   the one at which it ended, if it did so at one
    context_full  it ended because prompt and reply fill the context, before the limit that was asked for
    token_ids     every generated id
    tokens        those of its text, where log probabilities are asked for
    """

    index: int
    parts: MessageParts
    reason: FinishReason
    stop_string: str | None
    context_full: bool
    usage: Usage
    token_ids: tuple[int, ...]
    tokens: tuple[TextToken, ...] = ()


Piece = Started | Grown | Drafted | Ended
