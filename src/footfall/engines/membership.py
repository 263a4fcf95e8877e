"""Who is in which audience: all rules at once over one row per user.

The subjects of all rules together are the columns of these rows; every audience is a boolean over them, level by level
where audiences are made of others. Only the booleans are kept, as bits, in ``memberships``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from footfall import disk
from footfall.engines.attribution import attribute
from footfall.engines.database import Database, Limits, literal, query, scratch
from footfall.engines.filtered_usage import write_filtered
from footfall.engines.rule_sql import RuleSql, asked_of, shown
from footfall.engines.subjects import Subjects
from footfall.errors import Refused
from footfall.model.audience_fields import Fields
from footfall.model.audience_reasons import Explanation, Reason
from footfall.model.audience_rules import COUNT, DEPTH_MAX, Field, Happened, Included, Rule, Value, parts_of
from footfall.model.audience_text import write_subject
from footfall.model.audiences import Audience, evaluable
from footfall.model.columns import NUMBER
from footfall.model.instants import to_us

if TYPE_CHECKING:
    from footfall.ports import DayInput, OpenMemberships, Population

_READ: Final = "look who is in the audiences"
_BATCH: Final = 65_536
# Of usage files, which are sorted by what was done: a rule reads the few groups that are about it.
_ROW_GROUP: Final = 20_480
_BITS: Final = 63
_WHO: Final = "user_key, uid, identify_id, account_id"


class DuckMembership:
    """``ports.MembershipEngine`` in this process.

    spill_dir: for what does not fit into memory; every look has a folder of its own in it. limits: per look.
    """

    def __init__(self, spill_dir: Path, limits: Limits | None = None) -> None:
        self._spill_dir = spill_dir
        self._limits = limits or Limits()

    def usage(self, day: DayInput, path: str) -> None:
        """See ``queries/usage_of_day.sql`` for the columns; ``day`` is one more."""
        with disk.drafted(Path(path)) as draft, self._attributed(day) as database:
            done = f"WITH done AS ({query('done_of_day')}) {query('usage_of_day')}"
            rows = f"SELECT DATE '{day.day.isoformat()}' AS day, * FROM ({done})"
            database.run(
                f"COPY ({rows}) TO {literal(str(draft))} "
                f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_ROW_GROUP})",
                "write what users did that day",
            )

    def filtered(self, day: DayInput, wanted: Mapping[str, Happened]) -> None:
        """See ``queries/usage_filtered.sql`` for the columns."""
        with self._attributed(day) as database:
            database.script(query("audience_macros") + query("where_macros"))
            database.register("term_texts", day.texts["terms"])
            write_filtered(database, day, wanted)

    @contextmanager
    def _attributed(self, day: DayInput) -> Iterator[Database]:
        """A database with the events of a day, as ``events``, each with the user who did it."""
        with scratch(self._limits, self._spill_dir, "membership") as database:
            database.script(query("macros"))
            database.events(day.files)
            for name in ("users", "accounts"):
                database.register(f"{name[:-1]}_texts", day.texts[name])
            for name in ("links", "merges"):
                database.register(name, getattr(day, name))
            database.register("members", day.members.slice(0, 0))  # accounts are of no use here
            attribute(database, to_us(day.start), to_us(day.end))
            yield database

    @contextmanager
    def open(self, audiences: Sequence[Audience], people: Population) -> Iterator[OpenMemberships]:
        with scratch(self._limits, self._spill_dir, "membership") as database:
            database.script(query("macros") + query("audience_macros"))
            yield _Look(audiences, people, database)


class _Look:
    """``ports.OpenMemberships``."""

    def __init__(self, audiences: Sequence[Audience], people: Population, database: Database) -> None:
        self._database = database
        ordered, faults = evaluable(audiences)
        self.faults: dict[str, str] = dict(faults)
        self._rules = RuleSql(Fields.of(people.people.custom_attributes, people.account_attributes), people.now)
        self._audiences: dict[str, Audience] = {}
        self._tests: dict[str, str] = {}
        members: dict[str, str] = {}
        self._rules.members = members
        for audience in ordered:
            if self._translate(audience):
                members[audience.name] = f"m{len(members)}"
        self._members: Mapping[str, str] = members
        self._subjects = Subjects(self._rules.columns, self._rules.fields, people, database)
        self._subjects.prepare()
        for audience in self._audiences.values():
            if audience.listed:
                self._read_list(audience, people)
        kept = "".join(f", {word}" for word in _words(list(members.values())))
        self._kept = {name: _bit(place) for place, name in enumerate(members)}
        for number, rows in enumerate(self._subjects.rows()):
            into = "CREATE TABLE memberships AS" if number == 0 else "INSERT INTO memberships"
            database.run(f"{into} SELECT {_WHO}{kept} FROM ({self._told_of(rows)})", _READ, self._rules.bound)
        self.users = database.number("SELECT count(*) FROM memberships", _READ)

    def _translate(self, audience: Audience) -> bool:
        """Make the SQL of an audience; False, and a fault, if its rule does not fit the fields there are."""
        lost = sorted(audience.needs & self.faults.keys())
        if lost:
            self.faults[audience.name] = f"it includes '{lost[0]}', which cannot be evaluated"
            return False
        bound = dict(self._rules.bound)
        try:
            test = self._listed(audience) if audience.listed else self._rules.sql(audience.rule)
        except Refused as error:
            self._rules.bound = bound  # values that occur nowhere are refused by the engine
            self.faults[audience.name] = error.what
            return False
        self._audiences[audience.name] = audience
        self._tests[audience.name] = test
        return True

    def _listed(self, audience: Audience) -> str:
        subject = Field(audience.listed)
        column, given = f"p.{self._rules.column(subject)}", f"list_{len(self._audiences)}"
        if self._rules.fields.type_of(subject) == NUMBER:  # 12345 is 12345.0
            return f"(({column} IN (SELECT try_cast(value AS DOUBLE) FROM {given})) IS TRUE)"
        return f"((CAST({column} AS VARCHAR) IN (SELECT value FROM {given})) IS TRUE)"

    def _read_list(self, audience: Audience, people: Population) -> None:
        place = list(self._audiences).index(audience.name)
        self._database.register("values_given", pa.table({"value": people.listed(audience.name)}))
        self._database.run(f"CREATE TABLE list_{place} AS SELECT value FROM values_given", "read an imported list")
        self._database.forget("values_given")

    def _told_of(self, rows: str) -> str:
        """SQL of the same rows with who is where. What includes others stands a level above them."""
        level: dict[str, int] = {}
        for name, audience in self._audiences.items():
            level[name] = 1 + max((level[needed] for needed in audience.needs), default=-1)
        rows = self._rules.with_items(rows)
        for number in range(max(level.values(), default=-1) + 1):
            here = [f"{self._tests[name]} AS {self._members[name]}" for name, each in level.items() if each == number]
            rows = f"SELECT p.*, {', '.join(here)} FROM ({rows}) p"
        return rows

    # --- who ---------------------------------------------------------------------------------------

    def counts(self) -> dict[str, int]:
        if not self._members:
            return {}
        totals = ", ".join(f"count(*) FILTER ({test})" for test in self._kept.values())
        found = self._database.one(f"SELECT {totals} FROM memberships", _READ)
        return dict(zip(self._members, map(_whole, found), strict=True))

    def keys(self, name: str) -> pa.Array:
        sql = f"SELECT user_key FROM memberships WHERE {self._test(name)} ORDER BY user_key"
        chunks = [batch.column(0) for batch in self._database.stream(sql, _BATCH, _READ)]
        return pa.concat_arrays(chunks).cast(pa.int32()) if chunks else pa.array([], pa.int32())

    def members(self, name: str) -> Iterator[pa.RecordBatch]:
        sql = f"SELECT {_WHO} FROM memberships WHERE {self._test(name)} ORDER BY identify_id, uid"
        for batch in self._database.stream(sql, _BATCH, _READ):
            if batch.num_rows:
                yield batch

    def names_of(self, keys: pa.Array) -> pa.Array:
        kind = pa.list_(pa.string())
        parts = ", ".join(f"CASE WHEN {self._kept[name]} THEN {literal(name)} END" for name in sorted(self._kept))
        if not parts or not len(keys):
            return pa.array([[]] * len(keys), kind)
        self._database.register("asked", pa.table({"user_key": keys, "place": pa.array(range(len(keys)), pa.int64())}))
        sql = (
            f"SELECT a.place, list_filter([{parts}], lambda n: n IS NOT NULL) AS names "
            "FROM asked a LEFT JOIN memberships m ON m.user_key = a.user_key"
        )
        found = pa.Table.from_batches(list(self._database.stream(sql, _BATCH, _READ)))
        self._database.forget("asked")
        return found.take(pc.sort_indices(found["place"]))["names"].combine_chunks().cast(kind)

    def _test(self, name: str) -> str:
        """SQL over ``memberships``."""
        if name in self.faults:
            raise Refused(f"audience '{name}' cannot be evaluated: {self.faults[name]}", "Correct its rule")
        return self._kept[name]

    # --- why ---------------------------------------------------------------------------------------

    def explain(self, name: str, user_key: int) -> Explanation:
        self._test(name)
        self._look_at(user_key)
        row = self._row(["p.identify_id"], {})
        if row is None:
            return Explanation(name, "", known=False, member=False)
        reason = self._reason(name, set())
        return Explanation(name, str(row[0]), known=True, member=reason.holds, reason=reason)

    def _reason(self, name: str, told: set[str], depth: int = 0) -> Reason:
        """told: the audiences that are explained already; each is once. depth: of the rule within the explanation."""
        audience = self._audiences[name]
        told.add(name)
        if not audience.listed:
            return self._reason_of(audience.rule, told, depth)
        subject = Field(audience.listed)
        found, holds = self._needed([f"p.{self._rules.column(subject)}", f"p.{self._members[name]}"], {})
        return Reason(f"{audience.listed} is on the list of {name}", bool(holds), asked=True, found=found)

    def _reason_of(self, rule: Rule, told: set[str], depth: int) -> Reason:
        rules = replace(self._rules, bound={})
        subject = asked_of(rule)
        value = "NULL" if subject is None else rules.shown(subject)
        found, holds = self._needed([value, rules.sql(rule)], rules.bound)
        parts = tuple(self._reason_of(part, told, depth + 1) for part in parts_of(rule))
        if isinstance(subject, Happened) and subject.where is not None and subject.measure == COUNT:
            parts = (self._whatever(subject),)
        if isinstance(rule, Included) and rule.audience not in told and depth < DEPTH_MAX:
            parts = (self._reason(rule.audience, told, depth + 1),)
        return Reason(shown(rule), bool(holds), parts, asked=subject is not None, found=found)

    def _whatever(self, subject: Happened) -> Reason:
        """How many events there are whatever the WHERE says: it may be the WHERE that nobody answers."""
        (user_key,) = self._needed(["p.user_key"], {})
        found = self._subjects.count(replace(subject, where=None), user_key)
        return Reason(f"whatever they say, {write_subject(replace(subject, where=None))}", found > 0, (), True, found)

    def _look_at(self, user_key: int) -> None:
        """Make ``looked_at``: the row of one user, subjects and memberships."""
        for number, rows in enumerate(self._subjects.rows(user_key)):
            into = "CREATE OR REPLACE TABLE looked_at AS" if number == 0 else "INSERT INTO looked_at"
            self._database.run(f"{into} {self._told_of(rows)}", _READ, self._rules.bound)

    def _needed(self, columns: Sequence[str], bound: Mapping[str, Value]) -> tuple[Any, ...]:
        row = self._row(columns, bound)
        assert row is not None
        return row

    def _row(self, columns: Sequence[str], bound: Mapping[str, Value]) -> tuple[Any, ...] | None:
        """SQL columns over ``p``, the user who is looked at; None if there is none."""
        rows = self._database.rows(f"SELECT {', '.join(columns)} FROM looked_at p", _READ, bound)
        return rows[0] if rows else None


def _words(columns: Sequence[str]) -> list[str]:
    """SQL of the columns that booleans are kept in, as bits: each column of a table costs about the same."""
    bits = [f"(CAST({column} AS BIGINT) << {place % _BITS})" for place, column in enumerate(columns)]
    return [f"{' | '.join(bits[start : start + _BITS])} AS w{start // _BITS}" for start in range(0, len(bits), _BITS)]


def _bit(place: int) -> str:
    return f"(w{place // _BITS} & {1 << place % _BITS}) <> 0"


def _whole(value: object) -> int:
    return int(value) if isinstance(value, int) else 0
