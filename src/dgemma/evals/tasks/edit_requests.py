"""Requests of the *edit* task: for each kind some whole phrasings, others held out, and parts to compose many more.

Training uses its own phrasings or, mostly, composed ones; neither is ever one of the eval split. Each phrasing has one
placeholder per value. Knows nothing of how values are drawn or edited.
"""

from dataclasses import dataclass
from random import Random

from dgemma.evals.example import Split
from dgemma.evals.tasks.extract_domain import expand
from dgemma.evals.tasks.phrasing import dress

COMPOSED_SHARE = 0.75


@dataclass(frozen=True, kw_only=True)
class Wording:
    """The ways to ask for one kind of edit.

    train, held_out  whole phrasings of each split
    commands         composed requests that may follow a greeting or a please
    others           composed requests that may not: statements, questions, titles
    label            titles for the text
    lines            whether the text has more than one line
    """

    train: tuple[str, ...]
    held_out: tuple[str, ...]
    commands: tuple[str, ...]
    others: tuple[str, ...]
    label: str
    lines: bool = False


_SENTENCE = "[this sentence|the sentence|this text|the text|the following sentence|the following text|the text below|the sentence below|my sentence|my text|this line|this message|what I wrote]"
_LIST = "[this list|the list|these items|the items|the following list|the following items|the list below|the items below|my list|my items|these entries|the entries|this row]"
_NUMBERS = "[these numbers|the numbers|this list of numbers|the following numbers|the numbers below|my numbers|these values|the values|this list|the list]"
_DATE = "[the date|this date|that date|the following date|the date below|my date|this day|it]"
_LINES = "[these lines|the lines|the following lines|the lines below|this list|the list|these items|the items|my list|all lines|all items]"
_REPLACE = "[replace|exchange|swap out|overwrite]"
_CHANGE = "[change|turn|rewrite|edit|alter|modify|correct|switch]"
_SWAP = "[swap|exchange|trade|switch|change]"
_DELETE = "[delete|remove|erase|cut|strike|take out|cross out|strip|omit|cut out|get rid of|eliminate|scratch]"
_EVERY = "[|||the word |the word |every |each |any ]"
_GIVE = "[write|give|show|return|list|put|print|rewrite|output|state]"
_SORTED = "[alphabetically|in alphabetical order|by the alphabet|in ABC order|by alphabet|in the order of the alphabet|in dictionary order]"
_ASCENDING = "[from smallest to largest|from least to greatest|in ascending order|in increasing order|by size|in rising order|smallest first|starting with the smallest|from small to big|numerically|in numerical order|from the smallest up]"
_BACKWARDS = "[backwards|in reverse|in reverse order|from last to first|in the opposite order|from the end to the start|last one first|starting from the end|from back to front]"
_CAPITALS = "[capitals|upper case|uppercase|all caps|all capitals|block letters|block capitals|uppercase letters|caps]"
_LOWER = "[lower case|lowercase|lower-case letters|lowercase letters|all lower case|all lowercase]"
_ONE_PER_LINE = "[one per line|line by line|one on each line|one below the other|one under the other|each on its own line|in separate lines|each on a new line|as a column]"
_BULLETS = "[a bullet list|bullet points|a bulleted list|a list with bullet points|a dashed list|a list with dashes]"
_ITEM = "[item|entry|one|word|name|element]"
_DOUBLES = (
    "[duplicates|repeats|doubles|repeated items|repeated entries|duplicate items|double entries|repetitions|copies]"
)
_TEXT_LABEL = "[Text|Sentence|Input]"
_LIST_LABEL = "[List|Items|Input|Entries]"

WORDINGS: dict[str, Wording] = {
    "replace": Wording(
        train=(
            "Replace {old} with {new}: {text}",
            "Change {old} to {new}: {text}",
            "Replace the word {old} with {new}. {text}",
            "Change every '{old}' to '{new}' in: {text}",
            "Swap {old} for {new}: {text}",
            "In this sentence, replace {old} by {new}: {text}",
            "{text}\nReplace {old} with {new}.",
        ),
        held_out=("Put {new} instead of {old}: {text}", "Substitute {new} for {old}: {text}"),
        commands=(
            f"{_REPLACE} {_EVERY}{{old}} [with|by] {{new}}[|| everywhere| each time| wherever it stands]",
            f"{_REPLACE} {_EVERY}{{old}} in {_SENTENCE} [with|by] {{new}}",
            f"{_REPLACE} {_EVERY}{{old}} [with|by] {{new}} in {_SENTENCE}",
            f"{_CHANGE} {_EVERY}{{old}} [to|into] {{new}}[|| everywhere| each time]",
            f"{_CHANGE} {_EVERY}{{old}} in {_SENTENCE} [to|into] {{new}}",
            f"{_SWAP} {_EVERY}{{old}} for {{new}}[|| everywhere]",
            f"[use|write] {{new}} in {_SENTENCE} instead of {{old}}",
            f"substitute {{new}} for {_EVERY}{{old}} in {_SENTENCE}",
            f"[use|write] {{new}} instead of {_EVERY}{{old}}",
            f"in {_SENTENCE}, [change|turn|make] {_EVERY}{{old}} [to|into] {{new}}",
            f"in {_SENTENCE}, [replace|overwrite] {_EVERY}{{old}} [with|by] {{new}}",
            "look for {old} and [replace it with|change it to|turn it into|make it] {new}",
            "find {old} and [replace it with|change it to|turn it into|make it] {new}",
            f"let {{new}} [replace|take the place of|stand for] {_EVERY}{{old}}",
            f"write {{new}} [where|wherever] {_SENTENCE} [says|has] {{old}}",
            f"use {{new}} [where|wherever] {_SENTENCE} [says|has] {{old}}",
            "[use|insert|write|say] {new} in the place of {old}",
            "make {old} {new} and [leave|keep] the rest as it is",
            'replace {old} with {new} in "{text}"',
            'change {old} to {new} in "{text}"',
        ),
        others=(
            "[The word|Every|Each] {old} [should|must|shall|has to] [be|become|read] {new}",
            "{new} [should|must|shall|has to] [take the place of|replace|stand for] {old}",
            "Where it says {old}, [write|say|use|I want] {new}",
            "I [wrote|typed|said] {old} but [meant|wanted] {new}. [Change it|Correct it|Fix that]",
            "[Not {old} but {new}|{old} -> {new}|{old} => {new}|{old} becomes {new}]",
            "[Replace|Change|Swap|Edit]: {old} -> {new}",
            f"How does {_SENTENCE} [read|look] with {{new}} for {{old}}?",
            "The [old|wrong] word is {old}, the [new|right] one is {new}",
        ),
        label=_TEXT_LABEL,
    ),
    "delete": Wording(
        train=(
            "Delete the word {old}: {text}",
            "Remove {old}: {text}",
            "Remove the word {old} from: {text}",
            "Delete {old} from this sentence: {text}",
            "{text}\nDelete the word {old}.",
        ),
        held_out=("Leave out the word {old}: {text}", "Drop {old} from: {text}"),
        commands=(
            f"{_DELETE} {_EVERY}{{old}}[|| everywhere| each time]",
            f"{_DELETE} {_EVERY}{{old}} [from|in] {_SENTENCE}",
            f"in {_SENTENCE}, {_DELETE} {_EVERY}{{old}}",
            f"take [the word |]{{old}} out of {_SENTENCE}",
            f"leave [the word |]{{old}} out of {_SENTENCE}",
            f"drop [the word |every |]{{old}} in {_SENTENCE}",
            "[look for|find] {old} and [delete|remove|erase|cut] it",
            f"[rewrite|repeat|copy|write|give|return|say] {_SENTENCE} without [the word |]{{old}}",
            f"[clear|clean|free] {_SENTENCE} of [the word |]{{old}}",
            "[delete|remove|erase|omit] the word {old} and [keep|leave] the rest as it is",
            'delete {old} from "{text}"',
            'remove the word {old} from "{text}"',
        ),
        others=(
            "[The word|Every|Each] {old} [must go|should go|has to go|is too much|is not needed|should not be there]",
            "[Without|Minus|No] {old}[|, please]",
            f"How does {_SENTENCE} [read|look] without [the word |]{{old}}?",
            "[Delete|Remove|Cut|Erase|Not wanted|To be deleted]: {old}",
            "I do not want [the word |]{old} in it",
            "{old} [must go|should go|has to go|is not needed]",
        ),
        label=_TEXT_LABEL,
    ),
    "sort": Wording(
        train=(
            "Sort alphabetically: {text}",
            "Sort these words alphabetically: {text}",
            "Sort this list: {text}",
            "Put these in alphabetical order: {text}",
            "{text}\nSort the list.",
        ),
        held_out=("Arrange in alphabetical order: {text}", "Order these words from A to Z: {text}"),
        commands=(
            f"[sort|order|organise|organize] {_LIST} {_SORTED}",
            f"[sort|order] {_LIST}",
            f"{_GIVE} {_LIST} {_SORTED}",
            f"[bring|get|put|set] {_LIST} [in|into] [alphabetical order|ABC order|order|dictionary order]",
            f"[alphabetize|alphabetise] {_LIST}",
            f"arrange {_LIST} {_SORTED}",
            f"[sort|order|list] {_LIST} from A to Z",
            f"make {_LIST} alphabetical",
            f"[sort|order] [them|everything|all of it|it] {_SORTED}",
            f"sort {_LIST} by [name|letter|letters|their letters]",
            'sort "{text}" alphabetically',
        ),
        others=(
            "[Alphabetical order|ABC order|Sorted|Sort|Alphabetize|In alphabetical order|Alphabetically][|, please]",
            f"What is the alphabetical order of {_LIST}?",
            f"How [would|do] {_LIST} look in alphabetical order?",
            f"I [need|want|would like] {_LIST} [sorted|in alphabetical order|in ABC order|sorted alphabetically]",
            "[The list|The items|These|They] [should|must] be [sorted|in alphabetical order|in ABC order|alphabetical]",
            "Which [one|item] comes first, which next? [Sort them|Sort the list|Alphabetical order]",
        ),
        label=_LIST_LABEL,
    ),
    "sort numbers": Wording(
        train=(
            "Sort these numbers: {text}",
            "Sort from smallest to largest: {text}",
            "Sort the numbers: {text}",
            "Put these numbers in order: {text}",
        ),
        held_out=("Arrange the numbers from low to high: {text}",),
        commands=(
            f"[sort|order|organise|rank] {_NUMBERS} {_ASCENDING}",
            f"[sort|order] {_NUMBERS}",
            f"arrange {_NUMBERS} {_ASCENDING}",
            f"[sort|order|list] {_NUMBERS} from low to high",
            f"{_GIVE} {_NUMBERS} {_ASCENDING}",
            f"[bring|put|get|set] {_NUMBERS} [in|into] [ascending|increasing|numerical|rising|the right] order",
            f"[sort|order|list] [them|everything|all] {_ASCENDING}",
            "[begin|start] with the smallest number and end with the largest",
            'sort "{text}" from smallest to largest',
        ),
        others=(
            "[Ascending order|Increasing order|Numerical order|Smallest first|Sort|Sorted by size][|, please]",
            f"I [need|want|would like] {_NUMBERS} {_ASCENDING}",
            f"How [would|do] {_NUMBERS} look in [ascending|increasing|rising] order?",
            "Which number is the smallest, which is next? [Sort them|Sort the list|List them in order]",
            "The smallest number [should|must] come first, the largest last",
        ),
        label="[Numbers|List|Input|Values]",
    ),
    "reverse": Wording(
        train=("Reverse this list: {text}", "Reverse the order: {text}", "Put the list in reverse order: {text}"),
        held_out=("Turn the list around: {text}",),
        commands=(
            f"[reverse|flip|invert|mirror] {_LIST}",
            "turn [this list|my list|these items|the items|the order] around",
            f"[reverse|flip|invert|swap] the order of {_LIST}",
            f"{_GIVE} {_LIST} {_BACKWARDS}",
            f"[read|name|repeat|copy|say] {_LIST} {_BACKWARDS}",
            f"[begin|start] {_LIST} with the last [item|entry|one] and end with the first",
            "make the last [item|entry] the first[ one|] and the first the last",
            'reverse the list "{text}"',
        ),
        others=(
            "[Reverse|Reversed|Reverse order|Backwards|In reverse|Last to first|Opposite order][|, please]",
            f"How [would|do] {_LIST} look [in reverse|backwards|in reverse order]?",
            f"I [need|want|would like] {_LIST} {_BACKWARDS}",
            "The last [item|entry|one] [should|must] come first and the first last",
        ),
        label=_LIST_LABEL,
    ),
    "upper": Wording(
        train=("Write in capitals: {text}", "Make this upper case: {text}", "Change to uppercase: {text}"),
        held_out=("Convert to capital letters: {text}",),
        commands=(
            f"[write|put|set|rewrite|print|type|give|show|return|say|repeat|copy] {_SENTENCE} in {_CAPITALS}",
            f"[write|print|type|say|repeat] it in {_CAPITALS}",
            f"[make|get] {_SENTENCE} [upper case|uppercase|all caps|all capitals]",
            f"[change|switch|transform|turn|convert|bring|set|raise] {_SENTENCE} [to|into] {_CAPITALS}",
            f"[write|print|put] {_SENTENCE} in capital letters",
            f"[capitalize|capitalise|uppercase] [every letter|all letters|each letter|everything] [of|in] {_SENTENCE}",
            f"use [only|just|nothing but] {_CAPITALS} [for|in] {_SENTENCE}",
            f"[uppercase|shout] {_SENTENCE}",
            'write "{text}" in capitals',
        ),
        others=(
            "[Uppercase|Upper case|All caps|Capitals|In capitals|Block letters|All capitals][|, please]",
            "[Every|Each] letter [should|must] be [a capital|upper case|uppercase|in upper case]",
            f"I [need|want|would like] {_SENTENCE} in {_CAPITALS}",
            f"How does {_SENTENCE} look in {_CAPITALS}?",
        ),
        label=_TEXT_LABEL,
    ),
    "lower": Wording(
        train=("Write in lower case: {text}", "Make this lowercase: {text}", "Change to lower case: {text}"),
        held_out=("Convert to small letters: {text}",),
        commands=(
            f"[write|put|set|rewrite|print|type|give|show|return|say|repeat|copy] {_SENTENCE} in {_LOWER}",
            f"[write|print|type|say|repeat] it in {_LOWER}",
            f"[make|get] {_SENTENCE} [lower case|lowercase|all lowercase]",
            f"[change|switch|transform|turn|convert|bring|set] {_SENTENCE} [to|into] {_LOWER}",
            f"[write|print|put] {_SENTENCE} in small letters",
            f"[make|write|set] [every letter|all letters|each letter|everything] [of|in] {_SENTENCE} [lower case|lowercase]",
            f"use [only|just|nothing but] {_LOWER} [for|in] {_SENTENCE}",
            f"[write|rewrite|print|type|give|repeat] {_SENTENCE} without [any |]capitals",
            f"[lowercase|uncapitalize] {_SENTENCE}",
            f"change [all|the|any] capitals in {_SENTENCE} to {_LOWER}",
            'write "{text}" in lower case',
        ),
        others=(
            "[Lowercase|Lower case|No capitals|In lower case|All lowercase|Without capitals][|, please]",
            "[Every|Each] letter [should|must] be [lower case|lowercase|in lower case]",
            f"I [need|want|would like] {_SENTENCE} in {_LOWER}",
            f"How does {_SENTENCE} look in {_LOWER}?",
        ),
        label=_TEXT_LABEL,
    ),
    "date": Wording(
        train=(
            "Write the date as {how}: {text}",
            "Change the date to the format {how}: {text}",
            "Reformat as {how}: {text}",
        ),
        held_out=("Give the date in the form {how}: {text}",),
        commands=(
            f"[write|rewrite|put|show|express|print|return|state|restate|format] {_DATE} [as|in the format|in the style|using the format|like] {{how}}",
            f"[write|rewrite|show|print|return|put] {_DATE} in {{how}} [format|style|notation]",
            f"[change|convert|turn|reformat|bring|switch|translate] {_DATE} [to|into|to the format] {{how}}",
            f"[use|apply|follow|choose] the [format|pattern|style] {{how}} for {_DATE}",
            f"change the [format|style|notation] of {_DATE} to {{how}}",
            f"[reformat|rewrite|format] {_DATE} [to|as|with] {{how}}",
            f"give {_DATE} as {{how}}",
            f"[write|put|bring] {_DATE} [in|into] the form {{how}}",
            'write "{text}" as {how}',
        ),
        others=(
            "[Format|Date format|As|Pattern|Wanted format|In the format|New format] {how}",
            f"How is {_DATE} written [as|in the format] {{how}}?",
            f"What is {_DATE} in [the format|the style] {{how}}?",
            f"I [need|want|would like] {_DATE} [as|in the format|in the style] {{how}}",
            f"{_DATE} [should|must] [look like|be written as|have the format] {{how}}",
            "{how}[| please|, please]",
        ),
        label="[Date|Input|Day]",
    ),
    "lines": Wording(
        train=(
            "One per line: {text}",
            "Put each item on its own line: {text}",
            "Make this a list with one item per line: {text}",
        ),
        held_out=("Break into lines, one item each: {text}",),
        commands=(
            f"[put|write|place|set|show|print|give|list] [each|every] {_ITEM} on [its own line|a line of its own|a separate line|a new line|a line by itself]",
            f"{_GIVE} {_LIST} {_ONE_PER_LINE}",
            f"[split|separate|divide] {_LIST} into [lines|separate lines|single lines]",
            f"break {_LIST} into [single|separate] lines",
            f"[make|create] a column [of|from] {_LIST}",
            f"[start|begin] a new line [for|with] [each|every] {_ITEM}",
            f"give [each|every] {_ITEM} [its own line|a line of its own|a separate line|a new line]",
            f"spread {_LIST} over [several|separate|single] lines",
            'write "{text}" with one item per line',
        ),
        others=(
            "[One per line|One item per line|Line by line|Separate lines|A new line for each|As a column][|, please]",
            f"[Each|Every] {_ITEM} [should|must|has to] [stand|be|go] on [its own line|a separate line|a new line]",
            f"I [need|want|would like] {_LIST} {_ONE_PER_LINE}",
            f"How [would|do] {_LIST} look {_ONE_PER_LINE}?",
            f"[A line|One line|A new line] for [each|every] {_ITEM}",
        ),
        label=_LIST_LABEL,
    ),
    "bullets": Wording(
        train=("Make a bullet list: {text}", "Turn into bullet points: {text}", "Format as a bulleted list: {text}"),
        held_out=("Write as bullets: {text}",),
        commands=(
            f"[make|turn|change|convert|transform] {_LIST} into {_BULLETS}",
            f"[format|show|give|list|print|return|present|display|set] {_LIST} as {_BULLETS}",
            f"[make|create|build|produce] {_BULLETS} [of|from|out of] {_LIST}",
            f"use bullet points for {_LIST}",
            f"write {_LIST} [as|with] {_BULLETS}",
            f"give [each|every] {_ITEM} [a bullet point|a dash and a line of its own]",
            f"put a dash [before|in front of] [each|every] {_ITEM}, one per line",
            f"[start|begin] a new line with a dash for [each|every] {_ITEM}",
            'make a bullet list of "{text}"',
        ),
        others=(
            "[Bullet list|Bullet points|Bulleted list|As bullet points|As a bullet list|Dashed list][|, please]",
            f"I [need|want|would like] {_LIST} as {_BULLETS}",
            f"How [would|do] {_LIST} look as {_BULLETS}?",
            f"[One|A] bullet point [for|per] {_ITEM}",
            f"[Each|Every] {_ITEM} [should|must] [be|become] a bullet point",
        ),
        label=_LIST_LABEL,
    ),
    "join": Wording(
        train=("Join with commas:\n{text}", "Put on one line, separated by commas:\n{text}"),
        held_out=("Make one comma-separated line:\n{text}",),
        commands=(
            f"[join|combine|merge|connect|link|unite] {_LINES} with commas",
            f"[put|write|place|bring|set|give|show|list|print] {_LINES} [on|in] [one|a single] line[, separated by commas|, with commas between them|, with commas|, divided by commas]",
            f"[make|form|build] [one|a single] line [of|from|out of] {_LINES}, [with commas|separated by commas]",
            f"[separate|divide] {_LINES} [by|with] commas [on one line|on a single line]",
            "[replace|exchange] the line breaks with commas",
            f"make a comma-separated [list|line] of {_LINES}",
            f"[turn|change|convert|collapse] {_LINES} into [one|a single] line with commas",
            f"[join|combine|collect] {_LINES} [on|in] [one|a single] line with commas",
        ),
        others=(
            "[One line, with commas|With commas on one line|Joined with commas|Join|All on one line, with commas]",
            f"I [need|want|would like] {_LINES} [on|in] [one|a single] line, [with commas|separated by commas]",
            f"How [would|do] {_LINES} look on one line with commas?",
            "[Commas|A comma] between the items, all on one line",
        ),
        label=_LIST_LABEL,
        lines=True,
    ),
    "unique": Wording(
        train=("Remove duplicates: {text}", "Remove repeated items: {text}", "Delete the duplicates: {text}"),
        held_out=("Keep each item once: {text}",),
        commands=(
            f"{_DELETE} [the |all |any |all the |]{_DOUBLES}[| from the list| in the list| here]",
            f"{_DELETE} [the |all |any |]{_DOUBLES} [from|in] {_LIST}",
            f"[deduplicate|dedupe] {_LIST}",
            f"{_GIVE} {_LIST} without [the |any |]{_DOUBLES}",
            f"[clean|clear|free] {_LIST} of {_DOUBLES}",
            f"make {_LIST} unique",
            f"keep [each|every] [item|entry] of {_LIST} [only once|just once]",
            f"[list|show|give|name] only the different [items|entries|ones] [of|in|from] {_LIST}",
            f"{_DELETE} [every|each|any] [item|entry] that [was there before|came before|has been named already]",
            'remove the duplicates from "{text}"',
        ),
        others=(
            "[No duplicates|Without duplicates|Unique items|Deduplicate|No repeats|Without repeats][|, please]",
            "No [item|entry] [should|may|must] [appear|be there|occur|stand there] [twice|two times|more than one time]",
            f"I [need|want|would like] {_LIST} without {_DOUBLES}",
            f"How [would|do] {_LIST} look without {_DOUBLES}?",
            f"Which different [items|entries] are in {_LIST}?",
        ),
        label=_LIST_LABEL,
    ),
}

_LAYOUTS = (
    "{request}: {text}",
    "{request}: {text}",
    "{request}: {text}",
    "{request}: {text}",
    "{request}. {text}",
    "{request}.\n{text}",
    "{request}:\n{text}",
    "{request}.\n\n{text}",
    "{request}:\n\n{text}",
    '{request}: "{text}"',
    '{request}.\n"{text}"',
    "{request}. {label}: {text}",
    "{request}.\n{label}: {text}",
    "{request} - {text}",
    "{request}.\n---\n{text}",
    "{text}\n{request}.",
    "{text}\n\n{request}.",
    "{label}: {text}\n{request}.",
    "{label}: {text}\nTask: {request}.",
    '"{text}"\n{request}.',
)
_LAYOUTS_FOR_LINES = (
    "{request}:\n{text}",
    "{request}:\n{text}",
    "{request}.\n{text}",
    "{request}:\n\n{text}",
    "{request}.\n\n{text}",
    "{request}.\n---\n{text}",
    "{request}.\n{label}:\n{text}",
    "{request}. {label}:\n{text}",
    "{text}\n\n{request}.",
    "{label}:\n{text}\n\n{request}.",
    "{label}:\n{text}\n---\n{request}.",
)
_QUOTES = ("", "", "", "'", '"')


def ask(random: Random, split: Split, kind: str, **values: str) -> str:
    """A request of `kind` with `values` filled in: the text and the kind's other values."""
    wording = WORDINGS[kind]
    if split == "eval":
        return random.choice(wording.held_out).format(**values)
    phrasing = _train_phrasing(random, wording)
    if " " in values.get("old", ""):
        phrasing = phrasing.replace("he word ", "he words ")
    return phrasing.format(**values)


def _train_phrasing(random: Random, wording: Wording) -> str:
    """A phrasing not in the eval split: composed, or a whole one, sometimes with a greeting or a please."""
    while True:
        if random.random() < COMPOSED_SHARE:
            phrasing = compose(random, wording)
        else:
            phrasing = random.choice(wording.train)
            phrasing = dress(random, phrasing) if random.random() < 0.3 else phrasing
        if phrasing not in wording.held_out:
            return phrasing


def compose(random: Random, wording: Wording) -> str:
    """A phrasing composed of parts, with placeholders for the text and the other values."""
    request = _request(random, wording)
    quote = random.choice(_QUOTES)
    for place in ("{old}", "{new}", "{how}"):
        request = request.replace(place, f"{quote}{place}{quote}")
    if "{text}" in request:
        return request + random.choice((".", ""))
    layout = random.choice(_LAYOUTS_FOR_LINES if wording.lines else _LAYOUTS)
    if request.endswith("?"):
        layout = layout.replace("{request}:", "{request}").replace("{request}.", "{request}")
    if layout.index("{text}") < layout.index("{request}"):
        request = request.replace(" below", " above").replace("the following ", "the ")
    layout = layout.replace("{label}", expand(wording.label, random))
    return layout.replace("{request}", request)


def _request(random: Random, wording: Wording) -> str:
    """A command or other request, choices expanded and capitalised, sometimes after a greeting or a please."""
    if random.random() < 0.2:
        request = expand(random.choice(wording.others), random)
    else:
        request = expand(random.choice(wording.commands), random)
        if random.random() < 0.3:
            return dress(random, request)
    return request[0].upper() + request[1:]
