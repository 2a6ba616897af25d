"""Tool declarations -> expression for calls in Gemma's syntax: `<|tool_call>call:NAME{key:value,...}<tool_call|>`.

Promises that the arguments of every call, as `chat.parse` reads them, validate against the tool's schema. Of tokens it
knows only the bytes that represent special ones (`vocabulary.MARKS`).
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from dgemma.decode.constrain.expressions import NOTHING, UNBOUNDED, Expressions, Term
from dgemma.decode.constrain.notation import CALL
from dgemma.decode.constrain.schema import SchemaCompiler
from dgemma.decode.constrain.schema_document import check
from dgemma.decode.constrain.vocabulary import FIRST_MARK, MARKS
from dgemma.decode.constrain.work import Work
from dgemma.errors import UsageError
from dgemma.tokenizer import CHANNEL_BEGIN, CHANNEL_END, TOOL_CALL_BEGIN, TOOL_CALL_END

NAME = re.compile(r"[A-Za-z0-9_.:/-]{1,128}")
NO_ARGUMENTS: Mapping[str, Any] = {"type": "object", "properties": {}}
"""The schema of a tool that declares no parameters."""
TOOL = 500
"""Units of work for a tool, in addition to those for its schema."""


def describe(tools: Sequence[Mapping[str, Any]], *, many: bool, text: bool, answer: Any = None) -> str:
    """Checks the tools and the schema of an answer without calls -> a JSON document for `CallCompiler`.

    A tool has OpenAI's shape, or is the `function` object of it. Raises UsageError, naming the tool, for an invalid
    declaration, and for a schema that is invalid, unsupported or unsatisfiable.
    """
    if isinstance(tools, str | Mapping) or not tools:
        raise UsageError("A tool call needs at least one tool.")
    checked: dict[str, Any] = {}
    work = Work()
    for tool in tools:
        function = tool.get("function", tool) if isinstance(tool, Mapping) else None
        name = function.get("name") if isinstance(function, Mapping) else None
        if not isinstance(function, Mapping) or not isinstance(name, str) or not NAME.fullmatch(name):
            raise UsageError("Each tool needs a name of 1 to 128 letters, digits and _ . : / -.")
        if name in checked:
            raise UsageError(f"Two tools have the name {name}; give each its own.")
        work.spend(TOOL)
        try:
            # All schemas are checked on one counter; compiling each one starts a new count.
            schema = json.loads(check(function.get("parameters") or NO_ARGUMENTS, work))
            _check_satisfiable(name, schema, work.afresh())
        except UsageError as error:
            raise UsageError(f"Calls of the tool {name} cannot be constrained by its parameters. {error}") from error
        checked[name] = schema
    described: dict[str, Any] = {"tools": checked, "many": many, "text": text}
    if answer is not None:
        described["answer"] = json.loads(check(answer, work.afresh()))
    return json.dumps(described, ensure_ascii=False)


def _check_satisfiable(name: str, schema: Any, work: Work) -> None:
    """Raises UsageError if no object satisfies the schema. A schema that is unrolled passes: it may need a greater
    depth, which `ConstraintCompiler.compile` tries."""
    expressions = Expressions(work)
    call = CallCompiler(expressions, json.dumps({"tools": {name: schema}, "many": False, "text": False}))
    if not expressions.possible(call.compile(1)) and not call.unrolled:
        raise UsageError("No object satisfies the schema.")


class CallCompiler:
    """Compiles one document of `describe`. `unrolled` is True if a greater depth may allow more calls."""

    def __init__(self, expressions: Expressions, source: str, *, tight: bool = False) -> None:
        description = json.loads(source)
        self._expressions, self._many, self._text = expressions, description["many"], description["text"]
        self._schemas = {
            name: SchemaCompiler(expressions, schema, CALL, tight=tight)
            for name, schema in description["tools"].items()
        }
        has_answer = "answer" in description
        self._answer = SchemaCompiler(expressions, description["answer"], tight=tight) if has_answer else None

    @property
    def unrolled(self) -> bool:
        """Whether any of the schemas compiled so far is open or recursive."""
        return any(schema.unrolled for schema in (*self._schemas.values(), self._answer) if schema is not None)

    def compile(self, depth: int) -> Term:
        """Calls of any of the tools, with arguments that nest at most `depth` open values or recursive references.

        With `text`, text and thoughts may precede or replace the calls. With `answer`, a value of that schema may
        replace them. NOTHING if the depth is too small for one of the tools or for the answer.
        """
        calls = [self._call(name, schema.compile(depth)) for name, schema in self._schemas.items()]
        if not all(map(self._expressions.possible, calls)):
            return NOTHING
        least, most = 0 if self._text else 1, UNBOUNDED if self._many else 1
        written = self._expressions.repeat(self._expressions.choice(*calls), least, most)
        if self._answer is not None:
            value = self._answer.compile(depth)
            return self._expressions.choice(value, written) if self._expressions.possible(value) else NOTHING
        return self._expressions.sequence(self._any_text(), written) if self._text else written

    def _call(self, name: str, arguments: Term) -> Term:
        # The schema may also allow values of other types, but arguments are an object.
        any_bytes = self._expressions.repeat(self._expressions.byte([(0, 255)]))
        any_object = self._expressions.sequence(self._expressions.literal(b"{"), any_bytes)
        return self._expressions.sequence(
            self._mark(TOOL_CALL_BEGIN),
            self._expressions.literal(f"call:{name}".encode()),
            self._expressions.intersection(arguments, any_object),
            self._mark(TOOL_CALL_END),
        )

    def _any_text(self) -> Term:
        thoughts = (self._mark(CHANNEL_BEGIN), self._mark(CHANNEL_END))
        return self._expressions.repeat(
            self._expressions.choice(self._expressions.byte([(0, FIRST_MARK - 1)]), *thoughts)
        )

    def _mark(self, name: str) -> Term:
        return self._expressions.literal(bytes([MARKS[name]]))
