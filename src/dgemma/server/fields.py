"""Strict pydantic types for the parts of request bodies that several endpoints share.

Promises that an unknown or unsupported field, or one of the wrong type, is refused by name; that validation of a bad
body stops after a handful of errors; and that accepted JSON is finite, encodable and of limited depth. Knows nothing of
what the fields do.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Annotated, Any, Literal, LiteralString, TypeVar, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)
from pydantic_core import PydanticCustomError

from dgemma.chat.message_images import IMAGE_TYPES

MAX_DEPTH = 64
MAX_INTEGER = 2**31 - 1
MAX_SEED = 2**63 - 1
MAX_STOPS = 16
MAX_SEPARATORS = 100_000
"""Commas and opening brackets in a JSON document; parsing this many takes some tens of milliseconds."""
MAX_UNKNOWN = 10
"""Unknown fields of an object that are reported to pydantic; the client sees the first one and their number."""
MAX_QUOTED = 60
"""Characters of a client's value that a message quotes."""

T = TypeVar("T")
FailFastList = Annotated[list[T], Field(fail_fast=True)]
"""A list whose validation stops at the first error: a million bad items would take seconds and gigabytes."""

NOT_SEPARATORS = bytes(set(range(256)) - set(b",[{"))


def unsupported(predicate: str, kind: str = "unsupported") -> PydanticCustomError:
    """A validation error whose message is the field's name followed by `predicate`. `kind` becomes the error code."""
    return PydanticCustomError(cast(LiteralString, kind), "{predicate}", {"predicate": predicate})


def only(*values: Any, why: str = "is not supported; remove it", kind: str = "unsupported") -> BeforeValidator:
    """Accepts null and `values`, which must all be neutral, as None. Refuses anything else with the reason `why`."""

    def check(value: Any) -> Any:
        if value is None or any(type(value) is type(known) and value == known for known in values):
            return None
        raise unsupported(why, kind)

    return BeforeValidator(check)


def null_means(value: Any) -> BeforeValidator:
    """Replaces null by `value`."""
    return BeforeValidator(lambda given: value if given is None else given)


def plain_json(value: Any) -> Any:
    """Refuses what json.loads accepts but later code does not: lone surrogates, NaN, infinities, deep nesting."""
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise unsupported(f"is nested more than {MAX_DEPTH} levels deep")
        deeper: list[Any] = []
        for item in level:
            if isinstance(item, Mapping):
                deeper += [*item.keys(), *item.values()]
            elif isinstance(item, list):
                deeper += item
            elif isinstance(item, str) and _has_surrogate(item):
                raise unsupported("contains a lone surrogate, which is not valid Unicode")
            elif isinstance(item, float) and not math.isfinite(item):
                raise unsupported("contains NaN or an infinite number")
        level = deeper
    return value


def has_more_separators(document: bytes, limit: int) -> bool:
    """Whether a JSON document has more than `limit` commas and opening brackets outside of strings.

    Every value but one needs such a separator, so a document has at most twice as many strings (keys and values) as it
    has values. One with more strings is not valid JSON and counts as too large. The loop is in Python, so that other
    threads can run in between.
    """
    if len(document.translate(None, NOT_SEPARATORS)) <= limit:
        return False
    at = count = strings = 0
    while at < len(document):
        strings += 1
        if strings > 2 * (limit + 2):
            return True
        begin = document.find(b'"', at)
        begin = len(document) if begin < 0 else begin
        count += len(document[at:begin].translate(None, NOT_SEPARATORS))
        if count > limit:
            return True
        at = _end_of_string(document, begin + 1)
    return False


def _end_of_string(document: bytes, at: int) -> int:
    """The offset after a string whose content starts at `at`. A quote after an odd number of backslashes is escaped."""
    while (end := document.find(b'"', at)) >= 0:
        before, at = document[at:end], end + 1
        if (len(before) - len(before.rstrip(b"\\"))) % 2 == 0:
            return at
    return len(document)


def _encodable(text: str) -> str:
    if _has_surrogate(text):
        raise unsupported("contains a lone surrogate, which is not valid Unicode")
    return text


def _has_surrogate(text: str) -> bool:
    # The fast check matters: images are megabytes of ASCII.
    return not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)


Text = Annotated[str, AfterValidator(_encodable)]
"""Text that can be encoded as UTF-8."""


def json_object(text: Any) -> Any:
    """Parses the text of a JSON object. Returns any other value unchanged, for the field's type to check."""
    if not isinstance(text, str):
        return text
    if len(text) > MAX_SEPARATORS and has_more_separators(text.encode(errors="surrogatepass"), MAX_SEPARATORS):
        raise unsupported(f"has more than {MAX_SEPARATORS} commas and brackets")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise unsupported("is not valid JSON") from None
    if not isinstance(value, dict):
        raise unsupported("must be a JSON object")
    return value


# plain_json runs before the type check, which would collect an error for every key that is not valid text. Of several
# BeforeValidators, pydantic runs the last one first.
JsonObject = Annotated[dict[str, Any], BeforeValidator(plain_json)]
JsonObjectText = Annotated[dict[str, Any], BeforeValidator(plain_json), BeforeValidator(json_object)]

ArgumentsText = Annotated[
    dict[str, Any],
    BeforeValidator(plain_json),
    BeforeValidator(lambda text: json_object("{}" if text == "" else text)),
]
"""The arguments of a tool call. Clients that assemble calls from a stream send an empty text if there are none."""

Ignored = Any
"""The type of a field that by its definition does not change the reply, such as `user`: accepted and dropped."""

Temperature = Annotated[float | None, Field(ge=0, le=2)]
CanvasLength = Annotated[int | None, Field(ge=1, le=4096)]
DenoisingSteps = Annotated[int | None, Field(ge=1, le=10_000)]
Seed = Annotated[int | None, Field(ge=-(2**63), le=MAX_SEED)]
TopLogprobs = Annotated[int | None, Field(ge=0, le=20)]
TokenLimit = Annotated[int | None, Field(ge=1, le=MAX_INTEGER)]
ToolName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:/-]{1,128}$")]
ModelName = Annotated[str, Field(min_length=1)]


class Strict(BaseModel):
    """A model without unknown fields or type coercion."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _few_unknown(cls, value: Any) -> Any:
        """Drops unknown fields after the first `MAX_UNKNOWN`: each would be an error of its own."""
        if not isinstance(value, dict) or len(value) <= len(cls.model_fields) + MAX_UNKNOWN:
            return value
        known = {field.alias or name for name, field in cls.model_fields.items()}
        unknown = set(islice((name for name in value if name not in known), MAX_UNKNOWN))
        return {name: item for name, item in value.items() if name in known or name in unknown}


def quoted(name: str) -> str:
    """A value from the request, shortened and escaped for use in a message."""
    return repr(name if len(name) <= MAX_QUOTED else f"{name[:MAX_QUOTED]}...")


def known_type(*known: str, why: str) -> BeforeValidator:
    """Checks the `type` of an object against the known ones. The message quotes an unknown one and adds `why`."""

    def check(value: Any) -> Any:
        if isinstance(value, str) and value not in known:
            raise unsupported(f"is {quoted(value)}; {why}")
        return value

    return BeforeValidator(check)


def object_of_type(*known: str, usual: str | None = None, hints: Mapping[str, str] | None = None) -> BeforeValidator:
    """Checks that a value is an object with a known `type`. `usual` is the type of an object without one; `hints` maps
    some unsupported types to advice for the message."""

    def check(value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise unsupported("must be an object")
        kind = value.get("type", usual)
        if not isinstance(kind, str):
            raise unsupported("must have a 'type', which is a string")
        if kind not in known:
            hint = (hints or {}).get(kind, f"supported types are {', '.join(known[:-1])} and {known[-1]}")
            raise unsupported(f"is of type {quoted(kind)}, which is not supported; {hint}")
        return value

    return BeforeValidator(check)


def text_type(*known: str) -> BeforeValidator:
    """Checks the `type` of a text part. The message quotes an unsupported one and says where images are allowed."""

    def check(value: Any) -> Any:
        if value in IMAGE_TYPES:
            types = "'image_url' (chat completions), 'input_image' (responses) or 'image' (messages)"
            raise unsupported(f"is {value!r}; send images in user messages, with the type {types}")
        if isinstance(value, str) and value not in known:
            raise unsupported(f"is {quoted(value)}; only text is supported, and images in user messages")
        return value

    return BeforeValidator(check)


class TextPart(Strict):
    """A text part of a message."""

    type: Annotated[Literal["text"], text_type("text")]
    text: Text
    cache_control: Ignored = None


def _data_url(url: str) -> str:
    if not url.startswith("data:image/"):
        raise unsupported("must be a data:image/... URL that contains the image; this server does not fetch URLs")
    return url


DataUrl = Annotated[Text, AfterValidator(_data_url)]
"""An image as a data: URL (RFC 2397). `images.open_image` decodes it and ignores its media type."""
Detail = Literal["auto", "low", "high", "original"] | None


def part_kind(value: Any) -> str | None:
    """The `type` of a part or block, the discriminator of its union."""
    kind = value.get("type") if isinstance(value, Mapping) else getattr(value, "type", None)
    return kind if isinstance(kind, str) else None


def image_fields(items: Sequence[Any], field: str) -> tuple[str, ...]:
    """The field path of each image in the messages, as errors name it."""
    return tuple(
        f"{field}.{at}.content.{place}.type"
        for at, item in enumerate(items)
        for place, part in enumerate(getattr(item, "content", None) or ())
        if part_kind(part) in IMAGE_TYPES
    )


def content(given: Sequence[Any] | None, image: Callable[[Any], dict[str, Any]]) -> str | list[dict[str, Any]]:
    """A message's parts as `chat.render` takes them: their joined text, or a list of parts if any is an image.
    `image` converts an image part."""
    if all(part_kind(part) not in IMAGE_TYPES for part in given or ()):
        return joined(given)
    return [image(part) if part_kind(part) in IMAGE_TYPES else {"type": "text", "text": part.text}
            for part in given or ()]  # fmt: skip


def parts(value: Any, *, kind: str = "text") -> Any:
    """Converts a plain string to the equivalent list of one text part."""
    return [{"type": kind, "text": value}] if isinstance(value, str) else value


IMAGE_NOT_SHOWN = "[image not shown: this model reads no images in tool results]"


def result_parts(value: Any, *, kind: str = "text") -> Any:
    """The parts of a tool's result, with a text in place of each image. An agent sends its results again in every later
    request, so refusing an image would end its session."""
    given = parts(value, kind=kind)
    if not isinstance(given, list):
        return given
    return [{"type": kind, "text": IMAGE_NOT_SHOWN} if part_kind(part) in IMAGE_TYPES else part for part in given]


def reply_parts(value: Any, *, kind: str = "text") -> Any:
    """The parts of an earlier reply, with OpenAI's refusals as text."""
    given = parts(value, kind=kind)
    if not isinstance(given, list):
        return given
    return [{"type": kind, "text": part["refusal"]} if _is_refusal(part) else part for part in given]


def _is_refusal(part: Any) -> bool:
    return part_kind(part) == "refusal" and set(part) == {"type", "refusal"} and isinstance(part["refusal"], str)


def joined(text_parts: Sequence[Any] | None) -> str:
    """The text of all parts, joined with line breaks."""
    return "\n".join(part.text for part in text_parts or ())


def _stops(value: Any) -> Any:
    return [value] if isinstance(value, str) else [] if value is None else value


Stops = Annotated[
    FailFastList[Annotated[Text, Field(min_length=1, max_length=256)]],
    BeforeValidator(_stops),
    Field(max_length=MAX_STOPS, default_factory=list),
]


class StreamOptions(Strict):
    """OpenAI's options of a stream."""

    include_usage: bool | None = None
    include_obfuscation: Ignored = None
    continuous_usage_stats: Annotated[None, only(False)] = None


ANY_OBJECT: dict[str, Any] = {"type": "object"}


class AnyText(Strict):
    """`{"type": "text"}`: unconstrained text."""

    type: Literal["text"]

    @property
    def reply_schema(self) -> None:
        """No schema: the reply is unconstrained."""
        return None


class AnyObject(Strict):
    """`{"type": "json_object"}`: any JSON object."""

    type: Literal["json_object"]

    @property
    def reply_schema(self) -> dict[str, Any]:
        """A schema that every JSON object satisfies."""
        return ANY_OBJECT
