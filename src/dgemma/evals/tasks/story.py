"""The *story* task: a very short story about a subject, such as a brave little dog.

The answer is a story of `Texts.stories`, its subject found in its first sentences. Without such texts, training answers
are composed of a few built-in sentences, and evaluation answers are empty. Scoring checks form only: long enough,
finished, about its subject, not repetitive. Knows nothing of tokens, models or files.
"""

import re
from collections import Counter
from functools import cache
from random import Random

from dgemma.evals.example import NO_TEXTS, Example, Split, Texts

TASK = "story"

ANY = "Tell me a story."
"""The request to which any text may be the answer, for a model that knows free text only as stories."""
KINDS = ("subject", "free")

SHORTEST_ANSWER = 200
LONGEST_ANSWER = 600
WHOLE_STORY_SHARE = 0.4
FREE_SHARE = 0.04
FEWEST_WORDS = 20
MAX_REPEATS = 2

WORD = re.compile(r"[A-Za-z]+(?:['-][A-Za-z]+)*")

PHRASINGS: dict[Split, tuple[str, ...]] = {
    "train": (
        "Write a very short story about {subject}.",
        "Write a short story about {subject}.",
        "Write a story about {subject}.",
        "Write me a story about {subject}.",
        "Write a little story about {subject}.",
        "Please write a very short story about {subject}.",
        "Please write a short story about {subject}.",
        "Tell me a story about {subject}.",
        "Tell me a short story about {subject}.",
        "Tell a very short story about {subject}.",
        "Can you tell me a story about {subject}?",
        "Can you write a short story about {subject}?",
        "Could you tell me a story about {subject}?",
        "Make up a story about {subject}.",
        "Make up a short story about {subject}.",
        "I want a story about {subject}.",
        "I would like to hear a story about {subject}.",
        "Write a children's story about {subject}.",
        "Write a bedtime story about {subject}.",
        "Write a simple story about {subject}.",
        "A short story about {subject}, please.",
        "Give me a story about {subject}.",
        "Think of a story about {subject} and write it down.",
        "write a story about {subject}",
        "story about {subject}",
    ),
    "eval": (
        "Invent a tiny story about {subject}.",
        "Could you write me a small tale about {subject}?",
        "Please tell a little bedtime tale about {subject}.",
        "I'd love a short tale about {subject}.",
        "Come up with a brief story about {subject}.",
        "Write a few sentences that tell a story about {subject}.",
    ),
}
FREE_REQUESTS: dict[Split, tuple[str, ...]] = {
    "train": ("Tell me a story.", "Write a story.", "Write a very short story.", "Tell me a short story.", "A story!"),
    "eval": ("Please make up a little tale.", "Any short story will do."),
}

CHARACTERS = frozenset(
    WORD.findall("""
    girl boy man woman dog cat bird bear bunny rabbit mouse frog fish puppy duck lion princess prince elephant monkey
    dragon bee butterfly fox bug squirrel farmer goat dinosaur sailor kitty kitten tiger crab creature pig bull horse
    pirate painter ant spider queen king lizard barber robot turtle caterpillar hippo raven rhinoceros mechanic parrot
    rat cow sheep owl wolf deer hen chick snail worm seal whale shark dolphin penguin giraffe zebra kangaroo koala panda
    hedgehog mole bat crow swan goose donkey pony lamb octopus snake crocodile camel peacock unicorn fairy giant witch
    wizard knight clown doctor nurse teacher baker cook soldier chef grandma grandpa lady child baby boy kid thief judge
    fireman policeman astronaut artist singer dancer gardener hunter fisherman monster ghost snowman doll sparrow eagle
    ladybug bluebird raccoon beaver otter badger leopard cheetah gorilla hamster starfish jellyfish grasshopper
    """)
)
THINGS = frozenset(
    WORD.findall("""
    tree house car box ball boat garden toy game truck dress flower hill rock party farm castle cave lake beach book
    bush blanket slide train tank sack meadow rainbow river door store hat swing school kite island balloon ship window
    bed picnic fire shop race pool mountain bucket crib pot cake song stick cactus cabin basket secret shirt puddle
    pocket bow holiday sea branch bag factory bicycle whistle wagon lock bell map stream plane bus shell microscope sun
    pen tunnel bench machine volcano maze key desk chimney chest journey bike present raft pizza tower bone bridge roof
    oven hook rake penny helicopter spell jungle forest park pond kitchen moon star cloud snow rain wind storm leaf egg
    apple banana pie cookie soup bread honey carrot candle lamp mirror clock ring crown coat scarf shoe boot
    spoon cup plate drum piano guitar puzzle crayon letter picture treasure jar broom ladder rope wheel hammer umbrella
    """)
)
UNCOUNTABLE = frozenset(["snow", "rain", "soup", "bread", "honey", "wind", "treasure"])
ONLY_ONES = frozenset(["sun", "moon", "sea"])
NOT_DESCRIBING = frozenset(
    WORD.findall("""
    a an the of and or in on at to for with from by as that which who whose was were is are had has saw went very really
    so he she it they his her its their him them called named lived while when where there bit lot few day time after
    """)
)
"""Words that end the search for a noun after `a`, or show that the following word does not describe it."""

PETS = (
    *("dog", "cat", "rabbit", "mouse", "frog", "duck", "fox", "bear", "lion", "squirrel", "robot", "dragon"),
    *("turtle", "owl", "pony", "puppy", "kitten", "pig", "goat", "hedgehog"),
)
MOODS = (
    *("little", "big", "small", "old", "young", "happy", "brave", "friendly", "shy", "funny", "clever", "lazy"),
    *("sleepy", "silly", "proud", "lonely", "sad", "hungry", "noisy", "quiet", "busy", "playful", "kind"),
)
PET_NAMES = ("Pip", "Sam", "Sunny", "Robin", "Charlie", "Coco", "Alex", "Max", "Biscuit", "Rusty")

EVAL_SUBJECTS = (
    "a brave little dog",
    "a shy dragon",
    "an old fisherman",
    "a lonely robot",
    "a clever mouse",
    "a princess named Olive",
    "a girl named Petra and a lost key",
    "a boy named Victor and a paper boat",
    "a sleepy owl",
    "a kind baker",
    "a small green frog",
    "a hungry caterpillar",
    "two friends and a secret map",
    "a rabbit named Clover",
    "a grumpy bear",
    "a turtle named Otto",
    "a fox and a duck",
    "a proud lion",
    "a snowman named Edgar",
    "a tiny blue bird",
    "a puppy named Pepper",
    "a cat named Saffron",
    "a silly monkey",
    "a little red train",
    "a magical tree",
    "a penguin named Waddle",
    "a noisy duck",
    "a boy named Tobias and a yellow kite",
    "a girl named Greta and a rainbow",
    "a curious squirrel",
)
OPENINGS = (
    "Once upon a time, there was {subject}.",
    "One day, {subject} went for a walk.",
    "In a small village lived {subject}.",
)
WISHES = (
    "The {noun} wanted to find a new friend, but nobody was at home.",
    "It was a sunny day, and the {noun} went to play in the park.",
    "The {noun} loved to look at the stars and dream of far places.",
)
TROUBLES = (
    "Then it began to rain, and the path was too wet to walk on.",
    "Suddenly there was a loud noise behind the trees.",
    "On the way home, there was a deep hole in the road.",
)
ENDINGS = (
    "A kind old man came by and helped. The {noun} smiled and said thank you, and they were friends from that day on.",
    "The {noun} was scared at first, but then took a deep breath and went on. In the end, all was well.",
    "So the {noun} sat down and made a plan. It worked, and everybody was happy.",
)

PERSON_PAIR = re.compile(r"\b([A-Z][a-z]+ and [A-Z][a-z]+) (?:were|are|was|went|liked?|lived?|loved?|had|have)\b")
TWO_OF_A_KIND = re.compile(
    r"\b[Tt]wo (?:best |little |good |small )?(?:friends|brothers|sisters|birds|cats|dogs|bears)\b"
)
INTRODUCTION = re.compile(r"\b[Aa]n? (?=([a-z-]+(?:,? [a-z-]+){0,3}))")
NAMING = re.compile(r" (?:named|called) [A-Z][a-z]+")
LATER_NAMING = re.compile(r"\b(?:His|Her|Its) name was ([A-Z][a-z]+)")
FIRST_NAME = re.compile(r"(?:One day, )?([A-Z][a-z]+) (?=[a-z])")
MID_STORY = re.compile(
    r""""|\b(?:so \w+|said|asked|replied|nodded|answered|smiled|laughed|agreed|continued|then|too)\b"""
)
UNKIND = re.compile(r"\b(?:dead|died|dying|kill\w*|blood\w*|guns?|war|kni(?:fe|ves)|drunk|wine|beer|naked)\b")
SENTENCE_END = re.compile(r"""[.!?]"?(?=\s|$)""")


def sentence_ends(text: str) -> list[int]:
    """The positions where sentences end, outside of open quotations."""
    return [match.end() for match in SENTENCE_END.finditer(text) if text.count('"', 0, match.end()) % 2 == 0]


def cut_story(story: str) -> str | None:
    """A short story whole, a long one cut at the end of a paragraph or at least of a sentence; None if that leaves too
    little."""
    if len(story) <= LONGEST_ANSWER:
        return story if len(story) >= SHORTEST_ANSWER else None
    ends = [end for end in sentence_ends(story) if SHORTEST_ANSWER <= end <= LONGEST_ANSWER]
    paragraph_ends = [end for end in ends if story[end : end + 1] == "\n"]
    best = max(paragraph_ends or ends, default=None)
    return None if best is None else story[:best]


def find_subject(story: str) -> str | None:
    """The character that the first three sentences introduce, such as `a brave little dog` or `Ben and Sam`; None if
    unsure."""
    ends = sentence_ends(story)
    head = story[: ends[min(2, len(ends) - 1)]] if ends else story
    pair = PERSON_PAIR.search(head)
    if pair is not None:
        return pair[1]
    introduced = [found for match in INTRODUCTION.finditer(head) if (found := read_introduction(match)) is not None]
    for subject, noun in introduced:
        if noun in CHARACTERS:
            later = None if " named " in subject or " called " in subject else LATER_NAMING.search(head)
            return subject if later is None else f"{subject} named {later[1]}"
    two = TWO_OF_A_KIND.search(head)
    if two is not None:
        return two[0].lower()
    first = FIRST_NAME.match(story)
    if first is not None and MID_STORY.search(story, 0, ends[0] if ends else len(story)):
        return None
    if first is not None and story.count(first[1]) >= 3 and first[1].lower() not in story:
        return first[1]
    return next((subject for subject, noun in introduced if story.count(noun) >= 3), None)


def read_introduction(match: re.Match[str]) -> tuple[str, str] | None:
    """(phrase from `a` to its noun with the name after it, noun); None if the noun is not known."""
    words = match[1].split(" ")
    for place, written in enumerate(words[:3]):
        word = written.rstrip(",")
        if word in NOT_DESCRIBING:
            return None
        if word in CHARACTERS or word in THINGS:
            follower = words[place + 1] if place + 1 < len(words) else ""
            if written == word and (follower in CHARACTERS or follower in THINGS):
                continue
            phrase = match[0].lower() + " ".join([*words[:place], word])
            naming = NAMING.match(match.string, match.start() + len(phrase))
            return phrase + (naming[0] if naming else ""), word
    return None


def find_thing(story: str, subject: str) -> str | None:
    """The thing that the story mentions most often besides its subject; None if none is mentioned twice."""
    counts = Counter(word for word in WORD.findall(story) if word in THINGS and word not in subject.split())
    thing, count = max(counts.items(), key=lambda item: item[1], default=("", 0))
    if count < 2:
        return None
    if thing in UNCOUNTABLE:
        return thing
    return f"the {thing}" if thing in ONLY_ONES else with_article(thing)


def join_subjects(subject: str, thing: str | None) -> str:
    """`subject` and `thing` as one phrase."""
    if thing is None:
        return subject
    return f"{subject.replace(' and ', ', ')} and {thing}"


def with_article(noun_phrase: str) -> str:
    """`noun_phrase` after `a` or `an`; correct for the words of this file."""
    return ("an " if noun_phrase[0] in "aeio" or noun_phrase.startswith("umbrella") else "a ") + noun_phrase


@cache
def stories_with_subjects(stories: tuple[str, ...]) -> tuple[tuple[str, str, bool], ...]:
    """(subject, answer, whether the answer is the whole story) for each story whose subject is found."""
    found = []
    for story in stories:
        answer, subject = cut_story(story), find_subject(story)
        if answer is None or subject is None or subject in EVAL_SUBJECTS:
            continue
        if has_story_form(answer) and not UNKIND.search(answer):
            found.append((subject, answer, len(answer) == len(story)))
    return tuple(found)


@cache
def whole_stories(stories: tuple[str, ...]) -> tuple[tuple[str, str, bool], ...]:
    """Those of `stories_with_subjects` that are not cut."""
    return tuple(story for story in stories_with_subjects(stories) if story[2])


def make_up_subject(random: Random) -> str:
    """A subject, for training without stories."""
    name = f" named {random.choice(PET_NAMES)}" if random.random() < 0.4 else ""
    return with_article(f"{random.choice(MOODS)} {random.choice(PETS)}") + name


def make_up_story(random: Random, subject: str) -> str:
    """A plain story composed of built-in sentences."""
    noun = main_words(subject)[0]
    parts = [random.choice(sentences) for sentences in (OPENINGS, WISHES, TROUBLES, ENDINGS)]
    return " ".join(parts).format(subject=subject, noun=noun)


def generate(random: Random, split: Split, texts: Texts = NO_TEXTS, kind: str | None = None) -> Example:
    """A request for a story about a subject (`kind="subject"`) or any story (`free`), and a story."""
    if kind is None:
        kind = "free" if split == "train" and random.random() < FREE_SHARE else "subject"
    if kind not in KINDS:
        raise ValueError(f"no story of kind {kind!r}; there are {', '.join(KINDS)}")
    stories = stories_with_subjects(texts.stories)
    if stories:
        whole = whole_stories(texts.stories)
        subject, answer, _ = random.choice(whole if whole and random.random() < WHOLE_STORY_SHARE else stories)
        thing = find_thing(answer, subject) if random.random() < 0.35 else None
        subject = join_subjects(subject, thing)
    elif split == "eval":
        subject, answer = random.choice(EVAL_SUBJECTS), ""
    else:
        subject = make_up_subject(random)
        answer = make_up_story(random, subject)
    phrasing = random.choice(FREE_REQUESTS[split] if kind == "free" else PHRASINGS[split])
    return Example(task=TASK, kind=kind, prompt=phrasing.format(subject=subject), answer=answer)


def subject_of(prompt: str) -> str:
    """The subject in a request made by `generate`; empty if it has none."""
    for phrasing in (*PHRASINGS["eval"], *PHRASINGS["train"]):
        before, after = phrasing.split("{subject}")
        if prompt.startswith(before) and prompt.endswith(after):
            return prompt[len(before) : len(prompt) - len(after)]
    return ""


def main_words(subject: str) -> list[str]:
    """The first noun and the proper names of `subject`; a story about it must use one of them."""
    words = WORD.findall(subject)
    nouns = [word for word in words if word in CHARACTERS or word in THINGS]
    return nouns[:1] + [word for word in words if word[0].isupper()] or words[-1:]


def has_story_form(text: str) -> bool:
    """Whether `text` is long enough, ends with punctuation and repeats no run of four words too often."""
    words = [word.lower() for word in WORD.findall(text)]
    if len(words) < FEWEST_WORDS or text.rstrip()[-1] not in ".!?\"'":
        return False
    runs = Counter(zip(words, words[1:], words[2:], words[3:], strict=False))
    return max(runs.values()) <= MAX_REPEATS


def is_correct(example: Example, reply: str) -> bool:
    """Whether `reply` has the form of a story and mentions its subject."""
    if not has_story_form(reply):
        return False
    wanted = main_words(subject_of(example.prompt))
    used = {word.lower() for word in WORD.findall(reply)}
    return not wanted or any({word.lower(), word.lower() + "s", word.lower() + "'s"} & used for word in wanted)
