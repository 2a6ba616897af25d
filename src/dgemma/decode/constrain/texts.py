"""Strings and names of properties -> expressions: lengths, patterns, formats, and what `propertyNames` allows.

Promises that every text satisfies all the keywords that restrict it. A format that is not in FORMATS is an annotation,
as JSON Schema defines formats by default. Maximum lengths that would take too many states are reduced.
"""

from collections.abc import Mapping
from typing import Any

from jsonschema.protocols import Validator

from dgemma.decode.constrain import characters
from dgemma.decode.constrain.expressions import NOTHING, UNBOUNDED, Expressions, Term
from dgemma.decode.constrain.notation import Notation
from dgemma.decode.constrain.patterns import MAX_REPEAT, TIGHT_MAX_REPEAT, compile_pattern
from dgemma.decode.constrain.references import References
from dgemma.decode.constrain.schema_document import (
    KEYWORDS_OF_TYPE,
    Schema,
    allows_nothing,
    known_keywords,
    refusal,
    restricting,
)
from dgemma.decode.constrain.values import DECIDED_BY_VALUE, satisfying

DATE = r"[12]\d{3}-((0[13578]|1[02])-(0[1-9]|[12]\d|3[01])|(0[469]|11)-(0[1-9]|[12]\d|30)|02-(0[1-9]|1\d|2[0-8]))"
TIME = r"([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ"
ANY_TIME = r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,9})?)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)?"
NAME = r"[a-z0-9]+([.-][a-z0-9]+)*"
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-%s[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
FORMATS = {
    "date": DATE,
    "time": TIME,
    "date-time": f"{DATE}T{TIME}",
    "duration": r"P([1-9]\d{0,3}D(T[1-9]\d?H)?|T[1-9]\d?H([1-9]\d?M)?|T[1-9]\d?M([1-9]\d?S)?|T[1-9]\d?S)",
    "uuid": UUID % "[1-5]",
    **{f"uuid{version}": UUID % version for version in range(1, 9)},
    "hostname": NAME,
    "ipv4": r"((25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)",
    "ipv6": r"[0-9a-f]{1,4}(:[0-9a-f]{1,4}){7}",
    "email": rf"[a-z0-9]+([._-][a-z0-9]+)*@{NAME}\.[a-z]{{2,8}}",
    "uri": rf"https?://{NAME}(/[A-Za-z0-9._~-]*)*",
}
"""The formats that are enforced, in one common spelling of each."""
OTHER_SPELLINGS = {"time": ANY_TIME, "date-time": f"{DATE}T{ANY_TIME}"}
"""ISO 8601 with or without seconds, their fraction and an offset: used where a pattern or a length beside the format
rules out the common spelling."""
LONG_TEXT, LONG_TEXT_BUDGET = 100, 1_000
"""The states of a text grow with its maximum length. Texts with a `maxLength` above LONG_TEXT share LONG_TEXT_BUDGET
characters, with at least LONG_TEXT for each."""
TIGHT_MAX_LENGTH = 64
"""The limit on `maxLength` when a document that is too large is compiled again with `tight`."""
NAME_KEYWORDS = KEYWORDS_OF_TYPE["string"] | {"type", "enum", "const", "$ref", "anyOf", "allOf", "not"}
"""The keywords that `propertyNames` may have."""
NAME_UNITS = 5
"""Units of work for a schema of names, in addition to those for its terms."""


class Texts:
    """Compiles the strings and names of one document."""

    def __init__(
        self,
        expressions: Expressions,
        document: Schema,
        notation: Notation,
        references: References,
        draft: Validator,
        *,
        tight: bool = False,
    ) -> None:
        self._expressions, self._notation, self._references = expressions, notation, references
        self._draft, self._tight = draft, tight
        self._longest = TIGHT_MAX_LENGTH if tight else max(LONG_TEXT, LONG_TEXT_BUDGET // max(1, _long_texts(document)))

    def string(self, schema: Mapping[str, Any]) -> Term:
        """The strings that satisfy the schema's keywords for strings, between quotes."""
        return self._notation.quoted(self._expressions, self._text(schema))

    def names(self, schema: Schema, place: str) -> Term:
        """The names that a `propertyNames` allows, without quotes."""
        if isinstance(schema, bool):
            return self._text({}) if schema else NOTHING
        self._expressions.work.spend(NAME_UNITS)
        keywords = known_keywords(schema, self._draft, place)
        unsupported = sorted(keywords - NAME_KEYWORDS)
        if unsupported:
            raise refusal(place, f"the keyword {unsupported[0]!r} is not supported in propertyNames")
        if schema.get("not", False) is not False and not allows_nothing(schema):
            raise refusal(place, "the keyword 'not' is not supported")
        types = schema.get("type", "string")
        if allows_nothing(schema) or "string" not in ([types] if isinstance(types, str) else types):
            return NOTHING
        conditions = [self._text(schema)]
        if "enum" in schema or "const" in schema:
            listing = {name: schema[name] for name in schema if name in DECIDED_BY_VALUE or name in ("enum", "const")}
            values = satisfying(listing, self._references.resolve, self._draft, self._expressions.work, place)
            names = [value for value in values if isinstance(value, str)]
            literals = [self._expressions.literal(self._notation.unquoted(name)) for name in names]
            conditions.append(self._expressions.choice(*literals))
        if "$ref" in schema:
            conditions.append(self.names(self._references.resolve(schema["$ref"], place), place))
        if "anyOf" in schema:
            conditions.append(self._expressions.choice(*(self.names(option, place) for option in schema["anyOf"])))
        conditions += [self.names(part, place) for part in schema.get("allOf", ())]
        return self._expressions.intersection(*conditions)

    def matching(self, pattern: str, *, outer: bool = False) -> Term:
        """The texts without quotes that contain a match of the pattern; with `outer` all those that may contain one."""
        return self._containing(pattern, outer=outer)

    def may_match(self, pattern: str, name: str) -> bool:
        """Whether the name may contain a match of the pattern; also True for a name with unwritable characters."""
        return not self.contains(self._text({}), name) or self.contains(self.matching(pattern, outer=True), name)

    def contains(self, names: Term, name: str) -> bool:
        """Whether the name is among `names`."""
        for value in self._notation.unquoted(name):
            names = self._expressions.derivative(names, value)
        return self._expressions.nullable(names)

    def _text(self, schema: Mapping[str, Any]) -> Term:
        """The texts that satisfy the schema's keywords for strings, without quotes."""
        if self._tight and "pattern" in schema:
            text = self._text_within(schema, TIGHT_MAX_REPEAT)
            if self._expressions.possible(text):
                return text
        return self._text_within(schema, MAX_REPEAT)

    def _text_within(self, schema: Mapping[str, Any], max_repeat: int) -> Term:
        """The texts of `_text` in which nothing of the pattern repeats more often than it needs to."""
        character = self._notation.alphabet(self._expressions, characters.EVERY)
        least, most = int(schema.get("minLength", 0)), int(schema.get("maxLength", UNBOUNDED))
        if LONG_TEXT < most < UNBOUNDED or (self._tight and most < UNBOUNDED):
            most = min(most, max(least, self._longest))
        conditions = [self._expressions.repeat(character, least, most)]
        if "pattern" in schema:
            conditions.append(self._containing(schema["pattern"], max_repeat=max_repeat))
        text = self._expressions.intersection(*conditions)
        if schema.get("format") not in FORMATS:
            return text
        found = self._expressions.intersection(text, self._whole(FORMATS[schema["format"]]))
        if schema["format"] in OTHER_SPELLINGS and not self._expressions.possible(found):
            return self._expressions.intersection(text, self._whole(OTHER_SPELLINGS[schema["format"]]))
        return found

    def _containing(self, pattern: str, *, outer: bool = False, max_repeat: int = MAX_REPEAT) -> Term:
        alphabet = self._notation.alphabet
        return compile_pattern(self._expressions, pattern, alphabet, anywhere=True, outer=outer, max_repeat=max_repeat)

    def _whole(self, pattern: str) -> Term:
        return compile_pattern(self._expressions, pattern, self._notation.alphabet, anywhere=False)


def allows_every_name(schema: Schema) -> bool:
    """Whether a `propertyNames` restricts nothing: every name is a string."""
    if isinstance(schema, bool):
        return schema
    return restricting(schema) <= {"type"} and schema.get("type", "string") == "string"


def _long_texts(schema: Any) -> int:
    """The number of `maxLength`s above LONG_TEXT in the document."""
    if isinstance(schema, Mapping):
        length = schema.get("maxLength")
        own = isinstance(length, int | float) and length > LONG_TEXT
        return own + sum(map(_long_texts, schema.values()))
    return sum(map(_long_texts, schema)) if isinstance(schema, list) else 0
