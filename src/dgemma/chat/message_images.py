"""Takes the images out of messages: parts in any of the shapes that clients send -> `MessageImage`s and placeholders.

    {"type": "image", "image": a path, bytes, a data: URL or a PIL image}        also "path", "base64", "url"
    {"type": "image_url", "image_url": {"url": "data:image/png;base64,...", "detail": "low"}}            OpenAI chat
    {"type": "input_image", "image_url": "data:...", "detail": "high"}                       OpenAI responses

Opens no file and fetches no link. Knows nothing of pixels or tokens.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

from dgemma.errors import ImageError

IMAGE_TYPES = ("image", "image_url", "input_image")
DETAILS: Mapping[str, int | None] = {"auto": None, "low": 70, "high": 1120, "original": 1120}
"""Maximum soft tokens of an image for each of OpenAI's `detail` values; None: the caller's default."""
_KEYS = ("image", "path", "base64", "url", "image_url")


@dataclass(frozen=True, kw_only=True)
class MessageImage:
    """An image in a message.

    source           a path, a file's bytes, an open file or a PIL image
    max_soft_tokens  None if the message does not specify a detail
    """

    source: Any
    max_soft_tokens: int | None = None


def take_images(messages: Any) -> tuple[Any, list[MessageImage]]:
    """(the messages with each image replaced by `{"type": "image"}`, the images in their order).

    A value that is not a list of messages is returned unchanged; `render` refuses it. Raises ImageError for a part
    without an image, for a link, for an unknown detail, and for data that are not base64.
    """
    if isinstance(messages, str | Mapping) or not isinstance(messages, Sequence):
        return messages, []
    taken: list[MessageImage] = []
    left: list[Any] = []
    for message in messages:
        content = message.get("content") if isinstance(message, Mapping) else None
        if isinstance(content, list | tuple) and any(map(_is_image, content)):
            parts: list[Any] = []
            for part in content:
                if _is_image(part):
                    taken.append(_shown(part, len(taken)))
                parts.append({"type": "image"} if _is_image(part) else part)
            message = {**message, "content": parts}
        left.append(message)
    return left, taken


def _is_image(part: Any) -> bool:
    return isinstance(part, Mapping) and part.get("type") in IMAGE_TYPES


def _shown(part: Mapping[str, Any], number: int) -> MessageImage:
    key = next((key for key in _KEYS if part.get(key) is not None), None)
    source, detail = part[key] if key else None, part.get("detail")
    if isinstance(source, Mapping):
        source, detail = source.get("url"), source.get("detail", detail)
    detail = "auto" if detail is None else detail
    if not isinstance(detail, str) or detail not in DETAILS:
        raise ImageError(f"The image detail {detail!r} is unknown; choose one of {', '.join(DETAILS)}.", number=number)
    if source is None:
        raise ImageError(f"A part of type {part['type']!r} names no image.", number=number)
    if key == "base64":
        source = _decoded(source, number)
    elif isinstance(source, str) and source[:5].lower() == "data:":
        source = _from_data_url(source, number)
    elif isinstance(source, str) and (key not in ("image", "path") or "://" in source):
        problem = "A message links to an image, but nothing is fetched; send the file itself as a data: URL."
        raise ImageError(problem, number=number)
    return MessageImage(source=source, max_soft_tokens=DETAILS[detail])


def _from_data_url(url: str, number: int) -> bytes:
    """The bytes of a data: URL (RFC 2397)."""
    head, comma, data = url.partition(",")
    if not comma:
        raise ImageError("The data: URL of an image has no data.", number=number)
    if not head.lower().endswith(";base64"):
        return unquote_to_bytes(data)
    return _decoded(unquote(data) if "%" in data else data, number)


def _decoded(data: Any, number: int) -> bytes:
    try:
        # Some tools break base64 into lines.
        return base64.b64decode("".join(data.split()) if isinstance(data, str) else data, validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        raise ImageError(f"The data of an image are not base64 ({error}).", number=number) from error
