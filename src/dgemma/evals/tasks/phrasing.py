"""Variations of a wording that keep its meaning: a greeting or a please before it, an unlikely word inside it.

Knows nothing of tasks.
"""

from collections.abc import Collection
from random import Random

from dgemma.evals.tasks.words_values import pseudo_word

_OPENINGS = (
    "Please ", "Please ", "Can you ", "Could you ", "Would you ", "Hi, please ", "Hello. ", "Hey, ", "Now ", "I need you to ",
    "I want you to ", "Your task: ", "Task: ", "Next: ", "Instruction: ", "Help me: ", "Kindly ", "You should ", "Quick: ",
    "One more: ", "Would you please ", "Let us ", "Step one: ", "Question: ", "Job: ", "To do: ", "An easy one: ",
)  # fmt: skip

_ODD_WORDS = (
    "weigh carry push hold watch paint drop turn clean cover cook draw drive follow guess hide hunt join kick knock land"
    " lend lock measure melt move open park plant play pour press promise pump reach rest ride roll rub sail serve shake"
    " share shine sing smell sort spell spread stand steal stop stretch sweep swim taste teach tie touch trace travel"
    " trust visit wake walk warm wash wave whisper wind wish work wrap about above after along always before between"
    " early easy every fast first great green hard heavy just kind late light long loud many more near never nice often"
    " once only open over plain quick quiet ready right round same sharp short slow small soft soon still strong sure"
    " together twice under usual warm well whole wide young basket bottle branch bridge button candle corner cradle"
    " engine feather finger forest garden hammer island kitchen ladder letter mirror mountain needle pencil pocket river"
    " saddle shadow silver spoon street table thread tunnel valley window winter"
).split()


def dress(random: Random, request: str) -> str:
    """`request` after an opening; one that begins with a placeholder or a quotation is returned unchanged."""
    if not request[:1].isalpha():
        return request
    return random.choice(_OPENINGS) + request[0].lower() + request[1:]


def with_odd_word(random: Random, wording: str, *, keep: Collection[str], shortest: int = 1) -> str:
    """`wording` with one plain word of at least `shortest` letters replaced by an unlikely or made-up one.

    Words with placeholders or punctuation are never replaced, nor are those of `keep`, in any case.
    """
    parts = wording.split(" ")
    places = [
        place
        for place, part in enumerate(parts)
        if part.isalpha() and len(part) >= shortest and part.lower() not in keep
    ]
    if places:
        odd = random.choice(_ODD_WORDS) if random.random() < 0.7 else pseudo_word(random, "train")
        place = random.choice(places)
        parts[place] = odd.capitalize() if parts[place][0].isupper() else odd
    return " ".join(parts)
