"""Sets of characters, and their encoding in bytes: plain UTF-8, or inside a JSON string.

Each alphabet encodes a character in exactly one way, so that intersecting expressions intersects the sets of texts.
The plain alphabet has no control characters except tab, line feed and carriage return; neither has surrogates.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache

from dgemma.decode.constrain.expressions import CharacterRanges, Expressions, Term

LAST = 0x10FFFF
SURROGATES = (0xD800, 0xDFFF)
CONTROLS = ((0x00, 0x1F), (0x7F, 0x9F))
JSON_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}

Alphabet = Callable[[Expressions, CharacterRanges], Term]
"""Encodes one character of a set as an expression over bytes: `plain` or `json_string`."""


def union(*sets: Iterable[tuple[int, int]]) -> CharacterRanges:
    """The union of the sets, as sorted and disjoint ranges."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(pair for ranges in sets for pair in ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def complement(ranges: CharacterRanges) -> CharacterRanges:
    """The code points that are not in the set."""
    result, start = [], 0
    for low, high in ranges:
        if start < low:
            result.append((start, low - 1))
        start = high + 1
    return (*result, (start, LAST)) if start <= LAST else tuple(result)


def without(ranges: CharacterRanges, removed: Iterable[tuple[int, int]]) -> CharacterRanges:
    """The set difference."""
    return complement(union(complement(ranges), removed))


EVERY: CharacterRanges = ((0, LAST),)


def plain(expressions: Expressions, ranges: CharacterRanges) -> Term:
    """One character of the set in UTF-8."""
    allowed_controls = tuple((ord(mark), ord(mark)) for mark in "\t\n\r")
    excluded = without(union(CONTROLS), allowed_controls)
    return _utf8(expressions, without(ranges, (*excluded, SURROGATES)))


def json_string(expressions: Expressions, ranges: CharacterRanges) -> Term:
    """One character of the set inside a JSON string, escaped only where JSON requires it."""
    escaped = [mark for mark in JSON_ESCAPES if any(low <= ord(mark) <= high for low, high in ranges)]
    marks = ((ord(mark), ord(mark)) for mark in '"\\')
    unescaped = without(ranges, (*CONTROLS, SURROGATES, *marks))
    written = (expressions.literal(JSON_ESCAPES[mark].encode()) for mark in escaped)
    return expressions.choice(_utf8(expressions, unescaped), *written)


@lru_cache(maxsize=8)
def characters_where(predicate: Callable[[str], bool]) -> CharacterRanges:
    """The characters that a predicate such as `str.isspace` accepts."""
    return union((code, code) for code in range(LAST + 1) if predicate(chr(code)))


def _utf8(expressions: Expressions, ranges: CharacterRanges) -> Term:
    options = []
    for low, high in ranges:
        for sequence in _byte_ranges(low, high):
            options.append(expressions.sequence(*(expressions.byte([pair]) for pair in sequence)))
    return expressions.choice(*options)


def _byte_ranges(low: int, high: int) -> Iterable[list[tuple[int, int]]]:
    """Sequences of byte ranges that together encode exactly the code points low..high."""
    for last in (0x7F, 0x7FF, 0xFFFF):
        if low <= last < high:
            yield from _byte_ranges(low, last)
            yield from _byte_ranges(last + 1, high)
            return
    for shift in (6, 12, 18) if high > 0x7F else ():
        mask = (1 << shift) - 1
        if low & ~mask == high & ~mask:
            break
        # Trailing bytes are independent ranges only if each takes all of its values.
        if low & mask:
            yield from _byte_ranges(low, low | mask)
            yield from _byte_ranges((low | mask) + 1, high)
            return
        if high & mask != mask:
            yield from _byte_ranges(low, (high & ~mask) - 1)
            yield from _byte_ranges(high & ~mask, high)
            return
    yield list(zip(chr(low).encode("utf-8", "surrogatepass"), chr(high).encode("utf-8", "surrogatepass"), strict=True))
