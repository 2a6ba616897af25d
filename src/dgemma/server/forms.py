"""What a reply is held to: the fields for it that every endpoint takes, and tool calls -> options of `LLM.submit`.

Promises that two forms, and a form together with what has no room in it, are refused by the name of the field. Whether
a schema or a pattern can be kept to is the library's to say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from dgemma.decode.constrain.patterns import MAX_PATTERN
from dgemma.server.decoding import DecodingFields
from dgemma.server.errors import ApiError
from dgemma.server.fields import ANY_OBJECT, JsonObjectText, Several, Strict, Text, only, unsupported

MAX_CHOICES = 1024
MAX_CHOICE_CHARACTERS = 4096

Pattern = Annotated[Text, Field(min_length=1, max_length=MAX_PATTERN)]
Choices = Annotated[
    Several[Annotated[Text, Field(min_length=1, max_length=MAX_CHOICE_CHARACTERS)]],
    Field(min_length=1, max_length=MAX_CHOICES),
]

STOPS = ("stop", "stop_sequences")
"""The fields of stop strings, which end visible text only."""
NO_GRAMMAR = "is not supported: a reply is held to a JSON schema, a regular expression or a list of choices"


class StructuredOutputs(Strict):
    """One form, in the words of vLLM."""

    json_: Annotated[JsonObjectText | None, Field(alias="json")] = None
    regex: Pattern | None = None
    choice: Choices | None = None
    json_object: bool | None = None
    grammar: Annotated[None, only(why=NO_GRAMMAR)] = None
    structural_tag: Annotated[None, only(why=NO_GRAMMAR)] = None

    def options(self) -> list[dict[str, Any]]:
        """The forms that are given."""
        given = {"schema": self.json_, "regex": self.regex, "choices": self.choice}
        forms: list[dict[str, Any]] = [{name: value} for name, value in given.items() if value is not None]
        return [*forms, {"schema": ANY_OBJECT}] if self.json_object else forms


class FormFields(DecodingFields):
    """The body of a request whose reply may be held to a form: vLLM's fields, its older names among them."""

    structured_outputs: StructuredOutputs | None = None
    guided_json: JsonObjectText | None = None
    guided_regex: Pattern | None = None
    guided_choice: Choices | None = None
    guided_grammar: Annotated[None, only(why=NO_GRAMMAR)] = None

    def held(self, own: Mapping[str, Mapping[str, Any] | None], others: Mapping[str, Any]) -> dict[str, Any]:
        """The options of the one form that is asked for.

        own     the forms of the endpoint's own fields, by field; None where there is none. A reply that must be a call
                (`tool_choice`) has no text that another, or a stop string, could be about.
        others  what a reply of a guaranteed form cannot hold, by field
        """
        structured = self.structured_outputs.options() if self.structured_outputs else []
        if self.structured_outputs and len(structured) != 1:
            raise ApiError(400, "structured_outputs takes exactly one form.", param="structured_outputs")
        guided = {"schema": self.guided_json, "regex": self.guided_regex, "choices": self.guided_choice}
        fields = ("guided_json", "guided_regex", "guided_choice")
        older = {
            field: {name: value}
            for field, (name, value) in zip(fields, guided.items(), strict=True)
            if value is not None
        }
        asked = {name: form for name, form in own.items() if form is not None}
        if "tool_choice" in asked:
            asked = {"tool_choice": asked["tool_choice"]}
            others = {name: value for name, value in others.items() if name not in STOPS}
        forms = {**asked, **({"structured_outputs": structured[0]} if structured else {}), **older}
        if len(forms) > 1:
            first, second = list(forms)[:2]
            raise ApiError(400, f"{second} and {first} each say what the reply is held to; give one.", param=second)
        for name, form in forms.items():
            if "schema" in form:
                # A reply may be calls instead of a value of the schema.
                others = {other: value for other, value in others.items() if other != "tools"}
            for other, value in others.items():
                if value:
                    told = f"{name} guarantees the reply's form, which has no room for {other}; leave one of them out."
                    raise ApiError(400, told, param=name)
            return dict(form)
        return {}


@dataclass(frozen=True, kw_only=True)
class ToolUse:
    """The tools that a request declares, and what it says of calling them.

    functions  name, description, parameters and strict, as each tool has them
    choice     none, auto or required; with `named` the tool that is to be called
    """

    functions: Sequence[Mapping[str, Any]]
    choice: str
    named: str | None = None
    parallel: bool = True

    def __post_init__(self) -> None:
        if self.choice != "required":
            return
        names = [function["name"] for function in self.functions]
        if not names:
            raise ApiError(400, "tool_choice asks for a call, and no tools are given.", param="tool_choice")
        if self.named is not None and self.named not in names:
            raise ApiError(400, "tool_choice names a tool that is not among the tools.", param="tool_choice")

    @property
    def declared(self) -> list[dict[str, Any]]:
        """The declarations that the prompt shows."""
        if self.choice == "none":
            return []
        shown = [{name: value for name, value in tool.items() if name != "strict"} for tool in self.functions]
        return [{"type": "function", "function": function} for function in shown]

    @property
    def may_be_called(self) -> bool:
        """Whether text and calls are both possible."""
        return self.choice == "auto" and bool(self.functions)

    @property
    def single(self) -> bool:
        """Whether a reply may hold one call at most."""
        return not self.parallel or self.named is not None

    @property
    def form(self) -> dict[str, Any] | None:
        """What holds the reply to a call, when it must be one."""
        if self.choice != "required":
            return None
        tools = [tool for tool in self.functions if self.named in (None, tool["name"])]
        return {"tools": tools, "tool_choice": "required", "parallel_tool_calls": not self.single}

    def free_form(self, held: Mapping[str, Any]) -> dict[str, Any]:
        """What holds calls that may come or not, in a reply that is `held` to something else as well; nothing unless a
        tool is strict or the reply else a value of a schema."""
        are_held = "schema" in held or any(tool.get("strict") for tool in self.functions)
        return (
            {"tools": self.functions, "parallel_tool_calls": self.parallel} if are_held and self.may_be_called else {}
        )


ToolWord = Literal["none", "auto", "required"]


def choice_type(value: Any) -> str:
    """Whether a choice of tools is a word or names one."""
    return "named" if isinstance(value, Mapping) else "word"


def named_choice(value: Any) -> Any:
    """Refuses choices of tools that are known elsewhere and not here."""
    if isinstance(value, str) and value not in ("none", "auto", "required"):
        raise unsupported("is 'none', 'auto', 'required', or a function by its name")
    if isinstance(value, Mapping) and value.get("type") != "function":
        raise unsupported("names a function with {'type': 'function', ...}; other types are not supported")
    return "auto" if value is None else value
