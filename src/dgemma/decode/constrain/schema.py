"""JSON Schema -> expressions for values in one canonical form, as JSON `{"name": "Anna", "tags": ["a", "b"]}`.

Promises that every value of the expression validates. The reverse is not promised, on purpose: properties come in one
order and no undeclared ones beside them, and there is no free white space. A keyword that is not understood raises
UsageError with its place; none is ignored. What a schema leaves open, or what refers to itself, is unrolled to a given
depth. How a value is written is the notation's: JSON, or Gemma's syntax for the arguments of a call.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from dgemma.decode.constrain import characters
from dgemma.decode.constrain.expressions import EMPTY, NOTHING, UNBOUNDED, Expressions, Term
from dgemma.decode.constrain.notation import JSON, Notation
from dgemma.decode.constrain.numbers import Bound, multiples, number
from dgemma.decode.constrain.patterns import compile_pattern
from dgemma.decode.constrain.schema_document import (
    KEYWORDS_OF_TYPE,
    TYPES,
    References,
    Schema,
    known_keywords,
    refusal,
    validator,
)

DATE = r"[12]\d{3}-((0[13578]|1[02])-(0[1-9]|[12]\d|3[01])|(0[469]|11)-(0[1-9]|[12]\d|30)|02-(0[1-9]|1\d|2[0-8]))"
TIME = r"([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ"
NAME = r"[a-z0-9]+([.-][a-z0-9]+)*"
FORMATS = {
    "date": DATE,
    "time": TIME,
    "date-time": f"{DATE}T{TIME}",
    "uuid": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "ipv4": r"((25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)",
    "email": rf"[a-z0-9]+([._-][a-z0-9]+)*@{NAME}\.[a-z]{{2,8}}",
    "uri": rf"https?://{NAME}(/[A-Za-z0-9._~-]*)*",
}
MAX_MULTIPLES = 10_000
BEYOND_VALUES = frozenset({"pattern", "properties", "additionalProperties", "items", "prefixItems"})
DECIDED_BY_VALUE = frozenset({"type", "const"}).union(*KEYWORDS_OF_TYPE.values()) - BEYOND_VALUES
"""Keywords whose word on a given value the reference validator has, without a look at any other schema."""


class SchemaCompiler:
    """One document to expressions; `unrolled` tells whether a greater depth may allow more texts."""

    def __init__(self, expressions: Expressions, document: Schema, notation: Notation = JSON) -> None:
        self._expressions, self._document, self._notation = expressions, document, notation
        self._references, self._validator = References(document), validator(document)
        self._known: dict[tuple[str, int], Term] = {}
        self.unrolled = False

    def compile(self, depth: int) -> Term:
        """The texts of the document with at most `depth` open values or self-references within one another."""
        try:
            return self._term(self._document, depth, "#")
        except RecursionError as error:
            raise refusal("#", "it is nested too deeply") from error

    def _term(self, schema: Schema, depth: int, place: str) -> Term:
        if isinstance(schema, bool):
            return self._anything(depth) if schema else NOTHING
        keywords = known_keywords(schema, self._validator, place)
        if not keywords:
            return self._anything(depth)
        conditions: list[Term] = []
        given = "enum" in keywords or "const" in keywords
        if given:
            conditions.append(self._values(schema, place))
        if "$ref" in keywords:
            conditions.append(self._reference(schema["$ref"], depth, place))
        for name in ("anyOf", "oneOf", "allOf"):
            if name in keywords:
                conditions.append(self._combined(name, schema[name], depth, f"{place}/{name}"))
        types = _types(schema, keywords)
        if types and not (given and keywords.isdisjoint(BEYOND_VALUES)):
            conditions.append(self._expressions.choice(*(self._typed(kind, schema, depth, place) for kind in types)))
        return self._expressions.both(*conditions)

    def _values(self, schema: Mapping[str, Any], place: str) -> Term:
        candidates = schema["enum"] if "enum" in schema else [schema["const"]]
        # What refers elsewhere, or takes a pattern, is left to the expressions: nothing is fetched or backtracked here.
        plain = {keyword: schema[keyword] for keyword in schema if keyword in DECIDED_BY_VALUE}
        validator = self._validator.evolve(schema=plain)
        values = [value for value in candidates if validator.is_valid(value)]
        if not values:
            raise refusal(place, "none of its values satisfies the rest of it")
        return self._expressions.choice(*(self._expressions.literal(self._notation.literal(value)) for value in values))

    def _reference(self, reference: str, depth: int, place: str) -> Term:
        schema = self._references.resolve(reference, place)
        if self._references.recursive(reference):
            self.unrolled = True
            if depth == 0:
                return NOTHING
            depth -= 1
        key = (reference, depth)
        if key not in self._known:
            self._known[key] = self._term(schema, depth, reference)
        return self._known[key]

    def _combined(self, name: str, options: Sequence[Schema], depth: int, place: str) -> Term:
        if name == "oneOf":
            for index, first in enumerate(options):
                for other in range(index + 1, len(options)):
                    if self._references.overlap(first, options[other]):
                        problem = f"the options {index} and {other} are not clearly distinct; use anyOf"
                        raise refusal(place, problem)
        terms = [self._term(option, depth, f"{place}/{index}") for index, option in enumerate(options)]
        return self._expressions.both(*terms) if name == "allOf" else self._expressions.choice(*terms)

    def _anything(self, depth: int) -> Term:
        """Any JSON value with at most `depth` values within one another."""
        self.unrolled = True
        if depth == 0:
            return NOTHING
        key = ("", depth)
        if key not in self._known:
            kinds = (self._typed(kind, {}, depth - 1, "#") for kind in TYPES if kind != "integer")
            self._known[key] = self._expressions.choice(*kinds)
        return self._known[key]

    def _typed(self, kind: str, schema: Mapping[str, Any], depth: int, place: str) -> Term:
        if kind == "object":
            return self._object(schema, depth, place)
        if kind == "array":
            return self._array(schema, depth, place)
        if kind == "null":
            return self._expressions.literal(b"null")
        if kind == "boolean":
            return self._expressions.choice(self._expressions.literal(b"true"), self._expressions.literal(b"false"))
        term = self._string(schema, place) if kind == "string" else self._number(kind, schema, place)
        if not self._expressions.possible(term):
            raise refusal(place, f"no {kind} that can be written here satisfies it")
        return term

    def _string(self, schema: Mapping[str, Any], place: str) -> Term:
        character = self._notation.alphabet(self._expressions, characters.EVERY)
        least, most = int(schema.get("minLength", 0)), int(schema.get("maxLength", UNBOUNDED))
        conditions = [self._expressions.repeat(character, least, most)]
        if "pattern" in schema:
            conditions.append(self._pattern(schema["pattern"], anywhere=True))
        if "format" in schema:
            if schema["format"] not in FORMATS:
                raise refusal(place, f"the format {schema['format']!r} is none of {', '.join(FORMATS)}")
            conditions.append(self._pattern(FORMATS[schema["format"]], anywhere=False))
        return self._notation.quoted(self._expressions, self._expressions.both(*conditions))

    def _pattern(self, pattern: str, *, anywhere: bool) -> Term:
        return compile_pattern(self._expressions, pattern, self._notation.alphabet, anywhere=anywhere)

    def _number(self, kind: str, schema: Mapping[str, Any], place: str) -> Term:
        lower = _tightest(schema, "minimum", "exclusiveMinimum", max, place)
        upper = _tightest(schema, "maximum", "exclusiveMaximum", min, place)
        if "multipleOf" not in schema:
            return number(self._expressions, lower, upper, integer=kind == "integer")
        step = schema["multipleOf"]
        if step != int(step):
            raise refusal(place, f"multipleOf {step} is no whole number")
        if step == 1:
            return number(self._expressions, lower, upper, integer=True)
        found = multiples(self._expressions, int(step), lower, upper, MAX_MULTIPLES) if lower and upper else None
        if found is None:
            raise refusal(place, f"multipleOf needs bounds with at most {MAX_MULTIPLES} multiples between them")
        return found

    def _array(self, schema: Mapping[str, Any], depth: int, place: str) -> Term:
        if not isinstance(schema.get("items", True), Mapping | bool):
            raise refusal(place, "items is a list; name the first items in prefixItems")
        least, most = int(schema.get("minItems", 0)), int(schema.get("maxItems", UNBOUNDED))
        if least > most:
            raise refusal(place, f"no array has {least} items at least and {most} at most")
        if schema.get("uniqueItems") and most > 1:
            raise refusal(place, "uniqueItems is not supported")
        prefix = schema.get("prefixItems", ())
        first = [self._term(item, depth, f"{place}/prefixItems/{index}") for index, item in enumerate(prefix)]
        open_end = most > len(first)
        item = self._term(schema.get("items", True), depth, f"{place}/items") if open_end else NOTHING
        separated = self._expressions.sequence(self._comma(), item)
        left = UNBOUNDED if most == UNBOUNDED else most - len(first)

        def rest(index: int) -> Term:
            """What follows `index` items."""
            if index == most:
                return EMPTY
            if index < len(first):
                comma = self._comma() if index else EMPTY
                more = self._expressions.sequence(comma, first[index], rest(index + 1))
            elif index:
                more = self._expressions.repeat(separated, max(0, least - index), left)
            else:
                further = left if left == UNBOUNDED else left - 1
                more = self._expressions.sequence(item, self._expressions.repeat(separated, max(0, least - 1), further))
            return more if index < least else self._expressions.optional(more)

        return self._expressions.sequence(self._expressions.literal(b"["), rest(0), self._expressions.literal(b"]"))

    def _object(self, schema: Mapping[str, Any], depth: int, place: str) -> Term:
        properties, required = schema.get("properties", {}), schema.get("required", ())
        further = schema.get("additionalProperties", True)
        least, most = int(schema.get("minProperties", 0)), int(schema.get("maxProperties", UNBOUNDED))
        names = self._notation.ordered(dict.fromkeys([*properties, *required]))
        if not names and "properties" not in schema:
            body = self._members_of_any_name(
                self._term(further, depth, f"{place}/additionalProperties"), least, most, place
            )
        else:
            members = []
            for name in names:
                where = f"{place}/properties/{name}" if name in properties else f"{place}/additionalProperties"
                value = self._term(properties.get(name, further), depth, where)
                key = self._expressions.literal(self._notation.key(name))
                member = self._expressions.sequence(key, self._colon(), value)
                members.append((member, name in required))
            body = self._members(members, least, most)
        return self._expressions.sequence(self._expressions.literal(b"{"), body, self._expressions.literal(b"}"))

    def _members(self, members: Sequence[tuple[Term, bool]], least: int, most: int) -> Term:
        """Members in their order, each with whether it must be there, between `least` and `most` of them."""
        # Beyond this count it makes no difference how many there are.
        enough = max(1, least, 0 if most >= len(members) else most + 1)
        following = [EMPTY if least <= count <= most else NOTHING for count in range(enough + 1)]
        for member, required in reversed(members):
            before = []
            for count in range(enough + 1):
                comma = self._comma() if count else EMPTY
                written = self._expressions.sequence(comma, member, following[min(count + 1, enough)])
                before.append(written if required else self._expressions.choice(written, following[count]))
            following = before
        return following[0]

    def _members_of_any_name(self, value: Term, least: int, most: int, place: str) -> Term:
        if least > 1:
            raise refusal(place, "minProperties above 1 needs as many properties by name")
        name = self._notation.any_key(self._expressions)
        member = self._expressions.sequence(name, self._colon(), value)
        separated = self._expressions.sequence(self._comma(), member)
        further = most if most == UNBOUNDED else most - 1
        members = self._expressions.sequence(member, self._expressions.repeat(separated, 0, further))
        if most == 0:
            return EMPTY
        return members if least else self._expressions.optional(members)

    def _comma(self) -> Term:
        return self._expressions.literal(self._notation.comma)

    def _colon(self) -> Term:
        return self._expressions.literal(self._notation.colon)


def _types(schema: Mapping[str, Any], keywords: frozenset[str]) -> list[str]:
    """The types named, or those that the keywords speak of; empty when nothing speaks of types."""
    named = schema.get("type")
    if named is None:
        return [kind for kind, own in KEYWORDS_OF_TYPE.items() if own & keywords]
    return [named] if isinstance(named, str) else list(named)


def _tightest(
    schema: Mapping[str, Any], name: str, strict_name: str, choose: Callable[..., Decimal], place: str
) -> Bound | None:
    """The bound that both keywords together give; a strict one where they name the same number."""
    given = [(key, schema[key]) for key in (name, strict_name) if key in schema]
    if any(isinstance(value, bool) for _, value in given):
        raise refusal(place, f"{strict_name} is a number since draft 6")
    if not given:
        return None
    values = [(Decimal(str(value)), key == strict_name) for key, value in given]
    tightest = choose(value for value, _ in values)
    return Bound(value=tightest, strict=any(strict for value, strict in values if value == tightest))
