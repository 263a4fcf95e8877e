"""Keys back to text: what each key is called, how the names sort, and how a name looks in a file.

Keys are given in the order of arrival, so rows are sorted by *ranks*: the place of the key's text among the texts of
its dimension, compared as UTF-8 bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from footfall.engines.database import Database, query
from footfall.errors import Damaged
from footfall.model.columns import Field

if TYPE_CHECKING:
    from footfall.model.metadata import Metadata

_NAME: Final = "name the day's keys"
# Source of a column -> its dimension and the column of the relation that holds its key.
DIMENSION_OF: Final = {
    "user": ("user_dimension", "user_key"),
    "account": ("account_dimension", "account_key"),
    "product": ("term_dimension", "product"),
    "environment": ("term_dimension", "environment"),
    "name": ("term_dimension", "name"),
    "detail": ("term_dimension", "detail"),
    "locale": ("term_dimension", "locale"),
    "trigger_type": ("term_dimension", "trigger_type"),
    "source": ("term_dimension", "source"),
    "type": ("type_dimension", "type"),
}
# Half the bytes of the number as DuckDB gives it, in every table that ranks are joined from.
_RANK: Final = "CAST(row_number() OVER (ORDER BY text) AS UINTEGER) AS rank"
_LOOKUPS: Final = {"engagement": "engagement_dimension", "feature": "feature_dimension"}


def place(f: Field) -> tuple[str, str, str]:
    """(dimension, key column of the relation, column of the dimension) of a column that is looked up."""
    word, _, rest = f.source.partition(".")
    if rest:
        return _LOOKUPS[word], "name", rest
    return (*DIMENSION_OF[word], "text")


def build(database: Database, metadata: Metadata, words: Mapping[int, str]) -> None:
    """Make the dimension tables: of the keys that occur, each (key, rank, text); and ``who`` and ``what`` of the cube.

    who: (key, rank, "user", account): places of pairs in the order of their texts, from 0 on, and their parts' ranks.
    what: (key, id, event, and a text per source of a column). words: printed word of every event type.
    Needs ``cube``, ``pairs`` and the text tables. Raises ``Damaged`` when the events hold a key nobody knows.
    """
    database.run("CREATE TABLE what_keys AS SELECT DISTINCT what AS key FROM cube", _NAME)
    for dimension in ("user", "account"):
        _texts(database, dimension)
    database.run(f"CREATE TABLE term_dimension AS SELECT key, {_RANK}, text FROM term_texts", _NAME)
    types = sorted(words.items(), key=lambda item: item[1].encode())
    rows = ", ".join(f"({event}::SMALLINT, {rank}, '{word}')" for rank, (event, word) in enumerate(types, 1))
    database.run(f"CREATE TABLE type_dimension AS SELECT * FROM (VALUES {rows}) t(key, rank, text)", _NAME)
    _lookups(database, metadata)
    database.run(f"CREATE TABLE who AS {query('who_rank')}", _NAME)
    database.run(f"CREATE TABLE what AS {query('what_name')}", _NAME)


def _texts(database: Database, dimension: str) -> None:
    keys = f"SELECT DISTINCT {dimension}_key AS key FROM pairs WHERE {dimension}_key IS NOT NULL"
    database.run(
        f"CREATE TABLE {dimension}_dimension AS SELECT t.key, {_RANK}, t.text "
        f"FROM {dimension}_texts t WHERE t.key IN ({keys})",
        _NAME,
    )
    lost = database.number(
        f"SELECT (SELECT count(DISTINCT {dimension}_key) FROM pairs) - (SELECT count(*) FROM {dimension}_dimension)",
        _NAME,
    )
    if lost:
        raise Damaged(f"{lost} {dimension} keys of the lake are not in the store", "Restore both from one backup")


def _lookups(database: Database, metadata: Metadata) -> None:
    """What is known today about the things that events name. Names are looked up, so a rename never splits a group."""
    engagements = metadata.all_engagements
    database.register(
        "engagement_names",
        pa.table({"id": _strings(e.id for e in engagements), "name": _strings(e.name for e in engagements)}),
    )
    features = metadata.features
    database.register(
        "feature_names",
        pa.table(
            {
                "id": _strings(f.id for f in features),
                "name": _strings(f.name for f in features),
                "path": _strings(metadata.feature_path(f.id) for f in features),
            }
        ),
    )
    articles = metadata.articles
    database.register(
        "article_names",
        pa.table(
            {
                "id": _strings(a.external_article_id for a in articles),
                "provider": _strings(a.provider for a in articles),
                "title": _strings(a.title for a in articles),
                "url": _strings(a.url for a in articles),
            }
        ),
    )
    for kind, columns in (("engagement", "n.name"), ("feature", "n.name, n.path")):
        database.run(
            f"CREATE TABLE {kind}_dimension AS SELECT t.key, t.rank, t.text, {columns} "
            f"FROM term_dimension t JOIN {kind}_names n ON n.id = t.text",
            _NAME,
        )
    database.run(f"CREATE TABLE article_dimension AS {query('articles_name')}", _NAME)
    database.forget("engagement_names", "feature_names", "article_names")


def _strings(values: object) -> pa.Array:
    return pa.array(list(values), pa.string())  # type: ignore[call-overload]
