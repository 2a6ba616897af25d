"""A guarantee of form: JSON Schema, regular expressions, choice lists and tool calls that an answer cannot leave.

`json_schema`, `regex`, `choice` and `tool_calls` describe what is wanted, `ConstraintCompiler` makes the automaton over
a tokenizer's tokens, and a `Walk` through it is what `denoise` and `autoregressive` take as `constraint`. Whatever the
seed, the temperature and the weights: the text has the form, and it ends within its token budget.
"""

from dgemma.decode.constrain.description import (
    Constraint,
    ConstraintCompiler,
    choice,
    chosen_calls,
    json_schema,
    regex,
    tool_calls,
)
from dgemma.decode.constrain.lattice import Walk
from dgemma.decode.constrain.token_automaton import TokenAutomaton
from dgemma.decode.constrain.vocabulary import token_bytes

__all__ = [
    "Constraint",
    "ConstraintCompiler",
    "TokenAutomaton",
    "Walk",
    "choice",
    "chosen_calls",
    "json_schema",
    "regex",
    "token_bytes",
    "tool_calls",
]
