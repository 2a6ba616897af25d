"""Constrained decoding: the request fields for schemas, patterns, choices and tool calls -> options of `LLM.submit`.

Promises that two constraints, or a constraint and a field that it excludes, are refused by name. Whether a schema or a
pattern can be compiled is not checked here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from dgemma.decode.constrain.patterns import MAX_PATTERN
from dgemma.server.decoding_fields import DecodingFields
from dgemma.server.errors import ApiError
from dgemma.server.fields import ANY_OBJECT, FailFastList, JsonObjectText, Strict, Text, only, unsupported

MAX_CHOICES = 1024
MAX_CHOICE_CHARACTERS = 4096

Pattern = Annotated[Text, Field(min_length=1, max_length=MAX_PATTERN)]
Choices = Annotated[
    FailFastList[Annotated[Text, Field(min_length=1, max_length=MAX_CHOICE_CHARACTERS)]],
    Field(min_length=1, max_length=MAX_CHOICES),
]

NO_GRAMMAR = "is not supported; use a JSON schema, a regular expression or a list of choices"


class StructuredOutputs(Strict):
    """vLLM's `structured_outputs`, which must set exactly one constraint."""

    json_: Annotated[JsonObjectText | None, Field(alias="json")] = None
    regex: Pattern | None = None
    choice: Choices | None = None
    json_object: bool | None = None
    grammar: Annotated[None, only(why=NO_GRAMMAR)] = None
    structural_tag: Annotated[None, only(why=NO_GRAMMAR)] = None

    def constraints(self) -> list[dict[str, Any]]:
        """The constraints that are set, each as options of `LLM.submit`."""
        given = {"schema": self.json_, "regex": self.regex, "choices": self.choice}
        found: list[dict[str, Any]] = [{name: value} for name, value in given.items() if value is not None]
        return [*found, {"schema": ANY_OBJECT}] if self.json_object else found


class ConstraintFields(DecodingFields):
    """vLLM's fields for constrained decoding, with its older `guided_` names."""

    structured_outputs: StructuredOutputs | None = None
    guided_json: JsonObjectText | None = None
    guided_regex: Pattern | None = None
    guided_choice: Choices | None = None
    guided_grammar: Annotated[None, only(why=NO_GRAMMAR)] = None

    def constraint(self, own: Mapping[str, Mapping[str, Any] | None], excluded: Mapping[str, Any]) -> dict[str, Any]:
        """The options of `LLM.submit` for the one constraint of the request; empty if it has none.

        own       constraints of the endpoint's own fields, or None, by field name. A required call (`tool_choice`) has
                  no text, so the other ones are ignored.
        excluded  values of fields that cannot be combined with a constraint, by field name
        """
        found = {name: options for name, options in own.items() if options is not None}
        if "tool_choice" in found:
            found = {"tool_choice": found["tool_choice"]}
        found |= self._vllm_constraints()
        if not found:
            return {}
        if len(found) > 1:
            first, second = list(found)[:2]
            raise ApiError(400, f"{second} and {first} both constrain the reply; send only one of them.", param=second)
        [(name, options)] = found.items()
        for other, value in excluded.items():
            # With a schema and tools, the reply is either calls or a value of the schema.
            if value and not (other == "tools" and "schema" in options):
                message = f"{name} constrains the whole reply and cannot be combined with {other}; remove one of them."
                raise ApiError(400, message, param=name)
        return dict(options)

    def _vllm_constraints(self) -> dict[str, dict[str, Any]]:
        """The constraints of vLLM's fields, by field name."""
        found: dict[str, dict[str, Any]] = {}
        if self.structured_outputs is not None:
            constraints = self.structured_outputs.constraints()
            if len(constraints) != 1:
                message = "structured_outputs must set exactly one constraint."
                raise ApiError(400, message, param="structured_outputs")
            found["structured_outputs"] = constraints[0]
        if self.guided_json is not None:
            found["guided_json"] = {"schema": self.guided_json}
        if self.guided_regex is not None:
            found["guided_regex"] = {"regex": self.guided_regex}
        if self.guided_choice is not None:
            found["guided_choice"] = {"choices": self.guided_choice}
        return found


@dataclass(frozen=True, kw_only=True)
class ToolUse:
    """The tools of a request and its tool choice.

    functions  each tool's name, description, parameters and strict
    choice     none, auto or required
    named      the tool that must be called, with `required`
    parallel   whether a reply may contain several calls
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
            raise ApiError(400, "tool_choice requires a tool call, but the request has no tools.", param="tool_choice")
        if self.named is not None and self.named not in names:
            raise ApiError(400, "tool_choice names a tool that is not in tools.", param="tool_choice")

    @property
    def declared(self) -> list[dict[str, Any]]:
        """The tool declarations to render into the prompt."""
        if self.choice == "none":
            return []
        shown = [{name: value for name, value in tool.items() if name != "strict"} for tool in self.functions]
        return [{"type": "function", "function": function} for function in shown]

    @property
    def may_be_called(self) -> bool:
        """Whether the reply may contain both text and calls."""
        return self.choice == "auto" and bool(self.functions)

    @property
    def single(self) -> bool:
        """Whether a reply may contain at most one call."""
        return not self.parallel or self.named is not None

    @property
    def required_call(self) -> dict[str, Any] | None:
        """The options that constrain the reply to a call; None unless a call is required."""
        if self.choice != "required":
            return None
        tools = [tool for tool in self.functions if self.named in (None, tool["name"])]
        return {"tools": tools, "tool_choice": "required", "parallel_tool_calls": not self.single}

    def optional_calls(self, constraint: Mapping[str, Any]) -> dict[str, Any]:
        """The options that constrain calls which the model may make or not, next to the `constraint` of the text. Empty
        unless a tool is strict or the text is constrained by a schema."""
        constrained = "schema" in constraint or any(tool.get("strict") for tool in self.functions)
        if not (constrained and self.may_be_called):
            return {}
        return {"tools": self.functions, "parallel_tool_calls": self.parallel}


ToolWord = Literal["none", "auto", "required"]


def choice_type(value: Any) -> str:
    """The union tag of a tool choice: `word` or `named`."""
    return "named" if isinstance(value, Mapping) else "word"


def named_choice(value: Any) -> Any:
    """Refuses unsupported tool choices with a specific message; null means `auto`."""
    if isinstance(value, str) and value not in ("none", "auto", "required"):
        raise unsupported("must be 'none', 'auto', 'required', or an object that names a function")
    if isinstance(value, Mapping) and value.get("type") != "function":
        raise unsupported("must have the type 'function'; other types are not supported")
    return "auto" if value is None else value
