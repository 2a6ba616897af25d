"""The values that a schema lists in `enum` or `const`: their equality, and which satisfy the schema's other keywords.

Promises that the validation of a value never follows a reference out of the document and never searches for a pattern.
Knows nothing of expressions.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from jsonschema.protocols import Validator

from dgemma.decode.constrain.schema_document import ANNOTATIONS, KEYWORDS_OF_TYPE, Schema, refusal
from dgemma.decode.constrain.work import Work

DECIDED_BY_EXPRESSIONS = frozenset({"pattern", "properties", "additionalProperties", "items", "prefixItems"})
"""Keywords that are checked by intersecting expressions, not on the values."""
DECIDED_BY_VALUE = frozenset({"type"}).union(*KEYWORDS_OF_TYPE.values()) - DECIDED_BY_EXPRESSIONS
"""Keywords that can be checked on a value alone, without compiling a subschema."""
_DECIDED_HERE = frozenset({"uniqueItems", "propertyNames"})
"""Keywords checked by this module: the reference validator would compare all pairs of items, and would accept any
schema for names, references and patterns included."""
NAME_KEYWORDS = frozenset({"type", "enum", "const", "minLength", "maxLength", "format"})
"""The keywords that `propertyNames` may have beside listed values."""
VALIDATION = 10
"""Units of work for the reference validator to check a value against one keyword."""


def listed(schema: Mapping[str, Any]) -> Sequence[Any] | None:
    """The values that the schema lists; None if it lists none."""
    return [schema["const"]] if "const" in schema else schema.get("enum")


def identity(value: Any) -> Hashable:
    """A key that is equal for values that are equal in JSON Schema: 1 and 1.0 are, 1 and true are not."""
    if isinstance(value, Mapping):
        return "object", frozenset((name, identity(member)) for name, member in value.items())
    if isinstance(value, list):
        return "array", tuple(map(identity, value))
    return isinstance(value, bool), value


def type_of(value: Any) -> str:
    """The JSON type of a value; an integer is a "number"."""
    for kind, name in ((bool, "boolean"), (int | float, "number"), (str, "string"), (list, "array"), (dict, "object")):
        if isinstance(value, kind):
            return name
    return "null"


def satisfying(
    schema: Mapping[str, Any], follow: Callable[[Schema], Schema], validator: Validator, work: Work, place: str
) -> list[Any]:
    """The listed values that satisfy the schema's other keywords, except DECIDED_BY_EXPRESSIONS.

    Raises UsageError if `propertyNames` has other keywords than NAME_KEYWORDS.
    """
    values = list(schema["enum"] if "enum" in schema else [schema["const"]])
    if "enum" in schema and "const" in schema:
        values = [value for value in values if identity(value) == identity(schema["const"])]
    plain = {keyword: schema[keyword] for keyword in schema if keyword in DECIDED_BY_VALUE - _DECIDED_HERE}
    if plain:
        # The names in `required` are looked up in each value.
        work.spend(len(values) * (VALIDATION * len(plain) + len(schema.get("required", ()))))
        checked = validator.evolve(schema=plain)
        values = [value for value in values if checked.is_valid(value)]
    if schema.get("uniqueItems"):
        values = [value for value in values if not isinstance(value, list) or _distinct(value, work)]
    if "propertyNames" in schema:
        allowed = _name_check(follow(schema["propertyNames"]), validator, work, f"{place}/propertyNames")
        values = [value for value in values if not isinstance(value, dict) or all(map(allowed, value))]
    return values


def _distinct(items: Sequence[Any], work: Work) -> bool:
    work.spend(len(items))
    return len(set(map(identity, items))) == len(items)


def _name_check(wanted: Schema, validator: Validator, work: Work, place: str) -> Callable[[str], bool]:
    """A function that returns whether `propertyNames` allows a name."""
    if isinstance(wanted, bool):
        return lambda name: wanted
    if not NAME_KEYWORDS.issuperset(wanted.keys() - ANNOTATIONS):
        raise refusal(place, "propertyNames beside listed values supports an enum, a type and lengths only")
    names = None if (values := listed(wanted)) is None else {value for value in values if isinstance(value, str)}
    plain = {keyword: wanted[keyword] for keyword in ("type", "minLength", "maxLength") if keyword in wanted}
    checked = validator.evolve(schema=plain)

    def allowed(name: str) -> bool:
        work.spend(VALIDATION)
        return (names is None or name in names) and checked.is_valid(name)

    return allowed
