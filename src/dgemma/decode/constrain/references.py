"""Resolves the `$ref`s of one schema document, and checks that the options of a `oneOf` are disjoint.

Promises that references are resolved within the document only, and that `overlap` is False only if no value satisfies
both schemas. All operations spend units of one `Work`. Knows nothing of expressions.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any
from urllib.parse import unquote

from dgemma.decode.constrain.schema_document import SCHEMAS, SCHEMAS_BY_NAME, TYPES, Schema, refusal
from dgemma.decode.constrain.values import identity, listed, type_of
from dgemma.decode.constrain.work import Work

COMPARISON = 4
"""Units of work for the comparison of two schemas."""


class References:
    """The local references of one document."""

    def __init__(self, document: Schema, work: Work) -> None:
        self._document, self._work = document, work
        self._resolved: dict[str, Schema] = {}
        self._named_in: dict[str, frozenset[str]] = {}
        self._recursive: dict[str, bool] = {}
        # Keyed by the `id` of schemas; the document and these tables keep the schemas alive.
        self._options: dict[int, tuple[Schema, Sequence[Schema]]] = {}
        self._listed: dict[int, frozenset[Hashable] | None] = {}
        self._types: dict[int, frozenset[str]] = {}
        self._overlap: dict[tuple[int, int], bool] = {}

    def resolve(self, reference: str, place: str) -> Schema:
        """The schema that a reference such as `#` or `#/$defs/name` points to. Raises UsageError for any other."""
        self._work.spend(1)
        if reference not in self._resolved:
            self._resolved[reference] = self._resolve(reference, place)
        return self._resolved[reference]

    def _resolve(self, reference: str, place: str) -> Schema:
        found: Any = self._document
        if reference != "#" and not reference.startswith("#/"):
            raise refusal(place, f"the reference {reference!r} points outside the document")
        for part in reference.split("/")[1:]:
            part = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and part.isdigit() and int(part) < len(found):
                found = found[int(part)]
            elif isinstance(found, Mapping) and part in found:
                found = found[part]
            else:
                raise refusal(place, f"the reference {reference!r} points to nothing")
        if not isinstance(found, Mapping | bool):
            raise refusal(place, f"the reference {reference!r} does not point to a schema")
        return found

    def recursive(self, reference: str) -> bool:
        """Whether the schema that the reference points to leads back to it."""
        if reference not in self._recursive:
            self._recursive |= _on_cycles(reference, self._references_of, self._recursive)
        return self._recursive[reference]

    def _references_of(self, reference: str) -> frozenset[str]:
        if reference not in self._named_in:
            self._named_in[reference] = frozenset(_references_in(self.resolve(reference, "#"), self._work))
        return self._named_in[reference]

    def follow(self, schema: Schema) -> Schema:
        """The schema, or the one that its chain of up to 100 references leads to."""
        count = 0
        while isinstance(schema, Mapping) and "$ref" in schema and count < 100:
            schema, count = self.resolve(schema["$ref"], "#"), count + 1
        return schema

    def distinct_options(self, schema: Mapping[str, Any], place: str) -> Sequence[Schema]:
        """The options of `oneOf`; none without that keyword. Raises UsageError if a value may satisfy two of them.

        The property that a `discriminator` names becomes required in every option: if it has a default it may be
        optional, and a value without it would not distinguish the options.
        """
        if "oneOf" not in schema:
            return ()
        if id(schema) not in self._options:
            options, discriminator = schema["oneOf"], schema.get("discriminator")
            named = discriminator.get("propertyName") if isinstance(discriminator, Mapping) else None
            tag = named if isinstance(named, str) else None
            for index, other in self._candidate_pairs(options, tag):
                if self.overlap(options[index], options[other], tag):
                    raise refusal(place, f"the options {index} and {other} are not clearly distinct; use anyOf")
            distinct = options if tag is None else [self._with_tag(option, tag) for option in options]
            self._options[id(schema)] = (schema, distinct)
        return self._options[id(schema)][1]

    def _candidate_pairs(self, options: Sequence[Schema], tag: str | None) -> Iterable[tuple[int, int]]:
        """Pairs of options that include all that may overlap.

        If every option lists its values, or requires a property that lists them, only options with a value in common
        can overlap. Otherwise these are all pairs, whose comparison takes long for hundreds of options.
        """
        followed = [self.follow(option) for option in options]
        # Value lists of the options: their own, and those of each property that all of them require.
        listings = [[self.listed_values(option) for option in followed]]
        for name in self._required_by_all(followed, tag):
            self._work.spend(len(followed))
            listings.append([self.listed_values(self.follow(_property(option, name))) for option in followed])
        groupings = [_sharing_a_value(listing) for listing in listings if None not in listing]
        if not groupings:
            return combinations(range(len(options)), 2)
        groups = min(groupings, key=lambda groups: sum(len(group) ** 2 for group in groups))
        return (pair for group in groups for pair in combinations(group, 2))

    def _required_by_all(self, followed: Sequence[Schema], tag: str | None) -> set[str]:
        """The properties that every option requires; none if an option allows other types than objects."""
        names: set[str] | None = None
        for one in followed:
            if not isinstance(one, Mapping) or listed(one) is not None or self._types_of(one) != {"object"}:
                return set()
            required = one.get("required", ())
            self._work.spend(1 + len(required))
            names = set(required) if names is None else names.intersection(required)
        return (names or set()) | ({tag} if tag else set())

    def _with_tag(self, option: Schema, tag: str) -> Schema:
        target = self.follow(option)
        if isinstance(target, bool) or tag in target.get("required", ()):
            return option
        return {"allOf": [option, {"required": [tag]}]}

    def overlap(self, first: Schema, second: Schema, tag: str | None = None) -> bool:
        """Whether a value may satisfy both schemas; False is certain, True is not. With `tag`, both require it."""
        self._work.spend(COMPARISON)
        one, other = self.follow(first), self.follow(second)
        if isinstance(one, bool) or isinstance(other, bool):
            return one is not False and other is not False
        values, other_values = self.listed_values(one), self.listed_values(other)
        if values is not None and other_values is not None:
            self._work.spend(min(len(values), len(other_values)))
            return not values.isdisjoint(other_values)
        types, other_types = self._types_of(one), self._types_of(other)
        if types.isdisjoint(other_types):
            return False
        if not (types == other_types == {"object"}):
            return True
        if tag is not None:
            return self._objects_overlap(one, other, {tag})
        pair = (id(one), id(other))
        if pair not in self._overlap:
            # True while the pair is being compared: a recursion adds no distinction that is not found elsewhere.
            self._overlap[pair] = True
            self._overlap[pair] = self._objects_overlap(one, other, set())
        return self._overlap[pair]

    def _objects_overlap(self, one: Mapping[str, Any], other: Mapping[str, Any], tags: set[str]) -> bool:
        required, others = set(one.get("required", ())), set(other.get("required", ()))
        self._work.spend(len(required) + len(others))
        return all(self.overlap(_property(one, name), _property(other, name)) for name in required & others | tags)

    def listed_values(self, schema: Schema) -> frozenset[Hashable] | None:
        """The identities of the values that the schema lists; None if it lists none."""
        if isinstance(schema, bool):
            return None
        if id(schema) not in self._listed:
            values = listed(schema)
            self._work.spend(len(values or ()))
            self._listed[id(schema)] = None if values is None else frozenset(map(identity, values))
        return self._listed[id(schema)]

    def _types_of(self, schema: Mapping[str, Any]) -> frozenset[str]:
        """The JSON types that a value of the schema may have; integers count as numbers."""
        if id(schema) not in self._types:
            values, named = listed(schema), schema.get("type", TYPES)
            self._work.spend(len(values or ()))
            names = [named] if isinstance(named, str) else named
            found = names if values is None else map(type_of, values)
            self._types[id(schema)] = frozenset("number" if name == "integer" else name for name in found)
        return self._types[id(schema)]


def _property(schema: Schema, name: str) -> Schema:
    return True if isinstance(schema, bool) else schema.get("properties", {}).get(name, True)


def _sharing_a_value(lists: Sequence[Iterable[Hashable] | None]) -> list[list[int]]:
    """The indices of the lists that have a value, for each value that is in more than one."""
    owners: dict[Hashable, list[int]] = {}
    for index, values in enumerate(lists):
        for value in values or ():
            owners.setdefault(value, []).append(index)
    return [indices for indices in owners.values() if len(indices) > 1]


def _references_in(schema: Schema, work: Work) -> Iterator[str]:
    """The references in a schema except those within `$defs`; property names are not read as keywords."""
    stack: list[Any] = [schema]
    while stack:
        current = stack.pop()
        work.spend(1)
        if isinstance(current, list):
            stack += current
        if not isinstance(current, Mapping):
            continue
        for keyword, value in current.items():
            if keyword == "$ref" and isinstance(value, str):
                yield value
            elif keyword in SCHEMAS_BY_NAME and isinstance(value, Mapping):
                stack += value.values()
            elif keyword in SCHEMAS:
                stack.append(value)


def _on_cycles(start: str, following: Callable[[str], frozenset[str]], known: Mapping[str, bool]) -> dict[str, bool]:
    """For each node that is reachable from `start` and not yet known: whether it is on a cycle.

    Tarjan's strongly connected components (1972), iteratively: a node is on a cycle if its component has more than one
    node, or if it follows itself.
    """
    result: dict[str, bool] = {}
    number, lowest, stack = {start: 0}, {start: 0}, [start]
    path = [(start, iter(following(start)))]
    while path:
        here, rest = path[-1]
        for there in rest:
            if there in known or there in result:
                continue
            if there not in number:
                number[there] = lowest[there] = len(number)
                stack.append(there)
                path.append((there, iter(following(there))))
                break
            lowest[here] = min(lowest[here], number[there])
        else:
            path.pop()
            if path:
                lowest[path[-1][0]] = min(lowest[path[-1][0]], lowest[here])
            if lowest[here] == number[here]:
                component: list[str] = []
                while here not in component[-1:]:
                    component.append(stack.pop())
                result |= {each: len(component) > 1 or here in following(here) for each in component}
    return result
