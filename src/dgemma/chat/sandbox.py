"""Renders a model's chat template within limits on time and memory.

A template comes with a model and is not trusted. jinja2's sandbox restricts what it can access; here each rendering
also has a budget, which its loops, its calls and the texts that it makes spend.
"""

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from contextvars import ContextVar
from datetime import datetime
from functools import lru_cache, wraps
from typing import Any

from jinja2 import Template, TemplateError, TemplateRuntimeError, nodes
from jinja2.compiler import CodeGenerator
from jinja2.sandbox import ImmutableSandboxedEnvironment, safe_range

from dgemma.errors import PromptError

MAX_STEPS = 10_000_000
"""Loop iterations and calls of one rendering; ten thousand messages and calls take about half a million."""
MAX_CHARACTERS = 1 << 26
"""Characters of all texts and items of all lists that one rendering makes, intermediate ones included."""
_MAX_SECONDS = 60
# Steps of a call, and characters of a nested value in addition to its own, in proportion to the time they take.
_CALL, _VALUE = 10, 10
_MAX_TEMPLATE = 1 << 20  # characters; the released one has 17,000
_MAX_WIDTH, _MAX_FORMAT, _MAX_BITS = 999, 10_000, 1 << 16

_ERRORS = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError, MemoryError)
"""Errors that a template's code may raise, in addition to TemplateError."""


class _Budget:
    """The steps, characters and time that one rendering has left. Raises TemplateRuntimeError when one is exceeded."""

    def __init__(self) -> None:
        self.steps, self.characters = MAX_STEPS, MAX_CHARACTERS
        self.end = time.monotonic() + _MAX_SECONDS

    def spend_steps(self, count: int = 1) -> None:
        self.steps -= count
        if self.steps < 0:
            raise TemplateRuntimeError(f"it takes more than {MAX_STEPS:,} steps")
        if time.monotonic() > self.end:  # a single step may take long, for example by sorting a long list
            raise TemplateRuntimeError(f"it takes more than {_MAX_SECONDS} seconds")

    def spend_characters(self, count: int) -> None:
        self.characters -= count
        if self.characters < 0:
            raise TemplateRuntimeError(f"it makes more than {MAX_CHARACTERS:,} characters")


_BUDGET: ContextVar[_Budget] = ContextVar("budget")


def fill(template: str, **values: Any) -> str:
    """Renders the template with these values. Raises PromptError if it is invalid, fails, or exceeds a limit."""
    compiled = _compiled(template)
    budget = _Budget()
    token = _BUDGET.set(budget)
    pieces: list[str] = []
    try:
        for piece in compiled.generate(**values):
            budget.spend_characters(len(piece))
            pieces.append(piece)
    except (TemplateError, *_ERRORS) as error:
        problem = str(error).rstrip(".") or type(error).__name__
        raise PromptError(f"The model's chat template cannot render this conversation: {problem}.") from error
    finally:
        _BUDGET.reset(token)
    return "".join(pieces)


@lru_cache(maxsize=8)
def _compiled(template: str) -> Template:
    subject, advice = "The model's chat template (chat_template.jinja, or in its GGUF file)", "fetch the model again"
    if len(template) > _MAX_TEMPLATE:
        raise PromptError(
            f"{subject} has {len(template):,} characters, more than the {_MAX_TEMPLATE:,} allowed; {advice}."
        )
    try:
        return _Environment().from_string(template)
    # SyntaxError is from Python, which limits the nesting of the code that jinja2 generates.
    except (TemplateError, SyntaxError, *_ERRORS) as error:
        problem = str(error).rstrip(".") or type(error).__name__
        raise PromptError(f"{subject} is not valid ({problem}); {advice}.") from error


class _Code(CodeGenerator):
    """Compiles loops and `~` to calls of the environment, which spend the budget."""

    def visit_For(self, node: nodes.For, frame: Any) -> None:
        node.iter = _method_call("counted", [node.iter], node.lineno)
        super().visit_For(node, frame)

    def visit_Concat(self, node: nodes.Concat, frame: Any) -> None:
        self.visit(_method_call("joined", node.nodes, node.lineno), frame)


def _method_call(name: str, arguments: list[Any], line: int) -> nodes.Call:
    """The node for a call of a method of `_Environment`."""
    return nodes.Call(nodes.EnvironmentAttribute(name), arguments, [], None, None, lineno=line)


class _Environment(ImmutableSandboxedEnvironment):
    """jinja2's sandbox with operations that spend the budget of the current rendering."""

    code_generator_class = _Code
    # There is no budget at compile time, so jinja2 cannot fold constants with these operators.
    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self) -> None:
        super().__init__(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"], finalize=_shown)
        self.globals.pop("lipsum")
        self.globals.update(raise_exception=_raise_exception, strftime_now=_strftime_now, range=_range)
        self.filters["tojson"] = _as_json
        for name in _TEXT_FILTERS:
            self.filters[name] = _bounded(name, self.filters[name])

    @staticmethod
    def concat(pieces: Iterable[str]) -> str:
        """Joins the text of a block; called by jinja2."""
        texts = list(pieces)
        _BUDGET.get().spend_characters(sum(map(len, texts)))
        return "".join(texts)

    def counted(self, items: Iterable[Any]) -> Iterator[Any]:
        """The items of a loop; each spends a step."""
        budget = _BUDGET.get()
        for item in items:
            budget.spend_steps()
            yield item

    def joined(self, *values: Any) -> str:
        """The operator `~`, for values of any type."""
        _spend(values)
        return "".join(map(str, values))

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Refuses the methods of numbers and bytes, which can make bytes of any length, and `str.encode`."""
        makes_bytes = isinstance(obj, int | float | bytes) or (isinstance(obj, str) and attr == "encode")
        return not makes_bytes and super().is_safe_attribute(obj, attr, value)

    def call(__self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        _BUDGET.get().spend_steps(_CALL)
        method = getattr(__obj, "__wrapped__", __obj)  # jinja2 wraps `str.format`
        if isinstance(text := getattr(method, "__self__", None), str):
            _spend_method(text, method.__name__, args, kwargs)
        return super().call(__context, __obj, *args, **kwargs)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if isinstance(left, int) and isinstance(right, int):
            bits = left.bit_length() * max(1, right) if operator == "**" else left.bit_length() + right.bit_length()
            if bits > _MAX_BITS:
                raise TemplateRuntimeError(f"it computes a number of more than {_MAX_BITS:,} bits")
        elif operator == "%" and isinstance(left, str):
            _spend_format(left, "%", right)
        elif operator == "+" and isinstance(left, Sized) and isinstance(right, Sized):
            _BUDGET.get().spend_characters(len(left) + len(right))
        elif operator == "*" and isinstance(left, int) and isinstance(right, Sized):
            _BUDGET.get().spend_characters(left * len(right) if left > 0 else 0)
        elif operator == "*" and isinstance(right, int) and isinstance(left, Sized):
            _BUDGET.get().spend_characters(right * len(left) if right > 0 else 0)
        return super().call_binop(context, operator, left, right)


def _shown(value: Any) -> Any:
    """Called by jinja2 on each value before it becomes output text."""
    if not isinstance(value, str):
        _spend(value)
    return value


def _spend(value: Any, times: int = 1) -> None:
    """Spends the characters of a value as text, `times` over.

    Item by item: lists nested so that each contains the next one twice have exponentially long texts.
    """
    budget, stack = _BUDGET.get(), [value]
    while stack:
        value = stack.pop()
        if isinstance(value, str | Mapping | list | tuple):
            budget.spend_characters((_VALUE + len(value)) * times)
        if isinstance(value, Mapping):
            stack += [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple):
            stack += value


def _spend_method(text: str, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Spends the characters of a string method's result; methods not listed here do not lengthen the text."""
    if name in ("format", "format_map"):
        _spend_format(text, "{", (args, kwargs))
    elif name in ("center", "ljust", "rjust", "zfill", "expandtabs"):
        _check_widths(*args, *kwargs.values())
        _BUDGET.get().spend_characters(len(text) + (1 + text.count("\t")) * _MAX_WIDTH)
    elif name == "join":
        _spend_join(*args, separator=text)
    elif name == "replace":
        _spend_replace(text, *args[:2])
    elif name == "translate":
        _spend(args, len(text))


def _spend_join(values: Any, separator: Any) -> None:
    if isinstance(values, Sized):
        _BUDGET.get().spend_characters(len(values) * len(str(separator)))
    _spend(values)


def _spend_replace(text: Any, old: Any = "", new: Any = "") -> None:
    text = str(text)
    _BUDGET.get().spend_characters(len(text) + text.count(str(old)) * len(str(new)))


def _spend_format(form: str, sign: str, values: Any) -> None:
    """Spends the characters of a formatted text, in which each field may show all of the values.

    Refuses long formats, and fields whose width is large or comes from a value: `%*d`, `{:{}}`.
    """
    wide = _WIDE_FIELD[sign].search(form.replace("{{", "")) if len(form) <= _MAX_FORMAT else None
    if len(form) > _MAX_FORMAT or wide:
        raise TemplateRuntimeError(f"it has a format that is long or asks for a width above {_MAX_WIDTH}")
    _spend(values, 1 + form.count(sign))


_WIDE_FIELD = {
    "%": re.compile(r"%(?:\([^)]*\))?[^a-zA-Z%]*?(?:\d{4}|\*)"),
    "{": re.compile(r"\{[^{}]*:[^{}]*(?:\d{4}|\{)"),
}


def _check_widths(*values: Any) -> None:
    if any(isinstance(value, int) and value > _MAX_WIDTH for value in values):
        raise TemplateRuntimeError(f"it asks for a width above {_MAX_WIDTH}")


def _bounded(name: str, filter: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps a filter that may make a long text, so that it spends the characters of its result first."""

    @wraps(filter)
    def spending(*args: Any, **kwargs: Any) -> Any:
        # Some filters get a jinja2 object before the value.
        value, *others = args[1:] if hasattr(filter, "jinja_pass_arg") else args
        others += kwargs.values()
        if name == "replace":
            _spend_replace(value, *others[:2])
        elif name == "join":
            _spend_join(value, kwargs.get("d", others[0] if others else ""))
        elif name == "format":
            _spend_format(str(value), "%", others)
        elif name == "sum" and any(isinstance(other, list | tuple) for other in others):
            raise TemplateRuntimeError("it adds up lists")
        else:
            _check_widths(*others)
            _spend((value, others))
            if name in ("center", "indent", "wordwrap"):
                # Their arguments may be inserted before each line, or by `wordwrap` between any two characters.
                places = 1 + (len(str(value)) if name == "wordwrap" else str(value).count("\n"))
                _spend([" " * other if isinstance(other, int) else other for other in others], places)
        return filter(*args, **kwargs)

    return spending


_TEXT_FILTERS = (
    "batch",
    "center",
    "format",
    "indent",
    "join",
    "pprint",
    "replace",
    "round",
    "slice",
    "string",
    "sum",
    "tojson",
    "wordwrap",
)


def _range(*bounds: int) -> range:
    result = safe_range(*bounds)
    _BUDGET.get().spend_characters(len(result))
    return result


def _raise_exception(message: str) -> None:
    raise TemplateError(message)


def _as_json(value: Any, **options: Any) -> str:
    # Not escaped: escapes of stand-ins (`prompt._stand_ins`) would look like escapes that a user wrote.
    encoder = json.JSONEncoder(**{**options, "ensure_ascii": False})
    if options.get("indent") is None and options.get("separators") is None:
        return encoder.encode(value)
    pieces: list[str] = []
    for piece in encoder.iterencode(value):
        _BUDGET.get().spend_characters(len(piece))  # piece by piece, as indentation grows with depth
        pieces.append(piece)
    return "".join(pieces)


def _strftime_now(form: str) -> str:
    return datetime.now().strftime(form)
