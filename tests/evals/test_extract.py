"""The extraction task: what its examples promise, and that the eval split shows what training never does."""

import json
import re
from random import Random

import pytest

from dgemma.evals.example import Example, Split
from dgemma.evals.tasks import extract, extract_clauses, extract_domain, extract_requests, words
from dgemma.evals.tasks.extract_domain import expand
from dgemma.evals.tasks.extract_fillers import FILLERS, HELD_OUT_FILLERS

SPLITS: tuple[Split, ...] = ("train", "eval")


def examples(split: Split, count: int = 2000) -> list[Example]:
    random = Random(11)
    return [extract.generate(random, split) for _ in range(count)]


@pytest.mark.parametrize("split", SPLITS)
def test_a_seed_gives_the_same_examples(split: Split) -> None:
    assert examples(split, 50) == examples(split, 50)


@pytest.mark.parametrize("split", SPLITS)
def test_values_and_keys_are_in_the_prompt(split: Split) -> None:
    for example in examples(split):
        answer = json.loads(example.answer)
        assert 1 <= len(answer) <= 6
        assert example.answer == json.dumps(answer, ensure_ascii=False)
        assert len(example.prompt) <= 420 and len(example.answer) <= 200
        assert len(set(answer.values())) == len(answer)
        for key, value in answer.items():
            assert key in example.prompt
            assert isinstance(value, str) and value and value in example.prompt
        assert not any(mark in example.prompt for mark in ("{keys}", "{things}", "{text}", "{request}", "{key}"))


def test_there_are_many_kinds_in_the_intended_shares() -> None:
    kinds = [example.kind for example in examples("train", 6000)]
    assert len(set(kinds)) >= 20
    assert 0.35 < kinds.count("record") / len(kinds) < 0.45
    held_out = [example.kind for example in examples("eval", 2000)]
    assert 0.1 < held_out.count("record") / len(held_out) < 0.2


def test_the_splits_share_no_phrasing_and_no_sentence() -> None:
    assert not set(extract_requests.CLAUSES) & set(extract_requests.HELD_OUT_CLAUSES)
    assert not set(extract_requests.LAYOUTS) & set(extract_requests.HELD_OUT_LAYOUTS)
    assert not set(FILLERS) & set(HELD_OUT_FILLERS)
    train_clauses = {expand(clause, Random(seed)) for clause in extract_requests.CLAUSES for seed in range(50)}
    assert not train_clauses & {expand(clause, Random(0)) for clause in extract_requests.HELD_OUT_CLAUSES}
    for domain in extract.DOMAINS:
        assert domain.leads and domain.held_out_leads
        assert not set(domain.leads) & set(domain.held_out_leads)
        assert not set(domain.follows) & set(domain.held_out_follows)
        for field in domain.fields.values():
            assert not set(field.keys) & set(field.held_out_keys)


def bare(sentence: str) -> str:
    """A sentence with the first of each choice, and its slots without names."""
    first = re.sub(r"\[([^|\]]*)[^\]]*\]", r"\1", sentence)
    return re.sub(r"\{[^}]*\}", "{}", first).lower()


def test_domains_of_training_alone_share_nothing_with_the_eval_split() -> None:
    known = {domain.name: domain for domain in extract.DOMAINS}
    more = {domain.name: domain for domain in extract.TRAINING_DOMAINS}
    assert set(known) == set(more)
    assert sum(len(domain.leads) for domain in more.values()) > sum(len(domain.leads) for domain in known.values())
    for name, domain in more.items():
        assert domain.held_out_leads == known[name].held_out_leads
        assert not {lead.lower() for lead in domain.leads} & {lead.lower() for lead in domain.held_out_leads}
        assert not set(domain.follows) & set(domain.held_out_follows)
    trained = {
        key for domain in more.values() if domain.name[0] != "~" for f in domain.fields.values() for key in f.keys
    }
    held_out = {key for domain in more.values() for field in domain.fields.values() for key in field.held_out_keys}
    assert len(extract.MORE_DOMAINS) > 200
    drawn = {bare(line) for d in extract.MORE_DOMAINS for line in (*d.leads, *d.follows, *d.cores)}
    kept = {bare(line) for d in known.values() for line in (*d.held_out_leads, *d.held_out_follows)}
    assert not drawn & kept
    for domain in extract.MORE_DOMAINS:
        assert domain.name not in {name.lstrip("~") for name in known} and domain.leads and not domain.held_out_leads
        keys = {key for field in domain.fields.values() for key in field.keys}
        assert not keys & (held_out - trained), domain.name


def test_training_draws_no_held_out_word() -> None:
    random = Random(3)
    for entries in (words.FIRST_NAMES, words.CITIES, words.PRODUCTS, words.JOBS, words.ANIMALS):
        assert entries.held_out and not set(entries.train) & set(entries.held_out)
        assert not {entries.draw(random, "train") for _ in range(500)} & set(entries.held_out)
        share = sum(entries.draw(random, "eval") in entries.held_out for _ in range(1000)) / 1000
        assert 0.4 < share < 0.6


def test_replies_are_read_as_json() -> None:
    example = Example(task="extract", prompt="", answer='{"name": "Anna Lee", "age": "31"}')
    assert extract.is_correct(example, '{"age": "31", "name": "Anna Lee"}')
    assert extract.is_correct(example, ' {"name":"Anna Lee","age":"31"}\n')
    assert not extract.is_correct(example, '{"name": "Anna Lee"}')
    assert not extract.is_correct(example, '{"name": "Anna Lee", "age": 31}')
    assert not extract.is_correct(example, "name: Anna Lee, age: 31")


def test_a_key_with_two_meanings_is_refused() -> None:
    with pytest.raises(ValueError, match="names two fields"):
        extract_domain.parse_domains("## pair\nbuyer full_name: name\nseller full_name: name\n- {buyer} {seller}\n")


def test_fill_writes_an_before_a_vowel() -> None:
    assert extract_domain.fill("a {job} and a {tool}", {"job": "actor", "tool": "saw"}) == "an actor and a saw"


def test_no_clause_of_the_eval_split_appears_in_training():
    random = Random(3)
    trained = {extract_requests.train_clause(random).replace("{things}", "{keys}").lower() for _ in range(30_000)}
    trained |= {clause.lower() for clause in extract_requests.PLAIN_CLAUSES}
    held_out = (*extract_requests.PLAIN_HELD_OUT_CLAUSES, *extract_requests.HELD_OUT_CLAUSES)
    assert not trained & {clause.replace("{things}", "{keys}").lower() for clause in held_out}


def test_composed_clauses_are_many_and_have_one_place_for_the_keys():
    random = Random(5)
    clauses = [extract_clauses.compose(random) for _ in range(2000)]
    assert len(set(clauses)) > 1900
    for clause in clauses:
        assert clause.count("{things}") + clause.count("{keys}") == 1
        assert "json" in clause.lower()
        assert not any(mark in clause for mark in ("[", "]", "|", "  ", " ,", " ."))


def test_composed_leads_name_each_slot_once_and_are_not_in_the_eval_split():
    random = Random(7)
    composing = [domain for domain in (*extract.TRAINING_DOMAINS, *extract.MORE_DOMAINS) if domain.cores]
    assert len(composing) >= 16
    for domain in composing:
        held_out = {extract_domain.expand(lead, Random(seed)) for lead in domain.held_out_leads for seed in range(20)}
        for _ in range(200):
            lead = extract_domain.compose(random, domain)
            slots = [*extract_domain.slots_said(lead.replace(".cap}", "}")), *extract_domain.slots_referred(lead)]
            assert slots and len(slots) == len(set(slots)), lead
            assert lead.replace(".cap}", "}") not in held_out
        for adjunct in domain.adjuncts:
            assert len(extract_domain.slots_said(extract_domain.expand(adjunct, random))) == 1, adjunct
