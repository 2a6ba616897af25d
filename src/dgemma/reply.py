"""Collects the events of one request into a Reply; handles stop strings."""

from collections.abc import Callable, Generator, Sequence, Set
from dataclasses import dataclass, field, replace

from dgemma.chat import MessageParts, ToolCall
from dgemma.engine.events import Events
from dgemma.engine.request import Commit, Draft, Event, Finish, FinishReason, Stats, TokenLogprobs
from dgemma.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A finished answer.

    text           the answer without end token, thinking and tool calls; up to a stop string
    token_ids      every generated id, the end token included
    finish_reason  stop, length or tool_calls
    entropies      nats, one per id: how unsure the model was when the id was settled
    logprobs       if requested, one per id: its log probability, and the likeliest ids with theirs
    """

    text: str
    token_ids: list[int]
    finish_reason: FinishReason
    stats: Stats
    entropies: list[float] = field(default_factory=list)
    thinking: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    logprobs: list[TokenLogprobs] = field(default_factory=list)


def collect_reply(
    events: Events, parse: Callable[[Sequence[int], bool], MessageParts], stops: Sequence[str] = ()
) -> Reply:
    """Reads all events into a Reply. At the first stop string in the text, ends the request and cuts the text there.

    parse: (the ids so far, whether they are complete) -> thinking, text and tool calls
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
        assert event.stats is not None, "the engine's commits have stats"
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


def stream_events(
    events: Events, parse: Callable[[Sequence[int], bool], MessageParts], drafts: bool
) -> Generator[Event]:
    """Passes events on, drafts only if wanted. A Finish after tool calls, which the engine does not recognise, gets the
    reason "tool_calls"."""
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
    """The stop strings as a tuple. Raises UsageError for anything but strings, and for an empty one."""
    if stop is None:
        return ()
    given = (stop,) if isinstance(stop, str) else stop
    if isinstance(given, Sequence | Set):
        stops = tuple(given)
        if all(isinstance(one, str) and one for one in stops):
            return stops
    raise UsageError(f"stop must be a text or a list of texts, none of them empty, not {stop!r}.")
