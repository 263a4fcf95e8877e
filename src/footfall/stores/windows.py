"""``ports.Windows`` on the control store: which events each job has delivered."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, select

from footfall.errors import Conflict
from footfall.model.instants import from_us, to_us
from footfall.model.window_manifest import JobManifest
from footfall.model.windows import FIRST_SEQ, Window, Written
from footfall.stores.database import Database
from footfall.stores.schema import event_window

if TYPE_CHECKING:
    from sqlalchemy import Connection, Select


class SqlWindows:
    """See ``ports.Windows``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def fix(self, job: str, to_seq: int, at: datetime, mark: str = "") -> Window:
        """The open window, the one of ``mark``, else a new one up to ``to_seq``, or empty where nothing is new."""
        with self._database.writing() as connection:
            last = _last(connection, job)
            if last is not None and not last.closed:
                return last
            if mark:
                same = select(event_window).where(and_(event_window.c.job == job, event_window.c.mark == mark))
                found = (
                    connection.execute(same.order_by(event_window.c.number.desc()).limit(1)).mappings().one_or_none()
                )
                if found is not None:
                    return _window(found)
            begin = FIRST_SEQ if last is None else last.to_seq
            number = 1 if last is None else last.number + 1
            window = Window(job, number, begin, max(begin, to_seq), at, mark)
            connection.execute(event_window.insert().values(_values(window)))
            return window

    def note(self, window: Window, written: Written | None) -> Window:
        """Remember what is about to be visible. Raises ``Conflict`` for a closed window."""
        with self._database.writing() as connection:
            # Not all of it: of a window of many files this is asked many times.
            closed = connection.execute(select(event_window.c.closed).where(_is(window))).scalar_one_or_none()
            if closed is None:
                raise _gone(window)
            if closed:
                raise Conflict(f"window {window.number} of {window.job} is closed", "Another worker delivered it")
            connection.execute(event_window.update().where(_is(window)).values(written=_text(written)))
            return replace(window, written=written)

    def close(self, window: Window, manifest_key: str = "", manifest_sha256: str = "") -> Window:
        """Mark as done. Raises ``Conflict`` when it was done with another manifest."""
        with self._database.writing() as connection:
            known = _known(connection, window)
            if known.closed and (known.manifest_key, known.manifest_sha256) != (manifest_key, manifest_sha256):
                raise Conflict(
                    f"window {window.number} of {window.job} was closed with the manifest {known.manifest_key!r}",
                    "Another worker delivered it",
                )
            done = {"closed": True, "manifest_key": manifest_key, "manifest_sha256": manifest_sha256}
            if not known.closed:
                done["written"] = _text(window.written)
            connection.execute(event_window.update().where(_is(window)).values(done))
            return _known(connection, window)

    def replace(self, job: str, number: int, written: Written, manifest_sha256: str) -> None:
        """What a closed window was delivered as lies under another manifest now: people were erased from it."""
        mine = and_(event_window.c.job == job, event_window.c.number == number)
        values = {"written": _text(written), "manifest_key": written.manifest_key, "manifest_sha256": manifest_sha256}
        with self._database.writing() as connection:
            connection.execute(event_window.update().where(mine).values(values))

    def delivered(self) -> Sequence[Window]:
        """Every window of whatever job of which something was written, by job and number."""
        query = select(event_window).where(event_window.c.written.is_not(None))
        with self._database.reading() as connection:
            found = connection.execute(query.order_by(event_window.c.job, event_window.c.number)).mappings()
            return [_window(row) for row in found]

    def manifest_of(self, job: str, number: int) -> str:
        """The key of the manifest that a closed window lies under; empty where it has none."""
        mine = and_(event_window.c.job == job, event_window.c.number == number)
        with self._database.reading() as connection:
            return connection.execute(select(event_window.c.manifest_key).where(mine)).scalar_one_or_none() or ""

    def last(self, job: str) -> Window | None:
        """The newest window of a job."""
        with self._database.reading() as connection:
            return _last(connection, job)

    def delivered_to(self, job: str) -> int:
        """Where the last window with a manifest ended; 1 when there is none."""
        table = event_window
        query = select(func.max(table.c.to_seq)).where(and_(table.c.job == job, table.c.manifest_key != ""))
        with self._database.reading() as connection:
            found = connection.execute(query).scalar_one()
        return FIRST_SEQ if found is None else int(found)

    def all(self, job: str) -> Sequence[Window]:
        """Every window of a job, oldest first."""
        query = select(event_window).where(event_window.c.job == job).order_by(event_window.c.number)
        with self._database.reading() as connection:
            return [_window(row) for row in connection.execute(query).mappings()]


def _is(window: Window) -> Any:
    return and_(event_window.c.job == window.job, event_window.c.number == window.number)


def _newest(job: str) -> Select[Any]:
    return select(event_window).where(event_window.c.job == job).order_by(event_window.c.number.desc()).limit(1)


def _last(connection: Connection, job: str) -> Window | None:
    found = connection.execute(_newest(job)).mappings().one_or_none()
    return None if found is None else _window(found)


def _known(connection: Connection, window: Window) -> Window:
    found = connection.execute(select(event_window).where(_is(window))).mappings().one_or_none()
    if found is None:
        raise _gone(window)
    return _window(found)


def _gone(window: Window) -> Conflict:
    return Conflict(f"window {window.number} of {window.job} is not there", "The job was deleted meanwhile")


def _values(window: Window) -> dict[str, object]:
    names = ("job", "number", "from_seq", "to_seq", "mark", "closed", "manifest_key", "manifest_sha256")
    return {**{name: getattr(window, name) for name in names}, "at": to_us(window.at), "written": None}


def _window(row: Mapping[Any, Any]) -> Window:
    values = dict(row) | {"at": from_us(row["at"]), "closed": bool(row["closed"])}
    if row["written"] is not None:
        noted = json.loads(row["written"])
        manifest = JobManifest.from_json(noted["manifest"].encode())
        # What was noted before a window could have several files has a truth for their number, and is whole.
        stored, whole = int(noted["stored"]), noted.get("whole", True)
        values["written"] = Written(noted["place"], noted["manifest_key"], manifest, stored, whole)
    return Window(**values)


def _text(written: Written | None) -> str | None:
    if written is None:
        return None
    names = ("place", "manifest_key", "stored", "whole")
    said = json.dumps(written.manifest.value(), ensure_ascii=False)
    return json.dumps({**{name: getattr(written, name) for name in names}, "manifest": said}, ensure_ascii=False)
