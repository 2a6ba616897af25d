"""JSON Schema -> expression for values in one canonical form, as JSON `{"name": "Anna", "tags": ["a", "b"]}`.

Promises that every text of the expression validates. The reverse is deliberately not promised: properties come in one
order, undeclared ones are not written, and white space is fixed. An unsupported keyword raises UsageError with its
place; none is ignored. Open and recursive schemas are unrolled to a given depth, and maximum lengths that would take
too many states are reduced. The notation decides how a value is written: as JSON, or in Gemma's syntax for the
arguments of a call.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from itertools import repeat
from typing import Any

from dgemma.decode.constrain import characters
from dgemma.decode.constrain.combining import COMBINED, CONSEQUENCES, MAX_ALTERNATIVES, Combinations, merge
from dgemma.decode.constrain.conditions import conditional_keywords, excludes_values, has_cases
from dgemma.decode.constrain.expressions import EMPTY, NOTHING, UNBOUNDED, Expressions, Term
from dgemma.decode.constrain.notation import JSON, Notation
from dgemma.decode.constrain.numbers import Bound, multiples, number, spellings
from dgemma.decode.constrain.patterns import compile_pattern
from dgemma.decode.constrain.references import References
from dgemma.decode.constrain.schema_document import (
    KEYWORDS_OF_TYPE,
    TYPES,
    Schema,
    allows_nothing,
    known_keywords,
    refusal,
    restricting,
    validator,
)
from dgemma.decode.constrain.texts import Texts, allows_every_name
from dgemma.decode.constrain.values import DECIDED_BY_EXPRESSIONS, expanded, identity, listed, satisfying

MAX_MULTIPLES = 10_000
OPEN_MULTIPLES = 1_000
"""Multiples on each side of zero, or beyond the given bound, if a bound is missing."""
ENDINGS = {0.5: "0|5", 0.25: "0|25|5|75", 0.125: "0|125|25|375|5|625|75|875"}
"""The digits after the decimal point of the multiples of fractions by which floats are divided exactly."""
TIGHT_MAX_ITEMS = 8
"""The limit on `maxItems` when a document that is too large is compiled again with `tight`."""
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
        self._combinations = Combinations(self._references, self._validator, self._work)
        self._texts = Texts(expressions, document, notation, self._references, self._validator, tight=tight)
        self._known: dict[tuple[str, int], Term] = {}
        self._alternatives: dict[tuple[int, int], tuple[Schema, Term | None]] = {}
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
        keywords = known_keywords(schema, self._validator, place) - {"not", *CONSEQUENCES}
        if allows_nothing(schema):
            return NOTHING
        if not keywords.isdisjoint(("$ref", *COMBINED)) or has_cases(schema):
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
        conditions = conditions or [self._anything(depth)]
        if excludes_values(schema):
            conditions.append(self._without(schema["not"]))
        return self._expressions.intersection(*conditions)

    def _by_alternatives(self, schema: Mapping[str, Any], depth: int, place: str) -> Term | None:
        """A schema with cases, or one that describes an object in several places, with each alternative merged; None
        for any other. Cached: the alternatives of a schema share the schemas of their properties."""
        key = (id(schema), depth)
        if key not in self._alternatives:
            # The schema is stored too: while it lives, no other object can have its `id`.
            self._alternatives[key] = schema, self._merge_alternatives(schema, depth, place)
        return self._alternatives[key][1]

    def _merge_alternatives(self, schema: Mapping[str, Any], depth: int, place: str) -> Term | None:
        alternatives = self._combinations.alternatives(schema, place)
        if has_cases(schema):
            if alternatives is None:
                names = [*conditional_keywords(schema), "unevaluatedProperties"]
                problem = f"makes more than {MAX_ALTERNATIVES} cases here, or one that refers to itself"
                raise refusal(place, f"the keyword {names[0]!r} {problem}")
        elif alternatives is None or not any(each.must_be_merged() for each in alternatives):
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
            whole = merge(parts, self._work)
            conditions = [part for part in parts if restricting(part)] if whole is None else [whole]
            # The parts are stored too: while they live, no other object can have their `id`.
            self._merged[key] = parts, self._conjunction(conditions, depth, [place] * len(conditions))
        return self._merged[key][1]

    def _conjunction(self, schemas: Sequence[Schema], depth: int, places: Sequence[str]) -> Term:
        """The values that satisfy all schemas. One that only excludes values is applied to what the others allow."""
        excluding = [
            schema
            for schema in schemas
            if isinstance(schema, Mapping) and excludes_values(schema) and restricting(schema) == {"not"}
        ]
        others = [(schema, place) for schema, place in zip(schemas, places, strict=True) if schema not in excluding]
        terms = [self._term(schema, depth, place) for schema, place in others] or [self._anything(depth)]
        return self._expressions.intersection(*terms, *(self._without(schema["not"]) for schema in excluding))

    def _without(self, excluded: Mapping[str, Any]) -> Term:
        """The texts of any other values than the listed ones."""
        texts = []
        for value in listed(excluded) or ():
            if isinstance(value, int | float) and not isinstance(value, bool):
                texts.append(spellings(self._expressions, value))
            else:
                texts.append(self._expressions.literal(self._notation.literal(value)))
        return self._expressions.complement(self._expressions.choice(*texts))

    def _values(self, schema: Mapping[str, Any], place: str) -> Term:
        values = satisfying(schema, self._references.resolve, self._validator, self._work, place)
        if not values:
            raise refusal(place, "none of its listed values satisfies its other keywords")
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

    def _combined(self, name: str, schema: Mapping[str, Any], depth: int, place: str) -> Term:
        options = self._references.distinct_options(schema, place) if name == "oneOf" else schema[name]
        places = [f"{place}/{index}" for index in range(len(options))]
        if name == "allOf":
            return self._conjunction(options, depth, places)
        return self._expressions.choice(*map(self._term, options, repeat(depth), places))

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
        term = self._texts.string(schema) if kind == "string" else self._number(kind, schema, place)
        return term if self._expressions.possible(term) else NOTHING

    def _number(self, kind: str, schema: Mapping[str, Any], place: str) -> Term:
        lower = _tightest(schema, "minimum", "exclusiveMinimum", max)
        upper = _tightest(schema, "maximum", "exclusiveMaximum", min)
        if "multipleOf" not in schema:
            return number(self._expressions, lower, upper, integer=kind == "integer")
        step = schema["multipleOf"]
        if step != int(step):
            if step not in ENDINGS:
                raise refusal(
                    place,
                    f"multipleOf {step} cannot be guaranteed, because validators divide floats (to them 0.3 is no "
                    "multiple of 0.1); use a whole number, 0.5, 0.25 or 0.125, or list the values in an enum",
                )
            written = number(self._expressions, lower, upper, integer=kind == "integer")
            return self._expressions.intersection(written, self._number_ending_in(ENDINGS[step]))
        if step == 1:
            return number(self._expressions, lower, upper, integer=True)
        reach = Decimal(OPEN_MULTIPLES * int(step))
        lower = lower or Bound(value=-reach if upper is None else upper.value - reach)
        upper = upper or Bound(value=max(lower.value, Decimal(0)) + reach)
        found = multiples(self._expressions, int(step), lower, upper, MAX_MULTIPLES)
        if found is None:
            raise refusal(place, f"multipleOf needs bounds with at most {MAX_MULTIPLES} multiples between them")
        return found

    def _number_ending_in(self, fractions: str) -> Term:
        pattern = rf"-?[0-9]+(\.({fractions}))?"
        return compile_pattern(self._expressions, pattern, characters.plain, anywhere=False)

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
            return self._distinct_items(schema, least, most, depth, place)
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

        return self._containing(schema, rest(0), self._expressions.choice(*first, item), depth, place)

    def _containing(self, schema: Mapping[str, Any], body: Term, item: Term, depth: int, place: str) -> Term:
        """Arrays of the items in `body`, each of which is an `item`, that satisfy `contains`."""
        least = int(schema.get("minContains", 1)) if "contains" in schema else 0
        if least:
            before = self._expressions.repeat(self._expressions.sequence(item, self._comma()))
            after = self._expressions.repeat(self._expressions.sequence(self._comma(), item))
            demanded = self._expressions.intersection(item, self._term(schema["contains"], depth, f"{place}/contains"))
            further = self._expressions.sequence(after, self._comma(), demanded)
            found = self._expressions.sequence(
                before, demanded, self._expressions.repeat(further, least - 1, least - 1), after
            )
            body = self._expressions.intersection(body, found)
        return self._expressions.sequence(self._expressions.literal(b"["), body, self._expressions.literal(b"]"))

    def _distinct_items(self, schema: Mapping[str, Any], least: int, most: int, depth: int, place: str) -> Term:
        """Arrays of distinct items: a selection of the listed values, in their order."""
        distinct: dict[Any, Any] = {}
        listed = None if schema.get("prefixItems") else self._expanded(schema.get("items", True), f"{place}/items")
        if listed is None:
            raise refusal(
                place,
                "uniqueItems cannot be guaranteed for items that are not a short list of values; remove uniqueItems, "
                "or list the items in an enum",
            )
        for value in listed:
            distinct.setdefault(identity(value), value)
        allowed = list(distinct.values())
        if len(allowed) < least:
            raise refusal(place, f"minItems is {least}, but `items` lists {len(allowed)} different values")
        items = [self._expressions.literal(self._notation.literal(value)) for value in allowed]
        body = self._members([(item, False) for item in items], least, most)
        return self._containing(schema, body, self._expressions.choice(*items), depth, place)

    def _expanded(self, schema: Schema, place: str) -> list[Any] | None:
        return expanded(schema, self._references.resolve, self._validator, self._work, place)

    def _object(self, schema: Mapping[str, Any], depth: int, place: str) -> Term:
        properties, required = schema.get("properties", {}), schema.get("required", ())
        least, most = int(schema.get("minProperties", 0)), int(schema.get("maxProperties", UNBOUNDED))
        wanted = schema.get("propertyNames", True)
        listed, names = self._expanded(wanted, f"{place}/propertyNames"), None
        if listed is not None:
            allowed = {name: True for name in listed if isinstance(name, str)}
            declared = {name: name in allowed for name in (*allowed, *required)}
        else:
            names = None if allows_every_name(wanted) else self._texts.names(wanted, f"{place}/propertyNames")
            declared = {name: names is None or self._texts.contains(names, name) for name in (*properties, *required)}
        if not declared and "properties" not in schema and listed is None:
            body = self._members_of_any_name(self._any_member(schema, names, depth, place), least, most, place)
        else:
            needed, members = set(required), []
            for name in self._notation.ordered(declared):
                value = self._value(schema, name, depth, place) if declared[name] else NOTHING
                key = self._expressions.literal(self._notation.key(name))
                members.append((self._expressions.sequence(key, self._colon(), value), name in needed))
            body = self._members(members, least, most)
        return self._expressions.sequence(self._expressions.literal(b"{"), body, self._expressions.literal(b"}"))

    def _value(self, schema: Mapping[str, Any], name: str, depth: int, place: str) -> Term:
        """The value of a property: all that `properties` and `patternProperties` demand, or else the additional."""
        demands, described = [], name in schema.get("properties", {})
        where = f"{place}/properties/{name}"
        if described:
            demands.append(schema["properties"][name])
        for pattern, demanded in schema.get("patternProperties", {}).items():
            # Whether a name matches may be uncertain: `\d` is every digit of Unicode to some, and ASCII to others.
            if self._texts.may_match(pattern, name):
                demands.append(demanded)
                described |= self._texts.contains(self._texts.matching(pattern), name)
        if not described:
            where = f"{place}/additionalProperties"
            demands.append(schema.get("additionalProperties", True))
        return self._term(demands[0] if len(demands) == 1 else {"allOf": demands}, depth, where)

    def _any_member(self, schema: Mapping[str, Any], names: Term | None, depth: int, place: str) -> Term:
        """A property of an object that declares none: its name is among `names`, None for any.

        With `patternProperties` its name matches exactly one of the patterns.
        """
        members = []
        patterns = schema.get("patternProperties", {})
        if not patterns:
            key = self._notation.any_key(self._expressions, names)
            value = self._term(schema.get("additionalProperties", True), depth, f"{place}/additionalProperties")
            members.append(self._expressions.sequence(key, self._colon(), value))
        for pattern, demanded in patterns.items():
            conditions = [self._texts.matching(pattern)] + ([] if names is None else [names])
            for other in patterns:
                if other != pattern:
                    conditions.append(self._expressions.complement(self._texts.matching(other, outer=True)))
            key = self._notation.any_key(self._expressions, self._expressions.intersection(*conditions))
            value = self._term(demanded, depth, f"{place}/patternProperties/{pattern}")
            members.append(self._expressions.sequence(key, self._colon(), value))
        return self._expressions.choice(*members)

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

    def _members_of_any_name(self, member: Term, least: int, most: int, place: str) -> Term:
        if least > 1:
            raise refusal(place, "minProperties above 1 is supported only with that many declared properties")
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


def _tightest(schema: Mapping[str, Any], name: str, strict_name: str, choose: Callable[..., Decimal]) -> Bound | None:
    """The tighter of an inclusive and an exclusive bound; the exclusive one if they are equal."""
    given = [(key, schema[key]) for key in (name, strict_name) if key in schema]
    if not given:
        return None
    values = [(Decimal(str(value)), key == strict_name) for key, value in given]
    tightest = choose(value for value, _ in values)
    return Bound(value=tightest, strict=any(strict for value, strict in values if value == tightest))
