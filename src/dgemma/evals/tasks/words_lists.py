"""Word lists divided between the splits, and two fast random draws.

About 8 % of every list is held out, by a hash of the entry; `train` never draws a held-out entry, `eval` draws one about
half of the time. Knows nothing of what the words are used for.
"""

from collections.abc import Sequence
from random import Random
from typing import TypeVar
from zlib import crc32

from dgemma.evals.example import Split
from dgemma.evals.tasks import words_people, words_places, words_things

Item = TypeVar("Item")


def choose(random: Random, items: Sequence[Item]) -> Item:
    """Like `random.choice`, in a third of the time."""
    return items[int(random.random() * len(items))]


def between(random: Random, low: int, high: int) -> int:
    """Like `random.randint`, in a third of the time."""
    return low + int(random.random() * (high - low + 1))


class WordList:
    """The entries of a comma-separated text, divided into `train` and `held_out` by a hash of each entry."""

    def __init__(self, text: str) -> None:
        entries = tuple(dict.fromkeys(entry.strip() for entry in text.replace("\n", " ").split(",") if entry.strip()))
        self.train = tuple(entry for entry in entries if crc32(entry.encode()) % 100 >= 8)
        self.held_out = tuple(entry for entry in entries if crc32(entry.encode()) % 100 < 8)

    def draw(self, random: Random, split: Split) -> str:
        """A random entry; only `eval` draws held-out ones."""
        if split == "eval" and self.held_out and random.random() < 0.5:
            return choose(random, self.held_out)
        return choose(random, self.train)


FIRST_NAMES = WordList(words_people.FIRST_NAMES)
LAST_NAMES = WordList(words_people.LAST_NAMES)
CITIES = WordList(words_places.CITIES)
COUNTRIES = WordList(words_places.COUNTRIES)
STREETS = WordList(words_places.STREETS)
VENUES = WordList(words_places.VENUES)
JOBS = WordList(words_things.JOBS)
PRODUCTS = WordList(words_things.PRODUCTS)
FOODS = WordList(words_things.FOODS)
INGREDIENTS = WordList(words_things.INGREDIENTS)
ANIMALS = WordList(words_things.ANIMALS)
PLANTS = WordList(words_things.PLANTS)
COLOURS = WordList(words_things.COLOURS)
COMPANY_PARTS = WordList(words_things.COMPANY_PARTS)
COMPANY_ENDS = WordList(words_things.COMPANY_ENDS)
ADJECTIVES = WordList(words_things.ADJECTIVES)
NOUNS = WordList(words_things.NOUNS)
GOODS = WordList(words_things.GOODS)

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
NUMBER_WORDS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
)
ONSETS = (
    *("b", "br", "c", "ch", "cl", "cr", "d", "dr", "f", "fl", "g", "gl", "gr", "h", "j", "k", "kl", "kr", "l", "m"),
    *("n", "p", "pl", "pr", "qu", "r", "s", "sh", "sk", "sl", "sn", "st", "str", "t", "th", "tr", "v", "w", "y", "z"),
)
VOWELS = ("a", "a", "e", "e", "i", "i", "o", "o", "u", "ai", "ea", "ee", "ia", "oo", "ou", "y")
CODAS = ("", "", "", "", "b", "ck", "d", "g", "l", "m", "n", "n", "nd", "nt", "p", "r", "r", "rk", "s", "st", "t", "x")
