"""Whom an audience export takes and what it says of them, as one Parquet file: the draft that every file is made of.

Users are read as a stream. What may be of use (who answers the filter, and who was there in the last run) goes into a
table that DuckDB swaps to disk; the draft is written from it row group by row group. Nothing here depends on the order
in which users arrive.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from footfall import disk
from footfall.engines.audience_draft import KINDS_KEY, Draft, describe_draft
from footfall.engines.audience_filter import parameters, where
from footfall.engines.audience_values import Values, attribute_name
from footfall.engines.database import Database, Limits, literal, query, scratch
from footfall.engines.hiding import hidden_sql
from footfall.errors import Refused
from footfall.model.columns import STRING
from footfall.model.hiding import DROP, KEEP
from footfall.model.user_fields import (
    IDENTIFY,
    LIST,
    MAP,
    PROFILE,
    SEGMENTS_FIELD,
    UserField,
    as_kind,
    chosen,
    field_named,
    user_fields,
)

if TYPE_CHECKING:
    from footfall.model.audience_export import AudienceExport
    from footfall.ports import AudienceInput, OpenAudience

_READ: Final = "read the users"
# What is said of who is in the audience no more.
_OF_REMOVED: Final = {PROFILE: "b.uid", IDENTIFY: "p.identify_id"}
_DRAFT: Final = "write the draft of an audience"
_ROW_GROUP: Final = 20_480
_TAKEN: Final = "SEMI JOIN taken ON taken.user_key = p.user_key"
_PARQUET: Final = f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_ROW_GROUP}"


class DuckAudience:
    """``ports.AudienceEngine`` in this process.

    spill_dir: for what does not fit into memory; every run has a folder of its own in it. limits: per run.
    """

    def __init__(self, spill_dir: Path, limits: Limits | None = None) -> None:
        self._spill_dir = spill_dir
        self._limits = limits or Limits()

    def draft(self, export: AudienceExport, given: AudienceInput, before: Path | None, path: Path) -> None:
        with scratch(self._limits, self._spill_dir, "audience") as database:
            _Choice(export, given, before, database).write(path)

    def state(self, draft: Path, path: Path) -> None:
        with scratch(self._limits, self._spill_dir, "audience") as database:
            rows = f"SELECT user_key, uid, digest FROM {_parquet(draft)} WHERE change <> 'removed'"
            _copy(database, rows, path)

    @contextmanager
    def open(self, export: AudienceExport, draft: Path) -> Iterator[OpenAudience]:
        with scratch(self._limits, self._spill_dir, "audience") as database:
            database.script(query("audience_macros"))
            yield Draft(export, database, draft)


class _Choice:
    """One run: users in, the draft out."""

    def __init__(self, export: AudienceExport, given: AudienceInput, before: Path | None, database: Database) -> None:
        self._export, self._given, self._before, self._database = export, given, before, database
        everything = user_fields(given.custom_attributes)
        self._fields = [each for each in chosen(everything, export.fields) if self._action(each) != DROP]
        asked = [field_named(everything, condition.field) for condition in export.conditions]
        self._asked = asked
        self._values = Values([*self._fields, *asked], export.layout)

    def _action(self, field: UserField) -> str:
        hiding = self._given.hiding
        return KEEP if hiding is None else hiding.checked(field.name, field.type)

    def _hidden(self, field: UserField, sql: str) -> str:
        hiding = self._given.hiding
        return sql if hiding is None else hidden_sql(hiding, self._action(field), sql)

    def write(self, path: Path) -> None:
        database = self._database
        database.script(query("macros") + query("audience_macros"))
        self._values.prepare(database, self._given)
        self._read_before()
        self._read_users()
        self._sample()
        fields, texts = self._typed()
        self._write(path, fields, texts)

    def _read_before(self) -> None:
        source = (
            f"SELECT user_key, uid, digest FROM {_parquet(self._before)}"
            if self._before is not None
            else "SELECT 0 AS user_key, '' AS uid, '' AS digest WHERE false"
        )
        self._database.run(f"CREATE TABLE before AS {source}", "read what the last run delivered")

    def _read_users(self) -> None:
        """Make ``people``: who answers the filter (``member``), and who does not but was there in the last run."""
        conditions = self._export.conditions
        member = where(conditions, self._asked, self._values.sql) + self._in_audience()
        bound = parameters(conditions, self._asked)
        database = self._database
        database.run(
            "CREATE TABLE people (user_key INTEGER, uid VARCHAR, identify_id VARCHAR, account_id VARCHAR, "
            "created_at BIGINT, sign_up_at BIGINT, modified_at BIGINT, attributes VARCHAR, segments VARCHAR[], "
            "member BOOLEAN)",
            _READ,
        )
        select = (
            "SELECT u.user_key, u.uid, u.identify_id, a.text AS account_id, epoch_us(u.created_at) AS created_at, "
            "epoch_us(u.sign_up_at) AS sign_up_at, epoch_us(u.modified_at) AS modified_at, u.attributes, u.segments, "
            "u.deleted FROM given u LEFT JOIN account_texts a ON a.key = u.account_key"
        )
        insert = (
            f"INSERT INTO people SELECT * EXCLUDE (deleted) FROM (SELECT p.*, NOT p.deleted AND ({member}) AS member "
            f"FROM ({select}) p {self._values.joins}) WHERE member OR user_key IN (SELECT user_key FROM before)"
        )
        for batch in self._given.users():
            database.register("given", pa.Table.from_batches([self._with_segments(batch)]))
            database.run(insert, _READ, bound)
            database.forget("given")

    def _in_audience(self) -> str:
        """One more condition, for an export of an audience."""
        if not self._export.audience:
            return ""
        if self._given.members is None:
            raise Refused(f"there is no audience '{self._export.audience}'", "Export all users, or define it first")
        keys = self._given.members(self._export.audience)
        self._database.register("members_given", pa.table({"user_key": keys}))
        self._database.run("CREATE TABLE audience_members AS SELECT user_key FROM members_given", _READ)
        self._database.forget("members_given")
        return " AND p.user_key IN (SELECT user_key FROM audience_members)"

    def _with_segments(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        kind = pa.list_(pa.string())
        of = self._given.memberships
        if not self._export.memberships:
            lists = pa.nulls(batch.num_rows, kind)
        elif of is None:
            lists = pa.array([[]] * batch.num_rows, kind)
        else:
            lists = of(batch["user_key"])
        return batch.append_column("segments", lists)

    def _sample(self) -> None:
        """Make ``taken``: the users of the export. A user's place in a selection depends on seed and uid alone."""
        export, database = self._export, self._database
        members = "SELECT user_key FROM people WHERE member"
        if export.limit is None:
            database.run(f"CREATE TABLE taken AS {members}", _READ)
            return
        database.run(
            f"CREATE TABLE taken AS {members} ORDER BY sha256(concat($seed, chr(10), uid)), uid LIMIT {export.limit}",
            "select users",
            {"seed": export.seed_text},
        )

    def _typed(self) -> tuple[list[UserField], list[str]]:
        """The fields as they turn out to be, and SQL over ``people`` p for the text of each."""
        asked = {"email", *(attribute_name(field.source) for field in self._fields)}  # e-mail: for join keys
        self._people = self._values.spread(self._present() & asked)
        fields = [*self._fields, *([SEGMENTS_FIELD] if self._export.memberships else [])]
        if self._export.mode == "diff" and PROFILE not in {field.name for field in fields}:
            fields.insert(0, field_named(user_fields(()), PROFILE))
        fields = [field for field in fields if self._action(field) != DROP]
        plain = [self._hidden(field, self._values.sql(field)) for field in fields]
        kinds = self._kinds(fields, plain)
        typed = [as_kind(field, kinds[field.name]) if field.name in kinds else field for field in fields]
        return typed, [_normal(field, sql) for field, sql in zip(typed, plain, strict=True)]

    def _present(self) -> frozenset[str]:
        sql = "SELECT list(DISTINCT name) FROM (SELECT unnest(json_keys(attributes)) AS name FROM people WHERE member)"
        names = self._database.one(sql, _READ)[0]
        return frozenset(names) if isinstance(names, list) else frozenset()

    def _kinds(self, fields: Sequence[UserField], texts: Sequence[str]) -> dict[str, str]:
        """List or Map for each custom attribute that is one in every user taken, or that is said to be one."""
        said = {field_named(fields, name).name: kind for name, kind in self._export.kinds.items()}
        open_ones = [
            (field, sql)
            for field, sql in zip(fields, texts, strict=True)
            if field.is_custom and field.type == STRING and sql != "NULL" and field.name not in said
        ]
        if not open_ones:
            return said
        tests = ", ".join(
            f"coalesce(bool_and(is_list({sql})), false), coalesce(bool_and(is_map({sql})), false)"
            for _, sql in open_ones
        )
        found = self._database.one(f"SELECT {tests} FROM {self._people} p {_TAKEN}", _READ)
        for number, (field, _) in enumerate(open_ones):
            if found[2 * number] or found[2 * number + 1]:
                said[field.name] = LIST if found[2 * number] else MAP
        return said

    def _write(self, path: Path, fields: Sequence[UserField], texts: Sequence[str]) -> None:
        """Fields that nobody has are no columns of the draft: there may be a hundred of them."""
        told = [(f"f{n}", fields[n], sql) for n, sql in enumerate(texts) if sql != "NULL"]
        columns = "".join(f", {sql} AS {name}" for name, _, sql in told)
        names = "".join(f", s.{name}" for name, _, _ in told)
        gone = "".join(f", {self._hidden(field, _OF_REMOVED.get(field.name, 'NULL'))}" for _, field, _ in told)
        rows = f"""
            WITH shown AS (
                SELECT p.user_key, p.uid, p.identify_id, {self._values.join_key()} AS join_key{columns}
                FROM {self._people} p {self._values.joins} {_TAKEN}),
            digested AS (SELECT *, {_digest([(name, field) for name, field, _ in told])} AS digest FROM shown)
            SELECT s.user_key, s.uid, s.identify_id, s.join_key, s.digest,
                CASE WHEN b.user_key IS NULL THEN 'added' WHEN b.digest <> s.digest THEN 'changed' ELSE 'same' END
                AS change{names}
            FROM digested s LEFT JOIN before b ON b.user_key = s.user_key
            UNION ALL
            SELECT b.user_key, b.uid, p.identify_id, NULL, NULL, 'removed'{gone}
            FROM before b LEFT JOIN people p ON p.user_key = b.user_key ANTI JOIN taken t ON t.user_key = b.user_key
        """
        members = self._database.number("SELECT count(*) FROM people WHERE member", _READ)
        _copy(self._database, rows, path, {KINDS_KEY: describe_draft(fields, [name for name, _, _ in told], members)})


def _digest(told: Sequence[tuple[str, UserField]]) -> str:
    """SQL for 32 hexadecimal digits that change when a value does, but not when others get a field that one lacks."""
    pieces = []
    for name, field in told:
        if field.name == PROFILE:
            continue  # it never changes, and some modes add it by themselves
        text = f"CAST({name} AS VARCHAR)"
        label = literal(json.dumps([field.name, field.type]))
        pieces.append(f"CASE WHEN {name} IS NOT NULL THEN concat({label}, length({text}), ':', {text}) END")
    return f"substr(sha256(concat('', {', '.join(pieces) or 'NULL'})), 1, 32)"


def _normal(field: UserField, sql: str) -> str:
    """Lists and maps as JSON on one line; what is none, of a field said to be one, as the only item or entry."""
    if sql == "NULL" or not field.is_custom or field.type not in (LIST, MAP):
        return sql
    if field.type == LIST:
        return f"CASE WHEN is_list({sql}) THEN one_line({sql}) WHEN {sql} IS NOT NULL THEN to_json([{sql}]) END"
    return f"CASE WHEN is_map({sql}) THEN one_line({sql}) WHEN {sql} IS NOT NULL THEN to_json(MAP {{'': {sql}}}) END"


def _parquet(path: Path) -> str:
    return f"read_parquet({literal(str(path))})"


def _copy(database: Database, rows: str, path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write rows as Parquet, whole or not at all."""
    part = path.with_name(path.name + ".part")
    kept = ", ".join(f"{name}: {literal(text)}" for name, text in (metadata or {}).items())
    options = f"{_PARQUET}, KV_METADATA {{{kept}}}" if kept else _PARQUET
    database.run(f"COPY ({rows}) TO {literal(str(part))} ({options})", _DRAFT)
    disk.put_in_place(part, path)
