"""Records of arbitrary keys and values in short sentences or lines, which teach copying for unseen keys.

Each key is next to its value, and no key occurs twice. Knows nothing of requests.
"""

from collections.abc import Callable
from random import Random

from dgemma.evals.example import Split
from dgemma.evals.tasks import words
from dgemma.evals.tasks.words_lists import WordList, between, choose

KEY_NOUNS = WordList("""
account, altitude, angle, anchor, author, badge, balance, band, base, batch, battery, bay, bonus, booth, branch,
breed, budget, cabin, capital, captain, cargo, case, category, cell, channel, chapter, chief, class, client, climate,
clinic, club, coach, coast, collection, column, condition, contract, course, crew, crop, currency, curator, cycle,
deck, delay, depth, desk, diet, direction, dock, domain, dose, driver, edition, engine, exit, expiry, factor, farm,
file, finish, flavour, fleet, floor, folder, format, frame, frequency, fuel, gauge, gender, goal, grade, grant, group,
guardian, guide, habitat, handle, harvest, heading, host, icon, index, input, island, journal, judge, key, kingdom,
label, lane, language, launch, layer, leader, lender, lens, level, licence, lid, limit, line, load, lock, mascot,
mast, material, medal, medium, mentor, menu, merchant, method, mode, model, module, mood, motto, nation, network,
nickname, node, note, nurse, object, office, operator, orbit, origin, outlet, output, owner, packet, panel, partner,
password, path, pattern, phase, pilot, pitch, planet, platform, plot, policy, port, position, power, premium, prize,
profile, protocol, province, quality, queue, range, rank, rate, ratio, reader, region, remark, reserve, resort, role,
roof, route, row, rule, saddle, sample, scale, scent, school, section, sector, series, server, shift, shop, signal,
slogan, soil, source, speaker, species, sponsor, stage, state, station, stone, strategy, stream, style, subject,
suffix, surface, symbol, symptom, tariff, task, teacher, team, tenant, term, texture, theme, tide, topping, tower,
track, trainer, treatment, trend, tribe, trophy, tutor, unit, user, valve, variant, vendor, venue, verdict, version,
village, voltage, volume, voyage, wage, ward, warranty, width, window, wing, witness, zone
""")
KEY_PREFIXES = WordList("""
actual, air, annual, back, backup, base, best, billing, blue, book, city, client, current, daily, data, default,
event, extra, farm, final, first, front, green, group, guest, head, home, initial, inner, last, late, left, local,
lower, main, major, max, member, min, minor, monthly, net, new, next, night, old, order, outer, past, plant, previous,
prime, project, rear, red, right, school, second, secret, ship, short, side, site, staff, start, sub, team, test,
third, top, total, trip, upper, user, water, weekly, work, yearly
""")
_VALUE_FUNCTIONS = (
    *(words.pseudo_word, words.pseudo_word, words.code, words.code, words.number, words.full_name, words.city),
    *(words.money, words.date, words.time_of_day, words.colour, words.company, words.percentage, words.weight),
    *(words.length, words.email, words.phone, words.job, words.product, words.animal, words.food, words.country),
    *(words.first_name, words.last_name, words.duration, words.title, words.temperature, words.website, words.year),
    *(words.plant, words.venue, words.address, words.weekday, words.month, words.ingredient, words.flight),
    *(words.phrase, words.phrase, words.decimal, words.ingredients, words.speed, words.volume, words.score),
)
_INTROS = (
    *("Here are the details. ", "", "", "", "Notes on {subject}. ", "{subject} was checked again. ", "Entry {code}. "),
    *("Facts about {subject}: ", "Data sheet. ", "This is what we know. ", "{subject} has been updated. "),
)
_SENTENCES = (
    *("The {key} is {value}.", "The {key} is {value}.", "The {key} is {value}.", "Its {key} is {value}."),
    *("The {key} was {value}.", "The {key}: {value}.", "{value} is the {key}.", "It has {value} as its {key}."),
    *("For the {key} we chose {value}.", "As {key} it lists {value}.", "The {key} was set to {value}."),
    *("The {key} is called {value}.", "The {key} reads {value}.", "It comes with {a} {key} of {value}."),
    *("Its {key} was changed to {value}.", "The {key} of {subject} is {value}.", "Someone put {value} as {key}."),
    *("Our {key} is {value}.", "The {key} equals {value}.", "{value} was given as the {key}."),
)
_ONE_SENTENCE = (
    *("with {a} {key} of {value}", "whose {key} is {value}", "the {key} being {value}", "{key} {value}"),
    *("{key}: {value}", "with {value} as its {key}", "with {a} {key} of {value}"),
)
_LINES = (
    *("{key}: {value}", "{key}: {value}", "{key} = {value}", "{key} - {value}", "- {key}: {value}", "{key} | {value}"),
    *("<{key}>{value}</{key}>", "{key}={value}", "* {key}: {value}", "{key} -> {value}", "**{key}**: {value}"),
)
_SEPARATORS = ("\n", "\n", "; ", ", ", " | ", "\n")


def record(random: Random, split: Split) -> tuple[str, dict[str, str]]:
    """A text and its facts by key (words joined by underscores)."""
    facts: dict[str, str] = {}
    size = choose(random, (2, 2, 3, 3, 4, 5, 6)) if split == "train" else between(random, 2, 7)
    while len(facts) < size:
        key = _key(random, split)
        value = _value(random, split)
        if not any(value in other or other in value for other in facts.values()) and not _overlaps(key, facts):
            facts[key] = value
    return _render(random, split, facts), facts


def lines(random: Random, facts: dict[str, str]) -> str:
    """The facts as labelled lines, or all on one line."""
    form, separator = choose(random, _LINES), choose(random, _SEPARATORS)
    if (
        form[0] in "-*<"
        or " - " in form
        or "|" in form
        or (separator == ", " and any("," in value for value in facts.values()))
    ):
        separator = "\n"
    spelled = _spelling(random) if form[0] != "<" else str
    return separator.join(form.replace("{key}", spelled(key)).replace("{value}", facts[key]) for key in facts)


def _key(random: Random, split: Split) -> str:
    roll = random.random()
    if roll < 0.1:
        return words.pseudo_word(random, split)
    noun = KEY_NOUNS.draw(random, split)
    if roll < 0.55:
        return noun
    if roll < 0.9:
        return f"{KEY_PREFIXES.draw(random, split)}_{noun}"
    return f"{noun}_{choose(random, ('name', 'number', 'code', 'date', 'type', 'size', 'id', 'city', 'count'))}"


def _value(random: Random, split: Split) -> str:
    if random.random() < 0.1:
        return f"{words.pseudo_word(random, split)} {words.pseudo_word(random, split)}"
    value = choose(random, _VALUE_FUNCTIONS)(random, split)
    return value[0].upper() + value[1:] if random.random() < 0.05 else value


def _overlaps(key: str, facts: dict[str, str]) -> bool:
    """Whether a key contains another, as `left_port` contains `port`, which would make requests ambiguous."""
    return any(key in other or other in key for other in facts)


def _render(random: Random, split: Split, facts: dict[str, str]) -> str:
    roll = random.random()
    if roll < 0.25:
        return lines(random, facts)
    noun = choose(random, ("unit", "object", "record", "station", "project", "box", "ship", "place", "item", "case"))
    subject = f"the {noun} {words.pseudo_word(random, split).capitalize()}"
    if roll < 0.4:
        form = choose(random, _ONE_SENTENCE)
        parts = [_state(form, key, value) for key, value in facts.items()]
        verb = choose(random, ("Take", "We found", "They sold us", "Look at", "I wrote down"))
        return f"{verb} {subject}, {', '.join(parts[:-1])} and {parts[-1]}."
    intro = choose(random, _INTROS).replace("{subject}", subject).replace("{code}", words.code(random, split))
    sentences = [
        _state(choose(random, _SENTENCES).replace("{subject}", subject), key, value) for key, value in facts.items()
    ]
    return intro[:1].upper() + intro[1:] + " ".join(sentences)


def _state(form: str, key: str, value: str) -> str:
    article = "an" if key[0] in "aeiou" else "a"
    return form.replace("{a}", article).replace("{key}", key.replace("_", " ")).replace("{value}", value)


def _spelling(random: Random) -> Callable[[str], str]:
    roll = random.random()
    if roll < 0.35:
        return lambda key: key.replace("_", " ").capitalize()
    if roll < 0.65:
        return lambda key: key.replace("_", " ")
    if roll < 0.75:
        return lambda key: key.replace("_", " ").upper()
    return lambda key: key
