"""Which fields events hold: asked of DuckDB in bulk, exact, and without a loop over events.

Two passes of a parser tell of an object which names it has and of which kind the values are that are known so far;
events that agree in both are one row from there on. A stretch is asked again until nothing new is found, which is at
once for all but the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import compress
from typing import Any, Final

import pyarrow as pa

from footfall.engines.database import Database, out_of_memory
from footfall.engines.fields import COLUMNS_MAX, LIST, MIXED, NULL, TEXT, Tree, fitted, nodes, pointer
from footfall.errors import Unavailable
from footfall.portions import ROWS_AT_ONCE, portions

_WHAT: Final = "find the fields of events"
_BYTES_AT_ONCE: Final = 1 << 20
_KINDS: Final = {"OBJECT": "object", "ARRAY": LIST}
Path = tuple[str, ...]


class Observed:
    """What the events looked at so far hold.

    trees: of the columns of JSON. present: of other columns, the types of which some event has a value.
    """

    def __init__(self, database: Database, objects: Sequence[str], others: Sequence[str]) -> None:
        self._database = database
        self.trees: dict[str, Tree] = dict.fromkeys(objects, NULL)
        self.present: dict[str, set[int]] = {column: set() for column in others}

    def look(self, rows: str, objects: str) -> None:
        """Learn from a stretch of events. rows: SQL of them. objects: SQL of their different columns of JSON."""
        try:
            self._look(objects)
        except Unavailable as error:
            if not out_of_memory(error):
                raise
            self._look_in_parts(objects)
        counts = "".join(f", count({column}) > 0" for column in self.present)
        for kind, *there in _rows(self._database, f"SELECT type{counts} FROM ({rows}) GROUP BY type"):
            for types in compress(self.present.values(), there):
                types.add(kind)

    def _look(self, objects: str) -> None:
        while True:
            asked = {column: _Asked(column, tree) for column, tree in self.trees.items()}
            self._shapes(objects, list(asked.values()))
            self.trees = {column: each.grown(self._database) for column, each in asked.items()}
            if not any(each.more(self.trees[column]) for column, each in asked.items()):
                break

    def _look_in_parts(self, objects: str) -> None:
        """The same, a portion after the other: where objects are long, or have much in them."""
        columns = list(self.trees)
        with self._database.session() as session:
            for batch in session.stream(f"SELECT {', '.join(columns)} FROM ({objects})", ROWS_AT_ONCE, _WHAT):
                for portion in portions(pa.Table.from_batches([batch]), columns, ROWS_AT_ONCE, _BYTES_AT_ONCE):
                    self._database.register("looked_at", portion)
                    self._look("SELECT * FROM looked_at")
                    self._database.forget("looked_at")

    def _shapes(self, objects: str, asked: Sequence[_Asked]) -> None:
        """Make the table ``shapes``: one row for all objects that are alike."""
        parsed = ", ".join(f"{sql} AS {name}" for each in asked for name, sql in each.lists().items())
        names = [name for each in asked for name in each.lists()]
        if not names:
            return
        # Lists of texts group in half the time as text, in which no two of them are alike.
        alike = ", ".join(f"{name}::VARCHAR" for name in names)
        kept = ", ".join(f"any_value({name}) AS {name}" for name in names)
        self._database.run(
            f"CREATE OR REPLACE TABLE shapes AS SELECT {kept} FROM (SELECT {parsed} FROM ({objects})) GROUP BY {alike}",
            _WHAT,
        )


class _Asked:
    """What is asked of a column of JSON objects: the names of its objects, the kinds of its values."""

    def __init__(self, column: str, tree: Tree) -> None:
        self._column = column
        self._tree: dict[str, Any] = tree if isinstance(tree, dict) else {}
        self._folded = tree == MIXED
        found = [] if self._folded else list(nodes(self._tree))
        self._objects = [path for path, kind in found if isinstance(kind, dict)]
        self._values = [path for path, kind in found if path and kind != MIXED]

    def lists(self) -> dict[str, str]:
        """Column of ``shapes`` -> SQL."""
        asked = {
            f"{self._column}_names": ("json_keys", self._objects),
            f"{self._column}_kinds": ("json_type", self._values),
        }
        return {
            name: f"{function}({self._column}, [{', '.join(map(pointer, paths))}])"
            for name, (function, paths) in asked.items()
            if paths
        }

    def grown(self, database: Database) -> Tree:
        """The tree with what was found; NULL if there was never an object."""
        if self._folded:
            return MIXED
        tree = _copy(self._tree)
        if self._values:
            self._add_kinds(database, tree)
        for place, path in enumerate(self._objects, 1):
            self._add_names(database, tree, path, place)
        return fitted(tree) if tree else NULL

    def more(self, grown: Tree) -> bool:
        """Are there objects or values now that were not asked for?"""
        objects = set(self._objects)
        known = {(path, path in objects) for path in self._values}
        return any((path, isinstance(kind, dict)) not in known for path, kind in nodes(grown) if path and kind != MIXED)

    def _add_kinds(self, database: Database, tree: dict[str, Any]) -> None:
        column = f"{self._column}_kinds"
        placed = f"SELECT unnest(range({len(self._values)})) AS place, unnest({column}) AS kind FROM shapes"
        sql = (
            f"SELECT DISTINCT place, kind FROM ({placed} WHERE {column} IS NOT NULL) WHERE kind <> 'NULL' ORDER BY ALL"
        )
        for place, kind in _rows(database, sql):
            path = self._values[place]
            known = _get(tree, path)
            found = _KINDS.get(kind, TEXT)
            if found != ("object" if isinstance(known, dict) else known):
                _set(tree, path, MIXED if known != NULL else {} if found == "object" else found)

    def _add_names(self, database: Database, tree: dict[str, Any], path: Path, place: int) -> None:
        """Names of an object that were not known yet; one with too many of them is a map."""
        node = _get(tree, path)
        if not isinstance(node, dict):
            return
        unnested = f"SELECT DISTINCT unnest({self._column}_names[{place}]) AS name FROM shapes"
        found = [name for (name,) in _rows(database, f"{unnested} ORDER BY name LIMIT {COLUMNS_MAX + 1}")]
        if len(found) > COLUMNS_MAX and path:
            _set(tree, path, MIXED)
            return
        for name in found:
            node.setdefault(str(name), NULL)


def _copy(tree: dict[str, Any]) -> dict[str, Any]:
    return {name: _copy(inner) if isinstance(inner, dict) else inner for name, inner in tree.items()}


def _rows(database: Database, sql: str) -> Iterator[tuple[Any, ...]]:
    for batch in database.stream(sql, COLUMNS_MAX + 1, _WHAT):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _get(tree: dict[str, Any], path: Path) -> Tree:
    node: Tree = tree
    for name in path:
        if not isinstance(node, dict):
            return NULL
        node = node[name]
    return node


def _set(tree: dict[str, Any], path: Path, kind: Tree) -> None:
    parent = _get(tree, path[:-1])
    if isinstance(parent, dict):
        parent[path[-1]] = kind
