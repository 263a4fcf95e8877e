"""Erasures in the control store: how far each has come, what it found, and the list of who was erased."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import and_, select

from footfall.errors import Missing, Refused
from footfall.model.erasures import CUT, DONE, Erasure, Outcome, Subjects, Target, token_of
from footfall.model.instants import from_us, to_us
from footfall.stores import keys as dimension
from footfall.stores.database import Database, raw
from footfall.stores.erasure_tables import audience_delivery, erased, erasure, erasure_target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sqlalchemy import Row

    from footfall.ports import Vault

OWNER: Final = "erasure"
_ASKED, _PLAN = "asked", "plan"


class SqlErasures:
    """Erasures, resumable: each step is noted when it has ended.

    What a step needs to know of the people is sealed by the vault until the erasure has ended, then overwritten.
    """

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    def ask(self, one: Erasure, ids: Sequence[str]) -> None:
        """Keep what somebody wants until it is begun."""
        with self._database.writing() as connection:
            connection.execute(erasure.insert().values(_values(one)))
            self._vault.put(OWNER, one.id, {_ASKED: json.dumps(list(ids), ensure_ascii=False)})

    def asked(self, id: str) -> Sequence[str]:
        """The ids that somebody wants erased."""
        return [str(each) for each in json.loads(self._vault.get(OWNER, id)[_ASKED])]

    def begin(self, one: Erasure, subjects: Subjects, targets: Iterable[Target], tokens: Iterable[str]) -> None:
        """Note what is to be done, and from now on take nothing about ``tokens`` any more that is told of before."""
        with self._database.writing() as connection:
            self.note(one)
            rows = [{"erasure": one.id, "number": each.number, "what": each.to_json()} for each in targets]
            if rows:
                connection.execute(erasure_target.insert(), rows)
            self._vault.put(OWNER, one.id, {_PLAN: subjects.to_json()})
            raw(connection).executemany(
                """INSERT INTO erased (token, at, erasure) VALUES (?1, ?2, ?3)
                   ON CONFLICT (token) DO UPDATE SET at = max(at, excluded.at), erasure = excluded.erasure""",
                [(token, to_us(one.asked_at), one.id) for token in tokens],
            )

    def note(self, one: Erasure) -> None:
        """One more step has ended, or could not."""
        with self._database.writing() as connection:
            connection.execute(erasure.update().where(erasure.c.id == one.id).values(_values(one)))

    def aim(self, id: str, target: Target) -> None:
        """A target lies under another manifest than it did when the erasure was planned."""
        mine = and_(erasure_target.c.erasure == id, erasure_target.c.number == target.number)
        with self._database.writing() as connection:
            connection.execute(erasure_target.update().where(mine).values(what=target.to_json()))

    def noted(self, id: str, number: int, outcome: Outcome | None) -> None:
        """What became of one target; None to look at it once more."""
        mine = and_(erasure_target.c.erasure == id, erasure_target.c.number == number)
        with self._database.writing() as connection:
            text = None if outcome is None else json.dumps(outcome.value(), ensure_ascii=False)
            connection.execute(erasure_target.update().where(mine).values(outcome=text))

    def end(self, one: Erasure, receipt: str, *, whole: bool) -> None:
        """Keep the receipt, and forget whom it was about; unless it is not whole, for ``retry``."""
        with self._database.writing() as connection:
            ended = replace(one, state=DONE)
            connection.execute(
                erasure.update().where(erasure.c.id == one.id).values({**_values(ended), "receipt": receipt})
            )
            if whole:
                self._vault.drop(OWNER, one.id)

    def retry(self, id: str) -> Erasure:
        """Go back to the deliveries that could not be touched. Raises ``Missing``, and ``Refused`` when there are none.

        What was written anew and could not be taken away is taken away; anything else is looked at once more.
        """
        with self._database.writing():
            one = self.get(id)
            if not one.ended:
                return one
            if not self._vault.fields(OWNER, id):
                raise Refused(f"nothing of erasure {id} can be tried again", "See its receipt; erase again if need be")
            for target, outcome in self.targets(id):
                if outcome is not None and outcome.untouched:
                    left = tuple(key for key, _ in outcome.untouched)
                    self.noted(
                        id, target.number, replace(outcome, untouched=(), stale=left) if outcome.rewritten else None
                    )
            again = replace(one, state=CUT, ended_at=None)
            self.note(again)
            return again

    def get(self, id: str) -> Erasure:
        """Raises ``Missing``."""
        with self._database.reading() as connection:
            row = connection.execute(select(erasure).where(erasure.c.id == id)).first()
        if row is None:
            raise Missing(f"there is no erasure {id!r}", "List them with `footfall people erasures`")
        return _erasure(row)

    def all(self, limit: int = 100) -> Sequence[Erasure]:
        """Newest first."""
        query = select(erasure).order_by(erasure.c.asked_at.desc(), erasure.c.id).limit(limit)
        with self._database.reading() as connection:
            return [_erasure(row) for row in connection.execute(query)]

    def unfinished(self) -> Sequence[Erasure]:
        """Oldest first."""
        query = select(erasure).where(erasure.c.state != DONE).order_by(erasure.c.asked_at, erasure.c.id)
        with self._database.reading() as connection:
            return [_erasure(row) for row in connection.execute(query)]

    def receipt(self, id: str) -> str | None:
        """The JSON text; None until it has ended."""
        with self._database.reading() as connection:
            found: str | None = connection.execute(select(erasure.c.receipt).where(erasure.c.id == id)).scalar_one()
        return found

    def subjects(self, id: str) -> Subjects:
        """Whom an erasure that has not ended is about."""
        return Subjects.from_json(self._vault.get(OWNER, id)[_PLAN])

    def targets(self, id: str) -> Sequence[tuple[Target, Outcome | None]]:
        """In order, each with what became of it."""
        query = select(erasure_target).where(erasure_target.c.erasure == id).order_by(erasure_target.c.number)
        with self._database.reading() as connection:
            return [
                (
                    Target.from_json(row.what),
                    None if row.outcome is None else Outcome.from_value(json.loads(row.outcome)),
                )
                for row in connection.execute(query)
            ]

    def revisions(self) -> Set[tuple[str, int]]:
        """(day, revision) of those that came of erasures alone, with nothing new to deliver in them."""
        with self._database.reading() as connection:
            targets = [Target.from_json(what) for what in connection.execute(select(erasure_target.c.what)).scalars()]
        return {(each.day, each.revision) for each in targets if each.day}

    # --- the list --------------------------------------------------------------------------------

    def tokens(self) -> Mapping[str, int]:
        """Who was erased, and up to which instant what is told about them is not taken: microseconds since 1970."""
        with self._database.reading() as connection:
            return {row.token: row.at for row in connection.execute(select(erased.c.token, erased.c.at))}

    def names_of(self, key: bytes, tokens: Mapping[str, int]) -> Sequence[str]:
        """Identify ids of users whose token is one of these and who were there at its instant, in microseconds since
        1970, or before: as after a restored backup."""
        with self._database.reading() as connection:
            rows = raw(connection).execute("SELECT text, first_at FROM users ORDER BY key")
            return [text for text, first_at in rows if first_at <= tokens.get(token_of(key, text), first_at - 1)]

    def asker(self, key: Callable[[], bytes]) -> Callable[[pa.Array], tuple[pa.Array, pa.Array]]:
        """What tells of ids whether they were erased: (instant up to which, whether they came back since).

        key: of the tokens; asked for when somebody was erased. Nobody erased costs one question of the store.
        """

        def ask(texts: pa.Array) -> tuple[pa.Array, pa.Array]:
            listed = self.tokens()
            nothing = pa.nulls(len(texts), pa.int64()), pa.array([False] * len(texts))
            if not listed:
                return nothing
            secret = key()
            until = [None if text is None else listed.get(token_of(secret, text)) for text in texts.to_pylist()]
            if not any(each is not None for each in until):
                return nothing
            known = pc.fill_null(pc.is_in(texts, value_set=self._back(texts)), False)
            return pa.array(until, pa.int64()), known

        return ask

    def _back(self, texts: pa.Array) -> pa.Array:
        distinct = texts.unique().drop_null()
        with self._database.reading() as connection:
            found = dimension.find(connection, dimension.USERS, distinct)[0]
        return distinct.filter(pc.is_valid(found))

    # --- audiences -------------------------------------------------------------------------------

    def delivered(self, job: str, at: datetime, place: str, manifest_key: str, people: pa.Array) -> None:
        """An audience was delivered. people: the keys of users that it holds, or perhaps holds."""
        values = {"place": place, "manifest_key": manifest_key, "job": job, "at": to_us(at), "people": packed(people)}
        with self._database.writing() as connection:
            mine = and_(audience_delivery.c.place == place, audience_delivery.c.manifest_key == manifest_key)
            connection.execute(audience_delivery.delete().where(mine))
            connection.execute(audience_delivery.insert().values(values))

    def audiences_with(self, users: Sequence[int]) -> Sequence[tuple[str, str, str]]:
        """(job, place, manifest key) of the audiences that hold any of these users, or perhaps do, oldest first."""
        asked = pa.array(users, pa.int32())
        query = select(audience_delivery).order_by(audience_delivery.c.at, audience_delivery.c.manifest_key)
        with self._database.reading() as connection:
            return [
                (row.job, row.place, row.manifest_key)
                for row in connection.execute(query)
                if pc.any(pc.is_in(unpacked(row.people), value_set=asked)).as_py()
            ]

    def audiences_at(self, place: str) -> Sequence[str]:
        """The manifests of audiences that were delivered to a place."""
        query = select(audience_delivery.c.manifest_key).where(audience_delivery.c.place == place)
        with self._database.reading() as connection:
            return list(connection.execute(query).scalars())

    def moved(self, place: str, before: str, manifest_key: str, users: Sequence[int]) -> None:
        """An audience lies under another manifest now, without these users."""
        table = audience_delivery
        with self._database.writing() as connection:
            mine = and_(table.c.place == place, table.c.manifest_key == before)
            row = connection.execute(select(table).where(mine)).first()
            if row is None:
                return
            people = unpacked(row.people)
            left = people.filter(pc.invert(pc.is_in(people, value_set=pa.array(users, pa.int32()))))
            connection.execute(table.delete().where(mine))
            connection.execute(
                table.insert().values({**row._mapping, "manifest_key": manifest_key, "people": packed(left)})
            )


def packed(keys: pa.Array) -> bytes:
    """Rising keys in about a byte each."""
    ordered = pc.unique(keys.cast(pa.int32()).drop_null()).sort()
    if not len(ordered):
        return b""
    differences = pa.concat_arrays([ordered.slice(0, 1), pc.pairwise_diff(ordered, 1).slice(1)])
    return zlib.compress(memoryview(differences.buffers()[1])[: 4 * len(differences)], 6)


def unpacked(people: bytes) -> pa.Array:
    """The reverse of ``packed``."""
    if not people:
        return pa.array([], pa.int32())
    differences = zlib.decompress(people)
    return pc.cumulative_sum(
        pa.Array.from_buffers(pa.int32(), len(differences) // 4, [None, pa.py_buffer(differences)])
    )


def _values(one: Erasure) -> dict[str, Any]:
    told = {
        "people": one.people,
        "unknown": one.unknown,
        "counts": dict(one.counts),
        "notes": one.notes,
        "error": one.error,
    }
    return {
        "id": one.id,
        "mode": one.mode,
        "state": one.state,
        "asked_at": to_us(one.asked_at),
        "ended_at": None if one.ended_at is None else to_us(one.ended_at),
        "by": one.by,
        "told": msgspec.json.encode(told).decode(),
    }


def _erasure(row: Row[Any]) -> Erasure:
    told = json.loads(row.told)
    return Erasure(
        id=row.id,
        mode=row.mode,
        state=row.state,
        asked_at=from_us(row.asked_at),
        ended_at=None if row.ended_at is None else from_us(row.ended_at),
        by=row.by,
        people=told["people"],
        unknown=told["unknown"],
        counts=told["counts"],
        notes=tuple((place, why) for place, why in told["notes"]),
        error=told["error"],
    )
