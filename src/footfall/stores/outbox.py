"""``ports.Outbox`` on the control store, in the same transactions as the runs that it tells of."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, delete, func, or_, select, update
from sqlalchemy.dialects.sqlite import insert

from footfall.errors import Refused
from footfall.model.instants import from_us, to_us
from footfall.model.notices import Notice, read_message
from footfall.model.row_counts import Counted
from footfall.ports import Posted
from footfall.stores import schema
from footfall.stores.api_keys import Note
from footfall.stores.database import Database

if TYPE_CHECKING:
    from sqlalchemy import Row

ERROR_CHARACTERS_MAX: Final = 1000
_NOTICE: Final = schema.notice
_STREAK: Final = schema.job_streak
_OVER: Final = ("sent", "dead")


class SqlOutbox:
    """See ``ports.Outbox``. note: appends what a person asks for to the audit log, in the transaction of the change."""

    def __init__(self, database: Database, note: Note | None = None) -> None:
        self._database = database
        self._note = note

    def put(self, notices: Iterable[Notice], at: datetime) -> int:
        rows = [
            {
                "id": notice.id,
                "channel": notice.channel,
                "recipient": notice.to,
                "message": json.dumps(notice.message.plain(), ensure_ascii=False),
                "at": to_us(at),
                "state": "waiting",
                "attempts": 0,
                "next_at": to_us(at),
                "sent_at": None,
                "error": "",
            }
            for notice in notices
        ]
        if not rows:
            return 0
        with self._database.writing() as connection:
            return connection.execute(insert(_NOTICE).on_conflict_do_nothing(), rows).rowcount

    def claim(self, now: datetime, until: datetime) -> Posted | None:
        due = and_(_NOTICE.c.state == "waiting", _NOTICE.c.next_at <= to_us(now))
        oldest = select(_NOTICE).where(due).order_by(_NOTICE.c.next_at, _NOTICE.c.id).limit(1)
        with self._database.reading() as connection:  # before taking the lock: mostly there is nothing
            if connection.execute(oldest).first() is None:
                return None
        with self._database.writing() as connection:
            row = connection.execute(oldest).one_or_none()
            if row is None:
                return None
            claimed = {"attempts": row.attempts + 1, "next_at": to_us(until)}
            connection.execute(update(_NOTICE).where(_NOTICE.c.id == row.id).values(**claimed))
            return _posted(connection.execute(select(_NOTICE).where(_NOTICE.c.id == row.id)).one())

    def sent(self, posted: Posted, at: datetime) -> None:
        self._end(posted, {"state": "sent", "sent_at": to_us(at), "error": ""})

    def put_off(self, posted: Posted, until: datetime, error: str) -> None:
        self._end(posted, {"next_at": to_us(until), "error": error[:ERROR_CHARACTERS_MAX]})

    def bury(self, posted: Posted, error: str) -> None:
        self._end(posted, {"state": "dead", "error": error[:ERROR_CHARACTERS_MAX]})

    def _end(self, posted: Posted, values: dict[str, Any]) -> None:
        mine = and_(
            _NOTICE.c.id == posted.notice.id, _NOTICE.c.state == "waiting", _NOTICE.c.attempts == posted.attempts
        )
        with self._database.writing() as connection:
            connection.execute(update(_NOTICE).where(mine).values(**values))

    def all(
        self, states: Iterable[str] = (), limit: int = 100, *, after: tuple[datetime, str] | None = None
    ) -> Sequence[Posted]:
        wanted = tuple(states)
        query = select(_NOTICE).order_by(_NOTICE.c.at.desc(), _NOTICE.c.id).limit(limit)
        if wanted:
            query = query.where(_NOTICE.c.state.in_(wanted))
        if after is not None:
            at, last = to_us(after[0]), after[1]
            query = query.where(or_(_NOTICE.c.at < at, and_(_NOTICE.c.at == at, _NOTICE.c.id > last)))
        with self._database.reading() as connection:
            return [_posted(row) for row in connection.execute(query)]

    def revive(self, at: datetime, notice_id: str | None = None) -> int:
        # From now on it has its day again, so it counts as put now.
        again = {"state": "waiting", "attempts": 0, "next_at": to_us(at), "at": to_us(at)}
        which = _NOTICE.c.state == "dead"
        if notice_id is not None:
            which = and_(which, _NOTICE.c.id == notice_id)
        with self._database.writing() as connection:
            revived = connection.execute(update(_NOTICE).where(which).values(**again)).rowcount
            if notice_id is not None and not revived:
                raise Refused(f"no notice {notice_id!r} was given up", "List them with `footfall notifications ls`")
            if revived and self._note is not None:
                subject = "notices" if notice_id is None else f"notice {notice_id}"
                self._note("notice.retry", subject, None, {"count": revived})
        return revived

    def prune(self, before: datetime) -> int:
        over = and_(_NOTICE.c.state.in_(_OVER), _NOTICE.c.at < to_us(before))
        with self._database.reading() as connection:
            if connection.execute(select(_NOTICE.c.id).where(over).limit(1)).first() is None:
                return 0
        with self._database.writing() as connection:
            return connection.execute(delete(_NOTICE).where(over)).rowcount

    # --- what is known of a job ------------------------------------------------------------------

    def streak(self, job: str) -> int:
        query = select(func.coalesce(func.max(_STREAK.c.failures), 0)).where(_STREAK.c.job == job)
        with self._database.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def set_streak(self, job: str, failures: int) -> None:
        with self._database.writing() as connection:
            connection.execute(delete(_STREAK).where(_STREAK.c.job == job))
            if failures:
                connection.execute(_STREAK.insert().values(job=job, failures=failures))

    def counted(self, job: str, spans: Sequence[tuple[datetime, datetime]]) -> Sequence[Counted]:
        slot, run = schema.job_slot, schema.job_run
        due = [and_(slot.c.due_at >= to_us(begin), slot.c.due_at < to_us(until)) for begin, until in spans]
        last = and_(run.c.job == slot.c.job, run.c.slot == slot.c.name, run.c.attempt == slot.c.attempts)
        whole = and_(slot.c.job == job, slot.c.state == "succeeded", slot.c.tries == 1, run.c.state == "succeeded")
        query = select(slot.c.due_at, run.c.rows).join(run, last).where(whole, or_(*due)).order_by(slot.c.due_at)
        with self._database.reading() as connection:
            return [Counted(from_us(row.due_at), row.rows) for row in connection.execute(query)]


def _posted(row: Row[Any]) -> Posted:
    notice = Notice(row.id, row.channel, row.recipient, read_message(json.loads(row.message)))
    sent_at = None if row.sent_at is None else from_us(row.sent_at)
    return Posted(notice, row.state, from_us(row.at), row.attempts, from_us(row.next_at), sent_at, row.error)
