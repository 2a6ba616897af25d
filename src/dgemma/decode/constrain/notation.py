"""Syntaxes for values: JSON, or the arguments of a tool call in Gemma's syntax.

    JSON    {"name": "Anna", "n": 3}
    Gemma   {n:3,name:<|"|>Anna<|"|>}      strings between two delimiter tokens, keys bare and sorted, no spaces

Promises one canonical text per value, so that intersecting expressions intersects the sets of values. Knows nothing of
schemas. A special token is represented by one byte (`vocabulary.MARKS`).
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
    """How values are written.

    quote      before and after a string
    comma      between items
    colon      between a key and its value
    alphabet   encodes one character inside a string
    bare_keys  keys are unquoted where possible, and sorted without regard to case
    """

    quote: bytes
    comma: bytes
    colon: bytes
    alphabet: Alphabet
    bare_keys: bool

    def ordered(self, names: Iterable[str]) -> list[str]:
        """The keys of an object in the order of the notation."""
        return sorted(names, key=str.lower) if self.bare_keys else list(names)

    def literal(self, value: Any) -> bytes:
        """The text of a value."""
        if isinstance(value, str):
            return self.quote + self.unquoted(value) + self.quote
        if isinstance(value, list):
            return b"[" + self.comma.join(map(self.literal, value)) + b"]"
        if isinstance(value, dict):
            members = (self.key(name) + self.colon + self.literal(value[name]) for name in self.ordered(value))
            return b"{" + self.comma.join(members) + b"}"
        return json.dumps(value).encode()

    def key(self, name: str) -> bytes:
        """The text of an object's key."""
        return name.encode() if self.bare_keys and BARE_KEY.fullmatch(name) else self.literal(name)

    def any_key(self, expressions: Expressions, names: Term | None = None) -> Term:
        """A key that the schema does not declare: any but the empty one, or with bare keys any identifier.

        With `names`, texts without quotes, any that is among them and not empty.
        """
        if not self.bare_keys:
            any_name = self._any_name(expressions)
            return self.quoted(expressions, any_name if names is None else expressions.intersection(names, any_name))
        if names is None:
            return compile_pattern(expressions, ANY_BARE_KEY, characters.plain, anywhere=False)
        bare = compile_pattern(expressions, BARE_KEY.pattern, characters.plain, anywhere=False)
        other = expressions.intersection(names, self._any_name(expressions), expressions.complement(bare))
        return expressions.choice(expressions.intersection(names, bare), self.quoted(expressions, other))

    def _any_name(self, expressions: Expressions) -> Term:
        return expressions.repeat(self.alphabet(expressions, characters.EVERY), 1)

    def quoted(self, expressions: Expressions, inner: Term) -> Term:
        """`inner` between quotes."""
        quote = expressions.literal(self.quote)
        return expressions.sequence(quote, inner, quote)

    def unquoted(self, text: str) -> bytes:
        """The text of a string without its quotes."""
        return text.encode() if self.bare_keys else json.dumps(text, ensure_ascii=False)[1:-1].encode()


JSON = Notation(quote=b'"', comma=b", ", colon=b": ", alphabet=characters.json_string, bare_keys=False)
CALL = Notation(
    quote=bytes([MARKS[STRING_DELIMITER]]), comma=b",", colon=b":", alphabet=characters.plain, bare_keys=True
)
