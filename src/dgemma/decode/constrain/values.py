"""The values that a schema lists, under `enum` or `const`: which are the same, and which satisfy its other keywords.

Promises that nothing but a value is looked at: no reference is followed out of the document and no pattern is searched
for. Knows nothing of expressions.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from jsonschema.protocols import Validator

from dgemma.decode.constrain.schema_document import ANNOTATIONS, KEYWORDS_OF_TYPE, Schema, refusal
from dgemma.decode.constrain.work import Work

BEYOND_VALUES = frozenset({"pattern", "properties", "additionalProperties", "items", "prefixItems"})
"""Keywords that only the expressions decide."""
DECIDED_BY_VALUE = frozenset({"type"}).union(*KEYWORDS_OF_TYPE.values()) - BEYOND_VALUES
"""Keywords whose word on a given value is had without a look at any other schema."""
_DECIDED_HERE = frozenset({"uniqueItems", "propertyNames"})
"""The reference validator compares all items with one another, and takes any schema for a name."""
OF_NAMES = frozenset({"type", "enum", "const", "minLength", "maxLength", "format"})
"""What a schema of names may say where the names are given."""
VALIDATION = 10
"""Units of work for the reference validator's look at a value under one keyword."""


def listed(schema: Mapping[str, Any]) -> Sequence[Any] | None:
    """The values one of which a value of the schema must be; None where it names none."""
    return [schema["const"]] if "const" in schema else schema.get("enum")


def identity(value: Any) -> Hashable:
    """The same for values that are equal in JSON Schema: 1 and 1.0 are, 1 and true are not."""
    if isinstance(value, Mapping):
        return "object", frozenset((name, identity(own)) for name, own in value.items())
    if isinstance(value, list):
        return "array", tuple(map(identity, value))
    return isinstance(value, bool), value


def type_of(value: Any) -> str:
    """The JSON type of a value; a whole number is a number."""
    for kind, name in ((bool, "boolean"), (int | float, "number"), (str, "string"), (list, "array"), (dict, "object")):
        if isinstance(value, kind):
            return name
    return "null"


def satisfying(
    schema: Mapping[str, Any], follow: Callable[[Schema], Schema], validator: Validator, work: Work, place: str
) -> list[Any]:
    """Its listed values that satisfy its other keywords, but for those that the expressions decide.

    Raises UsageError where names are held to a schema that would have to be followed.
    """
    values = list(schema["enum"] if "enum" in schema else [schema["const"]])
    if "enum" in schema and "const" in schema:
        values = [value for value in values if identity(value) == identity(schema["const"])]
    plain = {keyword: schema[keyword] for keyword in schema if keyword in DECIDED_BY_VALUE - _DECIDED_HERE}
    if plain:
        # A list of names is gone through for each value.
        work.spend(len(values) * (VALIDATION * len(plain) + len(schema.get("required", ()))))
        checked = validator.evolve(schema=plain)
        values = [value for value in values if checked.is_valid(value)]
    if schema.get("uniqueItems"):
        values = [value for value in values if not isinstance(value, list) or _distinct(value, work)]
    if "propertyNames" in schema:
        allowed = _names(follow(schema["propertyNames"]), validator, work, f"{place}/propertyNames")
        values = [value for value in values if not isinstance(value, dict) or all(map(allowed, value))]
    return values


def _distinct(items: Sequence[Any], work: Work) -> bool:
    work.spend(len(items))
    return len(set(map(identity, items))) == len(items)


def _names(wanted: Schema, validator: Validator, work: Work, place: str) -> Callable[[str], bool]:
    """Whether a name is allowed."""
    if isinstance(wanted, bool):
        return lambda name: wanted
    if not OF_NAMES.issuperset(wanted.keys() - ANNOTATIONS):
        raise refusal(place, "names beside listed values are held to a list, a type or a length only")
    names = None if (values := listed(wanted)) is None else {value for value in values if isinstance(value, str)}
    plain = {keyword: wanted[keyword] for keyword in ("type", "minLength", "maxLength") if keyword in wanted}
    checked = validator.evolve(schema=plain)

    def allowed(name: str) -> bool:
        work.spend(VALIDATION)
        return (names is None or name in names) and checked.is_valid(name)

    return allowed
