"""How values are written: as JSON, or as the arguments of a tool call in Gemma's syntax.

    JSON    {"name": "Anna", "n": 3}
    Gemma   {n:3,name:<|"|>Anna<|"|>}      strings between two delimiter tokens, keys bare and sorted, no spaces

Promises one writing for each value, so that intersections of expressions are intersections of values. Knows nothing of
schemas; a special token is the byte that stands for it (`vocabulary.MARKS`).
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from dgemma.decode.constrain import characters
from dgemma.decode.constrain.characters import Alphabet
from dgemma.decode.constrain.expressions import Expressions, Term
from dgemma.decode.constrain.patterns import compile_pattern
from dgemma.decode.constrain.vocabulary import MARKS
from dgemma.tokenizer import STRING_DELIMITER

BARE_KEY = re.compile(r"[A-Za-z0-9_$@./-]+")
ANY_BARE_KEY = "[A-Za-z_][A-Za-z0-9_]*"


@dataclass(frozen=True, kw_only=True)
class Notation:
    """quote     what stands before and behind a string
    comma, colon what separates items, and a key from its value
    alphabet     how one character is written inside a string
    bare_keys    keys stand without quotes where they can, and in the order of their letters
    """

    quote: bytes
    comma: bytes
    colon: bytes
    alphabet: Alphabet
    bare_keys: bool

    def ordered(self, names: Iterable[str]) -> list[str]:
        """The keys of an object in the order in which they are written."""
        return sorted(names, key=str.lower) if self.bare_keys else list(names)

    def literal(self, value: Any) -> bytes:
        """A value as it is written."""
        if isinstance(value, str):
            return self.quote + self._inside(value) + self.quote
        if isinstance(value, list):
            return b"[" + self.comma.join(map(self.literal, value)) + b"]"
        if isinstance(value, dict):
            members = (self.key(name) + self.colon + self.literal(value[name]) for name in self.ordered(value))
            return b"{" + self.comma.join(members) + b"}"
        return json.dumps(value).encode()

    def key(self, name: str) -> bytes:
        """A key of an object."""
        return name.encode() if self.bare_keys and BARE_KEY.fullmatch(name) else self.literal(name)

    def any_key(self, expressions: Expressions) -> Term:
        """Keys that no schema names; some of them only where they stand without quotes."""
        if self.bare_keys:
            return compile_pattern(expressions, ANY_BARE_KEY, characters.plain, anywhere=False)
        character = self.alphabet(expressions, characters.EVERY)
        return self.quoted(expressions, expressions.repeat(character, 1))

    def quoted(self, expressions: Expressions, inner: Term) -> Term:
        """A string of the given inside."""
        quote = expressions.literal(self.quote)
        return expressions.sequence(quote, inner, quote)

    def _inside(self, text: str) -> bytes:
        return text.encode() if self.bare_keys else json.dumps(text, ensure_ascii=False)[1:-1].encode()


JSON = Notation(quote=b'"', comma=b", ", colon=b": ", alphabet=characters.json_string, bare_keys=False)
CALL = Notation(
    quote=bytes([MARKS[STRING_DELIMITER]]), comma=b",", colon=b":", alphabet=characters.plain, bare_keys=True
)
