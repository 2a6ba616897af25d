"""A JSON Schema document before anything is made of it: checked, its references resolved, its keywords known.

Promises that what passes is a valid schema of draft 6 or newer whose every keyword is understood, and says of two
schemas whether one value may satisfy both. Knows nothing of expressions.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from jsonschema import validators
from jsonschema.exceptions import SchemaError
from jsonschema.protocols import Validator

from dgemma.errors import UsageError

TYPES = ("string", "number", "integer", "boolean", "null", "array", "object")
TEXT_ANNOTATIONS = frozenset({"$schema", "$id", "$comment", "title", "description"})
OTHER_ANNOTATIONS = frozenset(
    {"default", "example", "examples", "deprecated", "readOnly", "writeOnly", "$defs", "definitions", "discriminator"}
)
ANNOTATIONS = TEXT_ANNOTATIONS | OTHER_ANNOTATIONS
KEYWORDS_OF_TYPE = {
    "string": frozenset({"minLength", "maxLength", "pattern", "format"}),
    "number": frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}),
    "array": frozenset({"items", "prefixItems", "minItems", "maxItems", "uniqueItems"}),
    "object": frozenset(
        {"properties", "required", "additionalProperties", "minProperties", "maxProperties", "propertyNames"}
    ),
}
COMBINING = frozenset({"type", "enum", "const", "$ref", "anyOf", "oneOf", "allOf"})
KEYWORDS = ANNOTATIONS.union(COMBINING, *KEYWORDS_OF_TYPE.values())
DRAFTS = ("draft-06", "draft-07", "2019-09", "2020-12")
SCHEMAS_BY_NAME = frozenset({"properties", "patternProperties"})
SCHEMAS = frozenset(
    {"items", "prefixItems", "additionalItems", "additionalProperties", "propertyNames", "anyOf", "oneOf", "allOf"}
)

Schema = Mapping[str, Any] | bool


def refusal(place: str, problem: str) -> UsageError:
    """The error for a schema that cannot be used."""
    return UsageError(f"The schema cannot be used: {problem} (at {place}).")


def check(schema: Any) -> str:
    """The schema as JSON text, in its own order of keys. Raises UsageError, naming the place, when it is no schema."""
    text = as_text(schema)
    try:
        document = json.loads(text)
        if not isinstance(document, dict | bool):
            raise refusal("#", f"a schema is an object or a boolean, not {type(schema).__name__}")
        validator(document)
    except (TypeError, ValueError, RecursionError) as error:
        if isinstance(error, UsageError):
            raise
        raise refusal("#", f"it is no JSON document: {error}") from error
    return text


def as_text(schema: Any) -> str:
    """The schema as JSON text, not looked at. Raises UsageError for what JSON cannot write."""
    try:
        text = json.dumps(schema, allow_nan=False, ensure_ascii=False)
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise refusal("#", f"it is no JSON document: {error}") from error
    return text


def validator(document: Schema) -> Validator:
    """The reference validator of the document's own draft. Raises UsageError for one that is not valid in it."""
    named = document.get("$schema") if isinstance(document, Mapping) else None
    if named is not None and not isinstance(named, str):
        raise refusal("#", f"$schema {named!r} is no text")
    default = validators.Draft202012Validator if named is None else None
    found = validators.validator_for(document, default=default)  # pyright: ignore[reportArgumentType]
    if found is None or (named is not None and not any(draft in str(named) for draft in DRAFTS)):
        raise refusal("#", f"$schema {named!r} is none of the drafts {', '.join(DRAFTS)}")
    try:
        found.check_schema(document)  # pyright: ignore[reportArgumentType]
    except SchemaError as error:
        place = "/".join(["#", *map(str, error.absolute_path)])
        raise refusal(place, _problem(error)) from error
    except OverflowError as error:
        # The reference validator compiles every pattern.
        raise refusal("#", f"a pattern cannot be used: {error}") from error
    return found(document)


def _problem(error: SchemaError) -> str:
    """What is wrong, of a pattern in the words of who compiles it."""
    if error.validator == "format" and error.validator_value == "regex":
        try:
            re.compile(str(error.instance))
        except (re.error, OverflowError, RecursionError) as problem:
            return f"the pattern {error.instance!r} is none that the reference validator can compile ({problem})"
    return error.message


def known_keywords(schema: Mapping[str, Any], draft: Validator, place: str) -> frozenset[str]:
    """The keywords that are more than annotations. Raises UsageError for one that is not understood."""
    # An older draft names the first items in a list `items`, and would hold `items` against prefixItems as well.
    known = KEYWORDS if "prefixItems" in draft.VALIDATORS else KEYWORDS - {"prefixItems"} | {"additionalItems"}
    unknown = sorted(set(schema) - known)
    if unknown:
        raise refusal(place, f"the keyword {unknown[0]!r} is not supported")
    if "$id" in schema and place != "#":
        raise refusal(place, "$id is supported at the top only")
    return frozenset(schema) - ANNOTATIONS


class References:
    """The local references of one document."""

    def __init__(self, document: Schema) -> None:
        self._document = document
        self._recursive: dict[str, bool] = {}

    def resolve(self, reference: str, place: str) -> Schema:
        """What `#`, `#/$defs/name` and the like point at; UsageError for anything else."""
        found: Any = self._document
        if reference != "#" and not reference.startswith("#/"):
            raise refusal(place, f"the reference {reference!r} does not lie in this document")
        for part in reference.split("/")[1:]:
            part = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and part.isdigit() and int(part) < len(found):
                found = found[int(part)]
            elif isinstance(found, Mapping) and part in found:
                found = found[part]
            else:
                raise refusal(place, f"the reference {reference!r} points at nothing")
        if not isinstance(found, Mapping | bool):
            raise refusal(place, f"the reference {reference!r} does not point at a schema")
        return found

    def recursive(self, reference: str) -> bool:
        """Whether what it points at comes back to it."""
        if reference not in self._recursive:
            seen: set[str] = set()
            waiting = [reference]
            while waiting:
                found = set(_references_in(self.resolve(waiting.pop(), "#"))) - seen
                seen |= found
                waiting += found
            self._recursive[reference] = reference in seen
        return self._recursive[reference]

    def distinct_options(self, schema: Mapping[str, Any], place: str) -> Sequence[Schema]:
        """The options of `oneOf`, none if there is no such keyword. UsageError when a value may satisfy two of them.

        A `discriminator` names the property that tells them apart, and is then required: one with a default need not
        be there otherwise, and would tell nothing.
        """
        options, discriminator = schema.get("oneOf", ()), schema.get("discriminator")
        named = discriminator.get("propertyName") if isinstance(discriminator, Mapping) else None
        tag = named if isinstance(named, str) else None
        for index, first in enumerate(options):
            for other in range(index + 1, len(options)):
                if self.overlap(first, options[other], tag):
                    raise refusal(place, f"the options {index} and {other} are not clearly distinct; use anyOf")
        return options if tag is None else [self._with_tag(option, tag) for option in options]

    def _with_tag(self, option: Schema, tag: str) -> Schema:
        followed = self.followed(option)
        if isinstance(followed, bool) or tag in followed.get("required", ()):
            return option
        return {"allOf": [option, {"required": [tag]}]}

    def overlap(self, first: Schema, second: Schema, tag: str | None = None) -> bool:
        """Whether a value may satisfy both schemas; False is certain, True is not. Both require the property `tag`."""
        one, other = self.followed(first), self.followed(second)
        if isinstance(one, bool) or isinstance(other, bool):
            return one is not False and other is not False
        values, other_values = _values(one), _values(other)
        if values is not None and other_values is not None:
            return not values.isdisjoint(other_values)
        if _types(one).isdisjoint(_types(other)):
            return False
        if _types(one) == _types(other) == {"object"}:
            shared = set(one.get("required", ())) & set(other.get("required", ())) | ({tag} if tag else set())
            properties, others = one.get("properties", {}), other.get("properties", {})
            return all(self.overlap(properties.get(name, True), others.get(name, True)) for name in shared)
        return True

    def followed(self, schema: Schema) -> Schema:
        """The schema, or what its reference leads to."""
        followed = 0
        while isinstance(schema, Mapping) and "$ref" in schema and followed < 100:
            schema, followed = self.resolve(schema["$ref"], "#"), followed + 1
        return schema


def _references_in(schema: Any) -> Iterator[str]:
    """The references in a schema, not those within its definitions; names of properties are no keywords."""
    if isinstance(schema, Mapping):
        for keyword, value in schema.items():
            if keyword == "$ref" and isinstance(value, str):
                yield value
            elif keyword in SCHEMAS_BY_NAME and isinstance(value, Mapping):
                for inner in value.values():
                    yield from _references_in(inner)
            elif keyword in SCHEMAS:
                yield from _references_in(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _references_in(value)


def _values(schema: Mapping[str, Any]) -> set[str] | None:
    if "const" in schema:
        return {_canonical(schema["const"])}
    return {_canonical(value) for value in schema["enum"]} if "enum" in schema else None


def _canonical(value: Any) -> str:
    # 1 and 1.0 are the same JSON number.
    number = isinstance(value, float) and value.is_integer()
    return json.dumps(int(value) if number else value, sort_keys=True)


def _types(schema: Mapping[str, Any]) -> set[str]:
    """The JSON types that a value of the schema may have; integers count as numbers."""
    values = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if values is not None:
        return {_type_of(value) for value in values}
    named = schema.get("type", TYPES)
    return {"number" if name == "integer" else name for name in ([named] if isinstance(named, str) else named)}


def _type_of(value: Any) -> str:
    for kind, name in ((bool, "boolean"), (int | float, "number"), (str, "string"), (list, "array"), (dict, "object")):
        if isinstance(value, kind):
            return name
    return "null"
