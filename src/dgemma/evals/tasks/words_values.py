"""Random values made of digits, units and syllables, each a function of (random, split): dates, sums, codes.

Each is written in many ways. Nothing is held out, because such values hardly ever repeat: `split` is ignored and
exists only so that all value functions have the same signature.
"""

from collections.abc import Callable
from random import Random

from dgemma.evals.example import Split
from dgemma.evals.tasks.words_lists import CODAS, MONTHS, NUMBER_WORDS, ONSETS, VOWELS, WEEKDAYS, between, choose

WordFunction = Callable[[Random, Split], str]

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


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
        *(f"{short} {day}, {full_year}", weekday_name, f"{full_year}/{number_of_month:02}/{day:02}"),
    )
    return choose(random, formats)


def time_of_day(random: Random, split: Split) -> str:
    """`14:30`, `2:30 pm`, `3 pm`, `9am`."""
    hour, minute = between(random, 0, 23), choose(random, (0, 15, 30, 45, 5 * between(random, 0, 11)))
    half_hour, half = (hour - 1) % 12 + 1, "am" if hour < 12 else "pm"
    formats = (
        *(f"{hour:02}:{minute:02}", f"{hour:02}:{minute:02}", f"{half_hour}:{minute:02} {half}", f"{half_hour} {half}"),
        *(f"{half_hour}{half}", f"{half_hour}:{minute:02} {half.upper()}", f"{half_hour}:{minute:02}{half}"),
        *(f"{half_hour} o'clock" if random.random() < 0.7 else choose(random, ("noon", "midnight")),),
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
    """`7`, `128`, `4,300`, `4300`, a whole number."""
    roll = random.random()
    if roll < 0.25:
        return str(between(random, 2, 20))
    if roll < 0.7:
        return str(between(random, 21, 999))
    return f"{between(random, 1000, 99999):,}" if roll < 0.9 else str(between(random, 1000, 99999))


def decimal(random: Random, split: Split) -> str:
    """`12.5`, `0.75`, `-3.1`."""
    sign = "-" if random.random() < 0.1 else ""
    return f"{sign}{between(random, 0, 99)}.{digits(random, 1, 3)}"


def count(random: Random, split: Split) -> str:
    """`2` to `24`, sometimes as a word."""
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


def digits(random: Random, low: int, high: int) -> str:
    """A number of `low` to `high` digits, the first not zero."""
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


def winning_score(random: Random, split: Split) -> str:
    """`3-1`, the winner's points first."""
    high = between(random, 1, choose(random, (4, 7, 100)))
    return f"{high}{choose(random, ('-', '-', ':'))}{between(random, 0, high - 1)}"


def altered(random: Random, value: str) -> str:
    """`value` with up to three characters replaced: vowel by vowel, consonant by consonant, digit by digit.

    Training sometimes uses it in place of a listed word, so that the model learns to copy and not the list.
    """
    places = [place for place, character in enumerate(value) if character.isascii() and character.isalnum()]
    characters = list(value)
    for _ in range(between(random, 1, 3) if places else 0):
        place = choose(random, places)
        old = characters[place]
        kind = next((kind for kind in ("aeiou", "bcdfghjklmnprstvwz", "0123456789") if old.lower() in kind), None)
        if kind is not None:
            new = choose(random, kind)
            characters[place] = new.upper() if old.isupper() else new
    return "".join(characters)


def pseudo_word(random: Random, split: Split) -> str:
    """`strandou`: two or three random syllables."""
    return "".join(
        choose(random, ONSETS) + choose(random, VOWELS) + (choose(random, CODAS) if random.random() < 0.7 else "")
        for _ in range(2 if random.random() < 0.7 else 3)
    )
