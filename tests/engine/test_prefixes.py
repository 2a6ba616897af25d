"""Chunk boundaries depend only on earlier tokens, and the store of prefixes keeps within its limits."""

from hypothesis import given
from hypothesis import strategies as st

from dgemma.cache import KVCache
from dgemma.engine.prefixes import Prefix, PrefixStore, split_prompt
from tests.test_model import CONFIG

tokens = st.lists(st.integers(0, 3), min_size=1, max_size=60)
rules = st.tuples(st.integers(1, 9), st.sets(st.integers(0, 3)), st.integers(1, 6))


@given(tokens, rules)
def test_chunks_cover_the_prompt_and_end_at_turn_ends_or_the_limit(prompt, rule):
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
    first_chunks, second_chunks = (split_prompt(common + rest, longest, ends, shortest) for rest in (first, second))
    length = 0
    for chunk, other_chunk in zip(first_chunks, second_chunks, strict=False):
        if length + max(len(chunk), len(other_chunk)) > len(common):
            break
        assert chunk == other_chunk
        length += len(chunk)


def test_without_ends_chunks_are_as_long_as_allowed():
    assert [len(chunk) for chunk in split_prompt(range(1030), 512)] == [512, 512, 6]


def test_a_short_turn_shares_a_chunk_with_the_next():
    assert [len(chunk) for chunk in split_prompt([9] * 200, 512, {9})] == [64, 64, 64, 8]


def make_prefix(text: str, slots: int = 1) -> Prefix:
    """A prefix with a chunk for each letter."""
    return Prefix(chunks=tuple((ord(letter),) for letter in text), cache=KVCache(CONFIG, max_length=slots))


SIZE = make_prefix("a").cache.num_bytes


def chunks(text: str):
    return make_prefix(text).chunks


def test_size_of_equals_the_bytes_of_a_cache():
    cache = KVCache(CONFIG, max_length=30, scratch_length=8)
    assert cache.num_bytes == KVCache.size_of(CONFIG, 30, 8, cache.keys[0].dtype)


def test_a_longer_prefix_replaces_its_own_beginning():
    store = PrefixStore(4)
    for text in ("ab", "abc", "ax", "a", "ab"):
        store.add(make_prefix(text))
    assert len(store) == 2
    reuse = store.claim(chunks("abcz"), 10**9)
    assert reuse is not None and reuse.num_chunks == 3 and reuse.taken


def test_a_prefix_is_taken_if_nearly_all_of_it_is_used_and_copied_otherwise():
    store = PrefixStore(4)
    store.add(make_prefix("abcd"))
    copied = store.claim(chunks("abz"), 10**9)
    assert copied is not None and (copied.num_chunks, copied.taken, len(store)) == (2, False, 1)
    taken = store.claim(chunks("abcz"), 10**9)
    assert taken is not None and (taken.num_chunks, taken.taken, len(store)) == (3, True, 0)
    assert store.claim(chunks("abcz"), 10**9) is None


def test_a_prefix_whose_bytes_are_needed_is_taken_rather_than_copied():
    store = PrefixStore(4)
    store.add(make_prefix("abcd"))
    reuse = store.claim(chunks("abz"), SIZE - 1)
    assert reuse is not None and (reuse.num_chunks, reuse.taken, len(store)) == (2, True, 0)


def test_the_least_recently_used_prefix_is_evicted_first():
    store = PrefixStore(3)
    for text in ("abc", "def", "ghi"):
        store.add(make_prefix(text))
    store.claim(chunks("ax"), 10**9)
    store.add(make_prefix("jkl"))
    assert store.claim(chunks("dx"), 10**9) is None
    assert store.claim(chunks("ax"), 2 * SIZE) is not None
    assert len(store) == 2 and store.claim(chunks("gx"), 10**9) is None


def test_a_store_for_no_prefixes_keeps_none():
    store = PrefixStore(0)
    store.add(make_prefix("abc"))
    assert len(store) == store.num_bytes == 0


texts = st.text("ab", min_size=1, max_size=5)


@given(st.lists(st.tuples(st.booleans(), texts, st.integers(0, 5))), st.integers(0, 3))
def test_a_claim_finds_the_longest_match_and_evicts_to_make_room(actions, max_prefixes):
    store = PrefixStore(max_prefixes)
    for add, text, room in actions:
        if add:
            store.add(make_prefix(text))
            assert len(store) <= max_prefixes
        else:
            best = max((prefix.shared(chunks(text)) for prefix in store._prefixes), default=0)
            reuse = store.claim(chunks(text), room * SIZE)
            assert (0 if reuse is None else reuse.num_chunks) == best
            assert store.num_bytes <= room * SIZE
            if reuse is not None:
                assert reuse.taken == all(prefix.cache is not reuse.cache for prefix in store._prefixes)
