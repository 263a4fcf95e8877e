"""Close a day: remove the last duplicates exactly, compact, count who was active, seal the revision."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final

import pyarrow as pa

from footfall import observe
from footfall.errors import Refused, Unavailable
from footfall.model.days import Zone
from footfall.model.metadata import Metadata
from footfall.ports import Catalogue, DayInput, DayState, Engine, Lake, Ledger, OpenDay, People

# A day settled every few seconds comes in thousands of small files; a handful costs a reader nothing.
FILES_MAX: Final = 8
DIMENSIONS: Final = ("users", "accounts", "terms")
ENTITIES: Final = ("user", "account")


@dataclass(frozen=True, slots=True)
class Books:
    """What closing and opening a day works on.

    activity_dir: keeps one Parquet file per day with what each user did, see ``Engine.activity``.
    """

    lake: Lake
    engine: Engine
    people: People
    catalogue: Catalogue
    ledger: Ledger
    zone: Zone
    activity_dir: Path


def close_day(books: Books, day: date, *, log_end: int, now: datetime, unfinished: bool = False) -> DayState:
    """Seal ``day`` and return its state: the next revision if anything was learned about it, else the one it has.

    log_end: end of the log before the caller settled; everything accepted before must be in the lake by now.
    Every step can be repeated, so a crash anywhere is healed by calling again. Must not run beside a settle.

    Raises ``Refused`` for a day that is not over at ``now``, unless ``unfinished``; ``Unavailable`` when the lake has
    not settled up to ``log_end``.
    """
    end = books.zone.bounds(day).end
    if end > now and not unfinished:
        raise Refused(f"{day} is not over before {end:%Y-%m-%d %H:%M} UTC", "Close it then, or name an earlier day")
    position = books.lake.position()
    if position < log_end:
        raise Unavailable(f"the log is settled up to {position}, but it ends at {log_end}", "Settle first")
    state = books.ledger.day(day)
    if state.revision and not state.touched:
        return state
    with observe.span("day closed", day=day.isoformat()) as details:
        if books.lake.files(day):
            details["duplicates"] = _tidy(books, day)
            _remember_activity(books, day)
        state = books.ledger.seal(day, position, now)
        details["revision"] = state.revision
    return state


def open_day(books: Books, day: date) -> OpenDay:
    """Open ``day`` for its reports. Days before it that have no activity file yet get theirs first."""
    return books.engine.open(_input(books, day, activity_before(books, day)))


def _tidy(books: Books, day: date) -> int:
    """Drop the events whose (source, event id) the day holds already, and rewrite many small files as few."""
    duplicates = books.engine.duplicates(books.lake.files(day))
    if len(duplicates):
        books.lake.drop(day, duplicates)
    if len(books.lake.files(day)) > FILES_MAX:
        books.lake.compact(day)
    return len(duplicates)


def _input(books: Books, day: date, activity: Mapping[date, str]) -> DayInput:
    people = books.people
    return replace(
        _counted(books, day),
        activity=activity,
        users=partial(people.users, day),
        accounts=partial(people.accounts, day),
        metadata=books.catalogue.read(),
        custom_attributes={entity: people.custom_attributes(entity) for entity in ENTITIES},
    )


def _nobody() -> pa.RecordBatchReader:
    return pa.table({}).to_reader()


def _counted(books: Books, day: date) -> DayInput:
    """Enough to count a day's events: no snapshots and no names."""
    bounds, people = books.zone.bounds(day), books.people
    return DayInput(
        day=day,
        start=bounds.start,
        end=bounds.end,
        zone=books.zone,
        files=books.lake.files(day),
        activity={},
        users=_nobody,
        accounts=_nobody,
        links=people.links(),
        merges=people.merges(),
        members=people.members(),
        texts={name: people.texts(name) for name in DIMENSIONS},
        metadata=Metadata(),
        custom_attributes={},
    )


# --- activity files ----------------------------------------------------------------------------------------------


def _remember_activity(books: Books, day: date) -> str:
    """Write the activity file of a day, named after the files it was counted from, in place of any older one."""
    books.activity_dir.mkdir(parents=True, exist_ok=True)
    path = books.activity_dir / _activity_name(day, books.lake.files(day))
    books.engine.activity(_counted(books, day), str(path))
    for older in books.activity_dir.glob(f"{day.isoformat()}_*.parquet"):
        if older != path:
            older.unlink()
    return str(path)


def activity_before(books: Books, day: date) -> dict[date, str]:
    """One activity file for every earlier day that holds events."""
    known = {path.name: path for path in sorted(books.activity_dir.glob("*.parquet"))}
    by_day = {date.fromisoformat(name[:10]): name for name in known}
    sealed = {state.day for state in books.ledger.days() if state.revision and not state.touched}
    found: dict[date, str] = {}
    for earlier in sorted(each for each in books.lake.days() if each <= day - timedelta(days=1)):
        # What was sealed stands as it was counted; an open day may have grown since.
        name = by_day.get(earlier)
        if name is None or (earlier not in sealed and name != _activity_name(earlier, books.lake.files(earlier))):
            found[earlier] = _remember_activity(books, earlier)
        else:
            found[earlier] = str(known[name])
    return found


def _activity_name(day: date, files: Sequence[str]) -> str:
    names = "\n".join(sorted(PurePosixPath(file).name for file in files))
    return f"{day.isoformat()}_{hashlib.sha256(names.encode()).hexdigest()[:16]}.parquet"
