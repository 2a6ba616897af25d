"""The values that a schema lists in `enum` or `const`: their equality, and which satisfy the schema's other keywords.

Promises that the validation of a value never follows a reference out of the document and never searches for a pattern.
Knows nothing of expressions.
"""

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from jsonschema.protocols import Validator

from dgemma.decode.constrain.schema_document import KEYWORDS_OF_TYPE, Schema, allows_nothing, refusal, restricting
from dgemma.decode.constrain.work import Work

DECIDED_BY_EXPRESSIONS = frozenset(
    {"pattern", "properties", "patternProperties", "additionalProperties", "items", "prefixItems"}
    | {"contains", "minContains"}
)
"""Keywords that are checked by intersecting expressions, not on the values."""
DECIDED_BY_VALUE = (
    frozenset({"type"}).union(*KEYWORDS_OF_TYPE.values())
    - DECIDED_BY_EXPRESSIONS
    - {"unevaluatedProperties", "dependentSchemas", "dependencies"}
)
"""Keywords that can be checked on a value alone, without compiling a subschema."""
_DECIDED_HERE = frozenset({"uniqueItems", "propertyNames"})
"""Keywords checked by this module: the reference validator would compare all pairs of items, and would accept any
schema for names, references and patterns included."""
NAME_KEYWORDS = frozenset({"type", "enum", "const", "minLength", "maxLength", "format"})
"""The keywords that `propertyNames` may have beside listed values."""
MAX_EXPANDED = 256
"""The most integers that are listed for a range."""
VALIDATION = 10
"""Units of work for the reference validator to check a value against one keyword."""

Resolve = Callable[[str, str], Schema]
"""Takes a reference and the place where it is."""


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


def satisfying(schema: Mapping[str, Any], resolve: Resolve, validator: Validator, work: Work, place: str) -> list[Any]:
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
        place = f"{place}/propertyNames"
        allowed = _name_check(_followed(schema["propertyNames"], resolve, work, place), validator, work, place)
        values = [value for value in values if not isinstance(value, dict) or all(map(allowed, value))]
    return values


def expanded(schema: Schema, resolve: Resolve, validator: Validator, work: Work, place: str) -> list[Any] | None:
    """All the values that a schema allows, in a fixed order and perhaps repeated; None if they are too many to list.

    Understands `enum`, `const`, booleans, null, integers between two bounds, `anyOf` of those, and references to them.
    """
    schema = _followed(schema, resolve, work, place)
    if allows_nothing(schema):
        return []
    if isinstance(schema, bool):
        return None
    keywords = restricting(schema)
    if keywords == {"anyOf"}:
        options = [expanded(option, resolve, validator, work, place) for option in schema["anyOf"]]
        return None if None in options else [value for option in options for value in option or ()]
    if not (keywords - {"enum", "const"}) <= DECIDED_BY_VALUE:
        return None
    if keywords.isdisjoint(("enum", "const")):
        candidates = _candidates(schema)
        if candidates is None:
            return None
        schema = {**schema, "enum": candidates}
    return satisfying(schema, resolve, validator, work, place)


def _followed(schema: Schema, resolve: Resolve, work: Work, place: str) -> Schema:
    """The schema that a chain of references leads to. Raises UsageError for other keywords beside a reference."""
    while isinstance(schema, Mapping) and "$ref" in schema:
        if restricting(schema) != {"$ref"}:
            raise refusal(place, "a reference is supported here only with nothing beside it")
        work.spend(VALIDATION)
        schema = resolve(schema["$ref"], place)
    return schema


def _candidates(schema: Mapping[str, Any]) -> list[Any] | None:
    """A list that includes every value of the types that the schema names; None if they have too many values."""
    named = schema.get("type", ())
    found: list[Any] = []
    for kind in [named] if isinstance(named, str) else named:
        if kind == "integer":
            lowest = max((schema[name] for name in ("minimum", "exclusiveMinimum") if name in schema), default=None)
            highest = min((schema[name] for name in ("maximum", "exclusiveMaximum") if name in schema), default=None)
            if lowest is None or highest is None or highest - lowest >= MAX_EXPANDED:
                return None
            found += range(math.ceil(lowest), math.floor(highest) + 1)
        elif kind in ("boolean", "null"):
            found += [False, True] if kind == "boolean" else [None]
        else:
            return None
    return found or None


def _distinct(items: Sequence[Any], work: Work) -> bool:
    work.spend(len(items))
    return len(set(map(identity, items))) == len(items)


def _name_check(wanted: Schema, validator: Validator, work: Work, place: str) -> Callable[[str], bool]:
    """A function that returns whether `propertyNames` allows a name."""
    if isinstance(wanted, bool):
        return lambda name: wanted
    if not NAME_KEYWORDS.issuperset(restricting(wanted)):
        raise refusal(place, "propertyNames beside listed values supports an enum, a type and lengths only")
    names = None if (values := listed(wanted)) is None else {value for value in values if isinstance(value, str)}
    plain = {keyword: wanted[keyword] for keyword in ("type", "minLength", "maxLength") if keyword in wanted}
    checked = validator.evolve(schema=plain)

    def allowed(name: str) -> bool:
        work.spend(VALIDATION)
        return (names is None or name in names) and checked.is_valid(name)

    return allowed
