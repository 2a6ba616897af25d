"""Schemas as clients generate them for ordinary types, each with an answer that must be among those written.

Taken from pydantic 2 (`TypeAdapter(..).json_schema()`), openai's `to_strict_json_schema`, zod 4 (`z.toJSONSchema`, for
JSON Schema 2020-12, draft 7 and OpenAPI 3.0), zod-to-json-schema, TypeBox and Effect.
"""

from typing import Any

INT = {"type": "integer", "minimum": -9007199254740991, "maximum": 9007199254740991}
Z = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
DRAFT_7 = {"$schema": "http://json-schema.org/draft-07/schema#"}
DAY = (
    r"\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)"
    r"|(?:02)-(?:0[1-9]|1\d|2[0-8]))"
)
HOSTNAME = (
    r"^(?=.{1,253}\.?$)[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
    r"(?:\.[a-zA-Z0-9](?:[-0-9a-zA-Z]{0,61}[0-9a-zA-Z])?)*\.?$"
)
LEAP = r"(?:\d\d[2468][048]|\d\d[13579][26]|\d\d0[48]|[02468][048]00|[13579][26]00)-02-29"
COLOR = {"enum": ["red", "blue"], "title": "Color", "type": "string"}
CAT = {
    "type": "object",
    "title": "Cat",
    "properties": {
        "kind": {"const": "cat", "title": "Kind", "type": "string"},
        "lives": {"title": "Lives", "type": "integer"},
    },
    "required": ["kind", "lives"],
}
DOG = {
    "type": "object",
    "title": "Dog",
    "properties": {
        "kind": {"const": "dog", "default": "dog", "title": "Kind", "type": "string"},
        "barks": {"title": "Barks", "type": "boolean"},
    },
    "required": ["barks"],
}
PETS = {
    "discriminator": {"mapping": {"cat": "#/$defs/Cat", "dog": "#/$defs/Dog"}, "propertyName": "kind"},
    "oneOf": [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}],
}
TREE = {
    "type": "object",
    "title": "Tree",
    "properties": {
        "v": {"title": "V", "type": "integer"},
        "kids": {"default": [], "items": {"$ref": "#/$defs/Tree"}, "title": "Kids", "type": "array"},
    },
    "required": ["v"],
}
STRICT_TREE = {**TREE, "required": ["v", "kids"], "additionalProperties": False}
ID_PATTERN = (
    "^([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-8][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}"
    "|00000000-0000-0000-0000-000000000000|ffffffff-ffff-ffff-ffff-ffffffffffff)$"
)
ID = "123e4567-e89b-42d3-a456-426614174000"
ORDER = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "format": "uuid", "pattern": ID_PATTERN},
        "tags": {"maxItems": 5, "type": "array", "items": {"type": "string"}},
        "when": {
            "type": "string",
            "format": "date-time",
            "pattern": rf"^(?:{LEAP}|{DAY})T(?:(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:Z))$",
        },
        "meta": {
            "type": "object",
            "propertyNames": {"type": "string"},
            "additionalProperties": {"type": ["string", "number", "boolean"]},
        },
    },
    "required": ["id", "tags", "meta"],
    "additionalProperties": False,
}
DICT = {"type": "object", "additionalProperties": {"type": "integer"}}


def text(**keywords: Any) -> dict[str, Any]:
    return {"type": "string", **keywords}


PYDANTIC: dict[str, tuple[Any, str]] = {
    "Optional[int]": ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "null"),
    "Literal": ({"enum": ["a", "b", 1, None]}, "null"),
    "Enum": (COLOR, '"blue"'),
    "IntEnum": ({"enum": [1, 2], "title": "N", "type": "integer"}, "2"),
    "dict[str, int]": (DICT, '{"a b": 1}'),
    "dict[Literal, int]": ({**DICT, "propertyNames": {"enum": ["a", "b"]}}, '{"b": 1}'),
    "dict[Enum, int]": ({**DICT, "propertyNames": {"$ref": "#/$defs/Color"}, "$defs": {"Color": COLOR}}, '{"red": 1}'),
    "dict[constr(min_length=2, max_length=4), int]": (
        {**DICT, "propertyNames": {"maxLength": 4, "minLength": 2}}, '{"ab": 1, "a \\"d": 2}',
    ),
    "dict[constr(pattern=..), int]": (
        {"type": "object", "patternProperties": {"^[a-z]+$": {"type": "integer"}}}, '{"ab": 1, "c": 2}',
    ),
    "dict[date, int]": ({**DICT, "propertyNames": {"format": "date"}}, '{"2024-02-28": 1}'),
    "dict[UUID, int]": ({**DICT, "propertyNames": {"format": "uuid"}}, f'{{"{ID}": 1}}'),
    "tuple[int, str]": (
        {"type": "array", "maxItems": 2, "minItems": 2, "prefixItems": [{"type": "integer"}, text()]}, '[1, "x"]',
    ),
    "set[Literal]": ({"type": "array", "uniqueItems": True, "items": {"enum": ["a", "b"], "type": "string"}}, '["b"]'),
    "set[Enum]": (
        {"type": "array", "uniqueItems": True, "items": {"$ref": "#/$defs/Color"}, "$defs": {"Color": COLOR}},
        '["red", "blue"]',
    ),
    "set[bool]": ({"type": "array", "uniqueItems": True, "items": {"type": "boolean"}}, "[false, true]"),
    "set[conint(ge=1, le=31)]": (
        {"type": "array", "uniqueItems": True, "items": {"maximum": 31, "minimum": 1, "type": "integer"}},
        "[2, 30, 31]",
    ),
    "set[Optional[Literal]]": (
        {"type": "array", "uniqueItems": True, "items": {"anyOf": [{"const": "a"}, {"type": "null"}]}}, '["a", null]',
    ),
    "datetime": (text(format="date-time"), '"2024-12-31T23:59:59Z"'),
    "timedelta": (text(format="duration"), '"P3DT2H"'),
    "AnyUrl": (text(format="uri", minLength=1), '"https://a.org/b"'),
    "PostgresDsn": (text(format="multi-host-uri", minLength=1), '"postgres://u@h1,h2/db"'),
    "bytes": (text(format="binary"), '"x y"'),
    "Base64Bytes": (text(format="base64"), '"YQ=="'),
    "Base64Bytes by format and encoding": (text(contentEncoding="base64", contentMediaType="image/png"), '"YQ=="'),
    "Json[list[int]]": (
        text(contentMediaType="application/json", contentSchema={"items": {"type": "integer"}, "type": "array"}),
        '"[1, 2]"',
    ),
    "SecretStr": (text(format="password", writeOnly=True), '"x"'),
    "re.Pattern": (text(format="regex"), '"a+"'),
    "IPvAnyAddress": (text(format="ipvanyaddress"), '"::1"'),
    "IPv4Network": (text(format="ipv4network"), '"10.0.0.0/8"'),
    "Decimal": ({"anyOf": [{"type": "number"}, text()]}, "1.25"),
    "confloat(multiple_of=0.5, ge=0, le=5)": ({"type": "number", "multipleOf": 0.5, "minimum": 0, "maximum": 5}, "3.5"),
    "discriminated union": ({**PETS, "$defs": {"Cat": CAT, "Dog": DOG}}, '{"kind": "dog", "barks": true}'),
    "recursive model": ({"$ref": "#/$defs/Tree", "$defs": {"Tree": TREE}}, '{"v": 1, "kids": [{"v": 2}]}'),
    "extra='forbid' with examples": (
        {"type": "object", "additionalProperties": False, "examples": [{"a": 1}], "title": "F", "required": ["a"],
         "properties": {"a": {"deprecated": True, "description": "d", "examples": [1], "type": "integer"}}},
        '{"a": 1}',
    ),
    "json_schema_extra": (text(**{"x-ui": {"widget": "y"}, "format": "color"}), '"red"'),
}  # fmt: skip
OPENAI: dict[str, tuple[Any, str]] = {
    "strict optional union": (
        {"type": "object", "title": "M", "required": ["f"], "additionalProperties": False,
         "properties": {"f": {"anyOf": [PETS, {"type": "null"}], "title": "F"}},
         "$defs": {"Cat": {**CAT, "additionalProperties": False},
                   "Dog": {**DOG, "required": ["kind", "barks"], "additionalProperties": False}}},
        '{"f": {"kind": "cat", "lives": 9}}',
    ),
    "strict recursion": (
        {"type": "object", "title": "M", "required": ["f", "g"], "additionalProperties": False,
         "properties": {"f": {"description": "d", **STRICT_TREE},
                        "g": {"anyOf": [{"$ref": "#/$defs/Tree"}, {"type": "null"}]}},
         "$defs": {"Tree": STRICT_TREE}},
        '{"f": {"v": 1, "kids": []}, "g": null}',
    ),
}  # fmt: skip
ZOD: dict[str, tuple[Any, str]] = {
    "z.record(z.string(), z.int())": (
        {**Z, "type": "object", "propertyNames": {"type": "string"}, "additionalProperties": INT}, '{"a b": 1}',
    ),
    "z.record in draft 7": (
        {**DRAFT_7, "type": "object", "propertyNames": {"type": "string"}, "additionalProperties": {}}, '{"a": [1]}',
    ),
    "z.record(z.string().min(2), ..)": (
        {**Z, "type": "object", "propertyNames": text(minLength=2), "additionalProperties": INT}, '{"ab": 1}',
    ),
    "z.record(z.templateLiteral(..), ..)": (
        {**Z, "type": "object", "propertyNames": text(pattern=r"^id--?\d+$"), "additionalProperties": INT},
        '{"id-7": 1, "id--8": 2}',
    ),
    "z.record(z.uuid(), ..)": (
        {**Z, "type": "object", "propertyNames": text(format="uuid", pattern=ID_PATTERN), "additionalProperties": INT},
        f'{{"{ID}": 1}}',
    ),
    "z.record(z.literal(..).or(..), ..)": (
        {**Z, "type": "object", "propertyNames": {"anyOf": [text(enum=["a", "b"]), text(const="c")]},
         "additionalProperties": text(), "required": ["a", "b", "c"]},
        '{"a": "1", "b": "2", "c": "3"}',
    ),
    "z.partialRecord(z.enum(..), ..) of zod 4.0": (
        {**Z, "type": "object", "propertyNames": {"anyOf": [text(enum=["a", "b"]), {"not": {}}]},
         "additionalProperties": INT},
        '{"b": 3}',
    ),
    "z.iso.time() of zod 4.0": (
        {**Z, **text(format="time", pattern=r"^(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?$")}, '"10:30:00"',
    ),
    ".meta({id, title}) of zod 4.0": (
        {**Z, "type": "object", "properties": {"f": {"$ref": "#/$defs/A"}}, "required": ["f"],
         "$defs": {"A": {"type": "object", "properties": {"a": INT}, "required": ["a"], "id": "A", "title": "t"}}},
        '{"f": {"a": 1}}',
    ),
    "z.looseRecord(z.string().regex(/^a/), z.int())": (
        {**Z, "type": "object", "patternProperties": {"^a": INT}}, '{"a b": 1}',
    ),
    "z.json()": (
        {**Z, "anyOf": [text(), {"type": "number"}, {"type": "boolean"}, {"type": "null"},
                        {"type": "array", "items": {"$ref": "#"}},
                        {"type": "object", "propertyNames": text(), "additionalProperties": {"$ref": "#"}}]},
        '{"a": [1, null]}',
    ),
    "z.never() in an optional property": (
        {**Z, "type": "object", "properties": {"a": {"not": {}}, "b": INT}}, '{"b": 1}',
    ),
    "z.email()": (
        {**Z, **text(format="email", pattern=r"^(?:[A-Za-z0-9_'+\-]+\.)*[A-Za-z0-9_'+\-]*[A-Za-z0-9_+-]@"
                     r"(?:[A-Za-z0-9][A-Za-z0-9\-]*\.)+[A-Za-z]{2,}$")},
        '"ann.b@example.org"',
    ),
    "z.email() of zod 4.0": (
        {**Z, **text(format="email", pattern=r"^(?!\.)(?!.*\.\.)([A-Za-z0-9_'+\-\.]*)[A-Za-z0-9_+-]@"
                     r"([A-Za-z0-9][A-Za-z0-9\-]*\.)+[A-Za-z]{2,}$")},
        '"ann.b@example.org"',
    ),
    "z.hostname()": ({**Z, **text(format="hostname", pattern=HOSTNAME)}, '"a-1.example.org"'),
    "a hostname in several places": (
        {**Z, "type": "object", "properties": {"from": text(pattern=HOSTNAME), "to": text(pattern=HOSTNAME)},
         "required": ["from"]},
        '{"from": "a-1.example.org.", "to": "localhost"}',
    ),
    "z.iso.datetime({precision: 3})": (
        {**Z, **text(format="date-time",
                     pattern=rf"^(?:{LEAP}|{DAY})T(?:(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{{3}}(?:Z))$")},
        '"2024-01-31T10:00:00.123Z"',
    ),
    "z.iso.duration()": (
        {**Z, **text(format="duration", pattern=r"^P(?:(\d+W)|(?!.*W)(?=\d|T\d)(\d+Y)?(\d+M)?(\d+D)?"
                     r"(T(?=\d)(\d+H)?(\d+M)?(\d+([.,]\d+)?S)?)?)$")},
        '"P3DT2H"',
    ),
    "z.base64()": (
        {**Z, **text(format="base64", contentEncoding="base64",
                     pattern=r"^$|^(?:[0-9a-zA-Z+/]{4})*(?:(?:[0-9a-zA-Z+/]{2}==)|(?:[0-9a-zA-Z+/]{3}=))?$")},
        '"YQ=="',
    ),
    "z.ulid()": (
        {**Z, **text(format="ulid", pattern="^[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}$")},
        '"01ARZ3NDEKTSV4RRFFQ69G5FAV"',
    ),
    "z.jwt()": ({**Z, **text(format="jwt")}, '"a.b.c"'),
    "z.string().lowercase()": ({**Z, **text(format="lowercase", pattern="^[^A-Z]*$")}, '"ab"'),
    "z.string().includes('mid')": ({**Z, **text(format="includes", pattern="mid")}, '"amid"'),
    "z.file()": ({**Z, **text(format="binary", contentEncoding="binary")}, '"x"'),
    "z.tuple in draft 7": (
        {**DRAFT_7, "type": "array", "items": [text(), INT], "additionalItems": False, "minItems": 2, "maxItems": 2},
        '["a", 1]',
    ),
    "nested objects": (
        {**Z, "type": "object", "properties": {"list": {"type": "array", "items": ORDER}}, "required": ["list"],
         "additionalProperties": False},
        f'{{"list": [{{"id": "{ID}", "tags": ["a"], "when": "2024-01-31T10:00:00Z", "meta": {{"k": true}}}}]}}',
    ),
    "nullable for OpenAPI 3.0": (
        {"type": "object", "properties": {"c": {"nullable": True, "type": "string"},
                                          "d": {"nullable": False, "type": "integer"},
                                          "e": {"nullable": True, "allOf": [COLOR]}}, "required": ["c", "e"]},
        '{"c": "x", "d": 1, "e": "red"}',
    ),
}  # fmt: skip
OTHERS: dict[str, tuple[Any, str]] = {
    "a password by look-ahead": (text(pattern=r"^(?=.*[A-Z])(?=.*\d)[A-Za-z\d]{8,}$"), '"abcdefG1"'),
    "TypeBox's Type.Record": ({"type": "object", "patternProperties": {"^(.*)$": {"type": "number"}}}, '{"a b": 1.5}'),
    "Effect's ids within": (
        {"type": "object", "properties": {"a": {"$id": "/schemas/unknown", "title": "unknown"}}, "required": ["a"]},
        '{"a": [1]}',
    ),
    "OpenAPI's annotations": (
        {"type": "object", "xml": {"name": "p"}, "externalDocs": {"url": "https://a.org"}, "example": {"a": "x"},
         "discriminator": {"propertyName": "a"}, "properties": {"a": text(example="x")}, "required": ["a"]},
        '{"a": "x"}',
    ),
    "editors' annotations": (
        {"type": "object", "errorMessage": {"required": "all of it"}, "x-order": 1, "$anchor": "top",
         "properties": {"a": {"enum": [1, 2], "enumNames": ["one", "two"], "enumDescriptions": ["", ""],
                              "markdownDescription": "*a*", "$comment": "c", "readOnly": True, "default": 1}}},
        '{"a": 2}',
    ),
    "extensions beside declared properties": (
        {"type": "object", "properties": {"a": {"type": "integer"}, "x-b": {}}, "required": ["a", "x-b"],
         "patternProperties": {"^x-": {"type": "boolean"}}, "additionalProperties": False},
        '{"a": 1, "x-b": true}',
    ),
    "a condition on a kind": (
        {"type": "object", "properties": {"kind": {"enum": ["a", "b", "c"]}, "n": INT, "x": text(maxLength=9)},
         "required": ["kind"], "additionalProperties": False, "dependentRequired": {"x": ["n"]}, "allOf": [
            {"if": {"properties": {"kind": {"const": "a"}}}, "then": {"required": ["n"]}, "else": {"required": ["x"]}},
            {"if": {"properties": {"n": {"minimum": 10}}, "required": ["n"]}, "then": {"properties": {"x": False}}}]},
        '{"kind": "b", "n": 5, "x": ""}',
    ),
    "exclusions": (
        {"type": "object", "required": ["a", "b", "c"], "unevaluatedProperties": False, "properties": {
            "a": {"type": "number", "not": {"enum": [0, 1.5]}}, "b": text(**{"not": {"const": ""}}),
            "c": {"type": "array", "items": {"type": "boolean"}, "contains": {"const": True}}}},
        '{"a": 1, "b": "x", "c": [false, true]}',
    ),
    "two kinds of names": (
        {"type": "object", "patternProperties": {"^n": {"type": "integer"}, r"\d$": {"type": "boolean"}},
         "additionalProperties": False},
        '{"na": 1, "b1": true}',
    ),
}  # fmt: skip
ALL = {**PYDANTIC, **OPENAI, **ZOD, **OTHERS}

STAYS_REFUSED: dict[str, tuple[Any, str]] = {
    "set[int]": (
        {"type": "array", "uniqueItems": True, "items": {"type": "integer"}},
        "remove uniqueItems, or list the items in",
    ),
    "frozenset[str]": ({"type": "array", "uniqueItems": True, "items": text()}, "uniqueItems cannot be guaranteed"),
    "confloat(multiple_of=0.1)": (
        {"type": "number", "multipleOf": 0.1, "minimum": 0, "maximum": 1}, "0.3 is no multiple",
    ),
    "z.emoji()": (text(format="emoji", pattern=r"^[\p{Extended_Pictographic}]+$"), "cannot compile the pattern"),
    "z.xor of objects": (
        {"oneOf": [{"type": "object", "properties": {"a": INT}}, {"type": "object", "properties": {"b": INT}}]},
        "not clearly distinct",
    ),
    "z.number().positive() for OpenAPI 3.0": (
        {"type": "number", "minimum": 0, "exclusiveMinimum": True},
        "exclusiveMinimum is a number since draft 6, the bound itself .at #/exclusiveMinimum",
    ),
    "a typo": (text(minlength=1), "'minlength' is not supported"),
    "a typo in propertyNames": ({**DICT, "propertyNames": {"maxlength": 3}}, "'maxlength' is not supported"),
    "not in propertyNames": ({**DICT, "propertyNames": {"not": {"const": "a"}}}, "'not' is not supported"),
}  # fmt: skip
