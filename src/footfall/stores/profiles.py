"""``ports.Profiles`` on the control store: one person, put together when somebody asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

import msgspec

from footfall.errors import Missing
from footfall.model.attributes import instant_us
from footfall.model.identity import JOINED, TOO_MANY
from footfall.model.instants import from_us, to_us
from footfall.model.people import Registers, said
from footfall.ports import Held, Joining, Profile, Tie
from footfall.stores.database import Database, raw
from footfall.stores.defined import read_defined
from footfall.stores.facts import day_number
from footfall.stores.fates import fates, refated
from footfall.stores.histories import attributes_of, decode_registers
from footfall.stores.identities import Identities
from footfall.stores.sayings import KNOWN_BEFORE, Sayings
from footfall.stores.showing import Shown, types_of
from footfall.stores.snapshots import Snapshots

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from footfall.model.days import Zone

_NEVER: Final = -(2**63)
SAYINGS_MAX: Final = 20  # of each attribute
USERS_MAX: Final = 100  # of each tie


class SqlProfiles:
    """See ``ports.Profiles``. zone: the subscription's, for the ends of days."""

    def __init__(self, database: Database, zone: Zone) -> None:
        self._database = database
        self._zone = zone

    def get(self, id: str, day: date, *, why: bool = False) -> Profile:
        until = to_us(self._zone.bounds(day).end)
        with self._database.reading() as connection:
            return _Portrait(connection, day, until).of(id, why=why)

    def joinings(self, limit: int = 100, before: int | None = None) -> Sequence[Joining]:
        with self._database.reading() as connection:
            rows = raw(connection).execute(
                """SELECT number, at, text, field, value, users, outcome
                   FROM merge_log JOIN users ON users.key = merge_log.user_key
                   WHERE ?2 IS NULL OR number < ?2 ORDER BY number DESC LIMIT ?1""",
                (limit, before),
            )
            return [Joining(number, from_us(at), *rest) for number, at, *rest in rows]

    def crowds(self, limit: int = 100) -> Sequence[Mapping[str, Any]]:
        with self._database.reading() as connection:
            identifiers = read_defined(connection, "user").identifiers
            return [
                {"field": field, "value": value, "users": users, "limit": identifiers[field].shared_by_max}
                for field, value, users in Identities(connection, identifiers).crowds(limit)
            ]


@dataclass(frozen=True, slots=True)
class _Row:
    """A user as of the day. registers: empty when nothing was said."""

    key: int
    uid: str
    text: str
    first_at: int
    identified_at: int | None
    modified_at: int | None
    registers: Registers


class _Portrait:
    """Reads what is known of one person at an instant."""

    def __init__(self, connection: Connection, day: date, until: int) -> None:
        self._connection = connection
        self._driver = raw(connection)
        self._day = day
        self._until = until
        self._defined = read_defined(connection, "user")
        self._snapshots = Snapshots(connection)
        self._fates = fates(connection, "user", until)

    def of(self, id: str, *, why: bool) -> Profile:
        asked = self._find("text", id) or self._find("uid", id)
        if asked is None:
            raise Missing(f"nobody is known as {id!r} by the end of {self._day}", "Ask by identify id or aptrinsicId")
        merges = self._snapshots.merges(self._until, [asked[0]])
        last = merges.get(asked[0], (asked[0], 0))[0]
        rows = self._rows([last, *(user for user, (into, _) in merges.items() if into == last)])
        into = next(row for row in rows if row.key == last)
        registers, shown = self._together(rows)
        modified = [row.modified_at for row in rows if row.modified_at is not None]
        first_at = min(row.first_at for row in rows)
        return Profile(
            asked=asked[1],
            identify_id=into.text,
            uid=into.uid,
            created_at=from_us(first_at),
            sign_up_at=self._signed_up(rows, registers),
            modified_at=from_us(max(modified, default=first_at)),
            account_id=self._account(rows),
            deleted=last in self._fates and self._fates[last].deleted,
            users=[row.text for row in rows],
            visitors=self._visitors(rows),
            held=self._held(rows, registers, shown, why=why),
            ties=self._ties(rows) if why else (),
        )

    def _find(self, column: str, id: str) -> tuple[int, str] | None:
        query = f"SELECT key, text FROM users WHERE {column} = ? AND first_at < ?"
        found: tuple[int, str] | None = self._driver.execute(query, (id, self._until)).fetchone()
        return found

    def _rows(self, keys: Sequence[int]) -> list[_Row]:
        found = self._driver.execute(
            """SELECT known.key, known.uid, known.text, known.first_at, known.identified_at, version.modified_at,
                      version.registers
               FROM users AS known LEFT JOIN user_version AS version ON version.key = known.key AND version.day =
                   (SELECT max(day) FROM user_version AS newest WHERE newest.key = known.key AND newest.day <= ?1)
               WHERE known.key IN (SELECT value FROM json_each(?2)) AND known.first_at < ?3
               ORDER BY known.first_at, known.text""",
            (day_number(self._day), _json(keys), self._until),
        )
        known = (refated(row, self._fates[row[0]]) if row[0] in self._fates else row for row in found)
        return [
            _Row(key, uid, text, first_at, identified_at, modified_at, decode_registers(registers) if registers else {})
            for key, uid, text, first_at, identified_at, modified_at, registers in known
        ]

    def _together(self, rows: Sequence[_Row]) -> tuple[Registers, Shown]:
        shown = Shown(self._connection, "user", self._until)
        registers: Registers = {}
        for row in rows:
            shown.hear(registers, row.registers)
        return registers, shown

    def _signed_up(self, rows: Sequence[_Row], registers: Registers) -> datetime | None:
        said_at = instant_us(registers["signUpDate"][0]) if "signUpDate" in registers else None
        first = min((row.identified_at for row in rows if row.identified_at is not None), default=None)
        at = said_at if said_at is not None else first if first is not None and first < self._until else None
        return None if at is None else from_us(at)

    def _account(self, rows: Sequence[_Row]) -> str | None:
        found = self._driver.execute(
            """SELECT accounts.text FROM member JOIN accounts ON accounts.key = member.account_key
               WHERE member.user_key IN (SELECT value FROM json_each(?1)) AND member.at < ?2
               ORDER BY member.at DESC, accounts.text DESC LIMIT 1""",
            (_json([row.key for row in rows]), self._until),
        ).fetchone()
        return None if found is None else str(found[0])

    def _visitors(self, rows: Sequence[_Row]) -> list[str]:
        found = self._driver.execute(
            """SELECT DISTINCT visitors.text FROM link JOIN visitors ON visitors.key = link.visitor_key
               WHERE link.user_key IN (SELECT value FROM json_each(?1)) AND link.at =
                   (SELECT max(at) FROM link AS newer WHERE newer.visitor_key = link.visitor_key AND newer.at < ?2)
               ORDER BY visitors.text""",
            (_json([row.key for row in rows]), self._until),
        )
        return [text for (text,) in found]

    # --- attributes ------------------------------------------------------------------------------

    def _held(self, rows: Sequence[_Row], registers: Registers, shown: Shown, *, why: bool) -> list[Held]:
        names = types_of(self._connection, "user", self._defined)
        values, sayings = shown.values(registers), self._sayings(rows) if why else {}
        held = []
        for name, (api_name, type_) in sorted(names.items(), key=lambda each: each[1][0]):
            register = registers.get(name)
            value = values.get(api_name)
            if value is None and (register is None or not why):
                continue
            rule = self._defined.rules.get(name)
            said_at = None if register is None or register[0] is None else from_us(register[1])
            held.append(Held(api_name, _printed(type_), "last" if rule is None else rule.merge, value, said_at,
                             sayings.get(name, ())))  # fmt: skip
        return held

    def _sayings(self, rows: Sequence[_Row]) -> dict[str, list[tuple[datetime, str, str, object]]]:
        """Of each attribute the newest that are kept."""
        found: dict[str, list[tuple[datetime, str, str, object]]] = {}
        forgotten = {key: fate.forgotten for key, fate in self._fates.items() if fate.forgotten is not None}
        kept = [
            each
            for each in Sayings(self._connection, "user").of([row.key for row in rows])
            if forgotten.get(each[0], _NEVER) < each[3] < self._until
        ]
        for _, source, event_id, at, text in sorted(kept, key=itemgetter(3, 1, 2), reverse=True):
            names, values = said("user", attributes_of(text))
            own = "" if source == KNOWN_BEFORE or event_id.startswith(f"{at}:") else event_id
            for name, (value, _) in names.registers(values, at).items():
                told = found.setdefault(name, [])
                if len(told) < SAYINGS_MAX:
                    told.append((from_us(at), source, own, value))
        return found

    # --- identities ------------------------------------------------------------------------------

    def _ties(self, rows: Sequence[_Row]) -> list[Tie]:
        keys = [row.key for row in rows]
        return [*self._alias_ties(rows), *self._shared_ties(keys)]

    def _alias_ties(self, rows: Sequence[_Row]) -> list[Tie]:
        texts = _json([row.text for row in rows])
        found = self._driver.execute(
            """SELECT alias.text, users.text, alias.at FROM alias JOIN users ON users.key = alias.user_key
               WHERE alias.text IN (SELECT value FROM json_each(?1)) AND alias.text <> users.text AND alias.at < ?2
               ORDER BY alias.at, alias.text""",
            (texts, self._until),
        )
        return [Tie("alias", into, JOINED, [(text, from_us(at)), (into, from_us(at))], 2) for text, into, at in found]

    def _shared_ties(self, keys: Sequence[int]) -> list[Tie]:
        identities = Identities(self._connection, self._defined.identifiers)
        refused = {
            (each.shared.field, each.shared.value): each.outcome
            for each in identities.verdicts(self._until, self._snapshots.aliased(self._until), keys, self._fates)
        }
        ties = []
        for field, value in identities.of(keys, self._until):
            holders, count = identities.holders(field, value, self._until, USERS_MAX)
            if count > 1:
                limit = self._defined.identifiers[field].shared_by_max
                outcome = TOO_MANY if count > limit else refused.get((field, value), JOINED)
                definition = self._defined.identifiers[field]
                users = [(text, from_us(at)) for text, at in holders]
                ties.append(Tie(definition.api_name, value, outcome, users, count))
        return ties


def _printed(type_: str) -> str:
    """Types of default attributes are printed as those of custom ones."""
    return {"String": "STRING", "Long": "NUMBER", "Boolean": "BOOLEAN", "Date": "DATE_TIME"}.get(type_, type_)


def _json(values: Sequence[object]) -> str:
    return msgspec.json.encode(list(values)).decode()
