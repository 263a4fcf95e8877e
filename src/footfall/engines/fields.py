"""The fields that JSON objects hold, as columns: which there are, and the SQL that reads each as text.

An object becomes a column per name, ``page.url``; names are parted by dots, and a dot or a percent sign within a name
is written ``%2E`` or ``%25``. Lists become ``a&b``, objects too deep for a column of their own ``k=v&k2=v2``; what
would be mistaken for a separator within them is percent-encoded. Source: Lytics, export to S3 ("lists and maps will
be joined by &").

A tree is what a set of objects may hold: a dict per object, else TEXT, LIST, NULL or MIXED.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from footfall.engines.database import literal

TEXT: Final = "text"
LIST: Final = "list"
NULL: Final = "null"
MIXED: Final = "mixed"
# More columns than this and the deepest objects are written as maps instead: names may be data, such as ids.
COLUMNS_MAX: Final = 2_000
DEPTH_MAX: Final = 16

Tree = dict[str, Any] | str


@dataclass(frozen=True, slots=True)
class Joining:
    """How lists and maps become one text. raw: nothing is encoded, as Lytics writes it; then it cannot be undone."""

    character: str = "&"
    raw: bool = False


@dataclass(frozen=True, slots=True)
class Leaf:
    """A column: its dotted name, and SQL for its text, NULL where an event has none."""

    name: str
    sql: str


def folded(tree: Tree, depth: int) -> Tree:
    """The tree without what lies more than ``depth`` names deep: objects there are maps."""
    if not isinstance(tree, dict):
        return tree
    return {name: folded(inner, depth - 1) for name, inner in tree.items()} if depth else MIXED


def width(tree: Tree) -> int:
    """How many columns a tree has."""
    if isinstance(tree, dict):
        return sum(map(width, tree.values()))
    return 0 if tree == NULL else 1


def fitted(tree: Tree) -> Tree:
    """The tree, folded as little as makes it fit into ``COLUMNS_MAX``.

    It may be asked after each of many parts: what is folded once stays folded, and the result is the same.
    """
    depth = DEPTH_MAX
    tree = folded(tree, depth)
    while depth and width(tree) > COLUMNS_MAX:
        depth -= 1
        tree = folded(tree, depth)
    return tree


def nodes(tree: Tree, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Tree]]:
    """Every object and value of a tree with its path, the outermost first."""
    yield path, tree
    if isinstance(tree, dict):
        for name, inner in tree.items():
            yield from nodes(inner, (*path, name))


@dataclass(frozen=True, slots=True)
class Value:
    """A leaf of a tree, with SQL for its value: text where the tree says TEXT, else JSON."""

    path: tuple[str, ...]
    kind: str
    sql: str


def template(tree: Tree) -> str:
    """What DuckDB's ``from_json`` shall make of a column, as JSON; see ``values``."""
    return json.dumps(_shape(tree), ensure_ascii=False)


def _shape(tree: Tree) -> object:
    if isinstance(tree, dict):
        return {name: _shape(inner) for name, inner in tree.items()} if _plain(tree) else "JSON"
    return "VARCHAR" if tree == TEXT else "JSON"


def _plain(tree: dict[str, Any]) -> bool:
    """Can a STRUCT hold it? Its names are not empty and differ in more than case."""
    lower = Counter(name.lower() for name in tree)
    return bool(tree) and "" not in tree and max(lower.values()) == 1


def values(tree: Tree, sql: str, path: tuple[str, ...] = ()) -> Iterator[Value]:
    """The leaves of a tree. sql: what ``from_json(column, template(tree))`` gave."""
    if not isinstance(tree, dict):
        yield Value(path, tree, sql)
        return
    plain = _plain(tree)
    for place, (name, inner) in enumerate(tree.items(), 1):
        if plain:
            value = f"struct_extract_at({sql}, {place})"
        elif isinstance(inner, dict) and _plain(inner):
            shape = literal(template(inner))
            value = f"from_json(json_extract({sql}, {pointer((name,))}), {shape})"
        elif inner == TEXT:
            value = f"json_extract_string({sql}, {pointer((name,))})"
        else:
            value = f"json_extract({sql}, {pointer((name,))})"
        yield from values(inner, value, (*path, name))


def leaves(tree: Tree, sql: str, within: Callable[[str, str], str] = lambda name, sql: sql) -> Iterator[Leaf]:
    """The columns of a tree, each as text. sql: what ``from_json(column, template(tree))`` gave. See ``macros``.

    within: of the name and the SQL of a value that may hold objects, the SQL for what is told of it.
    """
    for value in values(tree, sql):
        name = ".".join(map(escaped, value.path))
        if value.kind == TEXT:
            yield Leaf(name, value.sql)
        elif value.kind != NULL:
            call = "joined_list" if value.kind == LIST else "joined"
            yield Leaf(name, f"{call}({within(name, value.sql)})")


def pointer(path: tuple[str, ...]) -> str:
    """A JSON pointer (RFC 6901) as SQL; a SQL text cannot hold U+0000."""
    if not path:
        return "'$'"
    text = "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in path)
    pieces = [literal(piece) for piece in text.split("\0")]
    return pieces[0] if len(pieces) == 1 else "concat(" + ", chr(0), ".join(pieces) + ")"


def escaped(name: str) -> str:
    """A name as a part of a dotted one."""
    return name.replace("%", "%25").replace(".", "%2E")


def macros(joining: Joining) -> str:
    """The functions that ``leaves`` uses, for ``Database.script``: an empty list or map is NULL.

    Items that are lists or objects themselves are their JSON text.
    """
    text = "json_extract_string(e, '$')"
    key = "e.key"
    value = "json_extract_string(e.value, '$')"
    if not joining.raw:
        text, key, value = (_encoded(each, joining.character) for each in (text, key, value))
    by = literal(joining.character)
    return f"""
CREATE MACRO joined_list(value) AS
    array_to_string(list_transform(nullif(from_json(value, '["JSON"]'), []), lambda e: coalesce({text}, '')), {by});
CREATE MACRO joined_map(value) AS CASE WHEN value::VARCHAR <> '{{}}' THEN coalesce(array_to_string(list_transform(
    map_entries(from_json(value, '"MAP(VARCHAR, JSON)"')),
    lambda e: concat({key}, '=', coalesce({value}, ''))), {by}), value::VARCHAR) END;
CREATE MACRO joined(value) AS CASE json_type(value)
    WHEN 'ARRAY' THEN joined_list(value)
    WHEN 'OBJECT' THEN joined_map(value)
    ELSE json_extract_string(value, '$') END;
"""


def _encoded(sql: str, character: str) -> str:
    for each in dict.fromkeys(("%", character, "=")):
        code = "".join(f"%{byte:02X}" for byte in each.encode())
        sql = f"replace({sql}, {literal(each)}, {literal(code)})"
    return sql
