"""Schemas that say in several places what one object must have, as one: `allOf`, `$ref` beside keywords, `anyOf`.

An object's properties are written in one order and no others beside them, so two descriptions of one object cannot be
compiled each by itself and intersected: what one declares the other would not write. Promises alternatives that
together allow what the schema allows, less what cannot be written. Knows nothing of expressions.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from dgemma.decode.constrain.schema_document import KEYWORDS_OF_TYPE, References, Schema

MAX_ALTERNATIVES = 64
COMBINED = ("anyOf", "oneOf", "allOf")
_OF_OBJECTS = KEYWORDS_OF_TYPE["object"]


@dataclass(frozen=True, kw_only=True)
class Alternative:
    """Schemas without a reference or a combination, all of which hold; `references` were followed on the way."""

    parts: tuple[Mapping[str, Any], ...] = ()
    references: tuple[str, ...] = ()

    def describes_an_object_twice(self) -> bool:
        """Whether what cannot be intersected stands in two parts."""
        return sum(not _OF_OBJECTS.isdisjoint(part) for part in self.parts) > 1


def alternatives(schema: Schema, references: References, place: str) -> list[Alternative] | None:
    """The schema as alternatives; None where there are too many, or a reference leads back to itself.

    Raises UsageError, naming the place, for a oneOf whose options may overlap.
    """
    try:
        return list(_limited(_expanded(schema, references, place, ())))
    except _TooManyError:
        return None


class _TooManyError(Exception):
    pass


def _limited(found: Iterable[Alternative]) -> Iterator[Alternative]:
    for count, alternative in enumerate(found):
        if count == MAX_ALTERNATIVES:
            raise _TooManyError
        yield alternative


def _expanded(schema: Schema, references: References, place: str, above: tuple[str, ...]) -> Iterator[Alternative]:
    if isinstance(schema, bool):
        if schema:
            yield Alternative()
        return
    own = {name: value for name, value in schema.items() if name not in COMBINED and name != "$ref"}
    groups: list[list[Alternative]] = []
    if "$ref" in schema:
        reference = schema["$ref"]
        if reference in above:
            raise _TooManyError
        followed = _expanded(references.resolve(reference, place), references, place, (*above, reference))
        groups.append(
            [Alternative(parts=each.parts, references=(reference, *each.references)) for each in _limited(followed)]
        )
    for part in schema.get("allOf", ()):
        groups.append(list(_limited(_expanded(part, references, place, above))))
    for options in (schema.get("anyOf"), references.distinct_options(schema, place)):
        if options:
            found = (each for option in options for each in _expanded(option, references, place, above))
            groups.append(list(_limited(found)))
    for chosen in product(*groups):
        yield Alternative(
            parts=(own, *(part for each in chosen for part in each.parts)),
            references=tuple(reference for each in chosen for reference in each.references),
        )


def merged(parts: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """One object schema for all parts; None where they are not about objects alone, or list values."""
    kinds = [kinds for part in parts if (kinds := _kinds(part)) is not None]
    if not kinds or set.intersection(*kinds) != {"object"} or any("enum" in part or "const" in part for part in parts):
        return None
    names = dict.fromkeys(name for part in parts for name in part.get("properties", {}))
    required = list(dict.fromkeys(name for part in parts for name in part.get("required", ())))
    further = [part["additionalProperties"] for part in parts if "additionalProperties" in part]
    result: dict[str, Any] = {"type": "object", "required": required}
    properties = {name: _all([_property(part, name) for part in parts]) for name in (*names, *required)}
    if properties or any("properties" in part for part in parts):
        # What one part forbids is left out, unless another one requires it.
        allowed = {name: value for name, value in properties.items() if value is not False or name in required}
        result["properties"] = allowed
    if further:
        result["additionalProperties"] = _all(further)
    keywords = {keyword for part in parts for keyword in part}
    if "propertyNames" in keywords:
        result["propertyNames"] = _all([part["propertyNames"] for part in parts if "propertyNames" in part])
    if "minProperties" in keywords:
        result["minProperties"] = max(part.get("minProperties", 0) for part in parts)
    if "maxProperties" in keywords:
        result["maxProperties"] = min(part["maxProperties"] for part in parts if "maxProperties" in part)
    return result


def _property(part: Mapping[str, Any], name: str) -> Schema:
    if name in part.get("properties", {}):
        return part["properties"][name]
    return part.get("additionalProperties", True)


def _all(schemas: Sequence[Schema]) -> Schema:
    if any(schema is False for schema in schemas):
        return False
    told = [schema for schema in schemas if schema is not True and schema != {}]
    distinct = [schema for index, schema in enumerate(told) if schema not in told[:index]]
    if not distinct:
        return True
    return distinct[0] if len(distinct) == 1 else {"allOf": distinct}


def _kinds(part: Mapping[str, Any]) -> set[str] | None:
    named = part.get("type")
    if named is None:
        spoken = {kind for kind, own in KEYWORDS_OF_TYPE.items() if not own.isdisjoint(part)}
        return spoken or None
    return {named} if isinstance(named, str) else set(named)
