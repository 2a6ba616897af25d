"""Merges schemas that describe one object in several places: `allOf`, `$ref` beside other keywords, `anyOf`, `if`.

A compiled object has its declared properties in one order and no others. Two descriptions of one object can therefore
not be compiled separately and intersected: neither would accept the properties that only the other declares. Promises
alternatives that together allow what the schema allows, except what cannot be written. Knows nothing of expressions.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from jsonschema.protocols import Validator

from dgemma.decode.constrain.conditions import (
    NO_OBJECT,
    Assumption,
    Case,
    cases,
    conditional_keywords,
    excludes_values,
    without_objects,
)
from dgemma.decode.constrain.references import References
from dgemma.decode.constrain.schema_document import KEYWORDS_OF_TYPE, TYPES, Schema, known_keywords, refusal
from dgemma.decode.constrain.work import Work

MAX_ALTERNATIVES = 64
COMBINED = ("anyOf", "oneOf", "allOf")
CONSEQUENCES = ("then", "else")
"""Parts of `if`; without it they mean nothing."""
CHARACTERS_PER_UNIT = 16
"""Characters of a schema's JSON text that are compared for one unit of work."""
UNMERGED = frozenset({"enum", "const", "not", "patternProperties"})
_OF_OBJECTS = KEYWORDS_OF_TYPE["object"]


@dataclass(frozen=True, kw_only=True)
class Alternative:
    """A conjunction of distinct schemas without `$ref`, `anyOf`, `oneOf`, `allOf` or conditional keywords.

    `recursions` is the number of recursive references that were followed to find them; `conditional` is whether they
    include a case of a conditional keyword.
    """

    parts: tuple[Mapping[str, Any], ...] = ()
    recursions: int = 0
    conditional: bool = False

    def must_be_merged(self) -> bool:
        """Whether its parts cannot be compiled where they are and intersected: two or more have object keywords, or a
        condition holds for some types only."""
        return self.conditional or sum(not _OF_OBJECTS.isdisjoint(part) for part in self.parts) > 1


class Combinations:
    """Expands the schemas of one document into alternatives; those of a reference are cached."""

    def __init__(self, references: References, draft: Validator, work: Work) -> None:
        self._references, self._draft, self._work = references, draft, work
        self._known: dict[str, list[Alternative] | None] = {}

    def alternatives(self, schema: Schema, place: str) -> list[Alternative] | None:
        """The schema in disjunctive normal form; None if that has more than MAX_ALTERNATIVES, or if a reference
        expands to itself.

        Raises UsageError with the place for a oneOf whose options may overlap.
        """
        try:
            return [each for each in _limited(self._expand(schema, place, ())) if _common_types(each.parts)]
        except _TooManyError:
            return None

    def _expand(self, schema: Schema, place: str, open_references: tuple[str, ...]) -> Iterator[Alternative]:
        self._work.spend(1)
        if isinstance(schema, bool):
            if schema:
                yield Alternative()
            return
        known_keywords(schema, self._draft, place)
        conditional = conditional_keywords(schema)
        expanded = {"$ref", *COMBINED, *CONSEQUENCES, *conditional}.intersection(schema)
        own = {name: schema[name] for name in schema if name not in expanded} if expanded else schema
        if "unevaluatedProperties" in schema:
            own = {name: own[name] for name in own if name != "unevaluatedProperties"}
            if not expanded:
                # Nothing else evaluates properties.
                own = {"additionalProperties": schema["unevaluatedProperties"], **own}
        groups: list[list[Alternative]] = []
        if "$ref" in schema:
            groups.append(self._expand_reference(schema["$ref"], place, open_references))
        for part in schema.get("allOf", ()):
            groups.append(list(_limited(self._expand(part, place, open_references))))
        for options in (schema.get("anyOf"), self._references.distinct_options(schema, place)):
            if options:
                found = (each for option in options for each in self._expand(option, place, open_references))
                groups.append(list(_limited(found)))
        for group in cases(schema, place):
            found = (each for case in group for each in self._expand_case(case, place, open_references))
            groups.append(list(_limited(found)))
        for alternative in self._joined([[Alternative(parts=(own,) if own else ())], *groups]):
            if expanded and "unevaluatedProperties" in schema:
                yield _closed(alternative, schema["unevaluatedProperties"], place)
            else:
                yield alternative

    def _expand_case(self, case: Case, place: str, open_references: tuple[str, ...]) -> Iterator[Alternative]:
        schemas = [list(_limited(self._expand(schema, place, open_references))) for schema in case.schemas]
        return self._joined([[Alternative(parts=case.assumptions, conditional=True)], *schemas])

    def _joined(self, groups: Sequence[Sequence[Alternative]]) -> Iterator[Alternative]:
        """The conjunctions of one alternative of each group, without those that no value can satisfy.

        Conditions on one property have many such conjunctions: they are left out before the next group multiplies them.
        """
        found = [Alternative()]
        for is_single, run in groupby(groups, key=lambda group: len(group) == 1):
            # Groups of one alternative are joined at once: joining thousands one by one takes long.
            for group in [[self._conjunction([group[0] for group in run])]] if is_single else run:
                joined = (self._conjunction((one, other)) for one in found for other in group)
                found = list(_limited(each for each in joined if is_single or self._satisfiable(each.parts)))
        return iter(found)

    def _conjunction(self, alternatives: Sequence[Alternative]) -> Alternative:
        self._work.spend(1 + sum(len(each.parts) for each in alternatives))
        # A schema that two references share is one Python object, and is kept once.
        parts = {id(part): part for each in alternatives for part in each.parts}
        whole = tuple(without_objects(tuple(parts.values())))
        return Alternative(
            parts=whole,
            recursions=sum(each.recursions for each in alternatives),
            conditional=any(each.conditional for each in alternatives),
        )

    def _satisfiable(self, parts: Sequence[Mapping[str, Any]]) -> bool:
        """Whether a value may satisfy all parts. False is certain: no type fits, or a required property cannot be."""
        # Where objects are left out, keywords of objects do not say that the value is one; assumptions always do.
        naming = [part for part in parts if "type" in part or isinstance(part, Assumption) or NO_OBJECT not in parts]
        if not _common_types(naming):
            return False
        required = {name for part in parts for name in part.get("required", ())}
        self._work.spend(len(parts) * (1 + len(required)))
        return all(
            self._has_value([part["properties"][name] for part in parts if name in part.get("properties", {})])
            for name in required
        )

    def _has_value(self, schemas: Sequence[Schema]) -> bool:
        """Whether a value may satisfy all schemas of a property; False is certain."""
        followed = [self._references.follow(schema) for schema in schemas]
        if False in followed:
            return False
        given = [schema for schema in followed if isinstance(schema, Mapping)]
        allowed = [values for schema in given if (values := self._references.listed_values(schema)) is not None]
        excluded = [self._references.listed_values(schema["not"]) or () for schema in given if excludes_values(schema)]
        return not allowed or bool(frozenset.intersection(*allowed).difference(*excluded))

    def _expand_reference(self, reference: str, place: str, open_references: tuple[str, ...]) -> list[Alternative]:
        if reference in open_references:
            raise _TooManyError
        if reference not in self._known:
            # It stays None if the expansion fails: a cycle through an open reference fails from any other place too.
            self._known[reference] = None
            followed = self._expand(self._references.resolve(reference, place), place, (*open_references, reference))
            recursive = self._references.recursive(reference)
            self._known[reference] = [
                replace(each, recursions=each.recursions + recursive) for each in _limited(followed)
            ]
        found = self._known[reference]
        if found is None:
            raise _TooManyError
        return found


def _closed(alternative: Alternative, demanded: Schema, place: str) -> Alternative:
    """The alternative with a demand on all properties that its parts do not evaluate."""
    evaluating = [part for part in alternative.parts if not isinstance(part, Assumption)]
    if any("additionalProperties" in part for part in evaluating) or "object" not in _common_types(alternative.parts):
        return alternative
    if any("patternProperties" in part for part in evaluating):
        raise refusal(place, "the keyword 'unevaluatedProperties' is not supported beside 'patternProperties'")
    closing: dict[str, Any] = {"additionalProperties": demanded}
    if names := {name: True for part in evaluating for name in part.get("properties", {})}:
        closing["properties"] = names
    return replace(alternative, parts=(*alternative.parts, closing))


class _TooManyError(Exception):
    """A schema has too many alternatives, or infinitely many."""


def _limited(found: Iterable[Alternative]) -> Iterator[Alternative]:
    """The same alternatives. Raises _TooManyError beyond MAX_ALTERNATIVES."""
    for count, alternative in enumerate(found):
        if count == MAX_ALTERNATIVES:
            raise _TooManyError
        yield alternative


def merge(parts: Sequence[Mapping[str, Any]], work: Work) -> Mapping[str, Any] | None:
    """One object schema for the conjunction of the parts.

    None if another type is allowed, or if a part lists values or describes properties by patterns.
    """
    if _common_types(parts) != {"object"} or any(not UNMERGED.isdisjoint(part) for part in parts):
        return None
    names = dict.fromkeys(name for part in parts for name in part.get("properties", {}))
    required = list(dict.fromkeys(name for part in parts for name in part.get("required", ())))
    additional = [part["additionalProperties"] for part in parts if "additionalProperties" in part]
    result: dict[str, Any] = {"type": "object", "required": required}
    work.spend(len(parts) * len({*names, *required}))
    properties = {name: _all_of([_property(part, name) for part in parts], work) for name in (*names, *required)}
    if properties or any("properties" in part for part in parts):
        # A property that one part forbids is left out, unless another part requires it.
        needed = set(required)
        result["properties"] = {
            name: value for name, value in properties.items() if value is not False or name in needed
        }
    if additional:
        result["additionalProperties"] = _all_of(additional, work)
    keywords = {keyword for part in parts for keyword in part}
    if "propertyNames" in keywords:
        result["propertyNames"] = _all_of([part["propertyNames"] for part in parts if "propertyNames" in part], work)
    if "minProperties" in keywords:
        result["minProperties"] = max(part.get("minProperties", 0) for part in parts)
    if "maxProperties" in keywords:
        result["maxProperties"] = min(part["maxProperties"] for part in parts if "maxProperties" in part)
    return result


def _property(part: Mapping[str, Any], name: str) -> Schema:
    if name in part.get("properties", {}):
        return part["properties"][name]
    return part.get("additionalProperties", True)


def _all_of(schemas: Sequence[Schema], work: Work) -> Schema:
    if any(schema is False for schema in schemas):
        return False
    restricting = {id(schema): schema for schema in schemas if schema is not True and schema != {}}
    if len(restricting) == 1:
        return next(iter(restricting.values()))
    distinct: dict[str, Schema] = {}
    for schema in restricting.values():
        text = json.dumps(schema, sort_keys=True)
        work.spend(1 + len(text) // CHARACTERS_PER_UNIT)
        distinct.setdefault(text, schema)
    if not distinct:
        return True
    return next(iter(distinct.values())) if len(distinct) == 1 else {"allOf": list(distinct.values())}


def _common_types(parts: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """The types that all parts allow; numbers include integers."""
    named = [types for part in parts if (types := _types(part)) is not None]
    return frozenset[str](TYPES).intersection(
        *({"number" if name == "integer" else name for name in each} for each in named)
    )


def _types(part: Mapping[str, Any]) -> set[str] | None:
    """The types that `type` names, or that the keywords apply to; None if there are neither."""
    named = part.get("type")
    if named is None:
        implied = {kind for kind, keywords in KEYWORDS_OF_TYPE.items() if not keywords.isdisjoint(part)}
        return implied or None
    return {named} if isinstance(named, str) else set(named)
