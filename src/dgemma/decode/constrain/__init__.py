"""Constrained decoding: answers that satisfy a JSON Schema, a regular expression, a list of choices or tool calls.

`json_schema`, `regex`, `choice` and `tool_calls` make a `Constraint`; `ConstraintCompiler` compiles it into an
automaton over a tokenizer's tokens; a `Walk`, a state in that automaton, is what `denoise` and `autoregressive` take as
`constraint`. The text satisfies the constraint and ends within its token budget, whatever the seed, the temperature and
the weights.

    constraint -> regular expression (`schema`, `patterns`, `calls` -> `expressions`) -> `byte_automaton`
               -> `token_automaton` -> unrolled over a canvas (`layers`) and weighted by its logits (`lattice`)
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
