"""Conditional keywords of JSON Schema as cases: `if`, `not`, `dependentRequired`, `dependentSchemas`, `dependencies`.

Promises that a value satisfies a keyword if it satisfies one of its cases. A condition can be negated if it names
required properties, bounds, listed values, and properties with such conditions; any other is refused with its place.
Knows nothing of expressions.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

from dgemma.decode.constrain.schema_document import CONDITIONAL, KEYWORDS_OF_TYPE, TYPES, Schema, refusal, restricting
from dgemma.decode.constrain.values import listed


class Assumption(dict[str, Any]):
    """A schema that a case assumes. Unlike a schema of the document it evaluates no properties."""


NO_OBJECT = Assumption(type=[kind for kind in TYPES if kind not in ("object", "integer")])
"""Conditions on properties hold for any value that is not an object."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A conjunction of assumptions and of schemas of the document."""

    assumptions: tuple[Assumption, ...]
    schemas: tuple[Schema, ...] = ()


OPPOSITES = {
    "minimum": ("number", "exclusiveMaximum", 0),
    "maximum": ("number", "exclusiveMinimum", 0),
    "exclusiveMinimum": ("number", "maximum", 0),
    "exclusiveMaximum": ("number", "minimum", 0),
    "minLength": ("string", "maxLength", -1),
    "maxLength": ("string", "minLength", 1),
    "minItems": ("array", "maxItems", -1),
    "maxItems": ("array", "minItems", 1),
    "minProperties": ("object", "maxProperties", -1),
    "maxProperties": ("object", "minProperties", 1),
}
"""Bounds -> the type that they restrict, the bound that is their negation, and the difference of the two bounds."""
NEGATED = frozenset({"type", "properties", "required", *OPPOSITES})


def conditional_keywords(schema: Mapping[str, Any]) -> list[str]:
    """The keywords of the schema that have cases, sorted."""
    found = CONDITIONAL.intersection(schema)
    if excludes_values(schema) or schema.get("not", False) is False:
        found -= {"not"}
    # Listed values are checked on their own.
    return sorted(found - {"dependentRequired"} if listed(schema) is not None else found)


def has_cases(schema: Mapping[str, Any]) -> bool:
    """Whether the schema has keywords that only its alternatives (`combining`) express."""
    return "unevaluatedProperties" in schema or bool(conditional_keywords(schema))


def excludes_values(schema: Mapping[str, Any]) -> bool:
    """Whether the schema has a `not` that only lists values, which are no lists or objects."""
    excluded = schema.get("not")
    if not isinstance(excluded, Mapping) or not restricting(excluded) or not restricting(excluded) <= {"enum", "const"}:
        return False
    return not any(isinstance(value, Mapping | list) for value in listed(excluded) or ())


def cases(schema: Mapping[str, Any], place: str) -> Iterator[Iterator[Case]]:
    """The cases of each conditional keyword. Raises UsageError for a condition that is not supported."""
    keywords = conditional_keywords(schema)
    for beside in ("enum", "const", "patternProperties"):
        if keywords and beside in schema:
            raise refusal(place, f"the keyword {keywords[0]!r} is not supported beside {beside!r}")
    for keyword in keywords:
        if keyword == "if":
            yield _branches(schema, place)
        elif keyword == "not":
            yield (Case(assumptions=(each,)) for each in _negations(schema["not"], "not", place))
        else:
            for trigger, demanded in schema[keyword].items():
                yield _dependency(trigger, demanded)


def without_objects(parts: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """The same conjunction with NO_OBJECT, if it is one of the parts, applied to the parts if one of them names a type.

    Without objects, keywords of objects restrict nothing, except that an assumption about properties assumes an object.
    """
    others = [part for part in parts if part is not NO_OBJECT]
    if len(others) == len(parts) or not any("type" in part for part in others):
        return parts
    found: list[Mapping[str, Any]] = []
    for part in others:
        if isinstance(part, Assumption):
            found.append(part)
            continue
        left = {name: value for name, value in part.items() if name not in KEYWORDS_OF_TYPE["object"]}
        if "type" in left:
            named = [left["type"]] if isinstance(left["type"], str) else left["type"]
            left["type"] = [kind for kind in named if kind != "object"]
        found.append(left)
    return [part for part in found if part]


def _dependency(trigger: str, demanded: Schema | list[str]) -> Iterator[Case]:
    if isinstance(demanded, list):
        yield Case(assumptions=(_present(trigger, *demanded),))
    else:
        yield Case(assumptions=(_present(trigger),), schemas=(demanded,))
    yield Case(assumptions=(_absent(trigger),))
    yield Case(assumptions=(NO_OBJECT,))


def _branches(schema: Mapping[str, Any], place: str) -> Iterator[Case]:
    condition, then, otherwise = schema["if"], schema.get("then", True), schema.get("else", True)
    if isinstance(condition, bool):
        chosen = then if condition else otherwise
        yield Case(assumptions=(), schemas=(chosen,))
        yield Case(assumptions=(NO_OBJECT,), schemas=(chosen,))
        return
    negations = _negations(condition, "if", place)
    optional = [name for name in _properties(condition) if name not in condition.get("required", ())]
    # Whether each property is there is decided first, so that cases of several conditions on it coincide.
    for decided in product(*((_present(name), _absent(name)) for name in optional)):
        yield Case(assumptions=decided, schemas=(condition, then))
    if "type" not in condition:
        yield Case(assumptions=(NO_OBJECT,), schemas=(then,))
    for negation in negations:
        yield Case(assumptions=(negation,), schemas=(otherwise,))


def _negations(schema: Schema, keyword: str, place: str) -> list[Assumption]:
    """Schemas that together allow what the schema of the keyword does not. Raises UsageError if it has no such form."""
    if isinstance(schema, bool):
        return [] if schema else [Assumption()]
    given = restricting(schema)
    if given & {"enum", "const"} and given <= {"enum", "const", "type"}:
        excluding = Assumption({"not": {"enum": listed(schema)}})
        if excludes_values(excluding):
            return [excluding]
        raise refusal(place, f"lists and objects cannot be excluded, so the keyword {keyword!r} is not supported")
    unsupported = sorted(given - NEGATED) or [name for name in ("type",) if schema.get(name, "object") != "object"]
    if unsupported:
        raise refusal(place, f"{unsupported[0]!r} cannot be negated, so the keyword {keyword!r} is not supported")
    found = [NO_OBJECT] if "type" in given else []
    found += [_absent(name) for name in schema.get("required", ())]
    for name, inner in _properties(schema).items():
        if wrong := _negations(inner, keyword, place):
            value = wrong[0] if len(wrong) == 1 else {"anyOf": wrong}
            found.append(Assumption(required=[name], properties={name: value}))
    for name in sorted(given & OPPOSITES.keys()):
        kind, opposite, difference = OPPOSITES[name]
        bound = schema[name] + difference
        if kind == "number" or bound >= 0:
            found.append(Assumption({"type": kind, opposite: bound}))
    return found


def _properties(schema: Schema) -> Mapping[str, Schema]:
    return {} if isinstance(schema, bool) else schema.get("properties", {})


@lru_cache(1024)
def _absent(name: str) -> Assumption:
    """Cached, like `_present`, so that the same assumption of several cases is one object and is kept once."""
    return Assumption(properties={name: False})


@lru_cache(1024)
def _present(*names: str) -> Assumption:
    return Assumption(required=list(names))
