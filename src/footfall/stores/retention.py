"""What was removed because its time was over, and removing what is in the control store."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Final

from sqlalchemy import delete, func, select

from footfall.model.instants import from_us, to_us
from footfall.stores import schema
from footfall.stores.database import Database

_REMOVED: Final = schema.removed_day
_QUARANTINE: Final = schema.quarantine
# So long and no longer may others wait for the store.
AT_ONCE: Final = 5_000


class SqlRetention:
    """Days whose events were removed, and records of quarantine that are old."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def removed(self) -> Mapping[date, tuple[int, datetime]]:
        """Of each day whose events were removed: how many, and when last."""
        with self._database.reading() as connection:
            rows = connection.execute(select(_REMOVED)).all()
        return {date.fromisoformat(row.day): (row.events, from_us(row.at)) for row in rows}

    def remember(self, day: date, events: int, at: datetime) -> None:
        """Events of a day are about to be removed: from now on nothing of it is closed or exported."""
        with self._database.writing() as connection:
            mine = _REMOVED.c.day == day.isoformat()
            before = connection.execute(select(_REMOVED.c.events).where(mine)).scalar_one_or_none() or 0
            connection.execute(delete(_REMOVED).where(mine))
            values = {"day": day.isoformat(), "events": before + events, "at": to_us(at)}
            connection.execute(_REMOVED.insert().values(values))

    def quarantined_before(self, at: datetime) -> int:
        """How many records of quarantine were received before an instant."""
        query = select(func.count()).select_from(_QUARANTINE).where(_QUARANTINE.c.received_at < to_us(at))
        with self._database.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def forget_quarantine(self, before: datetime) -> int:
        """Remove these records; the counters stay. Returns how many."""
        forgotten = 0
        while True:
            with self._database.writing() as connection:
                old = (
                    select(_QUARANTINE.c.position)
                    .where(_QUARANTINE.c.received_at < to_us(before))
                    .order_by(_QUARANTINE.c.position)
                    .limit(AT_ONCE)
                )
                last = connection.execute(select(func.max(old.subquery().c.position))).scalar_one_or_none()
                if last is None:
                    return forgotten
                gone = connection.execute(
                    delete(_QUARANTINE).where(_QUARANTINE.c.received_at < to_us(before), _QUARANTINE.c.position <= last)
                )
                forgotten += gone.rowcount
