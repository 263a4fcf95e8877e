"""``ports.Imports`` on the control store."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, func, or_, select

from footfall.errors import Conflict, Missing
from footfall.model.imports import BAD_ROWS_KEPT, COMPARED, Cursor, FileImport, FileVersion, import_id
from footfall.model.instants import from_us, to_us
from footfall.ports import BadRow
from footfall.stores.database import Database
from footfall.stores.import_tables import bad_row, file_import, import_cursor

if TYPE_CHECKING:
    from sqlalchemy import Connection

_ROWS_AT_ONCE: Final = 1_000
_FILE: Final = tuple(each.name for each in fields(FileVersion))


class SqlImports:
    """See ``ports.Imports``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(
        self,
        scope: str,
        place: str,
        file: FileVersion,
        *,
        stream: str,
        format: str,
        settings: Mapping[str, Any],
        at: datetime,
    ) -> FileImport:
        """The import of this file, being read or done."""
        with self._database.writing() as connection:
            known = _known(connection, scope, place, file)
            if known is not None and known.state != "undone":
                if known.state == "undoing":
                    raise Conflict(f"import {known.id} of {file.key} is being undone", "Wait, or undo it again")
                again: dict[str, Any] = {}
                if known.state == "failed":
                    again = {"state": "reading", "ended_at": None, "error": ""}
                if known.state != "done" and not known.is_applied:
                    told = json.dumps(dict(settings), ensure_ascii=False)
                    again |= {"stream": stream, "format": format, "settings": told, "began_at": to_us(at)}
                if again:
                    connection.execute(file_import.update().where(file_import.c.id == known.id).values(again))
                return _get(connection, known.id)
            generation = 1 if known is None else known.generation + 1
            new = FileImport(
                id=import_id(scope, place, file, generation),
                scope=scope,
                place=place,
                file=file,
                generation=generation,
                stream=stream,
                format=format,
                settings=settings,
                state="reading",
                began_at=at,
            )
            connection.execute(file_import.insert().values(_values(new)))
            return new

    def known(self, scope: str, place: str, file: FileVersion) -> FileImport | None:
        """The newest import of this file."""
        with self._database.reading() as connection:
            return _known(connection, scope, place, file)

    def describe(self, id: str, facts: Mapping[str, Any]) -> FileImport:
        """Add to the settings of an import."""
        with self._database.writing() as connection:
            told = json.dumps({**_get(connection, id).settings, **facts}, ensure_ascii=False)
            connection.execute(file_import.update().where(file_import.c.id == id).values(settings=told))
            return _get(connection, id)

    def advance(
        self, before: FileImport, next_row: int, *, applied: int, unchanged: int, bad: Sequence[BadRow]
    ) -> FileImport:
        """Add to what is known of an import. Raises ``Conflict`` when it is not where ``before`` says."""
        table = file_import
        here = and_(table.c.id == before.id, table.c.next_row == before.next_row, table.c.state == "reading")
        with self._database.writing() as connection:
            values = {
                "next_row": next_row,
                "applied": table.c.applied + applied,
                "unchanged": table.c.unchanged + unchanged,
                "bad": table.c.bad + len(bad),
            }
            if not connection.execute(table.update().where(here).values(values)).rowcount:
                raise Conflict(f"import {before.id} is not at row {before.next_row} any more", "Somebody else reads it")
            kept = bad[: max(0, BAD_ROWS_KEPT - before.bad)]
            if kept:
                names = [each.name for each in fields(BadRow)]
                rows = [{"import_id": before.id, **{name: getattr(row, name) for name in names}} for row in kept]
                connection.execute(bad_row.insert(), rows)
            return _get(connection, before.id)

    def finish(self, id: str, state: str, at: datetime, *, error: str = "", cursor: Cursor | None = None) -> FileImport:
        """End an import, and move a job's cursor with it. What is not being read cannot be done or have failed."""
        with self._database.writing() as connection:
            known = _get(connection, id)
            if state in ("done", "failed") and known.state not in ("reading", state):
                raise Conflict(f"import {id} is {known.state}", "Somebody takes it back; it is read at the next run")
            values = {"state": state, "ended_at": to_us(at), "error": error}
            connection.execute(file_import.update().where(file_import.c.id == id).values(values))
            if cursor is not None:
                _move(connection, cursor)
            return _get(connection, id)

    def get(self, id: str) -> FileImport:
        """Raises ``Missing``."""
        with self._database.reading() as connection:
            return _get(connection, id)

    def all(
        self, *, stream: str = "", scope: str = "", ids: Sequence[str] | None = None, limit: int = 100
    ) -> Sequence[FileImport]:
        """Newest first."""
        if ids is not None and not ids:
            return []
        query = select(file_import).order_by(file_import.c.began_at.desc(), file_import.c.id).limit(limit)
        if stream:
            query = query.where(file_import.c.stream == stream)
        if scope:
            query = query.where(file_import.c.scope == scope)
        if ids is not None:
            query = query.where(file_import.c.id.in_(ids))
        with self._database.reading() as connection:
            return [_import(row) for row in connection.execute(query).mappings()]

    def left_out(self, one: FileImport) -> Sequence[FileImport]:
        """Those of later files that left out rows because of this one, oldest first."""
        table = file_import
        query = select(table).where(
            and_(
                table.c.scope == one.scope,
                func.json_extract(table.c.settings, f"$.{COMPARED}") == one.id,
                table.c.state.not_in(("undoing", "undone")),
                or_(table.c.unchanged > 0, table.c.state == "reading"),
            )
        )
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(table.c.began_at, table.c.id)).mappings()
            return [_import(row) for row in rows]

    def bad_rows(self, id: str) -> Iterator[BadRow]:
        """By number, a thousand at a time."""
        self.get(id)
        columns = [bad_row.c[each.name] for each in fields(BadRow)]
        after = -1
        while True:
            query = select(*columns).where(and_(bad_row.c.import_id == id, bad_row.c.number > after))
            with self._database.reading() as connection:
                found = connection.execute(query.order_by(bad_row.c.number).limit(_ROWS_AT_ONCE)).mappings().all()
            if not found:
                return
            yield from (BadRow(**row) for row in found)
            after = found[-1]["number"]

    def cursor(self, job: str) -> Cursor:
        """Where a job is in its row of files."""
        query = select(import_cursor).where(import_cursor.c.job == job)
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().one_or_none()
        if row is None:
            return Cursor(job)
        return Cursor(**dict(row) | {"at": None if row["at"] is None else from_us(row["at"])})

    def move(self, cursor: Cursor) -> None:
        """Remember where a job is."""
        with self._database.writing() as connection:
            _move(connection, cursor)


def _move(connection: Connection, cursor: Cursor) -> None:
    values = {each.name: getattr(cursor, each.name) for each in fields(Cursor)}
    values["at"] = None if cursor.at is None else to_us(cursor.at)
    mine = import_cursor.c.job == cursor.job
    if not connection.execute(import_cursor.update().where(mine).values(values)).rowcount:
        connection.execute(import_cursor.insert().values(values))


def _known(connection: Connection, scope: str, place: str, file: FileVersion) -> FileImport | None:
    table = file_import
    same = and_(
        table.c.scope == scope,
        table.c.place == place,
        table.c.key == file.key,
        table.c.version == file.version,
        table.c.size_bytes == file.size_bytes,
    )
    query = select(table).where(same).order_by(table.c.generation.desc()).limit(1)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _import(row)


def _get(connection: Connection, id: str) -> FileImport:
    row = connection.execute(select(file_import).where(file_import.c.id == id)).mappings().one_or_none()
    if row is None:
        raise Missing(f"there is no import {id!r}", "List them with `footfall imports ls`")
    return _import(row)


def _values(one: FileImport) -> dict[str, Any]:
    values = {each.name: getattr(one, each.name) for each in fields(FileImport) if each.name != "file"}
    values |= {name: getattr(one.file, name) for name in _FILE}
    for name in ("began_at", "ended_at", "modified_at"):
        values[name] = None if values[name] is None else to_us(values[name])
    return values | {"settings": json.dumps(dict(one.settings), ensure_ascii=False)}


def _import(row: Mapping[Any, Any]) -> FileImport:
    values = dict(row)
    for name in ("began_at", "ended_at", "modified_at"):
        values[name] = None if values[name] is None else from_us(values[name])
    file = FileVersion(**{name: values.pop(name) for name in _FILE})
    return FileImport(**values | {"file": file, "settings": json.loads(values["settings"])})
