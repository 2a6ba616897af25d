"""What an answer is held to, as users say it, and its automata, made once and kept.

    constraint = json_schema({"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]})
    automaton = ConstraintCompiler(tokenizer, vocab_size=1536, end_ids=(1,)).compile(constraint)
    walk = Walk(automaton=automaton, remaining=256)     # what the decoding loops take

Knows nothing of requests or networks.
"""

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal, Protocol

from dgemma.decode.constrain import characters
from dgemma.decode.constrain.byte_automaton import ByteAutomaton, determine
from dgemma.decode.constrain.expressions import NOTHING, Expressions, Term
from dgemma.decode.constrain.patterns import compile_pattern
from dgemma.decode.constrain.token_automaton import TokenAutomaton, build
from dgemma.decode.constrain.vocabulary import MARKS, Trie, build_trie, constrained_bytes
from dgemma.decode.constrain.work import TooLargeError, Work
from dgemma.errors import UsageError
from dgemma.tokenizer import Tokenizer

MAX_STATES = 20_000
MAX_UNROLLED_STATES = 1_000
"""What is open or refers to itself is unrolled as deep as this many states allow; more would slow every step."""
DEPTHS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32)
MAX_KEPT = 32


@dataclass(frozen=True, kw_only=True)
class Constraint:
    """A checked description; equal ones share their automaton. Made by json_schema, regex, choice and tool_calls.

    An `open_end` has no form that must be completed: the answer may be cut off at its token budget.
    """

    kind: Literal["json_schema", "regex", "choice", "tool_calls"]
    source: str
    open_end: bool = False


def json_schema(schema: Any) -> Constraint:
    """A JSON value that validates, written as `{"name": "Anna", "tags": ["a", "b"]}`.

    Properties come in their declared order and only those declared; an object or array that the schema leaves open, and
    a schema that refers to itself, is nested to a bounded depth. Raises UsageError for what is no valid schema and for
    a keyword that is not supported, with its place.
    """
    # The reference validator takes a while to import, and only this kind needs it.
    from dgemma.decode.constrain.schema_document import as_text

    return _check_schema(as_text(schema))


@lru_cache(MAX_KEPT)
def _check_schema(text: str) -> Constraint:
    """`json_schema` of its text. One request after another has the same, and a look at it takes ten milliseconds."""
    from dgemma.decode.constrain.schema import SchemaCompiler
    from dgemma.decode.constrain.schema_document import check, refusal

    work = Work()
    try:
        document = json.loads(check(json.loads(text), work))
        SchemaCompiler(Expressions(work.afresh()), document).compile(1)
    except RecursionError as error:
        raise refusal("#", "it is nested too deeply") from error
    return Constraint(kind="json_schema", source=text)


def regex(pattern: str) -> Constraint:
    """A text that matches the pattern as a whole, as `re.fullmatch` finds; see `patterns` for the dialect.

    Raises UsageError for a pattern that is malformed or no regular expression.
    """
    if not isinstance(pattern, str):
        raise UsageError(f"regex is a pattern in a string, not {type(pattern).__name__}.")
    expressions = Expressions()
    if compile_pattern(expressions, pattern, characters.plain, anywhere=False) == NOTHING:
        raise UsageError(f"No text that can be written matches the pattern {pattern!r}.")
    return Constraint(kind="regex", source=pattern)


def choice(options: Sequence[str]) -> Constraint:
    """Exactly one of the given texts. Raises UsageError for no options, empty ones or ones that are not text."""
    if isinstance(options, str) or not isinstance(options, Sequence) or not options:
        raise UsageError("choices is a list of at least one text.")
    for option in options:
        if not isinstance(option, str) or not option:
            raise UsageError(f"Each of the choices is a text that is not empty, not {option!r}.")
        try:
            option.encode()
        except UnicodeEncodeError as error:
            raise UsageError(f"The choice {option!r} holds half of a surrogate pair; give whole characters.") from error
    return Constraint(kind="choice", source=json.dumps(list(options)))


def tool_calls(
    tools: Sequence[Mapping[str, Any]], *, many: bool = True, text: bool = False, answer: Any = None
) -> Constraint:
    """Calls of the given tools, each with arguments that validate against its `parameters`, as Gemma writes calls.

    At least one, and with `many` any number. With `text` there may be text and thoughts before them, and none at all;
    such an answer may be cut off anywhere, and only whole calls count. With `answer`, a schema, a value that validates
    may come instead of the calls. Raises UsageError, naming the tool, or as `json_schema` does.
    """
    if answer is not None:
        json_schema(answer)
    # The reference validator takes a while to import, and only schemas need it.
    from dgemma.decode.constrain.calls import describe

    return Constraint(kind="tool_calls", source=describe(tools, many=many, text=text, answer=answer), open_end=text)


def chosen_calls(tools: Sequence[Any], choice: str, *, many: bool, answer: Any = None) -> Constraint | None:
    """What `tool_choice` means for these tools: "required" calls, one call of the tool it names, or with "auto" calls
    among text once a tool is `strict`, calls or an `answer` of that schema where one is given, else nothing. Raises
    UsageError for a choice that is none of these.
    """
    functions = [tool.get("function", tool) if isinstance(tool, Mapping) else {} for tool in tools]
    if choice == "auto":
        if tools and answer is not None:
            return tool_calls(functions, many=many, answer=answer)
        strict = any(isinstance(function, Mapping) and function.get("strict") for function in functions)
        return tool_calls(functions, many=many, text=True) if strict else None
    if choice == "required":
        return tool_calls(functions, many=many)
    named = [function for function in functions if isinstance(function, Mapping) and function.get("name") == choice]
    if not named:
        raise UsageError(f"tool_choice {choice!r} is neither auto nor required nor the name of one of the tools.")
    return tool_calls(named, many=False)


class ConstraintCompiler:
    """Automata for one tokenizer; the last MAX_KEPT are kept. May be used from several threads."""

    def __init__(self, tokenizer: Tokenizer, *, vocab_size: int, end_ids: Sequence[int]) -> None:
        known = tuple(token for token in end_ids if 0 <= token < vocab_size)
        if not known:
            raise UsageError("This model names no end token, so a constrained answer could not end.")
        self._tokenizer, self._vocab_size, self._end_ids = tokenizer, vocab_size, known
        self._kept: OrderedDict[Constraint, TokenAutomaton] = OrderedDict()
        self._lock = threading.Lock()
        self._making: dict[Constraint, threading.Lock] = {}

    def compile(self, constraint: Constraint) -> TokenAutomaton:
        """The automaton of a constraint. Raises UsageError when it is too large or nothing can satisfy it."""
        missing = [name for name in MARKS if not self._tokenizer.has_special(name)]
        if constraint.kind == "tool_calls" and missing:
            raise UsageError(f"This model's vocabulary has no token {missing[0]}, so it cannot be held to tool calls.")
        if (kept := self._look_up(constraint)) is not None:
            return kept
        # Who asks for the same waits for it; who asks for another one does not.
        with self._lock:
            making = self._making.setdefault(constraint, threading.Lock())
        with making:
            if (kept := self._look_up(constraint)) is not None:
                return kept
            try:
                with self._lock:
                    trie = self._trie
                made = build(byte_automaton(constraint), trie, self._vocab_size, self._end_ids)
                with self._lock:
                    self._kept[constraint] = made
                    while len(self._kept) > MAX_KEPT:
                        self._kept.popitem(last=False)
                return made
            finally:
                with self._lock:
                    self._making.pop(constraint, None)

    def _look_up(self, constraint: Constraint) -> TokenAutomaton | None:
        with self._lock:
            if constraint in self._kept:
                self._kept.move_to_end(constraint)
            return self._kept.get(constraint)

    @cached_property
    def _trie(self) -> Trie:
        written = constrained_bytes(self._tokenizer)
        outside = set(self._end_ids) | {index for index in written if index >= self._vocab_size}
        return build_trie({index: text for index, text in written.items() if index not in outside})


def byte_automaton(constraint: Constraint) -> ByteAutomaton:
    """The automaton of a constraint's texts. Raises UsageError when it is too large."""
    try:
        return _determined(constraint)
    except RecursionError as error:
        raise UsageError("What the answer is held to is nested or strung together too deeply; simplify it.") from error


def _determined(constraint: Constraint) -> ByteAutomaton:
    expressions = Expressions()
    if constraint.kind in ("json_schema", "tool_calls"):
        try:
            return _deepest(expressions, _compiler(expressions, constraint, tight=False))
        except TooLargeError:
            expressions = Expressions(expressions.work.afresh())
            return _deepest(expressions, _compiler(expressions, constraint, tight=True))
    if constraint.kind == "regex":
        term = compile_pattern(expressions, constraint.source, characters.plain, anywhere=False)
    else:
        term = expressions.choice(*(expressions.literal(text.encode()) for text in json.loads(constraint.source)))
    return determine(expressions, term, MAX_STATES)


class _Unrolling(Protocol):
    """What is open is compiled as deep as it is asked to; `unrolled` tells whether the depth makes a difference."""

    @property
    def unrolled(self) -> bool: ...

    def compile(self, depth: int) -> Term: ...


def _compiler(expressions: Expressions, constraint: Constraint, *, tight: bool) -> _Unrolling:
    from dgemma.decode.constrain.calls import CallCompiler
    from dgemma.decode.constrain.schema import SchemaCompiler

    if constraint.kind == "tool_calls":
        return CallCompiler(expressions, constraint.source, tight=tight)
    return SchemaCompiler(expressions, json.loads(constraint.source), tight=tight)


def _deepest(expressions: Expressions, compiler: _Unrolling) -> ByteAutomaton:
    term = compiler.compile(DEPTHS[0])
    if not compiler.unrolled:
        return determine(expressions, term, MAX_STATES)
    deepest: ByteAutomaton | None = None
    for depth in DEPTHS:
        # What is not finite at a small depth may be at a greater one, and then takes more states for a start.
        limit = MAX_STATES if deepest is None else MAX_UNROLLED_STATES
        try:
            automaton = determine(expressions, compiler.compile(depth), limit)
        except TooLargeError:
            if deepest is None:
                raise
            break
        deepest = automaton if automaton.accepting_S.any() else deepest
    if deepest is None:
        raise UsageError("No value satisfies the schema. If it refers to itself, let its recursion end somewhere.")
    return deepest
