"""Tool calls -> expressions for what the model writes: `<|tool_call>call:NAME{key:value,...}<tool_call|>`.

Promises that the arguments of every call validate against the tool's schema, once `chat.parse` has read them. Knows
nothing of tokens beyond the bytes that stand for the special ones.
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
"""Units of work for a tool, beside those for its schema."""


def describe(tools: Sequence[Mapping[str, Any]], *, many: bool, text: bool, answer: Any = None) -> str:
    """The tools, in OpenAI's shape or as its inner part, and the schema of an answer without calls, as a checked JSON
    document for `CallCompiler`.

    Raises UsageError, naming the tool, for what is no tool or no schema that can be kept to.
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
            # Together they are one document; whether each is possible is a matter of its own.
            schema = json.loads(check(function.get("parameters") or NO_ARGUMENTS, work))
            _check_possible(name, schema, work.afresh())
        except UsageError as error:
            raise UsageError(f"Calls of the tool {name} cannot be held to its parameters. {error}") from error
        checked[name] = schema
    described: dict[str, Any] = {"tools": checked, "many": many, "text": text}
    if answer is not None:
        described["answer"] = json.loads(check(answer, work.afresh()))
    return json.dumps(described, ensure_ascii=False)


def _check_possible(name: str, schema: Any, work: Work) -> None:
    """Raises UsageError where no object satisfies the schema. An open one may need a greater depth, which compiling
    finds out."""
    expressions = Expressions(work)
    call = CallCompiler(expressions, json.dumps({"tools": {name: schema}, "many": False, "text": False}))
    if not expressions.possible(call.compile(1)) and not call.unrolled:
        raise UsageError("No object satisfies the schema.")


class CallCompiler:
    """One description to expressions; `unrolled` tells whether a greater depth may allow more calls."""

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
        """Whether any of the schemas is open or refers to itself."""
        return any(schema.unrolled for schema in (*self._schemas.values(), self._answer) if schema is not None)

    def compile(self, depth: int) -> Term:
        """Calls of any of the tools, their arguments at most `depth` open values deep; NOTHING while that leaves a
        tool without any. With `text`, text and thoughts may come before the calls and instead of them; with an answer,
        a value of its schema may come instead of them."""
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
        # A schema may allow other values as well; arguments are an object.
        anything = self._expressions.repeat(self._expressions.byte([(0, 255)]))
        an_object = self._expressions.sequence(self._expressions.literal(b"{"), anything)
        return self._expressions.sequence(
            self._mark(TOOL_CALL_BEGIN),
            self._expressions.literal(f"call:{name}".encode()),
            self._expressions.both(arguments, an_object),
            self._mark(TOOL_CALL_END),
        )

    def _any_text(self) -> Term:
        thoughts = (self._mark(CHANNEL_BEGIN), self._mark(CHANNEL_END))
        return self._expressions.repeat(
            self._expressions.choice(self._expressions.byte([(0, FIRST_MARK - 1)]), *thoughts)
        )

    def _mark(self, name: str) -> Term:
        return self._expressions.literal(bytes([MARKS[name]]))
