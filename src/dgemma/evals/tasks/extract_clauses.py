"""Requests for JSON composed of parts: tens of thousands of clauses, so that none is memorised.

A clause has one placeholder for the keys: `{things}` if an article may precede each key, else `{keys}`. Some clauses
have a word replaced by an unlikely or made-up one, so that the model must find the keys by the sentence, not by its
verb. Knows nothing of domains, values or splits.
"""

from random import Random

from dgemma.evals.tasks.extract_domain import expand
from dgemma.evals.tasks.phrasing import dress, with_odd_word
from dgemma.evals.tasks.words_lists import choose

_ODD_SHARE = 0.2
_MANNERS_SHARE = 0.2
_KEPT = frozenset({"json"})

_VERB = (
    "[extract|extract|extract|get|find|take|collect|list|gather|fetch|return|output|print|give|state|name|copy|pull out"
    "|pick out|read out|read off|pull|pick|choose|select|write down|write out|write|note down|note|jot down|put down"
    "|copy out|dig out|draw out|single out|filter out|look up|look for|search for|identify|locate|spot|capture|record"
    "|report|provide|supply|deliver|produce|isolate|retrieve|obtain|detect|recognise|lift|show|show me|tell me|give me"
    "|send me|send|hand me|bring me|get me|find me|grab|keep|save|store|separate|determine|establish|work out|make out"
    "|mark|set down|set out|lay out|repeat|quote|enter|register|present|map|reduce the text to|boil it down to]"
)
_FROM = (
    "[from|from|in|out of|of|given in|found in|mentioned in|stated in|contained in|named in|using|based on|according to]"
    " [the text|the text|this|this text|the following text|the text below|the message|the sentence|this sentence|it"
    "|this note|the note|the passage|this passage|the paragraph|the line below|what follows|the following|the words below"
    "|what I wrote|this message|the statement|the input|the snippet|my text|the given text]"
)
_AS = (
    "[as JSON|as JSON|as JSON|in JSON|as a JSON object|in a JSON object|into JSON|into a JSON object|to JSON|in JSON form"
    "|in JSON format|in the JSON format|in JSON style|in the form of JSON|using JSON|with JSON|written as JSON"
    "|formatted as JSON|, formatted as JSON|, as JSON|, in JSON|; JSON please|, JSON please|, please, as JSON|(JSON)"
    "|(as JSON)|- JSON|as valid JSON|as plain JSON|as one JSON object|as a JSON record|as a JSON dictionary"
    "|as a JSON dict|in a JSON dictionary|inside a JSON object|as JSON data|as JSON output|as JSON only|as JSON text"
    "|encoded as JSON|expressed as JSON|for me as JSON|for me in JSON|in JSON for me|back as JSON|as a json|as json"
    "|in json|like JSON|the JSON way|packed into JSON|as a single JSON object|as a small JSON object]"
)
_THEN = (
    "[and return JSON|and answer in JSON|and write JSON|and give me JSON|and make JSON|and put them into JSON"
    "|and put it into JSON|and format them as JSON|and hand them over as JSON|and reply with JSON|and send JSON back"
    "|and build a JSON object|and respond with JSON|and turn them into JSON|and print JSON|and output JSON"
    "|and express them as JSON|and write them down as JSON|. Answer in JSON|. Answer with JSON|. Use JSON|. JSON"
    "|. Reply in JSON|. Return JSON|. Format: JSON|. Output: JSON|. Your answer is JSON|. I need JSON|. JSON only"
    "|. The answer should be JSON|. Write JSON|. Output format: JSON|. As JSON|. Respond in JSON|, then answer in JSON]"
)
_READ = (
    "[read|look at|go through|study|scan|check|have a look at|take|analyse|examine|inspect|skim|work through|look through"
    "|see|consult|use|open|process|parse] [the text|this|this text|the following|the text below|the message"
    "|the sentence|this note|it|the passage|what follows|the words below|my text]"
)
_AND = "[ and|, then|, and then|. Then|. Now| to|;|:|. Next,|, and| so you can]"
_MAKE = (
    "[give me|give me|write|write me|create|make|make me|build|produce|return|output|generate|form|prepare|compose"
    "|construct|assemble|draw up|fill|fill in|put together|set up|send me|show me|I need|I want|I would like|I'd like"
    "|we need|answer with|reply with|respond with|come back with|get me|print|emit|provide|supply|deliver|hand me"
    "|let me have|let me see|turn this into|turn the text into|convert this to|convert the text into|change it to"
    "|rewrite this as|rewrite the text as|translate this into|transform the text into|map this to|parse this into"
    "|reduce this to|summarise this as|express this as|represent the text as|there should be]"
)
_OBJECT = (
    "[JSON|JSON|a JSON object|a JSON object|one JSON object|a JSON|a JSON record|a JSON dictionary|a JSON dict"
    "|valid JSON|a small JSON object|some JSON|the JSON|a JSON map|a json object|json|a JSON structure|an object in JSON"
    "|a JSON answer|a JSON document|nothing but JSON|only JSON]"
)
_WITH = (
    "[with|with|with the keys|with the keys|with keys|with the fields|with fields|containing|having|that has|holding"
    "|that holds|that contains|including|made of|of|for|listing|whose keys are|whose fields are|consisting of"
    "|with these keys:|with the following keys:|that gives|showing|under the keys|with the names|. Keys:|. Fields:"
    "|, keys|, keys:|(keys:|with the attributes|with the properties|with exactly the keys|with just|with only"
    "|with entries for|which tells|using the keys|using|built from|from the fields|stating|naming]"
)
_WANT = (
    "[I need|I want|I would like|I'd like|I am looking for|I'm interested in|we need|we want|I only need|I only want"
    "|all I need is|what I need is|please send|we require|I have to know|I must know|let me know|let me have|let's have"
    "|my form asks for|my table needs|the form needs|interesting are|needed:|wanted:|required:|to find:|to extract:"
    "|asked for:|fields:|keys:|data:|values:|output:|details:|what counts is|important are|it is about|I care about]"
)
_ASK = "[what are|what is|which are|who or what are|do you see|can you see|can you find|where do you see|what about]"
_FRAME = (
    "[as JSON|in JSON|as a JSON object|in JSON form|in JSON format|using JSON|with JSON|into JSON|JSON please"
    "|in the JSON format|JSON output|for a JSON file|for my JSON|as json]"
)

_PATTERNS = (
    *(f"{_VERB} {{things}} {_AS}", f"{_VERB} {{things}} {_AS}", f"{_VERB} {{things}} {_AS}"),
    *(f"{_VERB} {{things}} {_FROM} {_AS}", f"{_VERB} {{things}} {_FROM} {_AS}", f"{_VERB} {{things}} {_AS} {_FROM}"),
    *(f"{_VERB} {{things}} {_THEN}", f"{_VERB} {{things}} {_FROM} {_THEN}"),
    *(f"{_READ}{_AND} {_VERB} {{things}} {_AS}", f"{_READ}{_AND} {_VERB} {{things}} {_THEN}"),
    *(f"{_READ}{_AND} {_MAKE} {_OBJECT} {_WITH} {{keys}}", f"{_FROM}, {_VERB} {{things}} {_AS}"),
    *(f"{_MAKE} {_OBJECT} {_WITH} {{keys}}", f"{_MAKE} {_OBJECT} {_WITH} {{keys}}"),
    *(f"{_MAKE} {_OBJECT} {_FROM} {_WITH} {{keys}}", f"{_MAKE} {_OBJECT} {_WITH} {{things}} {_FROM}"),
    *(f"{_FRAME}, {_VERB} {{things}}", f"{_FRAME}: {{things}}", f"{_FRAME}, {_VERB} {{things}} {_FROM}"),
    *(f"{_WANT} {{things}} {_AS}", f"{_WANT} {{things}} {_THEN}", f"{_WANT} {{things}} {_FROM} {_AS}"),
    *(f"{_WANT} {{things}}, {_FRAME}", f"{_ASK} {{things}}? Answer {_FRAME}", f"{_ASK} {{things}} {_FROM}? {_FRAME}"),
    *(f"{_OBJECT} {_WITH} {{keys}}", f"{_OBJECT} {_WITH} {{keys}}, {_VERB} it {_FROM}", f"{{keys}} {_AS}"),
    *(f"{{keys}} {_THEN}", f"{{keys}}: {_VERB} them {_FROM} {_AS}", f"{{keys}} {_FROM} {_AS}"),
)


def compose(random: Random) -> str:
    """A clause with a placeholder for the keys, choices expanded; sometimes with an odd word, a greeting or a please."""
    clause = expand(choose(random, _PATTERNS), random).strip()
    for mark in (", ", "; ", ". ", "? "):
        clause = clause.replace(f" {mark}", mark)
    if "(keys:" in clause:
        clause += ")"
    if random.random() < _ODD_SHARE:
        clause = with_odd_word(random, clause, keep=_KEPT)
    if clause.startswith("{"):
        return clause
    if random.random() < _MANNERS_SHARE:
        return dress(random, clause)
    return clause[0].upper() + clause[1:]
