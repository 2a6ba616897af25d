"""The job that an HTTP request describes, and the pieces from which every endpoint builds its reply.

Plain values: knows neither protocols nor threads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dgemma.chat import MessageParts
from dgemma.engine.request import Draft, FinishReason
from dgemma.images import PreparedImage
from dgemma.server.logprobs import TextToken
from dgemma.server.replies import Delta
from dgemma.server.usage import Usage


@dataclass(frozen=True, kw_only=True)
class GenerationJob:
    """The generation work of one HTTP request.

    prompts        each a list of messages, a text, or token ids; every prompt gets `choices` replies
    seed           seed of the first choice; the next ones have seed + 1, seed + 2, ...
    raw            continue the prompt as plain text; otherwise it is a conversation, and the reply is a message
    suffix         fill the gap between the prompt, which must be a text, and this text
    options        further options of `LLM.submit`
    stops          strings that end a reply and are not part of it
    drafts         yield the canvas after every denoise step
    single_call    keep at most one tool call of a reply
    image_fields   the field path of each image in the messages, in order
    edit           edit a text instead of replying; the prompt is then the one that `LLM.submit_edit` uses
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
    def has_constraint(self) -> bool:
        """Whether the replies have a constraint, which must be compiled first."""
        return not self.options.keys().isdisjoint(("schema", "regex", "choices", "tools"))

    @property
    def plain(self) -> bool:
        """Whether the reply is plain text rather than a message with thinking and tool calls."""
        return self.raw or self.edit is not None


@dataclass(frozen=True, kw_only=True)
class Edit:
    """A text to edit; the fields are the arguments of `LLM.edit`."""

    text: str
    instruction: str | None
    strength: float


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """A rendered prompt, ready for the engine."""

    ids: Sequence[int]
    images: tuple[PreparedImage, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Started:
    """The first piece: every prompt was accepted. `prompt_tokens` is their total."""

    prompt_tokens: int


@dataclass(frozen=True, kw_only=True)
class Committed:
    """Committed thinking or text. `tokens` are those of the text, if log probabilities are requested."""

    index: int
    delta: Delta
    tokens: tuple[TextToken, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Drafted:
    """The canvas after a denoise step, and the whole reply as it would read with it. All of it may still change."""

    index: int
    draft: Draft
    thinking: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Ended:
    """The end of one reply, with the complete reply.

    stop_string   the stop string that ended it, if any
    context_full  whether it ended because prompt and reply fill the context, before its own token limit
    token_ids     all generated ids
    tokens        the tokens of its text, if log probabilities are requested
    """

    index: int
    parts: MessageParts
    reason: FinishReason
    stop_string: str | None
    context_full: bool
    usage: Usage
    token_ids: tuple[int, ...]
    tokens: tuple[TextToken, ...] = ()


Piece = Started | Committed | Drafted | Ended
