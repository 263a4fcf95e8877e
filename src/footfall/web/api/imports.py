"""Imports: what was applied of which file, what could not be, and taking it back."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Literal

from fastapi import Path, Query
from pydantic import Field, JsonValue

from footfall.model.imports import FileImport
from footfall.web.api.callers import Reading, Writing
from footfall.web.api.paging import Limit
from footfall.web.api.repeats import repeatable
from footfall.web.api.shapes import Given, Instant, Name, Place, Told
from footfall.web.api.strict import section
from footfall.web.api.tasks import TaskOut, task_out

router = section("/api/imports", "imports")
previews = section("/api/import-previews", "imports")
ImportId = Annotated[str, Path(pattern="^im[0-9a-f]{1,38}$", description="Of the import.")]


class ImportOut(Told):
    """One file that was, or is being, imported.

    by: the job, or `@` and the stream for commands. rows: applied. unchanged: left out, because the file before had
    them. bad: those that could not be used.
    """

    id: str
    state: str
    stream: str
    by: str
    place: str
    file: str
    version: str
    bytes: int
    format: str
    settings: dict[str, JsonValue]
    began_at: Instant
    ended_at: Instant | None
    rows: int
    unchanged: int
    bad: int
    error: str


class Imports(Told):
    imports: list[ImportOut]


class BadRowOut(Told):
    """row: from 0. line: of its first character, from 1; 0 where there are no lines. text: as it came, cut to 4 KB."""

    row: int
    line: int
    field: str
    code: str
    message: str
    text: str


class BadRows(Told):
    bad_rows: list[BadRowOut]


class PreviewIn(Given):
    """file: below the place. options: how it is read, as those of a job of kind `import`."""

    url: Place
    authorization: Name | Literal[""] = ""
    file: Annotated[str, Field(min_length=1, max_length=1024)]
    format: Literal["csv", "json", "parquet"]
    options: Annotated[dict[str, JsonValue], Field(max_length=20, default_factory=dict)]


@router.get("", summary="List the newest imports")
def list_imports(
    desk: Reading,
    stream: Annotated[str, Query(max_length=512, description="Only of this stream.")] = "",
    limit: Limit = 100,
) -> Imports:
    found = desk.management.imports.all(stream=stream, limit=limit)
    return Imports(imports=[_out(each) for each in found])


@router.get("/{id}", summary="Show an import")
def show_import(desk: Reading, id: ImportId) -> ImportOut:
    return _out(desk.management.imports.get(id))


@router.get("/{id}/bad-rows", summary="List the rows of an import that could not be used")
def list_bad_rows(
    desk: Writing,
    id: ImportId,
    skip: Annotated[int, Query(ge=0, le=1_000_000, description="How many to leave out.")] = 0,
    limit: Limit = 100,
) -> BadRows:
    """Those that no event could be made of, then those that settling refused. The first 10,000 are kept.

    They hold what people wrote, so a key that only reads does not see them.
    """
    found = islice(desk.management.bad_rows(id), skip, skip + limit)
    return BadRows(
        bad_rows=[
            BadRowOut(row=r.number, line=r.line, field=r.field, code=r.code, message=r.message, text=r.text)
            for r in found
        ]
    )


@router.post("/{id}/undo", status_code=202, summary="Take the events of an import back")
@repeatable
def undo_import(
    desk: Writing,
    id: ImportId,
    force: Annotated[Literal["true", "false"], Query(description="With rows that later imports left out.")] = "false",
) -> TaskOut:
    """A task. Days that were closed with these events get another revision at their next close.

    It fails where files that were compared left out rows because they stand in this one: take those back first.
    """
    desk.management.imports.get(id)
    return task_out(desk.management.tasks.undo_import(id, desk.name, force=force == "true"))


@previews.post("", status_code=202, summary="Look at the beginning of a file")
@repeatable
def preview_file(desk: Writing, given: PreviewIn) -> TaskOut:
    """A task. Its result has encoding, delimiter, columns with types, the first rows, and what is wrong with them."""
    desk.check_place(given.url, given.authorization)
    return task_out(
        desk.management.tasks.preview_file(
            given.url, given.authorization, given.file, given.format, given.options, desk.name
        )
    )


def _out(one: FileImport) -> ImportOut:
    return ImportOut(
        id=one.id,
        state=one.state,
        stream=one.stream,
        by=one.scope,
        place=one.place,
        file=one.file.key,
        version=one.file.version,
        bytes=one.file.size_bytes,
        format=one.format,
        settings=dict(one.settings),
        began_at=one.began_at,
        ended_at=one.ended_at,
        rows=one.applied,
        unchanged=one.unchanged,
        bad=one.bad,
        error=one.error,
    )
