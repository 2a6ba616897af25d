"""Regular expressions over bytes as numbered terms, and their Brzozowski derivatives.

Terms are hash-consed: structurally equal terms have equal numbers, and a term with an impossible part collapses to
NOTHING as it is built. The distinct derivatives of an expression are therefore the states of its automaton (Brzozowski
1964; Owens, Reppy and Turon 2009). Knows nothing of tokens, patterns or JSON.
"""

from collections.abc import Iterable
from functools import reduce
from itertools import pairwise
from operator import and_, or_
from typing import Any

from dgemma.decode.constrain.work import Work

Term = int
"""The number of an expression within its `Expressions`."""

NOTHING: Term = 0
EMPTY: Term = 1

UNBOUNDED = 1 << 30
"""For `repeat`: no upper bound."""

EVERY_BYTE = (1 << 256) - 1
"""A mask with a bit for each byte."""

DERIVATION, VISIT = 0.25, 1 / 16
"""Units of work for one derivative, and for each part that it visits; building the resulting terms costs extra."""

CharacterRanges = tuple[tuple[int, int], ...]
"""Sorted, disjoint, inclusive ranges of code points."""


class Expressions:
    """A growing table of expressions. NOTHING matches no text, EMPTY the empty one.

    Every operation spends units of `work`: nested counts may have huge terms for few states.
    """

    def __init__(self, work: Work | None = None) -> None:
        self.work = Work() if work is None else work
        self._nodes: list[tuple[Any, ...]] = [("nothing",), ("empty",)]
        self._terms: dict[tuple[Any, ...], Term] = {node: term for term, node in enumerate(self._nodes)}
        self._nullable: list[bool] = [False, True]
        self._first: dict[Term, tuple[frozenset[int], int]] = {}
        self._possible: set[Term] = set()
        self._derivatives: dict[tuple[Term, int], Term] = {}

    def byte(self, ranges: Iterable[tuple[int, int]]) -> Term:
        """One byte in any of the inclusive ranges."""
        ranges = tuple(sorted(ranges))
        return self._term(("byte", ranges), False) if ranges else NOTHING

    def literal(self, text: bytes) -> Term:
        """Exactly these bytes."""
        return self.sequence(*(self.byte([(value, value)]) for value in text))

    def sequence(self, *parts: Term) -> Term:
        """The concatenation of the parts."""
        if NOTHING in parts:
            return NOTHING
        result = EMPTY
        for part in reversed(parts):
            result = self._pair(part, result)
        return result

    def choice(self, *options: Term) -> Term:
        """Any one of the options."""
        return self._flat("choice", options, any)

    def intersection(self, *conditions: Term) -> Term:
        """The texts that match all the conditions."""
        return NOTHING if NOTHING in conditions else self._flat("intersection", conditions, all)

    def complement(self, term: Term) -> Term:
        """The byte strings that do not match."""
        return self._term(("complement", term), not self._nullable[term])

    def repeat(self, part: Term, least: int = 0, most: int = UNBOUNDED) -> Term:
        """The part, `least` to `most` times."""
        if most < least:
            return NOTHING
        if part == NOTHING:
            return EMPTY if least == 0 else NOTHING
        if most == 0 or part == EMPTY:
            return EMPTY
        if (least, most) == (1, 1):
            return part
        least = 0 if self._nullable[part] else least
        return self._term(("repeat", part, least, most), least == 0)

    def optional(self, part: Term) -> Term:
        """The part or the empty text."""
        return self.choice(part, EMPTY)

    def nullable(self, term: Term) -> bool:
        """Whether the empty text matches."""
        return self._nullable[term]

    def possible(self, term: Term, max_terms: int = 10_000) -> bool:
        """Whether any text matches; also True if that is undecided after `max_terms` derivatives."""
        if self._ends_somewhere(term):
            return True
        predecessor: dict[Term, Term | None] = {term: None}
        stack = [term]
        while stack and len(predecessor) < max_terms:
            current = stack.pop()
            for low, _ in self.first_bytes(current):
                successor = self.derivative(current, low)
                if successor == NOTHING or successor in predecessor:
                    continue
                predecessor[successor] = current
                # Asked here and not when it is taken from the stack: it may lie below thousands of others.
                if self._ends_somewhere(successor):
                    on_path: Term | None = successor
                    while on_path is not None:
                        self._possible.add(on_path)
                        on_path = predecessor[on_path]
                    return True
                stack.append(successor)
        return bool(stack)

    def _ends_somewhere(self, term: Term) -> bool:
        """Whether a text is known to match."""
        return self._nullable[term] or term in self._possible

    def first_bytes(self, term: Term) -> list[tuple[int, int]]:
        """Byte classes: inclusive ranges; all bytes of a range have the same derivative, all others NOTHING."""
        cuts, possible = self._first_of(term)
        ends = sorted(cuts | {0, 256})
        self.work.spend(VISIT * len(ends))
        classes = [(low, high - 1) for low, high in pairwise(ends) if possible >> low & 1]
        self.work.spend(DERIVATION * len(classes))
        return classes

    def derivative(self, term: Term, value: int) -> Term:
        """The texts that may follow the byte `value`."""
        key = (term, value)
        if key not in self._derivatives:
            self._derivatives[key] = self._derive(term, value)
        return self._derivatives[key]

    def _derive(self, term: Term, value: int) -> Term:
        kind, *parts = self._nodes[term]
        self.work.spend(DERIVATION + VISIT * len(parts))
        if kind == "byte":
            return EMPTY if any(low <= value <= high for low, high in parts[0]) else NOTHING
        if kind == "pair":
            head, tail = parts
            first = self._pair(self.derivative(head, value), tail)
            return self.choice(first, self.derivative(tail, value)) if self._nullable[head] else first
        if kind == "choice":
            return self.choice(*(self.derivative(part, value) for part in parts))
        if kind == "intersection":
            return self.intersection(*(self.derivative(part, value) for part in parts))
        if kind == "complement":
            return self.complement(self.derivative(parts[0], value))
        if kind == "repeat":
            part, least, most = parts
            left = most if most == UNBOUNDED else most - 1
            return self._pair(self.derivative(part, value), self.repeat(part, max(0, least - 1), left))
        return NOTHING

    def _first_of(self, term: Term) -> tuple[frozenset[int], int]:
        """(the first bytes of the term's byte classes, and the bytes after their ends; a mask with a bit for each byte
        that a text may begin with)."""
        if term not in self._first:
            kind, *parts = self._nodes[term]
            self.work.spend(DERIVATION + VISIT * len(parts))
            if term in (NOTHING, EMPTY):
                cuts, possible = frozenset(), 0
            elif kind == "byte":
                cuts = frozenset(cut for low, high in parts[0] for cut in (low, high + 1))
                possible = reduce(or_, ((1 << high + 1) - (1 << low) for low, high in parts[0]))
            else:
                first_only = kind == "repeat" or (kind == "pair" and not self._nullable[parts[0]])
                found = [self._first_of(part) for part in (parts[:1] if first_only else parts)]
                cuts = frozenset().union(*(each for each, _ in found))
                if kind == "complement":
                    possible = EVERY_BYTE
                else:
                    possible = reduce(and_ if kind == "intersection" else or_, (mask for _, mask in found))
            self._first[term] = cuts, possible
        return self._first[term]

    def _pair(self, head: Term, tail: Term) -> Term:
        if NOTHING in (head, tail):
            return NOTHING
        if head == EMPTY or tail == EMPTY:
            return tail if head == EMPTY else head
        heads = []
        while self._nodes[head][0] == "pair":
            # Pairs nest to the right, so that concatenation is associative and equal sequences are equal terms.
            heads.append(self._nodes[head][1])
            head = self._nodes[head][2]
        for part in (head, *reversed(heads)):
            tail = self._term(("pair", part, tail), self._nullable[part] and self._nullable[tail])
        return tail

    def _flat(self, kind: str, terms: Iterable[Term], decide: Any) -> Term:
        """A choice or an intersection: flattened, sorted and without duplicates; `decide` combines nullability."""
        flat: set[Term] = set()
        for term in terms:
            inner, *parts = self._nodes[term]
            flat.update(parts if inner == kind else [term])
        if kind == "choice":
            flat.discard(NOTHING)
        if not flat:
            return NOTHING
        if len(flat) == 1:
            return flat.pop()
        ordered = sorted(flat)
        return self._term((kind, *ordered), decide(self._nullable[term] for term in ordered))

    def _term(self, node: tuple[Any, ...], nullable: bool) -> Term:
        self.work.spend(len(node))
        term = self._terms.get(node)
        if term is None:
            term = self._terms[node] = len(self._nodes)
            self._nodes.append(node)
            self._nullable.append(nullable)
        return term
