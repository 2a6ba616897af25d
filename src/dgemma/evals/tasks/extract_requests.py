"""Requests for JSON: request clauses, lists of keys, and layouts of request and text.

A prompt contains every key as the answer spells it. No clause is in both splits. Knows nothing of domains or values.
"""

import json
from random import Random

from dgemma.evals.example import Split
from dgemma.evals.tasks import extract_clauses
from dgemma.evals.tasks.extract_domain import expand
from dgemma.evals.tasks.words_lists import choose

_TEXT = "[the text|the text|this text|the following text|the text below|the message|the sentence|this note|it]"
_OBJECT = "[JSON|a JSON object|one JSON object|JSON|a JSON]"
_KEYS = "[the keys|keys|the fields|fields|the following keys|these keys|the keys]"
_GET = "[Extract|Extract|Pull out|Get|Find|Pick out|Take|Read out|Collect|Give me]"

CLAUSES = (
    f"{_GET} {{things}} as JSON",
    f"{_GET} {{things}} as JSON",
    f"{_GET} {{things}} from {_TEXT} as JSON",
    f"{_GET} {{things}} in JSON format",
    f"{_GET} {{things}} and [return|give|send] {_OBJECT}",
    f"Extract {{keys}} [to|into] {_OBJECT}",
    f"From {_TEXT}, [extract|pull out|get] {{things}} as JSON",
    f"[Give|Write|Send|Show] me {_OBJECT} with {_KEYS} {{keys}}",
    f"[Give|Write|Send|Show] me {_OBJECT} with {{things}}",
    f"Return {_OBJECT} with {_KEYS} {{keys}}",
    f"Return {_OBJECT} with {{things}}",
    f"Return {{things}} as {_OBJECT}",
    f"[Create|Make|Build|Write|Produce] {_OBJECT} with {_KEYS} {{keys}}[| from the text]",
    f"[Create|Make|Build] {_OBJECT} [containing|with|of] {{things}}",
    f"[Answer|Reply|Respond] with {_OBJECT} that has {_KEYS} {{keys}}",
    f"[Answer|Reply] in JSON with {_KEYS} {{keys}}",
    f"[Turn|Convert|Change] {_TEXT} [into|to] JSON with {_KEYS} {{keys}}",
    f"[Turn|Convert] {_TEXT} into {_OBJECT}. Keys: {{keys}}",
    f"Parse {_TEXT} into JSON with {{keys}}",
    "JSON with {keys}",
    "{keys} as JSON",
    "JSON, keys {keys}",
    "Extract as JSON: {keys}",
    "Extract to JSON ({keys})",
    "Extract these fields as JSON: {keys}",
    "[Extract|Find] the following [fields|details|values] and return JSON: {keys}",
    "Output [JSON|a JSON object] with {keys}",
    "Output JSON only. Keys: {keys}",
    "Fields: {keys}. [Reply|Answer] with JSON",
    "Keys: {keys}. [Return|Write] JSON",
    "What are {things}? [Answer|Reply] [in|as|with] JSON",
    "I need {things} as JSON",
    "I want JSON with {things}",
    "I need a JSON object with the keys {keys}",
    "Can you [extract|give me|pull out] {things} as JSON?",
    "Could you turn this into JSON with the keys {keys}?",
    "Please extract {things} as JSON",
    "Please return JSON with the keys {keys}",
    "Please give me {things} in JSON",
    "Please find {things} and answer in JSON",
    "Fill in this JSON[| from the text]: {schema}",
    "Complete this JSON with values from the text: {schema}",
    "Extract the data as {schema}",
    "Return JSON like {schema}",
    "Extract {list} as JSON",
    "Return a JSON object with these keys: {list}",
    "Extract the following as JSON:\n{bullets}\n",
    "Give me a JSON object with these keys:\n{bullets}\n",
    "Read [the text|this] and [return|write] {things} as JSON",
    "List {things} as JSON",
    "Summarise the text as JSON with {keys}",
    "Structure this as JSON with keys {keys}",
    "Get me the {keys} in JSON form",
    "Make JSON from this. I need {things}",
    "Write {things} as a JSON object",
    "Use JSON to give {things}",
    "Identify {things}. Answer with a JSON object",
    "Task: extract {keys}. Format: JSON",
    "Information extraction. Return JSON with {keys}",
    "[Which|What] {keys} [are mentioned|does the text name]? Give JSON",
    "Extract {things}. [Output|Return|Reply in|Answer in|Format:] JSON",
    "Extract {things} and write them as JSON",
    "Extract the values of {keys} as JSON",
    "[Extract|Get] a JSON object with {things} from the [text|message|note|sentence|following]",
    "[Extract|Get] JSON with the keys {keys} from the [text|message|note|following]",
    "[Pull|Get|Take] {things} out of [this|the text|the message|the following] as JSON",
    "[Pull|Get|Take] {things} out of [this|the text] and return JSON",
    "{keys} -> JSON",
    "{keys} in JSON",
    "Text to JSON. Keys: {keys}",
    "To JSON: {keys}",
    "As JSON, give me {things}",
    "In JSON: {keys}",
    "Into JSON with keys {keys}",
    "Write the following as JSON with {things}",
    "Write this as JSON. Keys: {keys}",
    "Make this JSON: {keys}",
    "Return only JSON with {keys}",
    "Return only a JSON object with the keys {keys}",
    "Respond only with JSON. Keys: {keys}",
    "[Find|Identify|Note] {things} in the text. [Reply|Respond|Answer] [as|in|with] JSON",
    "Help me turn this into JSON with the keys {keys}",
    "Your task is to extract {things} as JSON",
    "We need {things} from this text as JSON",
    "Would you give me {things} as a JSON object?",
    "How would this look as JSON with the keys {keys}?",
    "The JSON needs the keys {keys}",
    "Only {keys}, as JSON",
    "Just {things} as JSON",
    "Store {things} in JSON",
    "Save this as JSON with the keys {keys}",
    "JSON keys: {keys}",
    "Required fields: {keys}. Format: JSON",
    "Schema: {schema}. Fill it from the text",
    "Fill {schema}",
    "Format: {schema}",
    "Answer in the form {schema}",
    "keys = {list}. Return JSON",
    "Give me {list} as a JSON object",
    "Convert to JSON with keys:\n{bullets}\n",
)

PREFIXES = ("Hi, ", "Hello. ", "Now ", "Hey, ", "Next task: ", "Question: ", "Instruction: ", "Job: ")
SUFFIXES = (
    *("Nothing else", "JSON only", "Answer with the JSON only", "Do not add anything", "No explanation"),
    *("Copy the words of the text", "Use exactly these keys", "Keep the keys in this order", "Values are strings"),
    *("Use the words of the text", "Do not change the values", "One line, please", "Be exact"),
)

HELD_OUT_CLAUSES = (
    "Put {things} into a JSON object",
    "Produce a JSON record whose keys are {keys}",
    "Tell me {things}, formatted as JSON",
    "Could I have {things} as JSON, please?",
    "Transform what follows into JSON having keys {keys}",
    "The JSON should have {keys} as its keys",
    "Represent {things} as JSON",
    "Show {things} as a JSON dictionary",
    "Generate JSON holding {things}",
    "Look for {things} and put them in JSON",
    "Grab {things} and hand them back as JSON",
    "I am after {things}; JSON please",
)

LAYOUTS = (
    "{request}: {text}",
    "{request}: {text}",
    "{request}: {text}",
    "{request}:\n{text}",
    "{request}:\n\n{text}",
    "{request}. {text}",
    "{request}.\n{text}",
    "{request}.\n\n{text}",
    "{request}.\n\n{text}",
    "{request}. Text: {text}",
    "{request}.\nText: {text}",
    "{request}.\n\nText: {text}",
    "{request}.\n\nText:\n{text}",
    "{request}: '{text}'",
    '{request}: "{text}"',
    '{request}.\n"{text}"',
    "{request}.\n---\n{text}",
    "{request}.\n\nMessage: {text}",
    "{request}. Input: {text}",
    "{request}. Sentence: {text}",
    "{request}. Only JSON, no other words.\n{text}",
    "{request}. Copy the values from the text.\n\n{text}",
    "{text}\n\n{request}.",
    "{text}\n{request}.",
    "{text} {request}.",
    "{text}\n\n{request}",
    "Text: {text}\n{request}.",
    "Text: {text}\n\n{request}.",
    '"{text}"\n{request}.',
    "Here is a text: {text}\n{request}.",
    "Read this: {text}\n\n{request}.",
)

HELD_OUT_LAYOUTS = (
    "{request}.\n\nHere is the text:\n{text}",
    "Consider this text.\n{text}\n\n{request}.",
    "{request}. Source: {text}",
    "Given: {text}\n{request}.",
)


PLAIN_CLAUSES = (
    "Extract {keys} as JSON",
    "Extract {keys} as JSON",
    "Extract the {keys} as JSON",
    "Extract {keys} from the text as JSON",
    "Give me JSON with the keys {keys}",
    "Give me a JSON object with {keys}",
    "Return JSON with the keys {keys}",
    "Return {keys} as JSON",
    "Turn this into JSON with the keys {keys}",
    "Find {keys} and answer in JSON",
    "JSON with {keys}",
    "What are {keys}? Answer in JSON",
)
PLAIN_HELD_OUT_CLAUSES = (
    "Please pick {keys} out of this as JSON",
    "Read this and note {keys} in JSON",
    "Tell me {keys} as a JSON object",
    "Could you put {keys} into JSON for me?",
    # With words that composed training clauses never have; the clauses above are close to composed ones.
    "Distil {keys} into a JSON blob",
    "Kindly furnish {keys}, wrapped up in JSON",
    "My script expects {keys}, JSON-encoded",
    "Would you mind handing over {keys}? JSON suits me",
    "Cough up {keys} dressed as JSON",
    "Tabulate {keys}, with JSON for the syntax",
)


def _skeleton(clause: str) -> str:
    return clause.replace("{things}", "{keys}").rstrip("?.").lower()


_HELD_OUT_SKELETONS = frozenset(map(_skeleton, HELD_OUT_CLAUSES + PLAIN_HELD_OUT_CLAUSES))
_COMPOSED_SHARE = 0.65

PLAIN_LAYOUTS = (
    "{request}: {text}",
    "{request}: {text}",
    "{request}. Text: {text}",
    "{request}.\n{text}",
    "{text}\n\n{request}.",
)


def plain_prompt(random: Random, split: Split, *, keys: list[str], text: str) -> str:
    """A request in common wording, together with the text."""
    if split == "train" and random.random() < 0.75:
        return prompt(random, split, keys=keys, text=text)
    clause = choose(random, PLAIN_HELD_OUT_CLAUSES if split == "eval" else PLAIN_CLAUSES)
    names = ", ".join(keys[:-1]) + " and " + keys[-1] if random.random() < 0.8 else ", ".join(keys)
    layout = choose(random, PLAIN_LAYOUTS)
    return layout.replace("{request}", clause.replace("{keys}", names), 1).replace("{text}", text, 1)


def prompt(random: Random, split: Split, *, keys: list[str], text: str) -> str:
    """A request for `keys`, together with the text."""
    layouts = LAYOUTS
    if split == "eval":
        clause = choose(random, HELD_OUT_CLAUSES)
        layouts = HELD_OUT_LAYOUTS if random.random() < 0.5 else LAYOUTS
    else:
        clause = train_clause(random)
    request = _with_keys(clause, keys, random)
    if not clause.startswith("{") and random.random() < 0.05:
        request = request[0].lower() + request[1:]
    if random.random() < 0.08 and not clause.startswith("{"):
        request = choose(random, PREFIXES) + request[0].lower() + request[1:]
    if random.random() < 0.1 and not request.endswith("\n"):
        request += ("" if request.endswith("?") else ".") + " " + choose(random, SUFFIXES)
    layout = choose(random, layouts)
    while any(f"{mark}{{text}}{mark}" in layout and mark in text for mark in ('"', "'")):
        layout = choose(random, layouts)
    if "\n" in text and "{text} {request}" in layout:
        layout = "{text}\n{request}."
    if request.endswith(("?", "\n", "}")):
        layout = layout.replace("{request}:", "{request}").replace("{request}.", "{request}")
    return layout.replace("{request}", request, 1).replace("{text}", text, 1)


def train_clause(random: Random) -> str:
    """A clause not in the eval split: mostly composed of parts, else one of `CLAUSES`."""
    while True:
        composed = random.random() < _COMPOSED_SHARE
        clause = extract_clauses.compose(random) if composed else expand(choose(random, CLAUSES), random)
        if _skeleton(clause) not in _HELD_OUT_SKELETONS:
            return clause


def _with_keys(clause: str, keys: list[str], random: Random) -> str:
    if "{schema}" in clause:
        filler = choose(random, ("", "...", "", "string", "?"))
        return clause.replace("{schema}", json.dumps(dict.fromkeys(keys, filler), ensure_ascii=False))
    if "{list}" in clause:
        return clause.replace("{list}", json.dumps(keys, ensure_ascii=False))
    if "{bullets}" in clause:
        bullet = choose(random, ("- ", "* ", "- ", ""))
        return clause.replace("{bullets}", "\n".join(bullet + key for key in keys))
    if "{things}" in clause:
        may_quote = random.random() < 0.6
        if not may_quote:
            article = "the " if keys[0][0].islower() else ""
            every = random.random() < 0.5
            named = [article + key if every or not index else key for index, key in enumerate(keys)]
            return clause.replace("{things}", _joined(named, random))
        return clause.replace("{things}", key_list(random, keys))
    return clause.replace("{keys}", key_list(random, keys))


def key_list(random: Random, keys: list[str]) -> str:
    """The keys in running text: `a, b and c`, `"a", "b"`, `a / b` and so on."""
    roll = random.random()
    if roll < 0.24:
        mark = choose(random, ('"', '"', "'", "`"))
        keys = [f"{mark}{key}{mark}" for key in keys]
    elif roll < 0.28:
        return choose(random, (" / ", "/", "; ", " | ", " + ", ",", " & ")).join(keys)
    return _joined(keys, random)


def _joined(parts: list[str], random: Random) -> str:
    if len(parts) < 2:
        return parts[0]
    roll = random.random()
    if roll < 0.6:
        return ", ".join(parts[:-1]) + " and " + parts[-1]
    if roll < 0.75:
        return ", ".join(parts[:-1]) + (", and " if len(parts) > 2 else " and ") + parts[-1]
    return ", ".join(parts)
