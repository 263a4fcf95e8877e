"""Users and accounts as of the end of a day, and the pairs that belong to them, as columns."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import select

from footfall.model.attributes import instant_us
from footfall.model.people import Registers, resolve
from footfall.stores.database import raw
from footfall.stores.defined import read_defined
from footfall.stores.facts import day_number
from footfall.stores.fates import fates, homeless, refated
from footfall.stores.histories import decode_registers, encode_registers
from footfall.stores.identities import Identities
from footfall.stores.keys import columns
from footfall.stores.showing import Shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence, Set
    from datetime import date

    from sqlalchemy import Connection

    from footfall.model.removals import Fate

_INSTANT: Final = pa.timestamp("us", "UTC")
# Rows of a batch, or fewer when their registers are long; and rows looked at to know it.
_CHUNK: Final = 50_000
_CHUNK_TEXT: Final = 32 << 20
_FETCHED: Final = 256
_FEW: Final = 1_000  # users whose merges are sooner found one by one than with everybody's

USERS: Final = pa.schema(
    [
        ("user_key", pa.int32()),
        ("uid", pa.string()),
        ("identify_id", pa.string()),
        ("created_at", _INSTANT),
        ("sign_up_at", _INSTANT),
        ("modified_at", _INSTANT),
        ("deleted", pa.bool_()),
        ("account_key", pa.int32()),
        ("attributes", pa.string()),
    ]
)
ACCOUNTS: Final = pa.schema(
    [
        ("account_key", pa.int32()),
        ("account_id", pa.string()),
        ("created_at", _INSTANT),
        ("modified_at", _INSTANT),
        ("deleted", pa.bool_()),
        ("attributes", pa.string()),
    ]
)

# (key, uid, text, first_at, identified_at, modified_at, registers)
Row = tuple[int, str, str, int, int | None, int | None, str | None]


class Snapshots:
    """Reads what was known at an instant, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def users(self, day: date, until: int, keys: Sequence[int] | None = None) -> Iterator[pa.RecordBatch]:
        """Users created before ``until``, the end of ``day``, by key; columns of ``USERS``. keys: None for all."""
        merged = self.merges(until, keys)
        if keys is not None:
            asked = set(keys)
            merged = {user: into for user, into in merged.items() if user in asked or into[0] in asked}
        shown = Shown(self._connection, "user", until)
        united = self._united(merged, day, until, shown.hear) if merged else {}
        members = self._members(merged, until, keys)
        fated = fates(self._connection, "user", until)
        gone = merged.keys() | {key for key, fate in fated.items() if fate.deleted}
        alone = pa.array(homeless(self._connection, fated), pa.int32())
        for rows in self._chunks("user", day, until, keys):
            batch = _user_batch([united.get(row[0], row) for row in rows] if united else rows, gone, shown)
            accounts = members.accounts_of(batch["user_key"])
            if len(alone):
                accounts = pc.if_else(pc.is_in(batch["user_key"], value_set=alone), None, accounts)
            yield batch.set_column(7, "account_key", accounts)

    def accounts(self, day: date, until: int, keys: Sequence[int] | None = None) -> Iterator[pa.RecordBatch]:
        """Accounts created before ``until``, the end of ``day``, by key; columns of ``ACCOUNTS``. keys: as above."""
        shown = Shown(self._connection, "account", until)
        gone = {key for key, fate in fates(self._connection, "account", until).items() if fate.deleted}
        for rows in self._chunks("account", day, until, keys):
            numbers, _, texts, first_at, _, modified_at, registers = zip(*rows, strict=True)
            modified = [first if at is None else at for first, at in zip(first_at, modified_at, strict=True)]
            attributes = [shown.text(decode_registers(each)) if each else shown.nothing for each in registers]
            columns_ = [numbers, texts, first_at, modified, [key in gone for key in numbers], attributes]
            yield _batch(columns_, ACCOUNTS)

    def belonging(self, accounts: Sequence[int], until: int) -> dict[int, int]:
        """{user: account} of those who are shown as users of these accounts before ``until``, by user."""
        query = """SELECT DISTINCT user_key FROM member
                   WHERE at < ? AND account_key IN (SELECT value FROM json_each(?))"""
        said = raw(self._connection).execute(query, (until, msgspec.json.encode(list(accounts)).decode()))
        ever = {int(user) for (user,) in said}
        merged = self.merges(until, sorted(ever))
        users = sorted(ever | {merged[user][0] for user in ever if user in merged})
        if not users:
            return {}
        asked = set(users)
        united = {user: into for user, into in merged.items() if user in asked or into[0] in asked}
        belong = self._members(united, until, users).accounts_of(pa.array(users, pa.int32())).to_pylist()
        fated = fates(self._connection, "user", until)
        deleted = {key for key, fate in fated.items() if fate.deleted}
        gone = merged.keys() | deleted | set(homeless(self._connection, fated))
        wanted = set(accounts)
        pairs = zip(users, belong, strict=True)
        return {user: account for user, account in pairs if account in wanted and user not in gone}

    def merges(self, until: int | None, around: Sequence[int] | None = None) -> dict[int, tuple[int, int]]:
        """{user: (last one, instant of the user's own merge)} of merges said before ``until``, by alias or by sharing
        what identifies, without those who are deleted by then; None: all that were ever said. around: at least those of
        these users; None for everybody's."""
        if around is not None and len(around) > _FEW:
            around = None
        fated = {} if until is None else fates(self._connection, "user", until)
        aliased = self._aliased(until, fated)
        identities = Identities(self._connection, read_defined(self._connection, "user").identifiers)
        verdicts = identities.verdicts(until, {user: last for user, (last, _) in aliased.items()}, around, fated)
        same = identities.persons(verdicts)
        if not same:
            return aliased
        chained = {user: (same[last][0] if last in same else last, at) for user, (last, at) in aliased.items()}
        return {**same, **chained}

    def aliased(self, until: int | None) -> dict[int, int]:
        """{user: last one} of the merges by alias alone."""
        fated = {} if until is None else fates(self._connection, "user", until)
        return {user: last for user, (last, _) in self._aliased(until, fated).items()}

    def _aliased(self, until: int | None, fated: Mapping[int, Fate]) -> dict[int, tuple[int, int]]:
        rows = raw(self._connection).execute(
            """SELECT merged.key, alias.text, into_user.key, into_user.text, alias.at
               FROM alias JOIN users AS merged ON merged.text = alias.text
               JOIN users AS into_user ON into_user.key = alias.user_key
               WHERE merged.key <> into_user.key AND (?1 IS NULL OR alias.at < ?1)
               ORDER BY alias.text, alias.at, into_user.text""",
            (until,),
        )
        keys: dict[str, int] = {}
        said: dict[str, tuple[str, int]] = {}
        for merged_key, merged, into_key, into, at in rows:
            if any(fated[key].hides(at) for key in (merged_key, into_key) if key in fated):
                continue
            keys[merged], keys[into] = merged_key, into_key
            said[merged] = (into, at)  # the last in order stands: latest, then larger text
        return {keys[text]: (keys[last], said[text][1]) for text, last in resolve(said).items()}

    def _chunks(self, entity: str, day: date, until: int, keys: Sequence[int] | None) -> Iterator[list[Row]]:
        query, values = _only("known.key", 3, keys)
        query = f"{_SNAPSHOT[entity]}{query} ORDER BY known.key"
        cursor = raw(self._connection).execute(query, (day_number(day), until, *values))
        rows, length = list[Row](), 0
        while some := cursor.fetchmany(_FETCHED):
            rows += some
            length += sum(len(row[-1] or "") for row in some)
            if len(rows) >= _CHUNK or length >= _CHUNK_TEXT:
                yield self._fated(entity, until, rows)
                rows, length = [], 0
        if rows:
            yield self._fated(entity, until, rows)

    def _fated(self, entity: str, until: int, rows: list[Row]) -> list[Row]:
        """The rows as deletes leave them."""
        found = fates(self._connection, entity, until)
        return [refated(row, found[row[0]]) if row[0] in found else row for row in rows] if found else rows

    def _united(
        self, merged: dict[int, tuple[int, int]], day: date, until: int, hear: Callable[[Registers, Registers], bool]
    ) -> dict[int, Row]:
        """The rows of merged users and of those they turned out to be, each with what merging made of it."""
        absorbed: dict[int, list[int]] = {}
        for user, (into, _) in merged.items():
            absorbed.setdefault(into, []).append(user)
        asked = msgspec.json.encode(sorted({*merged, *absorbed})).decode()
        query = f"{_SNAPSHOT['user']} AND known.key IN (SELECT value FROM json_each(?3))"
        found = raw(self._connection).execute(query, (day_number(day), until, asked)).fetchall()
        rows: dict[int, Row] = {row[0]: row for row in self._fated("user", until, found)}
        united = {
            into: _as_one(rows[into], [rows[user] for user in users if user in rows], hear)
            for into, users in absorbed.items()
            if into in rows
        }
        for user, (_, at) in merged.items():
            if user in rows:
                key, uid, text, first_at, identified_at, modified_at, registers = rows[user]
                changed_at = at if modified_at is None else max(at, modified_at)
                united[user] = (key, uid, text, first_at, identified_at, changed_at, registers)
        return united

    def _members(self, merged: dict[int, tuple[int, int]], until: int, keys: Sequence[int] | None) -> _Members:
        only, values = _only("user_key", 2, keys)
        latest = f"""SELECT user_key, account_key, max(at), count(*) FROM member
                    WHERE at < ?1{only} GROUP BY user_key ORDER BY user_key"""
        users, accounts, _, _ = columns(
            self._connection, latest, [pa.int32(), pa.int32(), pa.int64(), pa.int32()], until, *values
        )
        ties = raw(self._connection).execute(
            f"SELECT DISTINCT user_key FROM member WHERE at < ?1{only} GROUP BY user_key, at HAVING count(*) > 1",
            (until, *values),
        )
        settled = self._settled({user for (user,) in ties}, merged, until)
        return _Members(
            users.combine_chunks(),
            accounts.combine_chunks(),
            pa.array(list(settled), pa.int32()),
            pa.array(list(settled.values()), pa.int32()),
        )

    def _settled(self, tied: set[int], merged: dict[int, tuple[int, int]], until: int) -> dict[int, int]:
        """The account of users who said two at one instant, and of users together with those merged into them."""
        asked = {*tied, *merged, *(into for into, _ in merged.values())}
        if not asked:
            return {}
        found: dict[int, tuple[int, str, int]] = {}
        rows = raw(self._connection).execute(
            """SELECT member.user_key, member.at, accounts.text, accounts.key
               FROM member JOIN accounts ON accounts.key = member.account_key
               WHERE member.at < ? AND member.user_key IN (SELECT value FROM json_each(?))""",
            (until, msgspec.json.encode(sorted(asked)).decode()),
        )
        for user, at, text, account in rows:
            for one in {user, merged[user][0] if user in merged else user}:
                found[one] = max(found.get(one, (at, text, account)), (at, text, account))
        return {user: account for user, (_, _, account) in found.items()}


@dataclass(frozen=True, slots=True)
class _Members:
    """Which account users belong to at an instant: of the latest saying, of two at once the larger account id.

    users, accounts: as said last, by user. tied, settled: of those for whom that is not enough.
    """

    users: pa.Array
    accounts: pa.Array
    tied: pa.Array
    settled: pa.Array

    def accounts_of(self, users: pa.Array) -> pa.Array:
        """users: rising keys."""
        first = bisect_left(self.users, users[0].as_py(), key=_plain)
        end = bisect_right(self.users, users[-1].as_py(), key=_plain)
        nearby, accounts = self.users.slice(first, end - first), self.accounts.slice(first, end - first)
        usual = accounts.take(pc.index_in(users, value_set=nearby))
        if not len(self.tied):
            return usual
        return pc.coalesce(self.settled.take(pc.index_in(users, value_set=self.tied)), usual)


def _only(column: str, place: int, keys: Sequence[int] | None) -> tuple[str, tuple[str, ...]]:
    """The condition that ``column`` is among ``keys``, and its parameter, the one number ``place``."""
    if keys is None:
        return "", ()
    return f" AND {column} IN (SELECT value FROM json_each(?{place}))", (msgspec.json.encode(list(keys)).decode(),)


def _plain(scalar: pa.Scalar) -> Any:
    return scalar.as_py()


_SNAPSHOT: Final = {
    entity: f"""
        SELECT known.key, {uid}, known.text, known.first_at, {identified}, version.modified_at, version.registers
        FROM {entity}s AS known LEFT JOIN {entity}_version AS version ON version.key = known.key AND version.day =
            (SELECT max(newest.day) FROM {entity}_version AS newest WHERE newest.key = known.key AND newest.day <= ?1)
        WHERE known.first_at < ?2"""
    for entity, uid, identified in (
        ("user", "known.uid", "CASE WHEN known.identified_at < ?2 THEN known.identified_at END"),
        ("account", "NULL", "NULL"),
    )
}


def _user_batch(rows: list[Row], gone: Set[int], shown: Shown) -> pa.RecordBatch:
    keys, uids, texts, first_at, identified_at, modified_at, registers = zip(*rows, strict=True)
    known = [decode_registers(each) if each else {} for each in registers]
    explicit = [instant_us(each["signUpDate"][0]) if "signUpDate" in each else None for each in known]
    sign_up_at = [first if at is None else at for first, at in zip(identified_at, explicit, strict=True)]
    changed_at = [first if at is None else at for first, at in zip(first_at, modified_at, strict=True)]
    deleted = [key in gone for key in keys]
    attributes = list(map(shown.text, known))
    nobody = [None] * len(rows)
    return _batch([keys, uids, texts, first_at, sign_up_at, changed_at, deleted, nobody, attributes], USERS)


def _as_one(row: Row, absorbed: Sequence[Row], hear: Callable[[Registers, Registers], bool]) -> Row:
    """A user together with those that turned out to be the same."""
    key, uid, text, *_ = row
    parts = [row, *absorbed]
    known: Registers = {}
    for *_, registers in parts:
        hear(known, decode_registers(registers) if registers else {})
    identified = [part[4] for part in parts if part[4] is not None]
    modified = [part[5] for part in parts if part[5] is not None]
    first_at = min(part[3] for part in parts)
    together = encode_registers(known)
    return key, uid, text, first_at, min(identified, default=None), max(modified, default=None), together


def _batch(values: Sequence[Sequence[Any]], to: pa.Schema) -> pa.RecordBatch:
    arrays = [
        pa.array(column, pa.int64()).cast(field.type) if field.type == _INSTANT else pa.array(column, field.type)
        for column, field in zip(values, to, strict=True)
    ]
    return pa.record_batch(arrays, schema=to)


def repeats_dropped(connection: Connection, table: Any, names: Sequence[str]) -> pa.Table:
    """(owner, target, at as int64) of a table of pairs, by owner and instant.

    A row whose target is that of the row before, for the same owner, says nothing new and is left out; of several
    targets at one instant all stay, for the reader to choose by their texts.
    """
    owner, target = names
    query = select(table.c[owner], table.c[target], table.c.at).order_by(table.c[owner], table.c.at, table.c[target])
    found = columns(connection, query, [pa.int32(), pa.int32(), pa.int64()])
    rows = pa.table([column.combine_chunks() for column in found], names=[owner, target, "at"])
    if rows.num_rows < 2:
        return rows
    no = pa.array([False])
    same_owner, same_target, same_at = (
        pc.equal(column.combine_chunks().slice(1), column.combine_chunks().slice(0, rows.num_rows - 1))
        for column in rows.columns
    )
    tied_with_next = pc.and_(same_owner, same_at)
    tied = pc.or_(pa.concat_arrays([tied_with_next, no]), pa.concat_arrays([no, tied_with_next]))
    repeats = pc.and_not(pc.and_(same_owner, same_target), pc.or_(tied.slice(1), tied.slice(0, rows.num_rows - 1)))
    return rows.filter(pc.invert(pa.concat_arrays([no, repeats])))
