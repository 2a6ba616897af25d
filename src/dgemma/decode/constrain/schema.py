"""JSON Schema -> expression for values in one canonical form, as JSON `{"name": "Anna", "tags": ["a", "b"]}`.

Promises that every text of the expression validates. The reverse is deliberately not promised: properties come in one
order, undeclared ones are not written, and white space is fixed. An unsupported keyword raises UsageError with its
place; none is ignored. Open and recursive schemas are unrolled to a given depth, and maximum lengths that would take
too many states are reduced. The notation decides how a value is written: as JSON, or in Gemma's syntax for the
arguments of a call.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from dgemma.decode.constrain import characters
from dgemma.decode.constrain.combining import COMBINED, Combinations, merge
from dgemma.decode.constrain.expressions import EMPTY, NOTHING, UNBOUNDED, Expressions, Term
from dgemma.decode.constrain.notation import JSON, Notation
from dgemma.decode.constrain.numbers import Bound, multiples, number
from dgemma.decode.constrain.patterns import compile_pattern
from dgemma.decode.constrain.references import References
from dgemma.decode.constrain.schema_document import (
    ANNOTATIONS,
    KEYWORDS_OF_TYPE,
    TYPES,
    Schema,
    known_keywords,
    refusal,
    validator,
)
from dgemma.decode.constrain.values import DECIDED_BY_EXPRESSIONS, identity, satisfying

DATE = r"[12]\d{3}-((0[13578]|1[02])-(0[1-9]|[12]\d|3[01])|(0[469]|11)-(0[1-9]|[12]\d|30)|02-(0[1-9]|1\d|2[0-8]))"
TIME = r"([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ"
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
ANNOTATION_FORMATS = frozenset({"binary", "password", "path", "file-path", "directory-path"})
"""Formats that state the purpose of a text and do not restrict it."""
MAX_MULTIPLES = 10_000
OPEN_MULTIPLES = 1_000
"""Multiples on each side of zero, or beyond the given bound, if a bound is missing."""
LONG_TEXT, LONG_TEXT_BUDGET = 100, 1_000
"""The states of a text grow with its maximum length. Texts with a `maxLength` above LONG_TEXT share LONG_TEXT_BUDGET
characters, with at least LONG_TEXT for each."""
TIGHT_MAX_LENGTH, TIGHT_MAX_ITEMS = 64, 8
"""Limits on `maxLength` and `maxItems` when a document that is too large is compiled again with `tight`."""
TERM = 5
"""Units of work for a schema, in addition to those for its terms."""


class SchemaCompiler:
    """Compiles one checked document. `unrolled` becomes True if a greater depth may allow more texts."""

    def __init__(
        self, expressions: Expressions, document: Schema, notation: Notation = JSON, *, tight: bool = False
    ) -> None:
        self._expressions, self._document, self._notation, self._tight = expressions, document, notation, tight
        self._work, self._validator = expressions.work, validator(document)
        self._references = References(document, self._work)
        self._combinations = Combinations(self._references, self._work)
        self._longest = TIGHT_MAX_LENGTH if tight else max(LONG_TEXT, LONG_TEXT_BUDGET // max(1, _long_texts(document)))
        self._known: dict[tuple[str, int], Term] = {}
        self._merged: dict[tuple[tuple[int, ...], int], tuple[Sequence[Mapping[str, Any]], Term]] = {}
        self.unrolled = False

    def compile(self, depth: int) -> Term:
        """The texts of the document that nest at most `depth` open values or recursive references."""
        try:
            return self._term(self._document, depth, "#")
        except RecursionError as error:
            raise refusal("#", "it is nested too deeply") from error

    def _term(self, schema: Schema, depth: int, place: str) -> Term:
        if isinstance(schema, bool):
            return self._anything(depth) if schema else NOTHING
        self._work.spend(TERM)
        keywords = known_keywords(schema, self._validator, place)
        if not keywords:
            return self._anything(depth)
        if not keywords.isdisjoint(("$ref", *COMBINED)):
            term = self._by_alternatives(schema, depth, place)
            if term is not None:
                return term
        conditions: list[Term] = []
        lists_values = "enum" in keywords or "const" in keywords
        if lists_values:
            conditions.append(self._values(schema, place))
        if "$ref" in keywords:
            conditions.append(self._reference(schema["$ref"], depth, place))
        for name in COMBINED:
            if name in keywords:
                conditions.append(self._combined(name, schema, depth, f"{place}/{name}"))
        types = _types(schema, keywords)
        if types and not (lists_values and keywords.isdisjoint(DECIDED_BY_EXPRESSIONS)):
            terms = [self._typed(kind, schema, depth, place) for kind in types]
            if NOTHING in terms and set(terms) == {NOTHING} and not {"array", "object"} & set(types):
                raise refusal(place, f"no {' or '.join(types)} that can be written satisfies it")
            conditions.append(self._expressions.choice(*terms))
        return self._expressions.intersection(*conditions)

    def _by_alternatives(self, schema: Mapping[str, Any], depth: int, place: str) -> Term | None:
        """A schema that describes one object in several places, with each alternative merged; None for any other."""
        alternatives = self._combinations.alternatives(schema, place)
        if alternatives is None or not any(each.describes_an_object_twice() for each in alternatives):
            return None
        self.unrolled |= any(each.recursions for each in alternatives)
        within_depth = [each for each in alternatives if each.recursions <= depth]
        terms = [self._all_of(each.parts, depth - each.recursions, place) for each in within_depth]
        return self._expressions.choice(*terms)

    def _all_of(self, parts: Sequence[Mapping[str, Any]], depth: int, place: str) -> Term:
        """The conjunction of an alternative's parts. Cached: those of a reference are the same objects each time."""
        key = (tuple(map(id, parts)), depth)
        self._work.spend(1 + len(parts))
        if key not in self._merged:
            for part in parts:
                known_keywords(part, self._validator, place)
            whole = merge(parts, self._work)
            restricting = [part for part in parts if not ANNOTATIONS.issuperset(part)] if whole is None else [whole]
            conditions = [self._term(part, depth, place) for part in restricting] or [self._anything(depth)]
            # The parts are stored too: while they live, no other object can have their `id`.
            self._merged[key] = parts, self._expressions.intersection(*conditions)
        return self._merged[key][1]

    def _values(self, schema: Mapping[str, Any], place: str) -> Term:
        values = self._satisfying(schema, place)
        if not values:
            raise refusal(place, "none of its listed values satisfies its other keywords")
        return self._expressions.choice(*(self._expressions.literal(self._notation.literal(value)) for value in values))

    def _satisfying(self, schema: Mapping[str, Any], place: str) -> list[Any]:
        return satisfying(schema, self._references.follow, self._validator, self._work, place)

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

    def _combined(self, name: str, schema: Mapping[str, Any], depth: int, place: str) -> Term:
        options = self._references.distinct_options(schema, place) if name == "oneOf" else schema[name]
        terms = [self._term(option, depth, f"{place}/{index}") for index, option in enumerate(options)]
        return self._expressions.intersection(*terms) if name == "allOf" else self._expressions.choice(*terms)

    def _anything(self, depth: int) -> Term:
        """Any JSON value of at most `depth` levels."""
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
        return term if self._expressions.possible(term) else NOTHING

    def _string(self, schema: Mapping[str, Any], place: str) -> Term:
        character = self._notation.alphabet(self._expressions, characters.EVERY)
        least, most = int(schema.get("minLength", 0)), int(schema.get("maxLength", UNBOUNDED))
        if LONG_TEXT < most < UNBOUNDED or (self._tight and most < UNBOUNDED):
            most = min(most, max(least, self._longest))
        conditions = [self._expressions.repeat(character, least, most)]
        if "pattern" in schema:
            conditions.append(self._pattern(schema["pattern"], anywhere=True))
        if "format" in schema and schema["format"] not in ANNOTATION_FORMATS:
            if schema["format"] not in FORMATS:
                raise refusal(place, f"the format {schema['format']!r} is none of {', '.join(FORMATS)}")
            conditions.append(self._pattern(FORMATS[schema["format"]], anywhere=False))
        return self._notation.quoted(self._expressions, self._expressions.intersection(*conditions))

    def _pattern(self, pattern: str, *, anywhere: bool) -> Term:
        return compile_pattern(self._expressions, pattern, self._notation.alphabet, anywhere=anywhere)

    def _number(self, kind: str, schema: Mapping[str, Any], place: str) -> Term:
        lower = _tightest(schema, "minimum", "exclusiveMinimum", max, place)
        upper = _tightest(schema, "maximum", "exclusiveMaximum", min, place)
        if "multipleOf" not in schema:
            return number(self._expressions, lower, upper, integer=kind == "integer")
        step = schema["multipleOf"]
        if step != int(step):
            raise refusal(place, f"multipleOf {step} is not a whole number")
        if step == 1:
            return number(self._expressions, lower, upper, integer=True)
        reach = Decimal(OPEN_MULTIPLES * int(step))
        lower = lower or Bound(value=-reach if upper is None else upper.value - reach)
        upper = upper or Bound(value=max(lower.value, Decimal(0)) + reach)
        found = multiples(self._expressions, int(step), lower, upper, MAX_MULTIPLES)
        if found is None:
            raise refusal(place, f"multipleOf needs bounds with at most {MAX_MULTIPLES} multiples between them")
        return found

    def _array(self, schema: Mapping[str, Any], depth: int, place: str) -> Term:
        if isinstance(schema.get("items"), list):
            # Drafts before 2020-12 have a list in `items` for what is now `prefixItems`.
            schema = {**schema, "prefixItems": schema["items"], "items": schema.get("additionalItems", True)}
        least, most = int(schema.get("minItems", 0)), int(schema.get("maxItems", UNBOUNDED))
        if least > most:
            raise refusal(place, f"minItems {least} is above maxItems {most}")
        if self._tight and most < UNBOUNDED:
            most = min(most, max(least, TIGHT_MAX_ITEMS))
        prefix = schema.get("prefixItems", ())
        if schema.get("uniqueItems") and most > 1:
            return self._distinct_items(schema, least, most, place)
        first = [self._term(item, depth, f"{place}/prefixItems/{index}") for index, item in enumerate(prefix)]
        open_end = most > len(first)
        item = self._term(schema.get("items", True), depth, f"{place}/items") if open_end else NOTHING
        separated = self._expressions.sequence(self._comma(), item)
        left = UNBOUNDED if most == UNBOUNDED else most - len(first)

        def rest(index: int) -> Term:
            """The rest of an array after `index` items."""
            if index == most:
                return EMPTY
            if index < len(first):
                comma = self._comma() if index else EMPTY
                more = self._expressions.sequence(comma, first[index], rest(index + 1))
            elif index:
                more = self._expressions.repeat(separated, max(0, least - index), left)
            else:
                after_first = self._expressions.repeat(
                    separated, max(0, least - 1), left if left == UNBOUNDED else left - 1
                )
                more = self._expressions.sequence(item, after_first)
            return more if index < least else self._expressions.optional(more)

        return self._expressions.sequence(self._expressions.literal(b"["), rest(0), self._expressions.literal(b"]"))

    def _distinct_items(self, schema: Mapping[str, Any], least: int, most: int, place: str) -> Term:
        """Arrays of distinct items: a selection of the listed values, in their order."""
        item = self._follow_lone_reference(schema.get("items", True), f"{place}/items")
        listed = isinstance(item, Mapping) and "enum" in item and set(item) - ANNOTATIONS <= {"enum", "type"}
        if isinstance(item, bool) or not listed or schema.get("prefixItems"):
            raise refusal(place, "uniqueItems is supported only where `items` is an enum")
        distinct: dict[Any, Any] = {}
        for value in self._satisfying(item, place):
            distinct.setdefault(identity(value), value)
        allowed = list(distinct.values())
        if len(allowed) < least:
            raise refusal(place, f"minItems is {least}, but `items` lists {len(allowed)} different values")
        items = [(self._expressions.literal(self._notation.literal(value)), False) for value in allowed]
        body = self._members(items, least, most)
        return self._expressions.sequence(self._expressions.literal(b"["), body, self._expressions.literal(b"]"))

    def _follow_lone_reference(self, schema: Schema, place: str) -> Schema:
        """The schema that a reference leads to. Raises UsageError for other keywords beside the reference."""
        while isinstance(schema, Mapping) and "$ref" in schema:
            if set(schema) - ANNOTATIONS - {"$ref"}:
                raise refusal(place, "a reference is supported here only with nothing beside it")
            self._work.spend(TERM)
            schema = self._references.resolve(schema["$ref"], place)
        return schema

    def _names(self, schema: Mapping[str, Any], place: str) -> tuple[Mapping[str, Any], Sequence[str], Any]:
        """(properties, required, additionalProperties), with the names of propertyNames as properties."""
        properties, required = schema.get("properties", {}), schema.get("required", ())
        additional = schema.get("additionalProperties", True)
        if "propertyNames" not in schema:
            return properties, required, additional
        wanted = self._follow_lone_reference(schema["propertyNames"], f"{place}/propertyNames")
        listed = wanted.get("enum") if isinstance(wanted, Mapping) else None
        if not isinstance(wanted, Mapping) or listed is None or set(wanted) - ANNOTATIONS - {"enum", "type"}:
            raise refusal(place, "propertyNames is supported only as an enum of names")
        names = [name for name in listed if isinstance(name, str)]
        allowed = {name: properties.get(name, additional) for name in names}
        return {**allowed, **{name: False for name in required if name not in allowed}}, required, False

    def _object(self, schema: Mapping[str, Any], depth: int, place: str) -> Term:
        properties, required, additional = self._names(schema, place)
        least, most = int(schema.get("minProperties", 0)), int(schema.get("maxProperties", UNBOUNDED))
        names = self._notation.ordered(dict.fromkeys([*properties, *required]))
        needed = set(required)
        if not names and "properties" not in schema and "propertyNames" not in schema:
            body = self._members_of_any_name(
                self._term(additional, depth, f"{place}/additionalProperties"), least, most, place
            )
        else:
            members = []
            for name in names:
                where = f"{place}/properties/{name}" if name in properties else f"{place}/additionalProperties"
                value = self._term(properties.get(name, additional), depth, where)
                key = self._expressions.literal(self._notation.key(name))
                member = self._expressions.sequence(key, self._colon(), value)
                members.append((member, name in needed))
            body = self._members(members, least, most)
        return self._expressions.sequence(self._expressions.literal(b"{"), body, self._expressions.literal(b"}"))

    def _members(self, members: Sequence[tuple[Term, bool]], least: int, most: int) -> Term:
        """`least` to `most` of the (member, required) pairs, in their order."""
        if least > len(members):
            return NOTHING
        # Counts of members written so far are capped here: larger ones are equivalent.
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
            raise refusal(place, "minProperties above 1 is supported only with that many declared properties")
        name = self._notation.any_key(self._expressions)
        member = self._expressions.sequence(name, self._colon(), value)
        separated = self._expressions.sequence(self._comma(), member)
        after_first = self._expressions.repeat(separated, 0, most if most == UNBOUNDED else most - 1)
        members = self._expressions.sequence(member, after_first)
        if most == 0:
            return EMPTY
        return members if least else self._expressions.optional(members)

    def _comma(self) -> Term:
        return self._expressions.literal(self._notation.comma)

    def _colon(self) -> Term:
        return self._expressions.literal(self._notation.colon)


def _types(schema: Mapping[str, Any], keywords: frozenset[str]) -> list[str]:
    """The types that `type` names, or that the keywords apply to; empty if there are neither."""
    named = schema.get("type")
    if named is None:
        return [kind for kind, of_type in KEYWORDS_OF_TYPE.items() if of_type & keywords]
    return [named] if isinstance(named, str) else list(named)


def _long_texts(schema: Any) -> int:
    """The number of `maxLength`s above LONG_TEXT in the document."""
    if isinstance(schema, Mapping):
        length = schema.get("maxLength")
        own = isinstance(length, int | float) and length > LONG_TEXT
        return own + sum(map(_long_texts, schema.values()))
    return sum(map(_long_texts, schema)) if isinstance(schema, list) else 0


def _tightest(
    schema: Mapping[str, Any], name: str, strict_name: str, choose: Callable[..., Decimal], place: str
) -> Bound | None:
    """The tighter of an inclusive and an exclusive bound; the exclusive one if they are equal."""
    given = [(key, schema[key]) for key in (name, strict_name) if key in schema]
    if any(isinstance(value, bool) for _, value in given):
        raise refusal(place, f"{strict_name} is a number since draft 6")
    if not given:
        return None
    values = [(Decimal(str(value)), key == strict_name) for key, value in given]
    tightest = choose(value for value, _ in values)
    return Bound(value=tightest, strict=any(strict for value, strict in values if value == tightest))
