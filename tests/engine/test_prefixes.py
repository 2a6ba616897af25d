"""Chunks that depend on what came before alone, and a store that never holds more than it may."""

from hypothesis import given
from hypothesis import strategies as st

from dgemma.cache import KVCache
from dgemma.engine.prefixes import Prefix, PrefixStore, split_prompt
from tests.test_model import CONFIG

tokens = st.lists(st.integers(0, 3), min_size=1, max_size=60)
rules = st.tuples(st.integers(1, 9), st.sets(st.integers(0, 3)), st.integers(1, 6))


@given(tokens, rules)
def test_chunks_are_the_prompt_and_end_where_the_rule_says(prompt, rule):
    longest, ends, shortest = rule
    chunks = split_prompt(prompt, longest, ends, shortest)
    assert [token for chunk in chunks for token in chunk] == prompt
    for chunk in chunks:
        assert 1 <= len(chunk) <= longest
        assert not any(token in ends for token in chunk[shortest - 1 : -1])
    for chunk in chunks[:-1]:
        assert len(chunk) == longest or (chunk[-1] in ends and len(chunk) >= shortest)


@given(tokens, tokens, tokens, rules)
def test_prompts_that_begin_alike_are_cut_alike(common, first, second, rule):
    longest, ends, shortest = rule
    one, other = (split_prompt(common + rest, longest, ends, shortest) for rest in (first, second))
    held = 0
    for mine, theirs in zip(one, other, strict=False):
        if held + max(len(mine), len(theirs)) > len(common):
            break
        assert mine == theirs
        held += len(mine)


def test_without_ends_chunks_are_as_long_as_allowed():
    assert [len(chunk) for chunk in split_prompt(range(1030), 512)] == [512, 512, 6]


def test_a_short_turn_shares_a_chunk_with_the_next():
    assert [len(chunk) for chunk in split_prompt([9] * 200, 512, {9})] == [64, 64, 64, 8]


def kept(text: str, slots: int = 1) -> Prefix:
    """A prefix with a chunk for each letter."""
    return Prefix(chunks=tuple((ord(letter),) for letter in text), cache=KVCache(CONFIG, max_length=slots))


SIZE = kept("a").cache.num_bytes


def chunks(text: str):
    return kept(text).chunks


def test_size_of_tells_what_a_cache_takes():
    cache = KVCache(CONFIG, max_length=30, scratch_length=8)
    assert cache.num_bytes == KVCache.size_of(CONFIG, 30, 8, cache.keys[0].dtype)


def test_a_longer_prefix_replaces_what_it_begins_with():
    store = PrefixStore(4)
    for text in ("ab", "abc", "ax", "a", "ab"):
        store.add(kept(text))
    assert len(store) == 2
    reuse = store.claim(chunks("abcz"), 10**9)
    assert reuse is not None and reuse.num_chunks == 3 and reuse.taken


def test_a_prefix_is_taken_when_nearly_all_of_it_is_used_and_else_copied():
    store = PrefixStore(4)
    store.add(kept("abcd"))
    copied = store.claim(chunks("abz"), 10**9)
    assert copied is not None and (copied.num_chunks, copied.taken, len(store)) == (2, False, 1)
    taken = store.claim(chunks("abcz"), 10**9)
    assert taken is not None and (taken.num_chunks, taken.taken, len(store)) == (3, True, 0)
    assert store.claim(chunks("abcz"), 10**9) is None


def test_a_prefix_whose_bytes_are_needed_is_taken_rather_than_copied():
    store = PrefixStore(4)
    store.add(kept("abcd"))
    reuse = store.claim(chunks("abz"), SIZE - 1)
    assert reuse is not None and (reuse.num_chunks, reuse.taken, len(store)) == (2, True, 0)


def test_the_one_unused_for_longest_goes_first():
    store = PrefixStore(3)
    for text in ("abc", "def", "ghi"):
        store.add(kept(text))
    store.claim(chunks("ax"), 10**9)
    store.add(kept("jkl"))
    assert store.claim(chunks("dx"), 10**9) is None
    assert store.claim(chunks("ax"), 2 * SIZE) is not None
    assert len(store) == 2 and store.claim(chunks("gx"), 10**9) is None


def test_no_prefix_is_kept_when_none_may_be():
    store = PrefixStore(0)
    store.add(kept("abc"))
    assert len(store) == store.num_bytes == 0


texts = st.text("ab", min_size=1, max_size=5)


@given(st.lists(st.tuples(st.booleans(), texts, st.integers(0, 5))), st.integers(0, 3))
def test_a_claim_finds_the_longest_and_leaves_no_more_than_the_room(actions, max_prefixes):
    store = PrefixStore(max_prefixes)
    for add, text, room in actions:
        if add:
            store.add(kept(text))
            assert len(store) <= max_prefixes
        else:
            best = max((prefix.shared(chunks(text)) for prefix in store._prefixes), default=0)
            reuse = store.claim(chunks(text), room * SIZE)
            assert (0 if reuse is None else reuse.num_chunks) == best
            assert store.num_bytes <= room * SIZE
            if reuse is not None:
                assert reuse.taken == all(prefix.cache is not reuse.cache for prefix in store._prefixes)
