"""Who ever said which identifying value, in the store, and which users are one person by that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

import msgspec

from footfall.model.identity import JOINED, TOO_MANY, Shared, Verdict, judge, persons
from footfall.stores.database import raw

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from footfall.model.attribute_definitions import AttributeDefinition
    from footfall.model.removals import Fate


class Identities:
    """Identities within one transaction. identifiers: the attributes that identify, by the names they are kept by."""

    def __init__(self, connection: Connection, identifiers: Mapping[str, AttributeDefinition]) -> None:
        self._driver = raw(connection)
        self._limits = {name: each.shared_by_max for name, each in identifiers.items()}

    def note(self, field: str, values: Iterable[str], user: int, at: int, *, log: bool = True) -> None:
        """A user said these values; what joins or separates by that is logged."""
        for value in values:
            known = self._driver.execute(
                "SELECT at FROM identity WHERE field = ? AND value = ? AND user_key = ?", (field, value, user)
            ).fetchone()
            if known is None or at < known[0]:
                self._driver.execute(
                    """INSERT INTO identity (field, value, user_key, at) VALUES (?, ?, ?, ?)
                       ON CONFLICT (field, value, user_key) DO UPDATE SET at = excluded.at""",
                    (field, value, user, at),
                )
            if known is None and log:
                self._log(field, value, user, at)

    def forget(self, field: str, users: Sequence[int]) -> None:
        """Nobody of these said anything; the log keeps what it has."""
        asked = msgspec.json.encode(list(users)).decode()
        self._driver.execute(
            "DELETE FROM identity WHERE field = ? AND user_key IN (SELECT value FROM json_each(?))", (field, asked)
        )

    def _log(self, field: str, value: str, user: int, at: int) -> None:
        limit = self._limits[field]
        # Not beyond what needs to be known: some values are everybody's.
        ((holders,),) = self._driver.execute(
            "SELECT count(*) FROM (SELECT 1 FROM identity WHERE field = ? AND value = ? LIMIT ?)",
            (field, value, limit + 2),
        )
        if 2 <= holders <= limit + 1:
            outcome = JOINED if holders <= limit else TOO_MANY
            self._driver.execute(
                "INSERT INTO merge_log (field, value, user_key, users, outcome, at) VALUES (?, ?, ?, ?, ?, ?)",
                (field, value, user, holders, outcome, at),
            )

    def verdicts(
        self,
        until: int | None,
        last_of: Mapping[int, int],
        around: Iterable[int] | None = None,
        fated: Mapping[int, Fate] | None = None,
    ) -> list[Verdict]:
        """What becomes of every value that users said before ``until`` (None: ever), as many as may share it.

        last_of: who a user that was merged by alias is. around: only values that lead to these users, over whatever
        others; what becomes of them depends on no other. fated: what deletes made of users; what they hide joins
        nobody.
        """
        shared: list[Shared] = []
        found = self._shared(until) if around is None else self._leading_to(around, until, last_of)
        for (field, value), holders in found:
            first: dict[int, int] = {}
            for user, at in holders:
                if fated and user in fated and fated[user].hides(at):
                    continue
                last = last_of.get(user, user)
                first[last] = min(first.get(last, at), at)
            if len(first) > 1:
                shared.append(Shared(field, value, tuple(sorted(first.items(), key=itemgetter(1, 0)))))
        return judge(shared)

    def _shared(self, until: int | None) -> Iterator[tuple[tuple[str, str], list[tuple[int, int]]]]:
        for field, limit in sorted(self._limits.items()):
            rows = self._driver.execute(
                """SELECT identity.value, identity.user_key, identity.at FROM (
                       SELECT value FROM identity WHERE field = ?1 AND (?2 IS NULL OR at < ?2)
                       GROUP BY value HAVING count(*) BETWEEN 2 AND ?3
                   ) AS shared JOIN identity ON identity.field = ?1 AND identity.value = shared.value
                   WHERE ?2 IS NULL OR identity.at < ?2 ORDER BY identity.value""",
                (field, until, limit),
            )
            for value, group in groupby(rows, key=itemgetter(0)):
                yield (field, value), [(user, at) for _, user, at in group]

    def _leading_to(
        self, users: Iterable[int], until: int | None, last_of: Mapping[int, int]
    ) -> Iterator[tuple[tuple[str, str], list[tuple[int, int]]]]:
        aliases: dict[int, list[int]] = {}
        for user, last in last_of.items():
            aliases.setdefault(last, [last]).append(user)
        found: dict[tuple[str, str], list[tuple[int, int]]] = {}
        seen: set[int] = set()
        ahead = set(users)
        while ahead:
            ahead = {each for user in ahead for each in aliases.get(last_of.get(user, user), (user,))} - seen
            seen |= ahead
            for field, value in self.of(sorted(ahead), until):
                if (field, value) not in found:
                    limit = self._limits[field]
                    holders = self._driver.execute(
                        """SELECT user_key, at FROM identity
                           WHERE field = ?1 AND value = ?2 AND (?3 IS NULL OR at < ?3) LIMIT ?4""",
                        (field, value, until, limit + 1),
                    ).fetchall()
                    found[field, value] = holders if len(holders) <= limit else []
            ahead = {user for holders in found.values() for user, _ in holders} - seen
        yield from found.items()

    def of(self, users: Sequence[int], until: int | None) -> list[tuple[str, str]]:
        """(field, value) that any of these users said before ``until``."""
        rows = self._driver.execute(
            """SELECT DISTINCT field, value FROM identity
               WHERE user_key IN (SELECT value FROM json_each(?1)) AND (?2 IS NULL OR at < ?2)
               ORDER BY field, value""",
            (msgspec.json.encode(list(users)).decode(), until),
        )
        return [(field, value) for field, value in rows if field in self._limits]

    def holders(self, field: str, value: str, until: int, most: int) -> tuple[list[tuple[str, int]], int]:
        """((identify id, instant) of at most so many who said a value before ``until``, oldest first; how many did)."""
        said = "FROM identity WHERE field = ?1 AND value = ?2 AND at < ?3"
        ((count,),) = self._driver.execute(f"SELECT count(*) {said}", (field, value, until))
        rows = self._driver.execute(
            f"""SELECT users.text, said.at FROM (SELECT user_key, at {said}) AS said
                JOIN users ON users.key = said.user_key ORDER BY said.at, users.text LIMIT ?4""",
            (field, value, until, most),
        )
        return rows.fetchall(), count

    def crowds(self, most: int) -> list[tuple[str, str, int]]:
        """(field, value, users) of the values that too many share, those of most users first."""
        found: list[tuple[str, str, int]] = []
        for field, limit in sorted(self._limits.items()):
            found += self._driver.execute(
                """SELECT field, value, count(*) FROM identity WHERE field = ?1 GROUP BY value HAVING count(*) > ?2
                   ORDER BY 3 DESC, 2 LIMIT ?3""",
                (field, limit, most),
            ).fetchall()
        return sorted(found, key=lambda each: (-each[2], each[0], each[1]))[:most]

    def persons(self, verdicts: list[Verdict]) -> dict[int, tuple[int, int]]:
        """``{user: (the oldest user of the person, instant from which they are one)}``."""
        users = sorted({user for each in verdicts if each.outcome == JOINED for user, _ in each.shared.holders})
        if not users:
            return {}
        rows = self._driver.execute(
            "SELECT key, first_at, text FROM users WHERE key IN (SELECT value FROM json_each(?))",
            (msgspec.json.encode(users).decode(),),
        )
        ages = {key: (first_at, text) for key, first_at, text in rows}
        return persons(verdicts, lambda user: ages[user])
