"""The keys that the objects of a file mostly have, learned from its first ones.

Objects that are read into a type with these keys cost half of what dictionaries do, and nothing later: Python's garbage
collector looks at every dictionary again and again, while a type may be left out of that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final

import msgspec

_LEARNED_FROM: Final = 1_000  # values, each time
_TIMES: Final = 8
_KEYS_MAX: Final = 500
_DEPTH_MAX: Final = 4

# A name and, where its value may be an object, the names in that.
Tree = dict[str, "Tree | None"]


class Shapes:
    """Reads objects of one file. It gives up on files whose objects have ever other keys."""

    def __init__(self) -> None:
        self._keys: Tree = {}
        self._left = _TIMES
        self._readers: tuple[Callable[[bytes], list[Any]], Callable[[bytes], list[Any]]] | None = None

    def read(self, text: bytes, in_array: bool) -> list[Any] | None:
        """Objects that encode as they should, keys sorted; None where one has another key, or cannot be read."""
        if self._readers is None:
            return None
        try:
            return self._readers[in_array](text)
        except (ValueError, RecursionError):  # msgspec's errors and those of Unicode are ValueErrors
            return None

    def learn(self, objects: Sequence[dict[str, Any]]) -> None:
        """Know the keys of these too, from now on."""
        if not self._left:
            return
        self._left -= 1
        for each in objects[:_LEARNED_FROM]:
            _add(self._keys, each, 1)
        try:
            kind = _type(self._keys) if _width(self._keys) <= _KEYS_MAX and self._left else None
        except ValueError:  # a key that JSON escapes
            self._left, kind = 0, None
        rows: Any = None if kind is None else list[kind]  # type: ignore[valid-type]
        self._readers = (
            None if rows is None else (msgspec.json.Decoder(kind).decode_lines, msgspec.json.Decoder(rows).decode)
        )


def values_of(objects: Sequence[Any], key: str) -> Sequence[Any]:
    """What each of the objects that one call has read says of a key; None where it says nothing."""
    if not objects or isinstance(objects[0], dict):
        return [each.get(key) for each in objects]
    fields = {field.encode_name: field.name for field in msgspec.structs.fields(objects[0])}
    if key not in fields:
        return [None] * len(objects)
    found = list(map(attrgetter(fields[key]), objects))
    return [None if value is msgspec.UNSET else value for value in found] if msgspec.UNSET in found else found


def _add(tree: Tree, value: Mapping[str, Any], depth: int) -> None:
    for key, inner in value.items():
        known = tree.setdefault(key, None)
        if isinstance(inner, dict) and depth < _DEPTH_MAX:
            _add(known if known is not None else _under(tree, key), inner, depth + 1)


def _under(tree: Tree, key: str) -> Tree:
    made: Tree = {}
    tree[key] = made
    return made


def _width(tree: Tree) -> int:
    return sum(1 + (0 if inner is None else _width(inner)) for inner in tree.values())


def _type(tree: Tree) -> type[msgspec.Struct]:
    """Raises ``ValueError`` for a key that cannot be one of a type."""
    names = {f"f{place}": key for place, key in enumerate(sorted(tree))}
    fields = [(name, _value_type(tree[key]), msgspec.UNSET) for name, key in names.items()]
    return msgspec.defstruct("Keys", fields, rename=names, gc=False, forbid_unknown_fields=True)


def _value_type(inner: Tree | None) -> Any:
    if inner is None:
        return Any
    return _type(inner) | None | bool | int | float | str | list[Any]
