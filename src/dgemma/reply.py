"""A whole answer: the events of one request put together, stop strings respected."""

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field, replace

from dgemma.chat import MessageParts, ToolCall
from dgemma.engine.events import Events
from dgemma.engine.request import Commit, Draft, Event, Finish, FinishReason, Stats, TokenLogprobs
from dgemma.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A finished answer.

    text           the answer without its end token, thinking and tool calls taken out; up to a stop string
    token_ids      every generated id, the end token included
    finish_reason  stop, length or tool_calls
    entropies      nats, one per id: how unsure the model was when the id was settled
    logprobs       one per id where they are asked for: its log probability, and the likeliest ids with theirs
    """

    text: str
    token_ids: list[int]
    finish_reason: FinishReason
    stats: Stats
    entropies: list[float] = field(default_factory=list)
    thinking: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    logprobs: list[TokenLogprobs] = field(default_factory=list)


def whole(events: Events, parse: Callable[[Sequence[int], bool], MessageParts], stops: Sequence[str] = ()) -> Reply:
    """The reply that `events` come to. At a stop string in its text the request ends, and the reply with it.

    parse: what the ids so far say, and whether they are all
    """
    ids: list[int] = []
    entropies: list[float] = []
    logprobs: list[TokenLogprobs] = []
    for event in events:
        if isinstance(event, Commit):
            ids += event.token_ids
            entropies += event.entropies
            logprobs += event.logprobs
        if isinstance(event, Draft) or not (stops or isinstance(event, Finish)):
            continue
        parts = parse(ids, isinstance(event, Finish))
        at = min((found for stop in stops if (found := parts.text.find(stop)) >= 0), default=None)
        if at is not None:
            events.close(satisfied=True)
            reason, calls = "stop", ()
        elif isinstance(event, Finish):
            reason, calls = "tool_calls" if parts.tool_calls else event.reason, parts.tool_calls
        else:
            continue
        assert event.stats is not None, "the engine tells with each commit what it took"
        return Reply(
            text=parts.text[:at],
            token_ids=ids,
            finish_reason=reason,
            stats=event.stats,
            entropies=entropies,
            thinking=parts.thinking,
            tool_calls=calls,
            logprobs=logprobs,
        )
    raise AssertionError("the engine ended without Finish")


def told(events: Events, parse: Callable[[Sequence[int], bool], MessageParts], drafts: bool) -> Generator[Event]:
    """The events for one who reads them one by one, drafts where they are wanted; the last tells of tool calls, which
    the engine knows nothing of."""
    ids: list[int] = []
    try:
        for event in events:
            if isinstance(event, Commit):
                ids += event.token_ids
            if isinstance(event, Finish) and parse(ids, True).tool_calls:
                event = replace(event, reason="tool_calls")
            if drafts or not isinstance(event, Draft):
                yield event
    finally:
        events.close()


def checked_stops(stop: str | Sequence[str] | None) -> tuple[str, ...]:
    """Stop strings as they are given. Raises UsageError for what is no text, or an empty one."""
    given = (stop,) if isinstance(stop, str) else () if stop is None else stop
    stops = tuple(given) if isinstance(given, Iterable) else ("",)
    if not all(isinstance(one, str) and one for one in stops):
        raise UsageError(f"stop is a text or a list of texts, none of them empty, not {stop!r}.")
    return stops
