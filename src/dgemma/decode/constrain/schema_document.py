"""Checks a JSON Schema document before it is compiled: its validity, its draft and its keywords.

Promises that `check` passes only valid schemas of draft 6 or newer, that `known_keywords` refuses every keyword that
is not supported, and that a document too large to be checked is refused first. Knows nothing of expressions.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from jsonschema import FormatChecker, validators
from jsonschema.exceptions import SchemaError
from jsonschema.protocols import Validator

from dgemma.decode.constrain.patterns import MAX_PATTERN
from dgemma.decode.constrain.work import Work
from dgemma.errors import UsageError

TYPES = ("string", "number", "integer", "boolean", "null", "array", "object")
IDENTIFIERS = frozenset(
    {"$schema", "$id", "id", "$anchor", "$dynamicAnchor", "$vocabulary", "$comment", "$defs", "definitions"}
)
STANDARD_ANNOTATIONS = frozenset(
    {"title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly"}
    | {"contentEncoding", "contentMediaType", "contentSchema"}
)
OPENAPI_ANNOTATIONS = frozenset({"discriminator", "example", "externalDocs", "nullable", "xml"})
"""`nullable` adds null to what a schema allows in OpenAPI 3.0 and means nothing in JSON Schema; a value that is valid
without it is valid in both readings."""
EDITOR_ANNOTATIONS = frozenset(
    {"defaultSnippets", "deprecationMessage", "doNotSuggest", "enumDescriptions", "enumNames", "errorMessage"}
    | {"markdownDescription", "markdownEnumDescriptions", "propertyOrdering", "suggestSortText", "tsEnumNames"}
    | {"tsType"}
)
"""Of editors, form and code generators and other clients; validators do not know them."""
VENDOR_PREFIX = "x-"
ANNOTATIONS = IDENTIFIERS | STANDARD_ANNOTATIONS | OPENAPI_ANNOTATIONS | EDITOR_ANNOTATIONS
"""Keywords that restrict nothing, apart from those with VENDOR_PREFIX."""
KEYWORDS_OF_TYPE = {
    "string": frozenset({"minLength", "maxLength", "pattern", "format"}),
    "number": frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}),
    "array": frozenset({"items", "prefixItems", "minItems", "maxItems", "uniqueItems"} | {"contains", "minContains"}),
    "object": frozenset(
        {"properties", "patternProperties", "additionalProperties", "propertyNames", "unevaluatedProperties"}
        | {"required", "minProperties", "maxProperties", "dependentRequired", "dependentSchemas", "dependencies"}
    ),
}
COMBINING = frozenset({"type", "enum", "const", "$ref", "anyOf", "oneOf", "allOf", "not", "if", "then", "else"})
CONDITIONAL = frozenset({"if", "not", "dependentRequired", "dependentSchemas", "dependencies"})
"""Keywords that `conditions` splits into cases."""
KEYWORDS = COMBINING.union(*KEYWORDS_OF_TYPE.values())
NOT_IN_ALL_DRAFTS = {
    **{name: name for name in ("if", "prefixItems", "unevaluatedProperties")},
    **{name: name for name in ("dependentRequired", "dependentSchemas", "dependencies")},
    **{"then": "if", "else": "if", "minContains": "dependentRequired"},
}
"""Keywords that some drafts ignore -> a keyword that the reference validator checks in the drafts that do not."""
DRAFTS = ("draft-06", "draft-07", "2019-09", "2020-12")
SCHEMAS_BY_NAME = frozenset({"properties", "patternProperties", "dependentSchemas", "dependencies"})
SCHEMAS = frozenset(
    {"items", "prefixItems", "additionalItems", "additionalProperties", "propertyNames", "anyOf", "oneOf", "allOf"}
    | {"contains", "unevaluatedProperties", "not", "if", "then", "else"}
)

VALIDATION = 150
"""Units of work for the reference validator (`jsonschema`) to check one schema."""
PATTERN_CHARACTER = 2
"""Units of work for each character of a pattern that the reference validator compiles."""

Schema = Mapping[str, Any] | bool


def refusal(place: str, problem: str) -> UsageError:
    """The error for a schema that cannot be used."""
    return UsageError(f"The schema cannot be used: {problem} (at {place}).")


def check(schema: Any, work: Work) -> str:
    """The schema as JSON text with its keys in their order. Raises UsageError with the place if it is not valid."""
    text = as_text(schema)
    try:
        document = json.loads(text)
        if not isinstance(document, dict | bool):
            raise refusal("#", f"a schema must be an object or a boolean, not {type(schema).__name__}")
        _spend_on(document, work)
        _check_valid(document, work)
    except (TypeError, ValueError, RecursionError) as error:
        if isinstance(error, UsageError):
            raise
        raise refusal("#", f"it is not a JSON document: {error}") from error
    return text


def as_text(schema: Any) -> str:
    """The schema as JSON text, unchecked. Raises UsageError for values that JSON does not have."""
    try:
        text = json.dumps(schema, allow_nan=False, ensure_ascii=False)
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise refusal("#", f"it is not a JSON document: {error}") from error
    return text


def _spend_on(document: Any, work: Work) -> None:
    """Spends the units that the reference validator's check of the document will take."""
    stack: list[tuple[str, Any, int]] = [("", document, VALIDATION)]
    while stack:
        keyword, value, units = stack.pop()
        if isinstance(value, Mapping):
            work.spend(units)
            for name, inner in value.items():
                # Values listed there are not schemas.
                plain = name in ("enum", "examples") and isinstance(inner, list)
                stack.append(("type" if keyword == "dependencies" else name, inner, 1 if plain else units))
        elif isinstance(value, list):
            # The validator compares all items of `type`, and of a list in `dependencies`, with one another.
            work.spend(len(value) ** 2 if keyword == "type" else len(value))
            stack += (("", inner, units) for inner in value)


def validator(document: Schema) -> Validator:
    """The reference validator for the draft that the document names. Raises UsageError for an unsupported draft."""
    named = document.get("$schema") if isinstance(document, Mapping) else None
    if named is not None and not isinstance(named, str):
        raise refusal("#", f"$schema {named!r} is not a string")
    default = validators.Draft202012Validator if named is None else None
    found = validators.validator_for(document, default=default)  # pyright: ignore[reportArgumentType]
    if found is None or (named is not None and not any(draft in str(named) for draft in DRAFTS)):
        raise refusal("#", f"$schema {named!r} is not one of the drafts {', '.join(DRAFTS)}")
    return found(document)


def _check_valid(document: Schema, work: Work) -> None:
    found = validator(document)
    try:
        found.check_schema(document, format_checker=_formats(found, work))  # pyright: ignore
    except SchemaError as error:
        place = "/".join(["#", *map(str, error.absolute_path)])
        raise refusal(place, _problem(error)) from error
    except OverflowError as error:
        # From `re`: the reference validator compiles every pattern.
        raise refusal("#", f"a pattern cannot be used: {error}") from error


def _formats(found: Validator, work: Work) -> FormatChecker:
    """The format checks that the reference validator makes on a schema, with limits on patterns."""
    formats = FormatChecker()
    formats.checkers = dict(found.FORMAT_CHECKER.checkers)

    @formats.checks("regex", raises=re.error)
    def is_pattern(pattern: object) -> bool:
        if not isinstance(pattern, str):
            return True
        if len(pattern) > MAX_PATTERN:
            return False
        work.spend(PATTERN_CHARACTER * len(pattern))
        return bool(re.compile(pattern))

    return formats


def _problem(error: SchemaError) -> str:
    """The validator's message, or a clearer one for a bound of draft 4 and for a pattern that cannot be compiled."""
    keyword = error.absolute_path[-1] if error.absolute_path else None
    if keyword in ("exclusiveMinimum", "exclusiveMaximum") and isinstance(error.instance, bool):
        return f"{keyword} is a number since draft 6, the bound itself"
    if error.validator == "format" and error.validator_value == "regex":
        if len(str(error.instance)) > MAX_PATTERN:
            return f"a pattern has more than {MAX_PATTERN} characters; shorten it"
        try:
            re.compile(str(error.instance))
        except (re.error, OverflowError, RecursionError) as problem:
            return f"the reference validator cannot compile the pattern {error.instance!r} ({problem})"
    return error.message


def restricting(schema: Mapping[str, Any]) -> frozenset[str]:
    """The keywords of the schema except annotations."""
    return frozenset(name for name in schema if name not in ANNOTATIONS and not name.startswith(VENDOR_PREFIX))


def allows_nothing(schema: Schema) -> bool:
    """Whether the schema is `false`, or has a `not` of a schema that restricts nothing."""
    if isinstance(schema, bool):
        return not schema
    excluded = schema.get("not", False)
    return excluded if isinstance(excluded, bool) else not restricting(excluded)


def known_keywords(schema: Mapping[str, Any], draft: Validator, place: str) -> frozenset[str]:
    """The keywords of the schema except annotations. Raises UsageError for one that is not supported."""
    # Drafts before 2020-12 ignore prefixItems: they have a list in `items`, and `additionalItems` for further items.
    known = KEYWORDS if "prefixItems" in draft.VALIDATORS else KEYWORDS | {"additionalItems"}
    known -= {name for name, checked in NOT_IN_ALL_DRAFTS.items() if checked not in draft.VALIDATORS}
    keywords = restricting(schema)
    if keywords.isdisjoint(("then", "else")):
        known -= {"if"}
    unknown = sorted(keywords - known)
    if unknown:
        raise refusal(place, f"the keyword {unknown[0]!r} is not supported")
    if "$id" in schema and place != "#" and '"$ref"' in json.dumps(schema):
        # A reference within it would be relative to that id.
        raise refusal(place, "$id is supported at the top level only, or where nothing within it is a reference")
    return keywords
