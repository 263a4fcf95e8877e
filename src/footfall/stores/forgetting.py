"""People taken out of the control store: who they are, under all their names, and every row that is theirs."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from footfall.model.columns import CUSTOM_PREFIX
from footfall.model.erasures import ID_COLUMNS, UID_COLUMNS, VALUE_COLUMNS, VISITOR_COLUMNS, Subjects
from footfall.model.identity import compared
from footfall.model.sieving import folded
from footfall.stores.database import Database, raw
from footfall.stores.defined import read_defined
from footfall.stores.histories import decode_registers
from footfall.stores.snapshots import Snapshots

if TYPE_CHECKING:
    from sqlalchemy import Connection

_EVER: Final = 2**62
_CHUNK: Final = 5_000
# A pattern has at most this many texts, and characters of them: RE2 refuses what takes more memory than it may.
_PATTERN_TEXTS: Final = 500
_PATTERN_CHARACTERS: Final = 20_000
# A shorter text, or a number, may be anything (``42``, ``pro``); it names somebody only where an id stands.
_WORD_CHARACTERS: Final = 6
_ID_FIELDS: Final = (
    "userId", "user_id", "identifyId", "identify_id", "anonymousId", "anonymous_id", "previousId", "previous_id",
    "distinct_id",
)  # fmt: skip
# Lists by these name people; one by another field may hold the same text and mean something else.
_LISTED_BY: Final = (*ID_COLUMNS, *UID_COLUMNS, *VISITOR_COLUMNS, *VALUE_COLUMNS)
_LISTED: Final = """(value IN (SELECT value FROM json_each(?))
                     OR (instr(value, '@') AND lower(value) IN (SELECT value FROM json_each(?))))"""
# Tables of rows that belong to users, by the column that says to whom.
_OWNED: Final = {
    "user_version": "key",
    "user_saying": "key",
    "identity": "user_key",
    "merge_log": "user_key",
    "member": "user_key",
    "link": "user_key",
    "alias": "user_key",
}
# Texts that somebody sent, and the columns that they are in. Of a bad row nobody can tell which field is an id.
_TEXTS: Final = {
    "quarantine": (("position", '"index"'), ("body", "message")),
    "bad_row": (("import_id", "number"), ("text", "message", "field")),
}


@dataclass(frozen=True, slots=True)
class Known:
    """One person. keys: of all users that are that person."""

    keys: tuple[int, ...]
    ids: tuple[str, ...]


class Forgetting:
    """Finds people in the store and takes them out.

    visitor_uid: what a visitor is called in the app-event stream.
    """

    def __init__(self, database: Database, visitor_uid: Callable[[str], str]) -> None:
        self._database = database
        self._visitor_uid = visitor_uid

    def find(self, asked: Sequence[str]) -> tuple[list[Known], list[str]]:
        """The people of these identify ids or opaque ids, each once, and the ids that nobody has."""
        with self._database.reading() as connection:
            driver = raw(connection)
            merges = Snapshots(connection).merges(None, None)
            together: dict[int, set[int]] = {}
            for user, (last, _) in merges.items():
                together.setdefault(last, {last}).add(user)
            found: dict[int, Known] = {}
            unknown = []
            known = dict(_in(driver, "SELECT text, key FROM users WHERE text IN {}", asked))
            # There is no index of opaque ids: one walk over all users, if any are asked for.
            others = [each for each in asked if each not in known]
            known |= dict(_in(driver, "SELECT uid, key FROM users WHERE uid IN {}", others)) if others else {}
            for named in dict.fromkeys(asked):
                if named not in known:
                    unknown.append(named)
                    continue
                key = known[named]
                last = merges[key][0] if key in merges else key
                if last not in found:
                    keys = tuple(sorted(together.get(last, {last})))
                    found[last] = Known(keys, tuple(text for _, text, _, _ in _users(driver, keys)))
            return list(found.values()), unknown

    def subjects(self, people: Iterable[Known]) -> Subjects:
        """Everything that tells these people from others."""
        keys = sorted({key for one in people for key in one.keys})
        with self._database.reading() as connection:
            driver = raw(connection)
            users = _users(driver, keys)
            whole, spans = _visitors(driver, keys)
            names = dict(_in(driver, "SELECT key, text FROM visitors WHERE key IN {}", whole))
            return Subjects(
                users=tuple(keys),
                visitors=tuple(whole),
                spans=tuple(spans),
                ids=tuple(text for _, text, _, _ in users),
                uids=tuple(uid for *_, uid, _ in users),
                visitor_ids=tuple(names.values()),
                visitor_uids=tuple(map(self._visitor_uid, names.values())),
                values=tuple(self._values(connection, keys)),
                first_at=min((first_at for *_, first_at in users), default=0),
            )

    def _values(self, connection: Connection, keys: Sequence[int]) -> list[str]:
        """Addresses and identifying values that these said and nobody else: what many share names nobody."""
        driver = raw(connection)
        said: set[str] = set()
        for (registers,) in _in(driver, "SELECT registers FROM user_version WHERE key IN {}", keys):
            if (email := decode_registers(registers).get("email")) is not None:
                said |= {folded(each) for each in compared(email[0])}
        fields = list(read_defined(connection, "user").identifiers)
        query = "SELECT field, value FROM identity WHERE user_key IN {}"
        said |= {folded(value) for field, value in _in(driver, query, keys) if field in fields}
        mine = set(keys)
        query = "SELECT user_key FROM identity WHERE field = ? AND value = ?"
        shared = {
            value
            for value in said
            for field in fields
            if any(user not in mine for (user,) in driver.execute(query, (field, value)))
        }
        return sorted(said - shared - _addresses_of_others(driver, said - shared, mine))

    def forget(self, subjects: Subjects) -> dict[str, int]:
        """Take out every row of these people; returns how many of each table. In the caller's transaction, if any."""
        counts: dict[str, int] = {}
        with self._database.writing() as connection:
            driver = raw(connection)
            for table, column in _OWNED.items():
                counts[table] = _delete(driver, table, column, subjects.users)
            counts["alias"] += _delete(driver, "alias", "text", (*subjects.ids, *subjects.visitor_ids))
            counts["link"] += _delete(driver, "link", "visitor_key", subjects.visitors)
            counts["visitors"] = _delete(driver, "visitors", "key", subjects.visitors)
            counts["removal"] = _delete(driver, "removal", "key", subjects.users, " AND entity = 'user'")
            # A key is never given again, so what still has one of these keys is nobody's.
            counts["users"] = _delete(driver, "users", "key", subjects.users)
            counts["open_session"] = _delete(driver, "open_session", "identify_id", subjects.ids)
            counts["open_session"] += _delete(driver, "open_session", "anonymous_id", subjects.visitor_ids)
            counts["audience_value"] = sum(
                driver.execute(f"DELETE FROM audience_value WHERE audience = ? AND {_LISTED}", (name, *asked)).rowcount
                for name, *asked in _lists(connection, subjects)
            )
            for table, (place, columns) in _TEXTS.items():
                counts[table] = _delete_naming(driver, table, place, columns, subjects.texts)
        return {table: count for table, count in counts.items() if count}

    def listed(self, subjects: Subjects) -> list[str]:
        """The imported lists that name these people."""
        query = f"SELECT 1 FROM audience_value WHERE audience = ? AND {_LISTED} LIMIT 1"
        with self._database.reading() as connection:
            run = raw(connection).execute
            return [name for name, *asked in _lists(connection, subjects) if run(query, (name, *asked)).fetchone()]

    def naming(self, subjects: Subjects) -> dict[str, list[dict[str, Any]]]:
        """The texts that somebody sent, that could not be used, and that name these people."""
        found: dict[str, list[dict[str, Any]]] = {}
        with self._database.reading() as connection:
            for table, (place, columns) in _TEXTS.items():
                names = [name.strip('"') for name in (*place, *columns)]
                rows = _naming(raw(connection), table, place, columns, subjects.texts)
                found[table] = [dict(zip(names, row, strict=True)) for row in rows]
        return found


def _users(driver: sqlite3.Connection, keys: Sequence[int]) -> list[tuple[int, str, str, int]]:
    """(key, text, uid, first_at), oldest first."""
    return list(_in(driver, "SELECT key, text, uid, first_at FROM users WHERE key IN {} ORDER BY first_at, text", keys))


def _visitors(driver: sqlite3.Connection, keys: Sequence[int]) -> tuple[list[int], list[tuple[int, int, int]]]:
    """Visitors that were never anybody else, and of the others from when until when they were one of these.

    As ``engines.attribution`` has it: who was last found at or before an event did it, before the first time that one.
    """
    query = """SELECT visitor_key, at, user_key FROM link WHERE visitor_key IN
               (SELECT visitor_key FROM link WHERE user_key IN {}) ORDER BY visitor_key, at, user_key"""
    mine, links = set(keys), dict[int, list[tuple[int, int]]]()
    for visitor, at, user in _in(driver, query, keys):
        links.setdefault(visitor, []).append((at, user))
    whole, spans = [], []
    for visitor, said in links.items():
        if all(user in mine for _, user in said):
            whole.append(visitor)
            continue
        for nth, (at, user) in enumerate(said):
            if user in mine:
                since = at if nth else -_EVER
                spans.append((visitor, since, said[nth + 1][0] if nth + 1 < len(said) else _EVER))
    return whole, spans


def _addresses_of_others(driver: sqlite3.Connection, values: Set[str], mine: Set[int]) -> set[str]:
    """Those of the values that are the address of somebody else. One walk over everything that was said."""
    found: set[str] = set()
    if not values:
        return found
    # A walk that opens every one costs less than looking for very many values in each.
    patterns = word_patterns(values) if len(values) <= _PATTERN_TEXTS else None
    cursor = driver.execute("SELECT key, registers FROM user_version")
    while rows := cursor.fetchmany(_CHUNK):
        keys, texts = zip(*rows, strict=True)
        hits = [True] * len(texts) if patterns is None else matched(texts, patterns)
        for key, text, hit in zip(keys, texts, hits, strict=True):
            if hit and key not in mine and (email := decode_registers(text).get("email")) is not None:
                found |= {folded(each) for each in compared(email[0])}
    return found & values


def _lists(connection: Connection, subjects: Subjects) -> list[tuple[str, str, str]]:
    """(name, texts, texts) of each list by what tells people apart: an id, an address, an identifying attribute."""
    identifiers = read_defined(connection, "user").identifiers
    fields = {*_LISTED_BY, *identifiers, *(each.api_name for each in identifiers.values())}
    fields |= {CUSTOM_PREFIX + name for name in identifiers}
    asked = msgspec.json.encode(subjects.texts).decode()
    rows = raw(connection).execute("SELECT name, listed FROM audience WHERE listed <> '' ORDER BY name").fetchall()
    return [(name, asked, asked) for name, listed in rows if listed in fields]


def _in(driver: sqlite3.Connection, query: str, values: Sequence[Any]) -> Iterator[Any]:
    asked = msgspec.json.encode(list(values)).decode()
    return iter(driver.execute(query.format("(SELECT value FROM json_each(?))"), (asked,)))


def _delete(driver: sqlite3.Connection, table: str, column: str, values: Sequence[Any], more: str = "") -> int:
    if not values:
        return 0
    asked = msgspec.json.encode(list(values)).decode()
    query = f"DELETE FROM {table} WHERE {column} IN (SELECT value FROM json_each(?)){more}"
    return driver.execute(query, (asked,)).rowcount


def _delete_naming(
    driver: sqlite3.Connection, table: str, place: Sequence[str], columns: Sequence[str], texts: Sequence[str]
) -> int:
    found = [row[: len(place)] for row in _naming(driver, table, place, columns, texts)]
    mine = " AND ".join(f"{name} = ?" for name in place)
    driver.executemany(f"DELETE FROM {table} WHERE {mine}", found)
    return len(found)


def _naming(
    driver: sqlite3.Connection, table: str, place: Sequence[str], columns: Sequence[str], texts: Sequence[str]
) -> Iterator[tuple[Any, ...]]:
    """The rows of which a column has one of the texts as a word of its own, and not as a part of another; or, of a text
    that may be anything, as the value of a field that has an id."""
    words = [text for text in texts if "@" in text or (len(text) >= _WORD_CHARACTERS and not text.isdigit())]
    patterns = word_patterns(words)
    if table == "quarantine":
        patterns += id_patterns(set(texts) - set(words))
    if not patterns:
        return
    cursor = driver.execute(f"SELECT {', '.join((*place, *columns))} FROM {table}")
    while rows := cursor.fetchmany(_CHUNK):
        hits = matched(["\n".join(str(each) for each in row[len(place) :]) for row in rows], patterns)
        yield from (row for row, is_theirs in zip(rows, hits, strict=True) if is_theirs)


def word_patterns(texts: Iterable[str]) -> list[str]:
    """RE2 that finds any of the texts, however JSON writes it, where no letter, digit, ``@``, ``.``, ``_`` or ``-``
    stands before or behind; cut so that none is too large."""
    return [rf"(?i)(?:^|[^\pL\pN@._-])(?:{words})(?:$|[^\pL\pN@._-])" for words in _alternatives(texts)]


def id_patterns(texts: Iterable[str]) -> list[str]:
    """RE2 that finds any of the texts as the whole value of a field of JSON that has an id; cut in the same way."""
    fields = "|".join(_ID_FIELDS)
    return [rf'"(?:{fields})"\s*:\s*(?:"(?:{words})"|(?:{words})\s*(?:[,}}]|$))' for words in _alternatives(texts)]


def matched(texts: Sequence[str], patterns: Iterable[str]) -> list[bool]:
    """Which of the texts any of the patterns finds something in."""
    said, hits = pa.array(texts, pa.string()), pa.array([False] * len(texts))
    for pattern in patterns:
        hits = pc.or_(hits, pc.match_substring_regex(said, pattern))
    return list(hits.to_pylist())


def _alternatives(texts: Iterable[str]) -> Iterator[str]:
    some: list[str] = []
    size = 0
    forms = {form for each in texts for form in (each, msgspec.json.encode(each).decode()[1:-1])}
    for text in sorted(forms):
        if some and (len(some) == _PATTERN_TEXTS or size + len(text) > _PATTERN_CHARACTERS):
            yield "|".join(some)
            some, size = [], 0
        some.append(_quoted(text))
        size += len(text)
    if some:
        yield "|".join(some)


def _quoted(text: str) -> str:
    return "".join(each if each.isalnum() else f"\\x{{{ord(each):X}}}" for each in text)


def held_rows(database: Database, subjects: Subjects) -> Mapping[str, list[dict[str, Any]]]:
    """Every row of the store that is theirs, as it is, by table."""
    found: dict[str, list[dict[str, Any]]] = {}
    with database.reading() as connection:
        driver = raw(connection)
        for table, column in {"users": "key", **_OWNED}.items():
            asked = msgspec.json.encode(list(subjects.users)).decode()
            cursor = driver.execute(
                f"SELECT * FROM {table} WHERE {column} IN (SELECT value FROM json_each(?))", (asked,)
            )
            names = [name for name, *_ in cursor.description]
            found[table] = [dict(zip(names, row, strict=True)) for row in cursor]
    return found
