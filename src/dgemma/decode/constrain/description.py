"""Constraints as users specify them, and the compiler that turns them into cached automata.

    constraint = json_schema({"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]})
    automaton = ConstraintCompiler(tokenizer, vocab_size=1536, end_ids=(1,)).compile(constraint)
    walk = Walk(automaton=automaton, remaining=256)     # the decoding loops' `constraint`

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
from dgemma.decode.constrain.byte_automaton import ByteAutomaton, determinise
from dgemma.decode.constrain.expressions import NOTHING, Expressions, Term
from dgemma.decode.constrain.patterns import MAX_REPEAT, TIGHT_MAX_REPEAT, compile_pattern
from dgemma.decode.constrain.token_automaton import TokenAutomaton, build
from dgemma.decode.constrain.vocabulary import MARKS, Trie, build_trie, constrained_bytes
from dgemma.decode.constrain.work import TooLargeError, Work
from dgemma.errors import UsageError
from dgemma.tokenizer import Tokenizer

MAX_STATES = 20_000
MAX_UNROLLED_STATES = 1_000
"""Open and recursive schemas are unrolled as deep as this many states allow; more would slow down every step."""
DEPTHS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32)
MAX_KEPT = 32
"""Automata that a compiler caches; also schema checks that are cached in the process."""


@dataclass(frozen=True, kw_only=True)
class Constraint:
    """A checked constraint, made by json_schema, regex, choice or tool_calls. Equal ones share their automaton.

    With `open_end` the answer may be cut off at its token budget: no text before it needs to be complete.
    """

    kind: Literal["json_schema", "regex", "choice", "tool_calls"]
    source: str
    open_end: bool = False


def json_schema(schema: Any) -> Constraint:
    """A JSON value that validates against the schema, written as `{"name": "Anna", "tags": ["a", "b"]}`.

    Properties come in their declared order, and undeclared ones are not written. Values that the schema leaves open and
    recursive schemas nest to a bounded depth. Raises UsageError for an invalid schema, and for an unsupported keyword
    with its place.
    """
    # Imported late: the reference validator takes a while to import, and only schemas need it.
    from dgemma.decode.constrain.schema_document import as_text

    return _check_schema(as_text(schema))


@lru_cache(MAX_KEPT)
def _check_schema(text: str) -> Constraint:
    """`json_schema` of a JSON text. Cached: a check takes ten milliseconds, and many requests have the same schema."""
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
    """A text that matches the pattern as a whole, as by `re.fullmatch`; `patterns` describes the dialect.

    Raises UsageError for a pattern that is malformed, unsupported, or matches no text.
    """
    if not isinstance(pattern, str):
        raise UsageError(f"regex must be a pattern in a string, not {type(pattern).__name__}.")
    expressions = Expressions()
    if compile_pattern(expressions, pattern, characters.plain, anywhere=False) == NOTHING:
        raise UsageError(f"No text that can be written matches the pattern {pattern!r}.")
    return Constraint(kind="regex", source=pattern)


def choice(options: Sequence[str]) -> Constraint:
    """Exactly one of the given texts. Raises UsageError if there are none, or one is empty or not a text."""
    if isinstance(options, str) or not isinstance(options, Sequence) or not options:
        raise UsageError("choices must be a list of at least one text.")
    for option in options:
        if not isinstance(option, str) or not option:
            raise UsageError(f"Each choice must be a text that is not empty, not {option!r}.")
        try:
            option.encode()
        except UnicodeEncodeError as error:
            raise UsageError(f"The choice {option!r} has half of a surrogate pair; give whole characters.") from error
    return Constraint(kind="choice", source=json.dumps(list(options)))


def tool_calls(
    tools: Sequence[Mapping[str, Any]], *, many: bool = True, text: bool = False, answer: Any = None
) -> Constraint:
    """Calls of the given tools in Gemma's syntax, with arguments that validate against the tool's `parameters`.

    One call, or with `many` one or more. With `text`, text and thoughts may precede or replace the calls; such an
    answer may be cut off anywhere, and only complete calls count. With `answer`, a schema, a value that validates
    against it may replace the calls. Raises UsageError that names the tool, or for `answer` as `json_schema` does.
    """
    if answer is not None:
        json_schema(answer)
    # Imported late: the reference validator takes a while to import, and only schemas need it.
    from dgemma.decode.constrain.calls import describe

    return Constraint(kind="tool_calls", source=describe(tools, many=many, text=text, answer=answer), open_end=text)


def chosen_calls(tools: Sequence[Any], choice: str, *, many: bool, answer: Any = None) -> Constraint | None:
    """The constraint for a `tool_choice`, or None if it needs none.

    "required": one call, or with `many` one or more. A tool's name: one call of that tool. "auto" with an `answer`
    schema: calls or a value of that schema; else with a `strict` tool: text and calls; else None. Raises UsageError for
    any other choice.
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
        raise UsageError(f"tool_choice {choice!r} is neither auto nor required nor the name of a given tool.")
    return tool_calls(named, many=False)


class ConstraintCompiler:
    """Compiles constraints for one tokenizer and caches the MAX_KEPT most recently used automata. Thread-safe."""

    def __init__(self, tokenizer: Tokenizer, *, vocab_size: int, end_ids: Sequence[int]) -> None:
        known = tuple(token for token in end_ids if 0 <= token < vocab_size)
        if not known:
            raise UsageError("This model has no end token, so a constrained answer could not end.")
        self._tokenizer, self._vocab_size, self._end_ids = tokenizer, vocab_size, known
        self._kept: OrderedDict[Constraint, TokenAutomaton] = OrderedDict()
        self._lock = threading.Lock()
        self._build_locks: dict[Constraint, threading.Lock] = {}

    def compile(self, constraint: Constraint) -> TokenAutomaton:
        """The automaton of a constraint. Raises UsageError if it is too large, or if no answer satisfies it."""
        missing = [name for name in MARKS if not self._tokenizer.has_special(name)]
        if constraint.kind == "tool_calls" and missing:
            raise UsageError(f"This model's vocabulary has no token {missing[0]}, so tool calls cannot be constrained.")
        if (kept := self._look_up(constraint)) is not None:
            return kept
        # One lock per constraint: threads wait for the compilation of an equal constraint only.
        with self._lock:
            building = self._build_locks.setdefault(constraint, threading.Lock())
        with building:
            if (kept := self._look_up(constraint)) is not None:
                return kept
            try:
                with self._lock:
                    trie = self._trie
                automaton = build(byte_automaton(constraint), trie, self._vocab_size, self._end_ids)
                with self._lock:
                    self._kept[constraint] = automaton
                    while len(self._kept) > MAX_KEPT:
                        self._kept.popitem(last=False)
                return automaton
            finally:
                with self._lock:
                    self._build_locks.pop(constraint, None)

    def _look_up(self, constraint: Constraint) -> TokenAutomaton | None:
        with self._lock:
            if constraint in self._kept:
                self._kept.move_to_end(constraint)
            return self._kept.get(constraint)

    @cached_property
    def _trie(self) -> Trie:
        bytes_of = constrained_bytes(self._tokenizer)
        excluded = set(self._end_ids) | {index for index in bytes_of if index >= self._vocab_size}
        return build_trie({index: text for index, text in bytes_of.items() if index not in excluded})


def byte_automaton(constraint: Constraint) -> ByteAutomaton:
    """The byte automaton of a constraint. Raises UsageError if it is too large."""
    try:
        return _compile(constraint)
    except RecursionError as error:
        raise UsageError("The constraint is nested too deeply or has too many parts; simplify it.") from error


def _compile(constraint: Constraint) -> ByteAutomaton:
    if constraint.kind == "choice":
        expressions = Expressions()
        texts = (expressions.literal(text.encode()) for text in json.loads(constraint.source))
        return determinise(expressions, expressions.choice(*texts), MAX_STATES)
    compile_once = _compile_pattern if constraint.kind == "regex" else _compile_schemas
    work = Work()
    try:
        return compile_once(Expressions(work), constraint, tight=False)
    except TooLargeError as error:
        # Once more, with smaller maximum lengths and counts.
        automaton = compile_once(Expressions(work.afresh()), constraint, tight=True)
        if constraint.kind == "regex" and not automaton.accepting_S.any():
            raise error
        return automaton


def _compile_pattern(expressions: Expressions, constraint: Constraint, *, tight: bool) -> ByteAutomaton:
    max_repeat = TIGHT_MAX_REPEAT if tight else MAX_REPEAT
    term = compile_pattern(expressions, constraint.source, characters.plain, anywhere=False, max_repeat=max_repeat)
    return determinise(expressions, term, MAX_STATES)


def _compile_schemas(expressions: Expressions, constraint: Constraint, *, tight: bool) -> ByteAutomaton:
    return _deepest(expressions, _compiler(expressions, constraint, tight=tight))


class _Unrolling(Protocol):
    """A compiler of open and recursive schemas to a given depth; `unrolled` is True if the depth makes a difference."""

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
    """The automaton of the greatest depth that stays within the limits."""
    term = compiler.compile(DEPTHS[0])
    if not compiler.unrolled:
        return determinise(expressions, term, MAX_STATES)
    deepest: ByteAutomaton | None = None
    for depth in DEPTHS:
        # A small depth may allow no text at all; the first depth that does may need more states than the later limit.
        limit = MAX_STATES if deepest is None else MAX_UNROLLED_STATES
        try:
            automaton = determinise(expressions, compiler.compile(depth), limit)
        except TooLargeError:
            if deepest is None:
                raise
            break
        deepest = automaton if automaton.accepting_S.any() else deepest
    if deepest is None:
        raise UsageError("No value satisfies the schema. If it refers to itself, make its recursion end somewhere.")
    return deepest
