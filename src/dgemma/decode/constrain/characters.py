"""Sets of characters, and how they are written in bytes: plain UTF-8, or inside a JSON string.

A character has exactly one writing in either alphabet, so intersections of expressions are intersections of texts.
Control characters other than tab, line feed and carriage return are never written plainly, surrogates never at all.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache

from dgemma.decode.constrain.expressions import CharacterRanges, Expressions, Term

LAST = 0x10FFFF
SURROGATES = (0xD800, 0xDFFF)
CONTROLS = ((0x00, 0x1F), (0x7F, 0x9F))
JSON_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}

Alphabet = Callable[[Expressions, CharacterRanges], Term]
"""How one character of a set is written: `plain` or `json_string`."""


def union(*sets: Iterable[tuple[int, int]]) -> CharacterRanges:
    """All the characters of all the sets."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(pair for ranges in sets for pair in ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def complement(ranges: CharacterRanges) -> CharacterRanges:
    """Every code point that is not in the set."""
    result, start = [], 0
    for low, high in ranges:
        if start < low:
            result.append((start, low - 1))
        start = high + 1
    return (*result, (start, LAST)) if start <= LAST else tuple(result)


def without(ranges: CharacterRanges, removed: Iterable[tuple[int, int]]) -> CharacterRanges:
    """The set without the characters of another."""
    return complement(union(complement(ranges), removed))


EVERY: CharacterRanges = ((0, LAST),)


def plain(expressions: Expressions, ranges: CharacterRanges) -> Term:
    """One character of the set as it stands."""
    blank = tuple((ord(mark), ord(mark)) for mark in "\t\n\r")
    unwritten = without(union(CONTROLS), blank)
    return _utf8(expressions, without(ranges, (*unwritten, SURROGATES)))


def json_string(expressions: Expressions, ranges: CharacterRanges) -> Term:
    """One character of the set as it is written inside a JSON string, escaped only where JSON demands it."""
    escaped = [mark for mark in JSON_ESCAPES if any(low <= ord(mark) <= high for low, high in ranges)]
    marks = ((ord(mark), ord(mark)) for mark in '"\\')
    unescaped = without(ranges, (*CONTROLS, SURROGATES, *marks))
    written = (expressions.literal(JSON_ESCAPES[mark].encode()) for mark in escaped)
    return expressions.choice(_utf8(expressions, unescaped), *written)


@lru_cache(maxsize=8)
def characters_where(predicate: Callable[[str], bool]) -> CharacterRanges:
    """The characters that a method such as `str.isspace` accepts."""
    return union((code, code) for code in range(LAST + 1) if predicate(chr(code)))


def _utf8(expressions: Expressions, ranges: CharacterRanges) -> Term:
    options = []
    for low, high in ranges:
        for sequence in _byte_ranges(low, high):
            options.append(expressions.sequence(*(expressions.byte([pair]) for pair in sequence)))
    return expressions.choice(*options)


def _byte_ranges(low: int, high: int) -> Iterable[list[tuple[int, int]]]:
    """Sequences of byte ranges that together write exactly the code points low..high."""
    for last in (0x7F, 0x7FF, 0xFFFF):
        if low <= last < high:
            yield from _byte_ranges(low, last)
            yield from _byte_ranges(last + 1, high)
            return
    for shift in (6, 12, 18) if high > 0x7F else ():
        mask = (1 << shift) - 1
        if low & ~mask == high & ~mask:
            break
        # Trailing bytes can only be ranges of their own when they run through all their values.
        if low & mask:
            yield from _byte_ranges(low, low | mask)
            yield from _byte_ranges((low | mask) + 1, high)
            return
        if high & mask != mask:
            yield from _byte_ranges(low, (high & ~mask) - 1)
            yield from _byte_ranges(high & ~mask, high)
            return
    yield list(zip(chr(low).encode("utf-8", "surrogatepass"), chr(high).encode("utf-8", "surrogatepass"), strict=True))
