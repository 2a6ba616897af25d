"""The references of one schema document, and which options of a `oneOf` are distinct.

Promises that a reference is resolved within its document and nowhere else, and says of two schemas whether one value
may satisfy both. All it does draws on one `Work`. Knows nothing of expressions.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any
from urllib.parse import unquote

from dgemma.decode.constrain.schema_document import SCHEMAS, SCHEMAS_BY_NAME, TYPES, Schema, refusal
from dgemma.decode.constrain.values import identity, listed, type_of
from dgemma.decode.constrain.work import Work

COMPARISON = 4
"""Units of work for a look at two schemas side by side."""


class References:
    """The local references of one document."""

    def __init__(self, document: Schema, work: Work) -> None:
        self._document, self._work = document, work
        self._resolved: dict[str, Schema] = {}
        self._named_in: dict[str, frozenset[str]] = {}
        self._recursive: dict[str, bool] = {}
        # By the identity of schemas, which the document and these tables keep alive.
        self._options: dict[int, tuple[Schema, Sequence[Schema]]] = {}
        self._listed: dict[int, frozenset[Hashable] | None] = {}
        self._types: dict[int, frozenset[str]] = {}
        self._overlap: dict[tuple[int, int], bool] = {}

    def resolve(self, reference: str, place: str) -> Schema:
        """What `#`, `#/$defs/name` and the like point at; UsageError for anything else."""
        self._work.spend(1)
        if reference not in self._resolved:
            self._resolved[reference] = self._found(reference, place)
        return self._resolved[reference]

    def _found(self, reference: str, place: str) -> Schema:
        found: Any = self._document
        if reference != "#" and not reference.startswith("#/"):
            raise refusal(place, f"the reference {reference!r} does not lie in this document")
        for part in reference.split("/")[1:]:
            part = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and part.isdigit() and int(part) < len(found):
                found = found[int(part)]
            elif isinstance(found, Mapping) and part in found:
                found = found[part]
            else:
                raise refusal(place, f"the reference {reference!r} points at nothing")
        if not isinstance(found, Mapping | bool):
            raise refusal(place, f"the reference {reference!r} does not point at a schema")
        return found

    def recursive(self, reference: str) -> bool:
        """Whether what it points at comes back to it."""
        if reference not in self._recursive:
            self._recursive |= _on_cycles(reference, self._references_of, self._recursive)
        return self._recursive[reference]

    def _references_of(self, reference: str) -> frozenset[str]:
        if reference not in self._named_in:
            self._named_in[reference] = frozenset(_references_in(self.resolve(reference, "#"), self._work))
        return self._named_in[reference]

    def followed(self, schema: Schema) -> Schema:
        """The schema, or what its reference leads to."""
        followed = 0
        while isinstance(schema, Mapping) and "$ref" in schema and followed < 100:
            schema, followed = self.resolve(schema["$ref"], "#"), followed + 1
        return schema

    def distinct_options(self, schema: Mapping[str, Any], place: str) -> Sequence[Schema]:
        """The options of `oneOf`, none if there is no such keyword. UsageError when a value may satisfy two of them.

        A `discriminator` names the property that tells them apart, and is then required: one with a default need not
        be there otherwise, and would tell nothing.
        """
        if "oneOf" not in schema:
            return ()
        if id(schema) not in self._options:
            options, discriminator = schema["oneOf"], schema.get("discriminator")
            named = discriminator.get("propertyName") if isinstance(discriminator, Mapping) else None
            tag = named if isinstance(named, str) else None
            for index, other in self._doubtful(options, tag):
                if self.overlap(options[index], options[other], tag):
                    raise refusal(place, f"the options {index} and {other} are not clearly distinct; use anyOf")
            told_apart = options if tag is None else [self._with_tag(option, tag) for option in options]
            self._options[id(schema)] = (schema, told_apart)
        return self._options[id(schema)][1]

    def _doubtful(self, options: Sequence[Schema], tag: str | None) -> Iterable[tuple[int, int]]:
        """Pairs of options, all those among them that may overlap.

        Where each option is a list of values, or requires a property that is one, these are the pairs with a value in
        common: to compare all pairs takes long for hundreds.
        """
        followed = [self.followed(option) for option in options]
        # What is known of each option: its values, or those of a property that it cannot be without.
        known = [[self._values(option) for option in followed]]
        for name in self._required_by_all(followed, tag):
            self._work.spend(len(followed))
            known.append([self._values(self.followed(_property(option, name))) for option in followed])
        told = [_with_one_value(lists) for lists in known if None not in lists]
        if not told:
            return combinations(range(len(options)), 2)
        groups = min(told, key=lambda groups: sum(len(group) ** 2 for group in groups))
        return (pair for group in groups for pair in combinations(group, 2))

    def _required_by_all(self, followed: Sequence[Schema], tag: str | None) -> set[str]:
        """The properties that no value of any option is without; none where an option is more than an object."""
        names: set[str] | None = None
        for one in followed:
            if not isinstance(one, Mapping) or listed(one) is not None or self._types_of(one) != {"object"}:
                return set()
            required = one.get("required", ())
            self._work.spend(1 + len(required))
            names = set(required) if names is None else names.intersection(required)
        return (names or set()) | ({tag} if tag else set())

    def _with_tag(self, option: Schema, tag: str) -> Schema:
        followed = self.followed(option)
        if isinstance(followed, bool) or tag in followed.get("required", ()):
            return option
        return {"allOf": [option, {"required": [tag]}]}

    def overlap(self, first: Schema, second: Schema, tag: str | None = None) -> bool:
        """Whether a value may satisfy both schemas; False is certain, True is not. Both require the property `tag`."""
        self._work.spend(COMPARISON)
        one, other = self.followed(first), self.followed(second)
        if isinstance(one, bool) or isinstance(other, bool):
            return one is not False and other is not False
        values, other_values = self._values(one), self._values(other)
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
            # What comes back to itself tells nothing apart that is not told apart elsewhere.
            self._overlap[pair] = True
            self._overlap[pair] = self._objects_overlap(one, other, set())
        return self._overlap[pair]

    def _objects_overlap(self, one: Mapping[str, Any], other: Mapping[str, Any], tags: set[str]) -> bool:
        required, others = set(one.get("required", ())), set(other.get("required", ()))
        self._work.spend(len(required) + len(others))
        return all(self.overlap(_property(one, name), _property(other, name)) for name in required & others | tags)

    def _values(self, schema: Schema) -> frozenset[Hashable] | None:
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


def _with_one_value(lists: Sequence[Iterable[Hashable] | None]) -> list[list[int]]:
    """Which of the lists share a value, for each value that more than one has."""
    having: dict[Hashable, list[int]] = {}
    for index, values in enumerate(lists):
        for value in values or ():
            having.setdefault(value, []).append(index)
    return [indices for indices in having.values() if len(indices) > 1]


def _references_in(schema: Schema, work: Work) -> Iterator[str]:
    """The references in a schema, not those within its definitions; names of properties are no keywords."""
    waiting: list[Any] = [schema]
    while waiting:
        here = waiting.pop()
        work.spend(1)
        if isinstance(here, list):
            waiting += here
        if not isinstance(here, Mapping):
            continue
        for keyword, value in here.items():
            if keyword == "$ref" and isinstance(value, str):
                yield value
            elif keyword in SCHEMAS_BY_NAME and isinstance(value, Mapping):
                waiting += value.values()
            elif keyword in SCHEMAS:
                waiting.append(value)


def _on_cycles(start: str, following: Callable[[str], frozenset[str]], known: Mapping[str, bool]) -> dict[str, bool]:
    """Of all that is reached from the start and not yet known: whether it is reached from itself.

    Each is visited once: what lies on a cycle is a component of more than one, or names itself (Tarjan 1972).
    """
    result: dict[str, bool] = {}
    number, lowest, open_ones = {start: 0}, {start: 0}, [start]
    path = [(start, iter(following(start)))]
    while path:
        here, rest = path[-1]
        for there in rest:
            if there in known or there in result:
                continue
            if there not in number:
                number[there] = lowest[there] = len(number)
                open_ones.append(there)
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
                    component.append(open_ones.pop())
                result |= {each: len(component) > 1 or here in following(here) for each in component}
    return result
