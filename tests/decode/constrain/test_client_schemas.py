"""Schemas as clients generate them are taken, and every text that an automaton of theirs accepts validates."""

import json
import random

import jsonschema
import numpy as np
import pytest

from dgemma.chat import parse
from dgemma.checkpoint import EMBEDDED
from dgemma.decode.constrain import json_schema, tool_calls
from dgemma.decode.constrain.byte_automaton import ByteAutomaton
from dgemma.decode.constrain.description import byte_automaton
from dgemma.decode.constrain.vocabulary import MARKS
from dgemma.errors import UsageError
from dgemma.tokenizer import Tokenizer
from tests.decode.constrain.client_schemas import ALL, STAYS_REFUSED
from tests.decode.constrain.test_schema import accepts

TOKENIZER = Tokenizer.from_file(EMBEDDED["tiny"] / "tokenizer.json")
NAMES_OF_MARKS = {byte: name.encode() for name, byte in MARKS.items()}
FAR = 1 << 30


def random_texts(automaton: ByteAutomaton, count: int, seed: int) -> list[bytes]:
    """Texts that the automaton accepts: random bytes for a while, then the shortest way to an end."""
    steps = np.where(automaton.next_S256 >= 0, automaton.next_S256, 0)
    distance_S = np.where(automaton.accepting_S, 0, FAR)
    while True:
        ways_S256 = np.where(automaton.next_S256 >= 0, distance_S[steps], FAR)
        shorter_S = np.minimum(distance_S, ways_S256.min(axis=1) + 1)
        if (shorter_S == distance_S).all():
            break
        distance_S = shorter_S
    assert distance_S[0] < FAR
    source, texts = random.Random(seed), []
    for _ in range(count):
        state, text, wandering = 0, bytearray(), source.choice([0, 8, 30, 90])
        while not automaton.accepting_S[state] or len(text) < wandering:
            reachable = np.flatnonzero(ways_S256[state] < FAR)
            if len(text) >= wandering:
                reachable = reachable[ways_S256[state][reachable] == ways_S256[state][reachable].min()]
            elif not len(reachable):
                break
            byte = int(source.choice(reachable.tolist()))
            state = int(automaton.next_S256[state, byte])
            text.append(byte)
        texts.append(bytes(text))
    return texts


@pytest.mark.parametrize("name", ALL)
def test_a_clients_schema_is_taken_and_every_text_validates(name):
    schema, answer = ALL[name]
    automaton = byte_automaton(json_schema(schema))
    jsonschema.validate(json.loads(answer), schema)
    assert accepts(automaton, answer)
    for text in random_texts(automaton, 30, seed=len(name)):
        jsonschema.validate(json.loads(text.decode()), schema)


@pytest.mark.parametrize("name", ALL)
def test_as_the_schema_of_a_tools_argument_every_call_validates(name):
    schema = ALL[name][0]
    parameters = {"type": "object", "properties": {"it": schema}, "required": ["it"]}
    for keyword in ("$schema", "$defs"):
        if keyword in schema:
            parameters[keyword] = schema[keyword]
    automaton = byte_automaton(tool_calls([{"name": "f", "parameters": parameters}], many=False))
    for text in random_texts(automaton, 15, seed=len(name)):
        written = b"".join(NAMES_OF_MARKS.get(byte, bytes([byte])) for byte in text).decode()
        (call,) = parse(written, TOKENIZER).tool_calls
        jsonschema.validate(dict(call.arguments), parameters)


@pytest.mark.parametrize("name", STAYS_REFUSED)
def test_what_cannot_be_guaranteed_stays_refused(name):
    schema, problem = STAYS_REFUSED[name]
    with pytest.raises(UsageError, match=problem):
        json_schema(schema)
