"""What rules ask about, as columns: one row per user in the table ``profiles``, one column per subject.

Users are read as a stream and only what was asked for is kept of them. Accounts and events come first, each as a table
that the users of a batch are joined with.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from footfall.engines.audience_values import Values, attribute_pointer
from footfall.engines.database import Database, literal
from footfall.model.audience_export import CSV
from footfall.model.audience_fields import Fields
from footfall.model.audience_rules import ACCOUNT, COUNT, FIRST, LAST, Field, Happened, Subject
from footfall.model.columns import BOOLEAN, LONG, NUMBER
from footfall.model.event import WORDS
from footfall.model.user_fields import UserField

if TYPE_CHECKING:
    from footfall.ports import Population

_READ: Final = "read the users for audiences"
_ROWS: Final = 122_880
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
    """Fills ``profiles`` (user_key, uid, identify_id, account_id, and the columns named).

    columns: of each subject. Users who are merged into others are left out.
    """

    def __init__(self, columns: Mapping[Subject, str], fields: Fields, people: Population, database: Database) -> None:
        self._columns, self._fields, self._people, self._database = columns, fields, people, database
        self._of_users = {each: fields.find(each) for each in columns if isinstance(each, Field) and each.of != ACCOUNT}
        self._of_accounts = [each for each in columns if isinstance(each, Field) and each.of == ACCOUNT]
        self._happened = [each for each in columns if isinstance(each, Happened)]
        self._values = Values([field for field in self._of_users.values() if field is not None], CSV)

    def fill(self) -> None:
        """Read everybody."""
        database = self._database
        self._values.prepare(database, self._people.people)
        if self._of_accounts:
            self._read_accounts()
        if self._happened:
            self._add_up()
        insert = self._insert()
        for number, batch in enumerate(self._batches()):
            database.register("given", batch)
            database.run(
                f"CREATE TABLE profiles AS {insert}" if number == 0 else f"INSERT INTO profiles {insert}", _READ
            )
            database.forget("given")

    def _batches(self) -> Iterator[pa.Table]:
        """Users by about a row group of DuckDB's; one empty table if there are none."""
        reader = self._people.people.users()
        some: list[pa.RecordBatch] = []
        yield reader.schema.empty_table()
        for batch in reader:
            some.append(batch)
            if sum(each.num_rows for each in some) >= _ROWS:
                yield pa.Table.from_batches(some)
                some = []
        if some:
            yield pa.Table.from_batches(some)

    def _insert(self) -> str:
        """SQL of the rows of ``given``. Attributes of one user are read from their JSON once, whatever their number."""
        spread = self._values.spread(_custom_names(field for field in self._of_users.values() if field is not None))
        found: dict[Subject, str] = {subject: self._user_sql(field) for subject, field in self._of_users.items()}
        found |= {subject: f"acc.{self._columns[subject]}" for subject in self._of_accounts}
        found |= {subject: self._happened_sql(subject) for subject in self._happened}
        columns = "".join(f", {found[subject]} AS {name}" for subject, name in self._columns.items())
        joins = self._values.joins
        joins += " LEFT JOIN accounts_asked acc ON acc.account_key = p.account_key" if self._of_accounts else ""
        joins += " LEFT JOIN usage_totals h ON h.user_key = p.user_key" if self._happened else ""
        return (
            "SELECT p.user_key, p.uid, p.identify_id, p.account_id"
            f"{columns} FROM (WITH people AS ("
            "SELECT u.user_key, u.uid, u.identify_id, u.account_key, a.text AS account_id, "
            "epoch_us(u.created_at) AS created_at, epoch_us(u.sign_up_at) AS sign_up_at, "
            "epoch_us(u.modified_at) AS modified_at, u.attributes "
            "FROM given u LEFT JOIN account_texts a ON a.key = u.account_key WHERE NOT u.deleted"
            f") SELECT * FROM {spread}) p {joins}"
        )

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
        pointer = attribute_pointer(field.source.partition(".")[2])
        text = f"json_extract_string(p.attributes, {literal(pointer)})"
        return _TYPED.get(field.type, "{}").format(text)

    # --- events ----------------------------------------------------------------------------------

    def _happened_sql(self, subject: Happened) -> str:
        column = f"h.{self._columns[subject]}"
        if subject.measure == COUNT:
            return f"coalesce({column}, 0)"
        return f"instant_text({column})" if subject.measure in (FIRST, LAST) else column

    def _add_up(self) -> None:
        """Make ``usage_totals``: a row for each user who did anything that is asked for."""
        files = self._usage_files()
        terms = self._terms()
        if not files:
            columns = ", ".join(f"{_NOTHING[each.measure]} AS {self._columns[each]}" for each in self._happened)
            self._database.run(
                f"CREATE TABLE usage_totals AS SELECT 0::INTEGER AS user_key, {columns} WHERE false", _READ
            )
            return
        asked = {each: self._asked(each, terms) for each in self._happened}
        columns = ", ".join(
            f"{_MEASURES[each.measure].format(asked=asked[each])} AS {self._columns[each]}" for each in self._happened
        )
        self._database.register("merges_now", self._people.people.merges())
        self._database.run(
            f"CREATE TABLE usage_totals AS SELECT coalesce(m.into_key, u.user_key) AS user_key, {columns} "
            f"FROM read_parquet([{', '.join(map(literal, files))}]) u "
            "LEFT JOIN merges_now m ON m.user_key = u.user_key "
            f"WHERE {' OR '.join(dict.fromkeys(asked.values()))} GROUP BY 1",
            "add up what users did",
        )
        self._database.forget("merges_now")

    def _usage_files(self) -> list[str]:
        spans = [each.days for each in self._happened]
        days = [each for each in spans if each is not None]
        since = self._since(max(days)) if len(days) == len(spans) else date.min
        return [path for day, path in sorted(self._people.usage().items()) if since <= day <= self._people.day]

    def _since(self, days: int) -> date:
        return self._people.day - timedelta(days=days - 1)

    def _terms(self) -> dict[str, int]:
        wanted = {each for subject in self._happened for each in (subject.name, subject.detail) if each is not None}
        texts = self._people.people.texts("terms")
        found = zip(*(texts[name].to_pylist() for name in ("text", "key")), strict=True)
        return {text: key for text, key in found if text in wanted}

    def _asked(self, subject: Happened, terms: Mapping[str, int]) -> str:
        """SQL that is true of the rows of ``usage`` that are meant. A name that never occurred is the term -1."""
        tests = [f"u.type = {int(WORDS[subject.type])}"]
        for column, text in (("name", subject.name), ("detail", subject.detail)):
            if text is not None:
                tests.append(f"u.{column} = {terms.get(text, -1)}")
        if subject.question is not None:
            tests.append(f"u.question = {literal(subject.question)}")
        if subject.days is not None:
            tests.append(f"u.day >= DATE '{self._since(subject.days).isoformat()}'")
        return f"({' AND '.join(tests)})"


_MEASURES: Final = {
    "count": "sum(u.n) FILTER ({asked})::BIGINT",
    "first": "min(u.first_at) FILTER ({asked})",
    "last": "max(u.last_at) FILTER ({asked})",
    "score": "(max(u.scored) FILTER ({asked})).value",
    "answer": "(max(u.answered) FILTER ({asked})).value",
}
_NOTHING: Final = {
    "count": "NULL::BIGINT",
    "first": "NULL::BIGINT",
    "last": "NULL::BIGINT",
    "score": "NULL::DOUBLE",
    "answer": "NULL::VARCHAR",
}


def _custom_names(fields: Iterable[UserField]) -> Sequence[str]:
    """The attributes that fields are read from; the others are facts of their own."""
    return sorted({f.source.partition(".")[2] for f in fields if f.source.startswith(("attribute.", "custom."))})
