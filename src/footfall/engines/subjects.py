"""What rules ask about, as columns: one row per user, one column per subject.

Users are read as a stream, some at a time, and only what was asked for is taken of them. Accounts and events come
first, each as a table that some users at a time are joined with.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from footfall.engines.audience_values import Values, attribute_name, attribute_pointer
from footfall.engines.database import Database, literal
from footfall.engines.filtered_usage import meant
from footfall.model.audience_export import CSV
from footfall.model.audience_fields import Fields
from footfall.model.audience_rules import ACCOUNT, COUNT, Field, Happened, Subject
from footfall.model.columns import BOOLEAN, LONG, NUMBER
from footfall.model.user_fields import ANONYMOUS, COUNTED, UserField

if TYPE_CHECKING:
    from footfall.ports import Population

_READ: Final = "read the users for audiences"
_ADD_UP: Final = "add up what users did"
_ROWS: Final = 122_880
_AS_WRITTEN: Final = "join_order,build_side_probe_side"
_ACCOUNT_VALUES: Final = {
    "account": "p.account_id",
    "value.createDate": "instant_text(epoch_us(p.created_at))",
    "value.lastModifiedDate": "instant_text(epoch_us(p.modified_at))",
}
_TYPED: Final = {
    LONG: "whole_number({})",
    NUMBER: "try_cast(number_text({}) AS DOUBLE)",
    BOOLEAN: "try_cast({} AS BOOLEAN)",
}


class Subjects:
    """Makes the rows that rules are asked of: user_key, uid, identify_id, account_id, and the columns named.

    columns: of each subject. Users who are merged into others are left out.
    """

    def __init__(self, columns: Mapping[Subject, str], fields: Fields, people: Population, database: Database) -> None:
        self._columns, self._fields, self._people, self._database = columns, fields, people, database
        self._of_users = {each: fields.find(each) for each in columns if isinstance(each, Field) and each.of != ACCOUNT}
        self._of_accounts = [each for each in columns if isinstance(each, Field) and each.of == ACCOUNT]
        # Subjects by what was done: each row of usage is of one of them, or of few.
        self._done: dict[Happened, list[Happened]] = {}
        for each in columns:
            if isinstance(each, Happened):
                self._done.setdefault(replace(each, measure=COUNT, days=None), []).append(each)
        self._values = Values([field for field in self._of_users.values() if field is not None], CSV)

    def prepare(self) -> None:
        """Read accounts, and add up what users did."""
        self._values.prepare(self._database, self._people.people)
        if self._of_accounts:
            self._read_accounts()
        if self._done:
            self._add_up()

    def rows(self, user_key: int | None = None) -> Iterator[str]:
        """Yield SQL of some rows until everybody was there, or only that user; each is good until the next.

        First comes SQL of no rows: that of the columns. A table of what users say of themselves would cost as much as
        reading it, so it goes through the joins as it is; they must not be turned around, or it would be kept whole.
        """
        told = self._told()
        self._database.script(f"SET disabled_optimizers = '{_AS_WRITTEN}'")
        for batch in self._batches(user_key):
            self._database.register("given", batch)
            yield self._joined(told, batch["user_key"])
            self._database.forget("given")
        self._database.script("RESET disabled_optimizers")

    def _batches(self, user_key: int | None) -> Iterator[pa.Table]:
        """Users by about a row group of DuckDB's, after an empty table."""
        reader = self._people.people.users()
        some: list[pa.RecordBatch] = []
        yield reader.schema.empty_table()
        for batch in reader:
            found = batch if user_key is None else batch.filter(pc.equal(batch["user_key"], user_key))
            if found.num_rows:
                some.append(found)
            if sum(each.num_rows for each in some) >= _ROWS:
                yield pa.Table.from_batches(some)
                some = []
        if some:
            yield pa.Table.from_batches(some)

    def _told(self) -> str:
        """SQL of the rows of ``given``. Attributes of one user are read from their JSON once, whatever their number."""
        spread = self._values.spread(_custom_names(field for field in self._of_users.values() if field is not None))
        columns = "".join(
            f", {self._user_sql(field)} AS {self._columns[subject]}"
            for subject, field in self._of_users.items()
            if not _is_joined(field)
        )
        return (
            f"SELECT p.user_key, p.uid, p.identify_id, p.account_id, p.account_key{columns} FROM (WITH people AS ("
            "SELECT u.user_key, u.uid, u.identify_id, u.account_key, a.text AS account_id, "
            "epoch_us(u.created_at) AS created_at, epoch_us(u.sign_up_at) AS sign_up_at, "
            "epoch_us(u.modified_at) AS modified_at, u.attributes "
            "FROM given u LEFT JOIN account_texts a ON a.key = u.account_key WHERE NOT u.deleted"
            f") SELECT * FROM {spread}) p"
        )

    def _joined(self, told: str, keys: pa.ChunkedArray) -> str:
        """SQL of the rows told with what is counted or of others."""
        found: dict[Subject, str] = {}
        found |= {subject: self._user_sql(field) for subject, field in self._of_users.items() if _is_joined(field)}
        found |= {subject: f"acc.{self._columns[subject]}" for subject in self._of_accounts}
        for number, subjects in enumerate(self._done.values()):
            found |= {subject: self._happened_sql(subject, number) for subject in subjects}
        columns = "".join(f", {sql} AS {self._columns[subject]}" for subject, sql in found.items())
        joins = self._values.joins
        joins += " LEFT JOIN accounts_asked acc ON acc.account_key = p.account_key" if self._of_accounts else ""
        near = pc.min_max(keys).as_py()
        for number in range(len(self._done)):
            # Their part of a table that is sorted by user is found at once, and joined in little memory.
            part = f"(SELECT * FROM done_{number} WHERE user_key BETWEEN {near['min'] or 0} AND {near['max'] or 0})"
            joins += f" LEFT JOIN {part} h{number} ON h{number}.user_key = p.user_key"
        return f"SELECT p.*{columns} FROM ({told}) p {joins}"

    def _user_sql(self, field: UserField | None) -> str:
        """Typed; NULL of the type of a text for an attribute that nobody has."""
        if field is None:
            return "NULL::VARCHAR"
        sql = self._values.sql(field)
        return f"try_cast({sql} AS DOUBLE)" if field.type == NUMBER else sql

    # --- accounts --------------------------------------------------------------------------------

    def _read_accounts(self) -> None:
        database = self._database
        database.take("accounts_given", self._people.accounts())
        columns = []
        for subject in self._of_accounts:
            field = self._fields.find(subject)
            columns.append(f"{self._account_sql(field)} AS {self._columns[subject]}")
        database.run(
            f"CREATE TABLE accounts_asked AS SELECT p.account_key, {', '.join(columns)} FROM accounts_given p", _READ
        )

    def _account_sql(self, field: UserField | None) -> str:
        if field is None:
            return "NULL::VARCHAR"
        if field.source in _ACCOUNT_VALUES:
            return _ACCOUNT_VALUES[field.source]
        pointer = attribute_pointer(attribute_name(field.source))
        text = f"json_extract_string(p.attributes, {literal(pointer)})"
        return _TYPED.get(field.type, "{}").format(text)

    # --- events ----------------------------------------------------------------------------------

    def _happened_sql(self, subject: Happened, number: int) -> str:
        column = f"h{number}.{self._columns[subject]}"
        return f"coalesce({column}, 0)" if subject.measure == COUNT else column

    def _add_up(self) -> None:
        """Make a table ``done_0``, ``done_1`` … for each thing asked for: a row for each user who did it."""
        files, terms = self._usage_files(), self._terms(self._done)
        filtered = self._filtered()
        self._database.register("merges_now", self._people.people.merges())
        for number, (what, subjects) in enumerate(self._done.items()):
            since = min(self._since(each.days) for each in subjects)
            columns = ", ".join(
                f"{_MEASURES[each.measure].format(asked=self._within(each, since))} AS {self._columns[each]}"
                for each in subjects
            )
            rows = _usage_rows(files if what.where is None else filtered[what], since)
            self._database.run(
                f"CREATE TABLE done_{number} AS SELECT coalesce(m.into_key, u.user_key) AS user_key, {columns} "
                f"FROM {rows} u LEFT JOIN merges_now m ON m.user_key = u.user_key "
                f"WHERE {self._about(what, terms)} GROUP BY 1 ORDER BY 1",
                _ADD_UP,
            )
        self._database.forget("merges_now")

    def _filtered(self) -> Mapping[Happened, Mapping[date, str]]:
        """The files of what answers a WHERE."""
        wanted = {
            what: min(self._since(each.days) for each in subjects)
            for what, subjects in self._done.items()
            if what.where is not None
        }
        return self._people.filtered(wanted) if wanted else {}

    def count(self, subject: Happened, user_key: int) -> int:
        """How often one user did it. The subject has no WHERE."""
        self._database.register("merges_now", self._people.people.merges())
        found = self._database.number(
            f"SELECT sum(u.n)::BIGINT FROM {_usage_rows(self._usage_files(), self._since(subject.days))} u "
            "LEFT JOIN merges_now m ON m.user_key = u.user_key "
            f"WHERE {self._about(subject, self._terms([subject]))} AND coalesce(m.into_key, u.user_key) = {user_key}",
            _ADD_UP,
        )
        self._database.forget("merges_now")
        return found

    def _usage_files(self) -> dict[date, str]:
        return {day: path for day, path in sorted(self._people.usage().items()) if day <= self._people.day}

    def _since(self, days: int | None) -> date:
        return date.min if days is None else self._people.day - timedelta(days=days - 1)

    def _terms(self, subjects: Iterable[Happened]) -> dict[str, int]:
        wanted = {each for what in subjects for each in (what.name, what.detail) if each is not None}
        texts = self._people.people.texts("terms")
        found = zip(*(texts[name].to_pylist() for name in ("text", "key")), strict=True)
        return {text: key for text, key in found if text in wanted}

    def _about(self, subject: Happened, terms: Mapping[str, int]) -> str:
        """SQL that is true of the rows of its usage files that are about it."""
        return "true" if subject.where is not None else meant(subject, terms)  # those of a WHERE hold nothing else

    def _within(self, subject: Happened, read_since: date) -> str:
        """Which of the rows that are read it is about: all of them if it goes back as far."""
        since = self._since(subject.days)
        return "" if since == read_since else f" FILTER (u.day >= DATE '{since.isoformat()}')"


def _usage_rows(files: Mapping[date, str], since: date) -> str:
    source = ", ".join(literal(path) for day, path in files.items() if day >= since)
    return f"read_parquet([{source}])" if source else _NO_USAGE


# Where nothing was done yet.
_NO_USAGE: Final = (
    "(SELECT NULL::DATE AS day, NULL::INTEGER AS user_key, NULL::SMALLINT AS type, NULL::INTEGER AS name, "
    "NULL::INTEGER AS detail, NULL::VARCHAR AS question, NULL::BIGINT AS n, NULL::BIGINT AS first_at, "
    'NULL::BIGINT AS last_at, NULL::STRUCT("at" BIGINT, "value" DOUBLE) AS scored, '
    'NULL::STRUCT("at" BIGINT, "value" VARCHAR) AS answered WHERE false)'
)
_MEASURES: Final = {
    "count": "sum(u.n){asked}::BIGINT",
    # Milliseconds since 1970, which is what files show: integers compare faster than texts.
    "first": "min(u.first_at){asked} // 1000",
    "last": "max(u.last_at){asked} // 1000",
    "score": "(max(u.scored){asked}).value",
    "answer": "(max(u.answered){asked}).value",
}


def _is_joined(field: UserField | None) -> bool:
    """Is it found beside the user, not in what is told of the user?"""
    return field is not None and (field.name in COUNTED or field.name == ANONYMOUS)


def _custom_names(fields: Iterable[UserField]) -> Sequence[str]:
    """The attributes that fields are read from; the others are facts of their own."""
    return sorted({attribute_name(f.source) for f in fields if f.source.startswith(("attribute.", "custom."))})
