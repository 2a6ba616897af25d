"""Schemas that say in several places what one object must have, as one: `allOf`, `$ref` beside keywords, `anyOf`.

An object's properties are written in one order and no others beside them, so two descriptions of one object cannot be
compiled each by itself and intersected: what one declares the other would not write. Promises alternatives that
together allow what the schema allows, less what cannot be written. Knows nothing of expressions.
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
"""Of a schema's text, to be compared."""
_OF_OBJECTS = KEYWORDS_OF_TYPE["object"]


@dataclass(frozen=True, kw_only=True)
class Alternative:
    """Schemas without a reference or a combination, all of which hold, each of them once.

    `recursions` counts the references followed on the way that lead back to themselves.
    """

    parts: tuple[Mapping[str, Any], ...] = ()
    recursions: int = 0

    def describes_an_object_twice(self) -> bool:
        """Whether what cannot be intersected stands in two parts."""
        return sum(not _OF_OBJECTS.isdisjoint(part) for part in self.parts) > 1


class Combinations:
    """The alternatives of one document's schemas; those of a reference are found once."""

    def __init__(self, references: References, work: Work) -> None:
        self._references, self._work = references, work
        self._known: dict[str, list[Alternative] | None] = {}

    def alternatives(self, schema: Schema, place: str) -> list[Alternative] | None:
        """The schema as alternatives; None where there are too many, or a reference leads back to itself.

        Raises UsageError, naming the place, for a oneOf whose options may overlap.
        """
        try:
            return list(_limited(self._expanded(schema, place, ())))
        except _TooManyError:
            return None

    def _expanded(self, schema: Schema, place: str, above: tuple[str, ...]) -> Iterator[Alternative]:
        self._work.spend(1)
        if isinstance(schema, bool):
            if schema:
                yield Alternative()
            return
        combined = "$ref" in schema or not schema.keys().isdisjoint(COMBINED)
        own = {name: schema[name] for name in schema if name not in (*COMBINED, "$ref")} if combined else schema
        groups: list[list[Alternative]] = []
        if "$ref" in schema:
            groups.append(self._referred(schema["$ref"], place, above))
        for part in schema.get("allOf", ()):
            groups.append(list(_limited(self._expanded(part, place, above))))
        for options in (schema.get("anyOf"), self._references.distinct_options(schema, place)):
            if options:
                found = (each for option in options for each in self._expanded(option, place, above))
                groups.append(list(_limited(found)))
        for chosen in product(*groups):
            self._work.spend(1 + sum(len(each.parts) for each in chosen))
            # What two references share is the same object, and is held to once.
            parts = {id(part): part for part in (own, *(part for each in chosen for part in each.parts)) if part}
            yield Alternative(parts=tuple(parts.values()), recursions=sum(each.recursions for each in chosen))

    def _referred(self, reference: str, place: str, above: tuple[str, ...]) -> list[Alternative]:
        if reference in above:
            raise _TooManyError
        if reference not in self._known:
            # What fails because of a reference above leads back to that one from anywhere.
            self._known[reference] = None
            followed = self._expanded(self._references.resolve(reference, place), place, (*above, reference))
            recursive = self._references.recursive(reference)
            self._known[reference] = [
                Alternative(parts=each.parts, recursions=each.recursions + recursive) for each in _limited(followed)
            ]
        found = self._known[reference]
        if found is None:
            raise _TooManyError
        return found


class _TooManyError(Exception):
    pass


def _limited(found: Iterable[Alternative]) -> Iterator[Alternative]:
    for count, alternative in enumerate(found):
        if count == MAX_ALTERNATIVES:
            raise _TooManyError
        yield alternative


def merged(parts: Sequence[Mapping[str, Any]], work: Work) -> Mapping[str, Any] | None:
    """One object schema for all parts; None where they are not about objects alone, or list values."""
    kinds = [kinds for part in parts if (kinds := _kinds(part)) is not None]
    if not kinds or set.intersection(*kinds) != {"object"} or any("enum" in part or "const" in part for part in parts):
        return None
    names = dict.fromkeys(name for part in parts for name in part.get("properties", {}))
    required = list(dict.fromkeys(name for part in parts for name in part.get("required", ())))
    further = [part["additionalProperties"] for part in parts if "additionalProperties" in part]
    result: dict[str, Any] = {"type": "object", "required": required}
    work.spend(len(parts) * len({*names, *required}))
    properties = {name: _all([_property(part, name) for part in parts], work) for name in (*names, *required)}
    if properties or any("properties" in part for part in parts):
        # What one part forbids is left out, unless another one requires it.
        needed = set(required)
        allowed = {name: value for name, value in properties.items() if value is not False or name in needed}
        result["properties"] = allowed
    if further:
        result["additionalProperties"] = _all(further, work)
    keywords = {keyword for part in parts for keyword in part}
    if "propertyNames" in keywords:
        result["propertyNames"] = _all([part["propertyNames"] for part in parts if "propertyNames" in part], work)
    if "minProperties" in keywords:
        result["minProperties"] = max(part.get("minProperties", 0) for part in parts)
    if "maxProperties" in keywords:
        result["maxProperties"] = min(part["maxProperties"] for part in parts if "maxProperties" in part)
    return result


def _property(part: Mapping[str, Any], name: str) -> Schema:
    if name in part.get("properties", {}):
        return part["properties"][name]
    return part.get("additionalProperties", True)


def _all(schemas: Sequence[Schema], work: Work) -> Schema:
    if any(schema is False for schema in schemas):
        return False
    told = {id(schema): schema for schema in schemas if schema is not True and schema != {}}
    if len(told) == 1:
        return next(iter(told.values()))
    distinct: dict[str, Schema] = {}
    for schema in told.values():
        text = json.dumps(schema, sort_keys=True)
        work.spend(1 + len(text) // CHARACTERS_PER_UNIT)
        distinct.setdefault(text, schema)
    if not distinct:
        return True
    return next(iter(distinct.values())) if len(distinct) == 1 else {"allOf": list(distinct.values())}


def _kinds(part: Mapping[str, Any]) -> set[str] | None:
    named = part.get("type")
    if named is None:
        spoken = {kind for kind, own in KEYWORDS_OF_TYPE.items() if not own.isdisjoint(part)}
        return spoken or None
    return {named} if isinstance(named, str) else set(named)
