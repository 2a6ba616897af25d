"""Random names, dates, sums and other small values for task generators, each a function of (random, split).

`train` never draws a word that `words_lists` holds out. Values made of digits or syllables hardly ever repeat, so none
are held out; they are re-exported from `words_values`, so that tasks need only this module. Knows nothing of tasks,
prompts or answers.
"""

from random import Random

from dgemma.evals.example import Split
from dgemma.evals.tasks.words_lists import (
    ADJECTIVES,
    ANIMALS,
    CITIES,
    COLOURS,
    COMPANY_ENDS,
    COMPANY_PARTS,
    COUNTRIES,
    FIRST_NAMES,
    FOODS,
    GOODS,
    INGREDIENTS,
    JOBS,
    LAST_NAMES,
    NOUNS,
    PLANTS,
    PRODUCTS,
    STREETS,
    VENUES,
    between,
    choose,
)
from dgemma.evals.tasks.words_values import (  # noqa: F401 - tasks draw all values from this module
    WordFunction,
    age,
    altered,
    area,
    big_money,
    code,
    count,
    date,
    decimal,
    digits,
    distance,
    duration,
    flight,
    length,
    money,
    month,
    number,
    percentage,
    phone,
    pseudo_word,
    score,
    short_duration,
    speed,
    temperature,
    time_of_day,
    volume,
    weekday,
    weight,
    winning_score,
    year,
)

_MAIL_ENDS = ("com", "com", "org", "net", "io", "co.uk", "de", "fr", "edu", "info")


def first_name(random: Random, split: Split) -> str:
    """`Anna`."""
    return FIRST_NAMES.draw(random, split)


def last_name(random: Random, split: Split) -> str:
    """`Okafor`."""
    return LAST_NAMES.draw(random, split)


def full_name(random: Random, split: Split) -> str:
    """`Anna Okafor`, sometimes with an initial, a second last name or made-up parts."""
    first, last = first_name(random, split), last_name(random, split)
    roll = random.random()
    if roll < 0.04:
        return f"{first} {choose(random, 'ABCDEFGHJKLMNOPRSTVW')}. {last}"
    if roll < 0.06:
        return f"{first} {last}-{last_name(random, split)}"
    if roll < 0.16:
        last = pseudo_word(random, split).capitalize()
        return f"{first if random.random() < 0.6 else pseudo_word(random, split).capitalize()} {last}"
    return f"{first} {last}"


def person_name(random: Random, split: Split) -> str:
    """A full name; sometimes only `Anna`, or `Mr. Okafor`."""
    roll = random.random()
    if roll < 0.1:
        return first_name(random, split)
    return titled_name(random, split) if roll < 0.14 else full_name(random, split)


def titled_name(random: Random, split: Split) -> str:
    """`Dr. Okafor`, `Professor Anna Okafor`."""
    title = choose(random, ("Dr.", "Dr.", "Dr", "Dr.", "Professor", "Prof.", "Mrs.", "Mr.", "Ms."))
    return f"{title} {last_name(random, split) if random.random() < 0.6 else full_name(random, split)}"


def doctor_name(random: Random, split: Split) -> str:
    """`Dr. Okafor`, `Dr Anna Okafor`."""
    name = last_name(random, split) if random.random() < 0.6 else full_name(random, split)
    return f"{choose(random, ('Dr.', 'Dr.', 'Dr'))} {name}"


def city(random: Random, split: Split) -> str:
    """`Lisbon`, sometimes a made-up town."""
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
    """`Town Hall`, a place for events."""
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


def goods(random: Random, split: Split) -> str:
    """`pencils`, things bought by number."""
    return GOODS.draw(random, split)


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


def phrase(random: Random, split: Split) -> str:
    """`the old bridge`, `a red lamp in Oslo`, `desk lamp and two towels`: a noun phrase."""
    adjective, noun = ADJECTIVES.draw(random, split), NOUNS.draw(random, split)
    one, two = product(random, split), product(random, split)
    place, first = city(random, split), first_name(random, split)
    phrases = (
        *(f"the {adjective} {noun}", f"the {noun} in {place}", f"{one} and {two}", f"{noun} and {noun}s"),
        *(f"my {adjective} {noun}", f"{first}'s {noun}", f"near the {noun}", f"the {noun} does not work"),
        *(f"{count(random, split)} {adjective} {noun}s", f"waiting for the {noun}", f"trip to {place}"),
        *(f"{adjective} but {ADJECTIVES.draw(random, split)}", f"{noun} of the {NOUNS.draw(random, split)}"),
        *(f"to see the {noun}", f"behind the {adjective} {noun}", f"visit to {first}", f"lost {one}"),
    )
    return choose(random, phrases)


def ingredients(random: Random, split: Split) -> str:
    """`flour, eggs and honey`."""
    parts = list(dict.fromkeys([ingredient(random, split) for _ in range(4)]))[: between(random, 2, 4)]
    if len(parts) < 2:
        return parts[0]
    return ", ".join(parts[:-1]) + " and " + parts[-1]


def email(random: Random, split: Split) -> str:
    """`anna.okafor@bluebird.org`."""
    first = first_name(random, split).lower().replace(" ", "").replace("-", "")
    last = last_name(random, split).lower().replace(" ", "").replace("'", "").replace("-", "")
    first, last = (part if part.isascii() else pseudo_word(random, split) for part in (first, last))
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
