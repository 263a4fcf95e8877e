"""Close a day: remove the last duplicates exactly, compact, count who was active, seal the revision."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
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

Write = Callable[[DayInput, str], None]
WriteParts = Callable[[DayInput, Mapping[str, str]], None]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is the same for every day: who turned out to be whom, who belongs to what, and names."""

    links: pa.Table
    merges: pa.Table
    members: pa.Table
    texts: Mapping[str, pa.Table]

    @classmethod
    def read(cls, people: People) -> Facts:
        texts = {name: people.texts(name) for name in DIMENSIONS}
        return cls(people.links(), people.merges(), people.members(), texts)


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


def _counted(books: Books, day: date, facts: Facts | None = None) -> DayInput:
    """Enough to count a day's events: no snapshots and no names. facts: about people, as far as they were read."""
    bounds, known = books.zone.bounds(day), facts or Facts.read(books.people)
    return DayInput(
        day=day,
        start=bounds.start,
        end=bounds.end,
        zone=books.zone,
        files=books.lake.files(day),
        activity={},
        users=_nobody,
        accounts=_nobody,
        links=known.links,
        merges=known.merges,
        members=known.members,
        texts=known.texts,
        metadata=Metadata(),
        custom_attributes={},
    )


# --- files of days -----------------------------------------------------------------------------------------------


def _remember_activity(books: Books, day: date) -> str:
    return _remember(books, day, books.activity_dir, books.engine.activity)


def activity_before(books: Books, day: date) -> dict[date, str]:
    """One activity file for every earlier day that holds events."""
    return files_before(books, day, books.activity_dir, books.engine.activity)


def files_before(books: Books, day: date, folder: Path, write: Write, *, sealed_stands: bool = True) -> dict[date, str]:
    """The file in ``folder`` of every earlier day that holds events; those that are not there yet are written first.

    write: makes one from a day, which has neither snapshots nor metadata, at a path. sealed_stands: the file of a
    sealed day was written when it was sealed, and stands; else it may be older, and is compared with the day.
    """
    known = {path.name: path for path in sorted(folder.glob("*.parquet"))}
    by_day = {date.fromisoformat(name[:10]): name for name in known}
    sealed = {state.day for state in books.ledger.days() if sealed_stands and state.revision and not state.touched}
    found: dict[date, str] = {}
    facts: Facts | None = None
    for earlier in sorted(each for each in books.lake.days() if each <= day - timedelta(days=1)):
        # What was sealed stands as it was counted; an open day may have grown since.
        name = by_day.get(earlier)
        if name is None or (earlier not in sealed and name != _name_of(earlier, books.lake.files(earlier))):
            facts = facts or Facts.read(books.people)
            found[earlier] = _remember(books, earlier, folder, write, facts)
        else:
            found[earlier] = str(known[name])
    return found


def parts_of_days(
    books: Books, day: date, folder: Path, wanted: Mapping[str, date], write: WriteParts
) -> dict[str, dict[date, str]]:
    """For each name its file of every day that holds events, from the one wanted on until before ``day``.

    folder: has a folder of each name. write: makes the files of a day that are not there yet, or are older than the
    day, in one go; name in, path out. The day is as ``files_before`` has it.
    """
    found: dict[str, dict[date, str]] = {name: {} for name in wanted}
    facts: Facts | None = None
    for earlier in sorted(each for each in books.lake.days() if each < day):
        file = _name_of(earlier, books.lake.files(earlier))
        paths = {name: folder / name / file for name, since in wanted.items() if since <= earlier}
        missing = {name: path for name, path in paths.items() if not path.exists()}
        if missing:
            facts = facts or Facts.read(books.people)
            for path in missing.values():
                path.parent.mkdir(parents=True, exist_ok=True)
            write(_counted(books, earlier, facts), {name: str(path) for name, path in missing.items()})
            for path in missing.values():
                _forget_older(path, earlier)
        for name, path in paths.items():
            found[name][earlier] = str(path)
    return found


def _remember(books: Books, day: date, folder: Path, write: Write, facts: Facts | None = None) -> str:
    """Write the file of a day, named after the files it was counted from, in place of any older one."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _name_of(day, books.lake.files(day))
    write(_counted(books, day, facts), str(path))
    _forget_older(path, day)
    return str(path)


def _forget_older(path: Path, day: date) -> None:
    for older in path.parent.glob(f"{day.isoformat()}_*.parquet"):
        if older != path:
            older.unlink(missing_ok=True)  # another thread may have been faster


def _name_of(day: date, files: Sequence[str]) -> str:
    names = "\n".join(sorted(PurePosixPath(file).name for file in files))
    return f"{day.isoformat()}_{hashlib.sha256(names.encode()).hexdigest()[:16]}.parquet"
