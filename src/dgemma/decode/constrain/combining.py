"""Merges schemas that describe one object in several places: `allOf`, `$ref` beside other keywords, `anyOf`.

A compiled object has its declared properties in one order and no others. Two descriptions of one object can therefore
not be compiled separately and intersected: neither would accept the properties that only the other declares. Promises
alternatives that together allow what the schema allows, except what cannot be written. Knows nothing of expressions.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from dgemma.decode.constrain.references import References
from dgemma.decode.constrain.schema_document import KEYWORDS_OF_TYPE, Schema
from dgemma.decode.constrain.work import Work

MAX_ALTERNATIVES = 64
COMBINED = ("anyOf", "oneOf", "allOf")
CHARACTERS_PER_UNIT = 16
"""Characters of a schema's JSON text that are compared for one unit of work."""
UNMERGED = frozenset({"enum", "const", "not", "patternProperties"})
_OF_OBJECTS = KEYWORDS_OF_TYPE["object"]


@dataclass(frozen=True, kw_only=True)
class Alternative:
    """A conjunction of distinct schemas without `$ref`, `anyOf`, `oneOf` or `allOf`.

    `recursions` is the number of recursive references that were followed to find them.
    """

    parts: tuple[Mapping[str, Any], ...] = ()
    recursions: int = 0

    def describes_an_object_twice(self) -> bool:
        """Whether two or more parts have object keywords, so that they must be merged instead of intersected."""
        return sum(not _OF_OBJECTS.isdisjoint(part) for part in self.parts) > 1


class Combinations:
    """Expands the schemas of one document into alternatives; those of a reference are cached."""

    def __init__(self, references: References, work: Work) -> None:
        self._references, self._work = references, work
        self._known: dict[str, list[Alternative] | None] = {}

    def alternatives(self, schema: Schema, place: str) -> list[Alternative] | None:
        """The schema in disjunctive normal form; None if that has more than MAX_ALTERNATIVES, or if a reference
        expands to itself.

        Raises UsageError with the place for a oneOf whose options may overlap.
        """
        try:
            return list(_limited(self._expand(schema, place, ())))
        except _TooManyError:
            return None

    def _expand(self, schema: Schema, place: str, open_references: tuple[str, ...]) -> Iterator[Alternative]:
        self._work.spend(1)
        if isinstance(schema, bool):
            if schema:
                yield Alternative()
            return
        combined = "$ref" in schema or not schema.keys().isdisjoint(COMBINED)
        own = {name: schema[name] for name in schema if name not in (*COMBINED, "$ref")} if combined else schema
        groups: list[list[Alternative]] = []
        if "$ref" in schema:
            groups.append(self._expand_reference(schema["$ref"], place, open_references))
        for part in schema.get("allOf", ()):
            groups.append(list(_limited(self._expand(part, place, open_references))))
        for options in (schema.get("anyOf"), self._references.distinct_options(schema, place)):
            if options:
                found = (each for option in options for each in self._expand(option, place, open_references))
                groups.append(list(_limited(found)))
        for chosen in product(*groups):
            self._work.spend(1 + sum(len(each.parts) for each in chosen))
            # A schema that two references share is one Python object, and is kept once.
            parts = {id(part): part for part in (own, *(part for each in chosen for part in each.parts)) if part}
            yield Alternative(parts=tuple(parts.values()), recursions=sum(each.recursions for each in chosen))

    def _expand_reference(self, reference: str, place: str, open_references: tuple[str, ...]) -> list[Alternative]:
        if reference in open_references:
            raise _TooManyError
        if reference not in self._known:
            # It stays None if the expansion fails: a cycle through an open reference fails from any other place too.
            self._known[reference] = None
            followed = self._expand(self._references.resolve(reference, place), place, (*open_references, reference))
            recursive = self._references.recursive(reference)
            self._known[reference] = [
                Alternative(parts=each.parts, recursions=each.recursions + recursive) for each in _limited(followed)
            ]
        found = self._known[reference]
        if found is None:
            raise _TooManyError
        return found


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
    types = [types for part in parts if (types := _types(part)) is not None]
    if not types or set.intersection(*types) != {"object"} or any(not UNMERGED.isdisjoint(part) for part in parts):
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


def _types(part: Mapping[str, Any]) -> set[str] | None:
    """The types that `type` names, or that the keywords apply to; None if there are neither."""
    named = part.get("type")
    if named is None:
        implied = {kind for kind, keywords in KEYWORDS_OF_TYPE.items() if not keywords.isdisjoint(part)}
        return implied or None
    return {named} if isinstance(named, str) else set(named)
