"""The pieces of request bodies that several endpoints share, as strict pydantic models.

Promises that a field which is not known, not supported, or of the wrong type is refused by name, that a handful of
errors is all that is collected of a wrong body, and that what is let through is plain finite JSON of moderate depth.
Knows nothing of what the fields do.
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

from dgemma.chat.shown import IMAGE_TYPES

MAX_DEPTH = 64
MAX_INTEGER = 2**31 - 1
MAX_SEED = 2**63 - 1
MAX_STOPS = 16
MAX_MARKS = 100_000
"""Commas and brackets of a JSON document whose prompt is short; reading so many takes some tens of milliseconds."""
MAX_UNKNOWN = 10
"""Unknown fields of an object that are looked at; the first is the one that is told."""
MAX_TOLD = 60
"""Characters of a name that a client made up, as far as a message quotes it."""

T = TypeVar("T")
Several = Annotated[list[T], Field(fail_fast=True)]
"""A list that is refused at its first wrong item: of a million of them the rest would take seconds and gigabytes."""

NO_MARKS = bytes(set(range(256)) - set(b",[{"))


def unsupported(told: str, kind: str = "unsupported") -> PydanticCustomError:
    """An error whose sentence is the field's name and `told`; programs know it by its kind."""
    return PydanticCustomError(cast(LiteralString, kind), "{told}", {"told": told})


def only(*values: Any, why: str = "is not supported; leave it out", kind: str = "unsupported") -> BeforeValidator:
    """Lets null and `values` pass, all of which change nothing, and refuses the rest by name."""

    def check(value: Any) -> Any:
        if value is None or any(type(value) is type(known) and value == known for known in values):
            return None
        raise unsupported(why, kind)

    return BeforeValidator(check)


def usual(value: Any) -> BeforeValidator:
    """Takes null for `value`, the usual one."""
    return BeforeValidator(lambda given: value if given is None else given)


def plain_json(value: Any) -> Any:
    """Refuses what json.loads lets through and others choke on: lone surrogates, NaN, infinities, great depth."""
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
            elif isinstance(item, str) and _is_broken(item):
                raise unsupported("holds a lone surrogate, which is no text")
            elif isinstance(item, float) and not math.isfinite(item):
                raise unsupported("holds a number that is not finite")
        level = deeper
    return value


def holds_more(document: bytes, marks: int) -> bool:
    """Whether a JSON document has more than so many commas and opening brackets outside its texts.

    No document has more values than these and one, and so no more texts than twice as many: what seems to have more is
    none. In Python, so that other threads have their turns meanwhile.
    """
    if len(document.translate(None, NO_MARKS)) <= marks:
        return False
    at = count = texts = 0
    while at < len(document):
        texts += 1
        if texts > 2 * (marks + 2):
            return True
        begin = document.find(b'"', at)
        begin = len(document) if begin < 0 else begin
        count += len(document[at:begin].translate(None, NO_MARKS))
        if count > marks:
            return True
        at = _behind_text(document, begin + 1)
    return False


def _behind_text(document: bytes, at: int) -> int:
    """Where a text that begins there is over. A quotation mark behind an odd number of backslashes is part of it."""
    while (end := document.find(b'"', at)) >= 0:
        before, at = document[at:end], end + 1
        if (len(before) - len(before.rstrip(b"\\"))) % 2 == 0:
            return at
    return len(document)


def _whole(text: str) -> str:
    if _is_broken(text):
        raise unsupported("holds a lone surrogate, which is no text")
    return text


def _is_broken(text: str) -> bool:
    # Images come as megabytes of ASCII.
    return not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text)


Text = Annotated[str, AfterValidator(_whole)]
"""Text that can be encoded."""


def json_object(text: Any) -> Any:
    """The text of a JSON object -> the object; everything else stays as it is, for the type to refuse."""
    if not isinstance(text, str):
        return text
    if len(text) > MAX_MARKS and holds_more(text.encode(errors="surrogatepass"), MAX_MARKS):
        raise unsupported(f"has more than {MAX_MARKS} commas and brackets")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise unsupported("is not valid JSON") from None
    if not isinstance(value, dict):
        raise unsupported("is JSON but no object")
    return value


# Looked through before the type is, which collects an error for every name that is no text. Of several, the last runs
# first.
JsonObject = Annotated[dict[str, Any], BeforeValidator(plain_json)]
JsonObjectText = Annotated[dict[str, Any], BeforeValidator(plain_json), BeforeValidator(json_object)]

ArgumentsText = Annotated[
    dict[str, Any],
    BeforeValidator(plain_json),
    BeforeValidator(lambda text: json_object("{}" if text == "" else text)),
]
"""The arguments of a call; those who collect a call without any from a stream have an empty text."""

Bookkeeping = Any
"""The type of a field that by its own definition changes nothing in the reply, such as `user`: read and dropped."""

Temperature = Annotated[float | None, Field(ge=0, le=2)]
CanvasLength = Annotated[int | None, Field(ge=1, le=4096)]
DenoisingSteps = Annotated[int | None, Field(ge=1, le=10_000)]
Seed = Annotated[int | None, Field(ge=-(2**63), le=MAX_SEED)]
TopLogprobs = Annotated[int | None, Field(ge=0, le=20)]
TokenLimit = Annotated[int | None, Field(ge=1, le=MAX_INTEGER)]
ToolName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:/-]{1,128}$")]
ModelName = Annotated[str, Field(min_length=1)]


class Strict(BaseModel):
    """Takes exactly the fields it names, of exactly their types."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _few_unknown(cls, value: Any) -> Any:
        """Drops unknown fields behind the first, each of which would be an error of its own."""
        if not isinstance(value, dict) or len(value) <= len(cls.model_fields) + MAX_UNKNOWN:
            return value
        known = {field.alias or name for name, field in cls.model_fields.items()}
        told = set(islice((name for name in value if name not in known), MAX_UNKNOWN))
        return {name: given for name, given in value.items() if name in known or name in told}


def told_name(name: str) -> str:
    """A name that a client made up, as a message quotes it: short, and fit to be sent back."""
    return repr(name if len(name) <= MAX_TOLD else f"{name[:MAX_TOLD]}...")


def only_types(*known: str, why: str) -> BeforeValidator:
    """Refuses every type but the known ones, naming it."""

    def check(value: Any) -> Any:
        if isinstance(value, str) and value not in known:
            raise unsupported(f"is {told_name(value)}; {why}")
        return value

    return BeforeValidator(check)


def only_kinds(*known: str, usual: str | None = None, hints: Mapping[str, str] | None = None) -> BeforeValidator:
    """Refuses every object whose type is not a known one, naming it; `hints` tell the way out of some."""

    def check(value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise unsupported("is no object")
        kind = value.get("type", usual)
        if not isinstance(kind, str):
            raise unsupported("needs a type")
        if kind not in known:
            way_out = (hints or {}).get(kind, f"this server takes {', '.join(known[:-1])} and {known[-1]}")
            raise unsupported(f"is of type {told_name(kind)}; {way_out}")
        return value

    return BeforeValidator(check)


def text_type(*known: str) -> BeforeValidator:
    """Refuses every type of part that holds no text here, naming it."""

    def check(value: Any) -> Any:
        if value in IMAGE_TYPES:
            shape = "'image_url' (chat), 'input_image' (responses) or 'image' (messages)"
            raise unsupported(f"is {value!r}; images go into messages of the user, as {shape}")
        if isinstance(value, str) and value not in known:
            raise unsupported(f"is {told_name(value)}; this server takes texts and images")
        return value

    return BeforeValidator(check)


class TextPart(Strict):
    """A piece of a message's text."""

    type: Annotated[Literal["text"], text_type("text")]
    text: Text
    cache_control: Bookkeeping = None


def _data_url(url: str) -> str:
    if not url.startswith("data:image/"):
        raise unsupported("is no data: URL of an image; nothing is fetched here, so send the image itself in one")
    return url


DataUrl = Annotated[Text, AfterValidator(_data_url)]
"""An image as a URL (RFC 2397). What it holds is looked at by `images.open_image`, as bytes alone."""
Detail = Literal["auto", "low", "high", "original"] | None


def part_kind(value: Any) -> str | None:
    """The type of a part or block, by which its model is chosen."""
    kind = value.get("type") if isinstance(value, Mapping) else getattr(value, "type", None)
    return kind if isinstance(kind, str) else None


def image_fields(items: Sequence[Any], field: str) -> tuple[str, ...]:
    """Where the images of a body's messages stand, as errors name it."""
    return tuple(
        f"{field}.{at}.content.{place}.type"
        for at, item in enumerate(items)
        for place, part in enumerate(getattr(item, "content", None) or ())
        if part_kind(part) in IMAGE_TYPES
    )


def content(given: Sequence[Any] | None, image: Callable[[Any], dict[str, Any]]) -> str | list[dict[str, Any]]:
    """A message's parts as `chat` takes them: their text, or a list where `image` makes something of some."""
    if all(part_kind(part) not in IMAGE_TYPES for part in given or ()):
        return joined(given)
    return [image(part) if part_kind(part) in IMAGE_TYPES else {"type": "text", "text": part.text}
            for part in given or ()]  # fmt: skip


def parts(value: Any, *, kind: str = "text") -> Any:
    """A message's text as a list of parts, as which it may come as well."""
    return [{"type": kind, "text": value}] if isinstance(value, str) else value


TextParts = Annotated[Several[TextPart], BeforeValidator(parts)]


def joined(text_parts: Sequence[Any] | None) -> str:
    """The text of all parts, each on a line of its own."""
    return "\n".join(part.text for part in text_parts or ())


def _stops(value: Any) -> Any:
    return [value] if isinstance(value, str) else [] if value is None else value


Stops = Annotated[
    Several[Annotated[Text, Field(min_length=1, max_length=256)]],
    BeforeValidator(_stops),
    Field(max_length=MAX_STOPS, default_factory=list),
]


class StreamOptions(Strict):
    """What a stream shall hold besides its text."""

    include_usage: bool | None = None
    include_obfuscation: Bookkeeping = None
    continuous_usage_stats: Annotated[None, only(False)] = None


ANY_OBJECT: dict[str, Any] = {"type": "object"}


class AnyText(Strict):
    """A reply of no particular form."""

    type: Literal["text"]

    @property
    def form(self) -> None:
        """No schema."""
        return None


class AnyObject(Strict):
    """Some JSON object."""

    type: Literal["json_object"]

    @property
    def form(self) -> dict[str, Any]:
        """The schema of every object."""
        return ANY_OBJECT
