"""Random names, dates, sums and other small values for task generators, each a function of (random, split).

Promises: about 8 % of every list is held out by a hash of the entry; `train` never draws a held-out entry and `eval`
draws one about half the time. Values made of digits or syllables are not held out: they hardly ever repeat.
Knows nothing of tasks, prompts or answers.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import TypeVar
from zlib import crc32

from dgemma.evals.example import Split
from dgemma.evals.tasks import words_people, words_places, words_things

Item = TypeVar("Item")
WordFunction = Callable[[Random, Split], str]


def choose(random: Random, items: Sequence[Item]) -> Item:
    """Like `random.choice`, in a third of the time."""
    return items[int(random.random() * len(items))]


def between(random: Random, low: int, high: int) -> int:
    """Like `random.randint`, in a third of the time."""
    return low + int(random.random() * (high - low + 1))


class WordList:
    """The entries of a comma-separated text, parted into `train` and `held_out` by a hash of each entry."""

    def __init__(self, text: str) -> None:
        entries = tuple(dict.fromkeys(entry.strip() for entry in text.replace("\n", " ").split(",") if entry.strip()))
        self.train = tuple(entry for entry in entries if crc32(entry.encode()) % 100 >= 8)
        self.held_out = tuple(entry for entry in entries if crc32(entry.encode()) % 100 < 8)

    def draw(self, random: Random, split: Split) -> str:
        """Return one entry; only `eval` may see the held-out ones."""
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

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
NUMBER_WORDS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
)
_ONSETS = (
    *("b", "br", "c", "ch", "cl", "cr", "d", "dr", "f", "fl", "g", "gl", "gr", "h", "j", "k", "kl", "kr", "l", "m"),
    *("n", "p", "pl", "pr", "qu", "r", "s", "sh", "sk", "sl", "sn", "st", "str", "t", "th", "tr", "v", "w", "y", "z"),
)
_VOWELS = ("a", "a", "e", "e", "i", "i", "o", "o", "u", "ai", "ea", "ee", "ia", "oo", "ou", "y")
_CODAS = ("", "", "", "", "b", "ck", "d", "g", "l", "m", "n", "n", "nd", "nt", "p", "r", "r", "rk", "s", "st", "t", "x")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_MAIL_ENDS = ("com", "com", "org", "net", "io", "co.uk", "de", "fr", "edu", "info")


def first_name(random: Random, split: Split) -> str:
    """`Anna`."""
    return FIRST_NAMES.draw(random, split)


def last_name(random: Random, split: Split) -> str:
    """`Okafor`."""
    return LAST_NAMES.draw(random, split)


def full_name(random: Random, split: Split) -> str:
    """`Anna Okafor`, now and then with an initial, a second last name or made-up parts."""
    first, last = first_name(random, split), last_name(random, split)
    roll = random.random()
    if roll < 0.04:
        return f"{first} {choose(random, _LETTERS)}. {last}"
    if roll < 0.06:
        return f"{first} {last}-{last_name(random, split)}"
    if roll < 0.16:
        last = pseudo_word(random, split).capitalize()
        return f"{first if random.random() < 0.6 else pseudo_word(random, split).capitalize()} {last}"
    return f"{first} {last}"


def titled_name(random: Random, split: Split) -> str:
    """`Dr. Okafor`, `Professor Anna Okafor`."""
    title = choose(random, ("Dr.", "Dr.", "Dr", "Dr.", "Professor", "Prof.", "Mrs.", "Mr.", "Ms."))
    return f"{title} {last_name(random, split) if random.random() < 0.6 else full_name(random, split)}"


def doctor_name(random: Random, split: Split) -> str:
    """`Dr. Okafor`, `Dr Anna Okafor`."""
    name = last_name(random, split) if random.random() < 0.6 else full_name(random, split)
    return f"{choose(random, ('Dr.', 'Dr.', 'Dr'))} {name}"


def city(random: Random, split: Split) -> str:
    """`Lisbon`, now and then a made-up town."""
    if random.random() < 0.06:
        return pseudo_word(random, split).capitalize() + choose(random, ("", "ville", "ton", "burg", " Falls", " Bay"))
    return CITIES.draw(random, split)


def country(random: Random, split: Split) -> str:
    """`Kenya`."""
    return COUNTRIES.draw(random, split)


def street(random: Random, split: Split) -> str:
    """`Willow Street`."""
    end = choose(random, ("Street", "Street", "Road", "Avenue", "Lane", "Drive", "Square", "Way", "Close"))
    return f"{STREETS.draw(random, split)} {end}"


def address(random: Random, split: Split) -> str:
    """`12 Willow Street`."""
    return f"{between(random, 1, 240)} {street(random, split)}"


def venue(random: Random, split: Split) -> str:
    """`Town Hall`, a place where things are held."""
    if random.random() < 0.25:
        kind = choose(random, ("Hall", "Theatre", "Park", "Hotel", "Centre", "Arena"))
        return f"{STREETS.draw(random, split)} {kind}"
    return VENUES.draw(random, split)


def job(random: Random, split: Split) -> str:
    """`bus driver`."""
    return JOBS.draw(random, split)


def product(random: Random, split: Split) -> str:
    """`desk lamp`."""
    return PRODUCTS.draw(random, split)


def food(random: Random, split: Split) -> str:
    """`lentil soup`."""
    return FOODS.draw(random, split)


def ingredient(random: Random, split: Split) -> str:
    """`olive oil`."""
    return INGREDIENTS.draw(random, split)


def animal(random: Random, split: Split) -> str:
    """`red panda`."""
    return ANIMALS.draw(random, split)


def plant(random: Random, split: Split) -> str:
    """`sunflower`."""
    return PLANTS.draw(random, split)


def colour(random: Random, split: Split) -> str:
    """`dark blue`."""
    return COLOURS.draw(random, split)


def company(random: Random, split: Split) -> str:
    """`Bluebird Foods`, `Okafor & Sons`, `Zenith`."""
    roll = random.random()
    if roll < 0.08:
        return f"{last_name(random, split)} {choose(random, ('& Sons', 'Brothers', '& Co.', 'Group', 'Ltd'))}"
    name = pseudo_word(random, split).capitalize() if roll < 0.2 else COMPANY_PARTS.draw(random, split)
    return name if roll > 0.95 else f"{name} {COMPANY_ENDS.draw(random, split)}"


def title(random: Random, split: Split) -> str:
    """`The Silent Garden`, a title of a book, a film or a song."""
    adjective = ADJECTIVES.draw(random, split).title()
    noun, other = NOUNS.draw(random, split).title(), NOUNS.draw(random, split).title()
    patterns = (
        *(f"The {adjective} {noun}", f"{adjective} {noun}", f"The {noun} and the {other}", f"A {noun} of {other}s"),
        *(f"The {noun}'s {other}", f"{noun} in {city(random, split)}", f"{noun} Without a {other}", f"The {noun}"),
        *(f"{adjective} {noun}, {adjective} {other}", f"Letters to {first_name(random, split)}", f"Under the {noun}"),
        *(f"Before the {noun}", f"{noun} {between(random, 2, 99)}", f"{first_name(random, split)}'s {noun}"),
    )
    return choose(random, patterns)


def month(random: Random, split: Split) -> str:
    """`March`."""
    return choose(random, MONTHS)


def weekday(random: Random, split: Split) -> str:
    """`Tuesday`."""
    return choose(random, WEEKDAYS)


def year(random: Random, split: Split) -> str:
    """`1987`."""
    return str(between(random, 1900, 2035) if random.random() < 0.8 else between(random, 1400, 1899))


def date(random: Random, split: Split) -> str:
    """`3 May 2024`, `2024-05-03`, `May 3rd, 2024`, `03/05/2024`, `Friday, 3 May` and more."""
    day, month_index = between(random, 1, 28), between(random, 0, 11)
    full_year, name = between(random, 1960, 2035), MONTHS[month_index]
    short, number_of_month = name[:3], month_index + 1
    tail = "th" if 10 < day < 14 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    weekday_name = choose(random, WEEKDAYS)
    formats = (
        *(f"{day} {name} {full_year}", f"{name} {day}, {full_year}", f"{full_year}-{number_of_month:02}-{day:02}"),
        *(f"{day} {name}", f"{name} {day}", f"{day}{tail} {name}", f"{name} {day}{tail}", f"{day} {short} {full_year}"),
        *(f"{day:02}/{number_of_month:02}/{full_year}", f"{day:02}.{number_of_month:02}.{full_year}"),
        *(f"{weekday_name}, {day} {name}", f"{weekday_name} {day} {name}", f"{day}{tail} {name} {full_year}"),
        *(f"{weekday_name}, {name} {day}", f"{name} {day}{tail}, {full_year}", f"{day}/{number_of_month}/{full_year}"),
        *(f"{day} {name} {full_year}", f"{name} {day}, {full_year}", f"{full_year}-{number_of_month:02}-{day:02}"),
        *(f"{short} {day}, {full_year}", f"{day} {short}", f"{full_year}/{number_of_month:02}/{day:02}"),
    )
    return choose(random, formats)


def time_of_day(random: Random, split: Split) -> str:
    """`14:30`, `2:30 pm`, `3 pm`, `9am`."""
    hour, minute = between(random, 0, 23), choose(random, (0, 15, 30, 45, 5 * between(random, 0, 11)))
    half_hour, half = (hour - 1) % 12 + 1, "am" if hour < 12 else "pm"
    formats = (
        *(f"{hour:02}:{minute:02}", f"{hour:02}:{minute:02}", f"{half_hour}:{minute:02} {half}", f"{half_hour} {half}"),
        *(f"{half_hour}{half}", f"{half_hour}:{minute:02} {half.upper()}", f"{half_hour}:{minute:02}{half}"),
    )
    return choose(random, formats)


def duration(random: Random, split: Split) -> str:
    """`45 minutes`, `2 hours`, `three weeks`."""
    unit, high = choose(random, (("minute", 90), ("hour", 12), ("day", 20), ("week", 10), ("month", 18)))
    amount = between(random, 2, high)
    if amount < 11 and random.random() < 0.3:
        return f"{NUMBER_WORDS[amount]} {unit}s"
    return f"{amount} {unit}s"


def short_duration(random: Random, split: Split) -> str:
    """`45 minutes`, `2 hours`, `1 hour 20 minutes`, `90 min`."""
    minutes = 5 * between(random, 1, 24)
    formats = (
        *(f"{minutes} minutes", f"{minutes} minutes", f"{minutes} min", f"{between(random, 2, 12)} hours"),
        *(f"{between(random, 1, 9)}h {between(random, 1, 59):02}m", "half an hour", "an hour and a half"),
        *(f"{between(random, 2, 9)} hours {between(random, 2, 59)} minutes",),
    )
    return choose(random, formats)


def money(random: Random, split: Split) -> str:
    """`$45.20`, `1,250 EUR`, `320 dollars`."""
    cents, whole = between(random, 100, 99999), between(random, 2, 9999)
    exact = f"{cents // 100}.{cents % 100:02}"
    grouped = f"{whole:,}"
    symbol = choose(random, "$$$€€£¥₹")
    code_name = choose(random, ("EUR", "USD", "GBP", "CHF", "SEK", "PLN", "CAD", "JPY", "INR"))
    word = choose(random, ("dollars", "euros", "pounds", "francs", "crowns", "rupees", "yen", "pesos"))
    formats = (
        *(f"{symbol}{exact}", f"{symbol}{exact}", f"{symbol}{grouped}", f"{symbol}{whole}", f"{exact} {code_name}"),
        *(f"{whole} {code_name}", f"{grouped} {code_name}", f"{whole} {word}", f"{grouped} {word}", f"{exact} {word}"),
        *(f"{code_name} {exact}", f"{exact}€", f"{symbol}{between(random, 1, 90)}"),
        f"{symbol}{grouped}.{cents % 100:02}",
    )
    return choose(random, formats)


def big_money(random: Random, split: Split) -> str:
    """`$310,000`, `1.2 million euros`."""
    amount = 500 * between(random, 40, 3000)
    symbol = choose(random, "$$€£")
    word = choose(random, ("dollars", "euros", "pounds", "francs"))
    point = f"{between(random, 1, 90)}.{between(random, 1, 9)}"
    formats = (
        *(f"{symbol}{amount:,}", f"{symbol}{amount:,}", f"{symbol}{amount}", f"{amount:,} {word}"),
        *(f"{amount} {choose(random, ('EUR', 'USD', 'CHF'))}", f"{symbol}{point} million", f"{point} million {word}"),
        *(f"{symbol}{amount // 1000}k", f"{symbol}{amount / 1e6:.2f}m"),
    )
    return choose(random, formats)


def number(random: Random, split: Split) -> str:
    """`7`, `128`, `4,300`, `12.5`."""
    roll = random.random()
    if roll < 0.3:
        return str(between(random, 2, 20))
    if roll < 0.7:
        return str(between(random, 21, 999))
    if roll < 0.85:
        return f"{between(random, 1000, 99999):,}"
    return f"{between(random, 1, 99)}.{between(random, 1, 9)}"


def count(random: Random, split: Split) -> str:
    """`2` to `24`, now and then as a word."""
    amount = between(random, 2, 24)
    if amount < 13 and random.random() < 0.3:
        return NUMBER_WORDS[amount]
    return str(amount)


def age(random: Random, split: Split) -> str:
    """`18` to `92`."""
    return str(between(random, 18, 92))


def percentage(random: Random, split: Split) -> str:
    """`15%`, `7.5 %`, `40 percent`."""
    amount = between(random, 1, 99)
    formats = (f"{amount}%", f"{amount}%", f"{amount}.{between(random, 1, 9)}%", f"{amount} %", f"{amount} percent")
    return choose(random, formats)


def _measured(low: int, high: int, units: tuple[str, ...], decimal_share: float) -> WordFunction:
    def draw(random: Random, split: Split) -> str:
        amount = str(between(random, low, high))
        if random.random() < decimal_share:
            amount += f".{between(random, 1, 9)}"
        return amount + choose(random, units)

    return draw


weight = _measured(1, 320, (" kg", " kg", "kg", " g", " pounds", " kilograms", " lb", " grams", " tons"), 0.3)
length = _measured(1, 280, (" cm", " m", " metres", "cm", " mm", " inches", " feet", " centimetres", "m"), 0.3)
distance = _measured(2, 900, (" km", " km", "km", " miles", " kilometres", " m", " mi"), 0.2)
temperature = _measured(-15, 42, ("°C", " °C", " degrees", " degrees Celsius", "°F", "°"), 0.2)
speed = _measured(5, 180, (" km/h", " mph", " m/s", " knots", "km/h"), 0.1)
area = _measured(18, 400, (" m2", " square metres", " m²", " square feet", " sqm", " acres"), 0.0)
volume = _measured(1, 750, (" ml", " litres", " l", "ml", " cl", " cups", " gallons"), 0.2)


def email(random: Random, split: Split) -> str:
    """`anna.okafor@bluebird.org`."""
    first = first_name(random, split).lower().replace(" ", "").replace("-", "")
    last = last_name(random, split).lower().replace(" ", "").replace("'", "").replace("-", "")
    domain = (
        pseudo_word(random, split)
        if random.random() < 0.4
        else COMPANY_PARTS.draw(random, split).lower().replace(" ", choose(random, ("", "-")))
    )
    tail = f"{between(random, 1, 99):02}"
    users = (f"{first}.{last}", f"{first}{last}", f"{first[0]}.{last}", f"{first}_{last}", f"{last}{tail}")
    office = choose(random, ("info", "office", "sales", "hello", "help", "support", "bookings"))
    user = office if random.random() < 0.1 else choose(random, users)
    return f"{user}@{domain}.{choose(random, _MAIL_ENDS)}"


def website(random: Random, split: Split) -> str:
    """`www.bluebird.org`, `https://frast.io`."""
    domain = pseudo_word(random, split) + choose(random, ("", "", "shop", "-online", "hub"))
    return choose(random, ("www.", "https://", "", "http://www.")) + f"{domain}.{choose(random, _MAIL_ENDS)}"


def digits(random: Random, low: int, high: int) -> str:
    """Between `low` and `high` digits, the first not zero."""
    size = between(random, low, high)
    return str(between(random, 10 ** (size - 1), 10**size - 1))


def phone(random: Random, split: Split) -> str:
    """`555-0142`, `+44 20 7946 0958`, `(030) 5550 182`."""
    formats = (
        *(f"555-{digits(random, 4, 4)}", f"+{digits(random, 1, 3)} {digits(random, 2, 3)} {digits(random, 6, 7)}"),
        *(f"0{digits(random, 2, 4)} {digits(random, 5, 7)}", f"+{digits(random, 2, 2)}{digits(random, 9, 10)}"),
        *(f"({digits(random, 3, 3)}) {digits(random, 3, 3)}-{digits(random, 4, 4)}",),
        *(f"{digits(random, 3, 3)}-{digits(random, 3, 3)}-{digits(random, 4, 4)}",),
        *(f"+{digits(random, 2, 2)} {digits(random, 2, 2)} {digits(random, 4, 4)} {digits(random, 4, 4)}",),
    )
    return choose(random, formats)


def code(random: Random, split: Split) -> str:
    """`KX-4821`, `A17`, `#90213`, `INV-2024-118`, `7F3K9Q`: order numbers, licence plates, flight codes."""
    one, two = choose(random, _LETTERS), choose(random, _LETTERS)
    three = choose(random, _LETTERS)
    mixed = "".join(choose(random, _LETTERS + "0123456789" * 2) for _ in range(between(random, 5, 9)))
    prefix = choose(random, ("INV", "ORD", "REF", "TK", "CASE", "PO", "SN", "ID", "BK", "JOB"))
    formats = (
        *(f"{one}{two}-{digits(random, 3, 5)}", f"{one}{digits(random, 2, 4)}", f"#{digits(random, 4, 6)}", mixed),
        *(f"{prefix}-{digits(random, 3, 6)}", f"{prefix}-{between(random, 2015, 2030)}-{digits(random, 2, 4)}"),
        *(digits(random, 5, 9), f"{one}{two}{digits(random, 3, 4)}", f"{one}{two}{three} {digits(random, 3, 3)}"),
        *(f"{digits(random, 2, 3)}-{one}{two}", f"{prefix}{digits(random, 4, 6)}"),
        f"{one}{two}{three}-{digits(random, 2, 4)}",
    )
    return choose(random, formats)


def flight(random: Random, split: Split) -> str:
    """`LX 482`, `BA1107`."""
    return choose(random, _LETTERS) + choose(random, _LETTERS) + choose(random, ("", " ")) + digits(random, 3, 4)


def score(random: Random, split: Split) -> str:
    """`3-1`, `2:0`, `88-79`."""
    high = choose(random, (4, 7, 100))
    return f"{between(random, 0, high)}{choose(random, ('-', '-', ':'))}{between(random, 0, high)}"


def pseudo_word(random: Random, split: Split) -> str:
    """`strandou`, two or three syllables that mean nothing."""
    return "".join(
        choose(random, _ONSETS) + choose(random, _VOWELS) + (choose(random, _CODAS) if random.random() < 0.7 else "")
        for _ in range(2 if random.random() < 0.7 else 3)
    )
