"""Which fields the JSON objects of a column hold: asked of DuckDB in bulk, exact, and without a loop over events.

What is known so far is checked against every slice: names that an object has and the tree does not, values that are
not of the kind the tree says. A slice is asked again until nothing new is found, which is at once for all but the
first. The names of an object are read by one pass of a parser, where the structure of every row would take five.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from footfall.engines.database import Database, literal
from footfall.engines.fields import (
    COLUMNS_MAX,
    LIST,
    MIXED,
    NULL,
    TEXT,
    Tree,
    fitted,
    objects,
    pointer,
    template,
    values,
)

_WHAT: Final = "find the fields of events"
_SEEN: Final = "seen_names"


def observed(database: Database, rows: str, column: str, known: Tree) -> Tree:
    """The tree that ``known`` grows to by the objects in ``column`` of ``rows`` (SQL). NULLs are nothing."""
    tree: Tree = {} if known == NULL else known
    while isinstance(tree, dict):
        grown = fitted(_asked(database, rows, column, tree))
        if grown == tree:
            break
        tree = grown
    return NULL if tree == {} else tree


def _asked(database: Database, rows: str, column: str, tree: dict[str, Any]) -> Tree:
    paths = list(objects(tree))
    parsed = list(values(tree, "p", as_json=True))
    flags = [
        f"coalesce(bool_or({test}), false) AS f{place}_{number}"
        for place, value in enumerate(parsed)
        for number, test in enumerate(_tests(value.sql))
    ]
    source = f"SELECT json_keys({column}, [{', '.join(map(pointer, paths))}]) AS names"
    if parsed:
        source += f", from_json({column}, {literal(template(tree, as_json=True))}) AS p"
    database.run(
        f"CREATE OR REPLACE TABLE {_SEEN} AS SELECT {', '.join(['names', *flags])} "
        f"FROM ({source} FROM ({rows}) WHERE {column} IS NOT NULL) GROUP BY names",
        _WHAT,
    )
    grown = _with_kinds(tree, parsed, _flags(database, len(parsed)))
    for place, path in enumerate(paths, 1):
        _add_names(database, grown, path, place)
        if path and _is_something_else(database, rows, column, path, place):
            _set(grown, path, MIXED)
    return grown


def _tests(sql: str) -> tuple[str, str, str]:
    """Is a JSON value an object, a list, another value?"""
    braces = f"starts_with({sql}::VARCHAR, '{{')"
    brackets = f"starts_with({sql}::VARCHAR, '[')"
    return braces, brackets, f"NOT ({braces} OR {brackets})"


def _flags(database: Database, leaves: int) -> list[tuple[bool, bool, bool]]:
    if not leaves:
        return []
    names = [f"coalesce(bool_or(f{place}_{number}), false)" for place in range(leaves) for number in range(3)]
    row = database.one(f"SELECT {', '.join(names)} FROM {_SEEN}", _WHAT)
    return [(bool(row[n]), bool(row[n + 1]), bool(row[n + 2])) for n in range(0, len(row), 3)]


def _with_kinds(tree: dict[str, Any], parsed: list[Any], flags: list[tuple[bool, bool, bool]]) -> dict[str, Any]:
    grown = _copy(tree)
    for value, (braces, brackets, others) in zip(parsed, flags, strict=True):
        found: Tree = value.kind
        for there, kind in ((braces, "object"), (brackets, LIST), (others, TEXT)):
            if there:
                found = kind if found in (NULL, kind) else MIXED
        _set(grown, value.path, {} if found == "object" else found)
    return grown


def _copy(tree: dict[str, Any]) -> dict[str, Any]:
    return {name: _copy(inner) if isinstance(inner, dict) else inner for name, inner in tree.items()}


def _add_names(database: Database, tree: dict[str, Any], path: tuple[str, ...], place: int) -> None:
    """Names of an object that were not known yet; one with too many of them is a map."""
    node = _get(tree, path)
    if not isinstance(node, dict):
        return
    unnested = f"SELECT DISTINCT unnest(names[{place}]) AS name FROM {_SEEN}"
    found = [name for (name,) in _rows(database, f"{unnested} ORDER BY name LIMIT {COLUMNS_MAX + 1}")]
    if len(found) > COLUMNS_MAX and path:
        _set(tree, path, MIXED)
        return
    for name in found:
        node.setdefault(str(name), NULL)


def _is_something_else(database: Database, rows: str, column: str, path: tuple[str, ...], place: int) -> bool:
    """Is the value at a path of objects sometimes none? Of what has no names ``json_keys`` does not tell."""
    if not database.number(f"SELECT count(*) FROM {_SEEN} WHERE names[{place}] = []", _WHAT):
        return False
    kinds = f"json_type({column}, {pointer(path)})"
    return (
        database.number(
            f"SELECT count(*) FROM ({rows}) WHERE {column} IS NOT NULL AND {kinds} NOT IN ('OBJECT', 'NULL')", _WHAT
        )
        > 0
    )


def _rows(database: Database, sql: str) -> Iterator[tuple[Any, ...]]:
    for batch in database.stream(sql, COLUMNS_MAX + 1, _WHAT):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _get(tree: dict[str, Any], path: tuple[str, ...]) -> Tree:
    node: Tree = tree
    for name in path:
        if not isinstance(node, dict):
            return NULL
        node = node[name]
    return node


def _set(tree: dict[str, Any], path: tuple[str, ...], kind: Tree) -> None:
    parent = _get(tree, path[:-1])
    if isinstance(parent, dict):
        parent[path[-1]] = kind
