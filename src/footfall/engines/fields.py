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
from collections.abc import Iterator
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


def tree_of(structure: str | None) -> Tree:
    """The tree of what DuckDB's ``json_group_structure`` says of a column; NULL when nothing was there."""
    if structure is None:
        return NULL
    try:
        return _tree(json.loads(structure))
    except RecursionError:
        return MIXED


def _tree(value: object) -> Tree:
    if isinstance(value, dict):
        return {name: _tree(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return LIST
    return {"NULL": NULL, "JSON": MIXED}.get(str(value), TEXT)


def merged(one: Tree, other: Tree) -> Tree:
    """What either may hold."""
    if isinstance(one, dict) and isinstance(other, dict):
        names = one.keys() | other.keys()
        return {name: merged(one.get(name, NULL), other.get(name, NULL)) for name in names}
    if one == other or other == NULL:
        return one
    return other if one == NULL else MIXED


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


def template(tree: Tree) -> str:
    """What DuckDB's ``from_json`` shall make of a column, as JSON; see ``leaves``."""
    return json.dumps(_shape(tree), ensure_ascii=False)


def _shape(tree: Tree) -> object:
    if isinstance(tree, dict):
        return {name: _shape(inner) for name, inner in tree.items()} if _plain(tree) else "JSON"
    return "VARCHAR" if tree == TEXT else "JSON"


def _plain(tree: dict[str, Any]) -> bool:
    """Can a STRUCT hold it? Its names are not empty and differ in more than case."""
    lower = Counter(name.lower() for name in tree)
    return bool(tree) and "" not in tree and max(lower.values()) == 1


def leaves(tree: Tree, sql: str, joining: Joining, path: tuple[str, ...] = ()) -> Iterator[Leaf]:
    """The columns of a tree. sql: the value that ``from_json(column, template(tree))`` gave."""
    if tree == NULL:
        return
    if not isinstance(tree, dict):
        yield Leaf(".".join(map(_escaped, path)), _text(tree, sql, joining))
        return
    plain = _plain(tree)
    for place, (name, inner) in enumerate(tree.items(), 1):
        if plain:
            value = f"struct_extract_at({sql}, {place})"
        elif isinstance(inner, dict) and _plain(inner):
            value = f"from_json({_member(sql, name)}, {literal(template(inner))})"
        elif inner == TEXT:
            value = f"json_extract_string({sql}, {_pointer(name)})"
        else:
            value = _member(sql, name)
        yield from leaves(inner, value, joining, (*path, name))


def _member(sql: str, name: str) -> str:
    return f"json_extract({sql}, {_pointer(name)})"


def _pointer(name: str) -> str:
    """A JSON pointer (RFC 6901) as SQL; a SQL text cannot hold U+0000."""
    pointer = "/" + name.replace("~", "~0").replace("/", "~1")
    return "concat(" + ", chr(0), ".join(literal(piece) for piece in pointer.split("\0")) + ")"


def _escaped(name: str) -> str:
    return name.replace("%", "%25").replace(".", "%2E")


def _text(kind: str, sql: str, joining: Joining) -> str:
    if kind == TEXT:
        return sql
    if kind == LIST:
        return f"joined_list({sql})"
    return f"joined({sql})"


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
