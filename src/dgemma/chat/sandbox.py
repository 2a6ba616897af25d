"""A model's chat template, compiled so that it cannot take the process with it: what it computes is bounded.

A template comes with a model, from anybody. jinja2's sandbox keeps it away from everything but what it is given; here
its loops, its calls and the texts that it makes draw on one allowance for each rendering as well.
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

MOST_STEPS = 10_000_000
"""Turns of loops and calls of one rendering; ten thousand messages and calls take about half a million."""
MOST_CHARACTERS = 1 << 26
"""Characters of all texts, and items of all lists, that one rendering makes, half-way ones included."""
_MOST_SECONDS = 60
# What a call counts in steps, and a value within others in characters, beside its own: as much as they take of time.
_CALL, _VALUE = 10, 10
_MOST_TEMPLATE = 1 << 20  # characters; the released one has 17,000
_MOST_WIDTH, _MOST_FORMAT, _MOST_BITS = 999, 10_000, 1 << 16

_FAULTS = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError, MemoryError)
"""What a template's own code may raise, beside TemplateError."""


class _Allowance:
    """What one rendering may still take."""

    def __init__(self) -> None:
        self.steps, self.characters = MOST_STEPS, MOST_CHARACTERS
        self.end = time.monotonic() + _MOST_SECONDS

    def step(self, count: int = 1) -> None:
        self.steps -= count
        if self.steps < 0:
            raise TemplateRuntimeError(f"it takes more than {MOST_STEPS:,} steps")
        if time.monotonic() > self.end:  # a step may sort a long list
            raise TemplateRuntimeError(f"it takes more than {_MOST_SECONDS} seconds")

    def text(self, length: int) -> None:
        self.characters -= length
        if self.characters < 0:
            raise TemplateRuntimeError(f"it makes more than {MOST_CHARACTERS:,} characters")


_ALLOWANCE: ContextVar[_Allowance] = ContextVar("allowance")


def fill(template: str, **values: Any) -> str:
    """The text that a template makes of these values. Raises PromptError for a template that is not valid, that fails,
    or that takes more than one may."""
    compiled = _compiled(template)
    allowance = _Allowance()
    token = _ALLOWANCE.set(allowance)
    pieces: list[str] = []
    try:
        for piece in compiled.generate(**values):
            allowance.text(len(piece))
            pieces.append(piece)
    except (TemplateError, *_FAULTS) as error:
        told = str(error).rstrip(".") or type(error).__name__
        raise PromptError(f"The model's chat template cannot render this conversation: {told}.") from error
    finally:
        _ALLOWANCE.reset(token)
    return "".join(pieces)


@lru_cache(maxsize=8)
def _compiled(template: str) -> Template:
    told, advice = "The model's chat template (chat_template.jinja, or in its GGUF file)", "fetch the model again"
    if len(template) > _MOST_TEMPLATE:
        raise PromptError(
            f"{told} has {len(template):,} characters, more than the {_MOST_TEMPLATE:,} allowed; {advice}."
        )
    try:
        return _Environment().from_string(template)
    # Python bounds the depth of the code that jinja2 makes of a template.
    except (TemplateError, SyntaxError, *_FAULTS) as error:
        problem = str(error).rstrip(".") or type(error).__name__
        raise PromptError(f"{told} is not valid ({problem}); {advice}.") from error


class _Code(CodeGenerator):
    """Sends loops and `~` by way of the environment."""

    def visit_For(self, node: nodes.For, frame: Any) -> None:
        node.iter = _called("turns", [node.iter], node.lineno)
        super().visit_For(node, frame)

    def visit_Concat(self, node: nodes.Concat, frame: Any) -> None:
        self.visit(_called("joined", node.nodes, node.lineno), frame)


def _called(name: str, arguments: list[Any], line: int) -> nodes.Call:
    """A call of a method of `_Environment`."""
    return nodes.Call(nodes.EnvironmentAttribute(name), arguments, [], None, None, lineno=line)


class _Environment(ImmutableSandboxedEnvironment):
    code_generator_class = _Code
    # Without an allowance, while a template is compiled, none of these can be computed ahead.
    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self) -> None:
        super().__init__(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"], finalize=_shown)
        self.globals.pop("lipsum")
        self.globals.update(raise_exception=_raise_exception, strftime_now=_strftime_now, range=_range)
        self.filters["tojson"] = _as_json
        for name in _WRITERS:
            self.filters[name] = _bounded(name, self.filters[name])

    @staticmethod
    def concat(pieces: Iterable[str]) -> str:
        """The text of a block, which jinja2 joins by this."""
        found = list(pieces)
        _ALLOWANCE.get().text(sum(map(len, found)))
        return "".join(found)

    def turns(self, items: Iterable[Any]) -> Iterator[Any]:
        """What a loop goes through."""
        allowance = _ALLOWANCE.get()
        for item in items:
            allowance.step()
            yield item

    def joined(self, *values: Any) -> str:
        """`~`, of values of any kind."""
        _draw(values)
        return "".join(map(str, values))

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Numbers and bytes have methods that make bytes of any length; no prompt needs them."""
        makes_bytes = isinstance(obj, int | float | bytes) or (isinstance(obj, str) and attr == "encode")
        return not makes_bytes and super().is_safe_attribute(obj, attr, value)

    def call(__self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        _ALLOWANCE.get().step(_CALL)
        method = getattr(__obj, "__wrapped__", __obj)  # jinja2 puts a function of its own around `format`
        if isinstance(text := getattr(method, "__self__", None), str):
            _draw_method(text, method.__name__, args, kwargs)
        return super().call(__context, __obj, *args, **kwargs)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if isinstance(left, int) and isinstance(right, int):
            bits = left.bit_length() * max(1, right) if operator == "**" else left.bit_length() + right.bit_length()
            if bits > _MOST_BITS:
                raise TemplateRuntimeError(f"it computes a number of more than {_MOST_BITS:,} bits")
        elif operator == "%" and isinstance(left, str):
            _draw_format(left, "%", right)
        elif operator == "+" and isinstance(left, Sized) and isinstance(right, Sized):
            _ALLOWANCE.get().text(len(left) + len(right))
        elif operator == "*" and isinstance(left, int) and isinstance(right, Sized):
            _ALLOWANCE.get().text(left * len(right) if left > 0 else 0)
        elif operator == "*" and isinstance(right, int) and isinstance(left, Sized):
            _ALLOWANCE.get().text(right * len(left) if right > 0 else 0)
        return super().call_binop(context, operator, left, right)


def _shown(value: Any) -> Any:
    """A value before it becomes text; jinja2 asks of each."""
    if not isinstance(value, str):
        _draw(value)
    return value


def _draw(value: Any, times: int = 1) -> None:
    """Draws what a value takes as text, item by item: a list that holds another one twice, which does so too, has no
    end."""
    allowance, waiting = _ALLOWANCE.get(), [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str | Mapping | list | tuple):
            allowance.text((_VALUE + len(value)) * times)
        if isinstance(value, Mapping):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple):
            waiting += value


def _draw_method(text: str, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Draws what a method of a text makes; those that are not here make no longer one."""
    if name in ("format", "format_map"):
        _draw_format(text, "{", (args, kwargs))
    elif name in ("center", "ljust", "rjust", "zfill", "expandtabs"):
        _check_widths(*args, *kwargs.values())
        _ALLOWANCE.get().text(len(text) + (1 + text.count("\t")) * _MOST_WIDTH)
    elif name == "join":
        _draw_join(*args, separator=text)
    elif name == "replace":
        _draw_replace(text, *args[:2])
    elif name == "translate":
        _draw(args, len(text))


def _draw_join(values: Any, separator: Any) -> None:
    if isinstance(values, Sized):
        _ALLOWANCE.get().text(len(values) * len(str(separator)))
    _draw(values)


def _draw_replace(text: Any, old: Any = "", new: Any = "") -> None:
    text = str(text)
    _ALLOWANCE.get().text(len(text) + text.count(str(old)) * len(str(new)))


def _draw_format(form: str, sign: str, values: Any) -> None:
    """Each field of a format may show all of the values, and as wide as it says, or as a value says: `%*d`, `{:{}}`."""
    wide = _WIDE_FIELD[sign].search(form.replace("{{", "")) if len(form) <= _MOST_FORMAT else None
    if len(form) > _MOST_FORMAT or wide:
        raise TemplateRuntimeError(f"it has a format that is long or asks for a width above {_MOST_WIDTH}")
    _draw(values, 1 + form.count(sign))


_WIDE_FIELD = {
    "%": re.compile(r"%(?:\([^)]*\))?[^a-zA-Z%]*?(?:\d{4}|\*)"),
    "{": re.compile(r"\{[^{}]*:[^{}]*(?:\d{4}|\{)"),
}


def _check_widths(*values: Any) -> None:
    if any(isinstance(value, int) and value > _MOST_WIDTH for value in values):
        raise TemplateRuntimeError(f"it asks for a width above {_MOST_WIDTH}")


def _bounded(name: str, filter: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that may write a long text, with what it makes drawn before."""

    @wraps(filter)
    def drawing(*args: Any, **kwargs: Any) -> Any:
        # Before the value some are given what is jinja2's own.
        value, *others = args[1:] if hasattr(filter, "jinja_pass_arg") else args
        others += kwargs.values()
        if name == "replace":
            _draw_replace(value, *others[:2])
        elif name == "join":
            _draw_join(value, kwargs.get("d", others[0] if others else ""))
        elif name == "format":
            _draw_format(str(value), "%", others)
        elif name == "sum" and any(isinstance(one, list | tuple) for one in others):
            raise TemplateRuntimeError("it adds up lists")
        else:
            _check_widths(*others)
            _draw((value, others))
            if name in ("center", "indent", "wordwrap"):
                # What is put before each line, or between any two characters.
                places = 1 + (len(str(value)) if name == "wordwrap" else str(value).count("\n"))
                _draw([" " * one if isinstance(one, int) else one for one in others], places)
        return filter(*args, **kwargs)

    return drawing


_WRITERS = (
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
    found = safe_range(*bounds)
    _ALLOWANCE.get().text(len(found))
    return found


def _raise_exception(message: str) -> None:
    raise TemplateError(message)


def _as_json(value: Any, **options: Any) -> str:
    # Escaped stand-ins could not be told from escapes that a user wrote.
    encoder = json.JSONEncoder(**{**options, "ensure_ascii": False})
    if options.get("indent") is None and options.get("separators") is None:
        return encoder.encode(value)
    found: list[str] = []
    for piece in encoder.iterencode(value):
        _ALLOWANCE.get().text(len(piece))  # the deeper a line, the longer
        found.append(piece)
    return "".join(found)


def _strftime_now(form: str) -> str:
    return datetime.now().strftime(form)
