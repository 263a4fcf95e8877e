"""Notices: what people are told, what still waits, and what was given up."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Path, Query

from footfall.model.instants import from_us, to_us
from footfall.ports import Posted
from footfall.web.api.callers import Reading, Writing
from footfall.web.api.paging import Cursor, Limit, cursor, values
from footfall.web.api.problems import Answered
from footfall.web.api.shapes import Instant, Told
from footfall.web.api.strict import section

router = section("/api/notices", "notifications")
NoticeId = Annotated[str, Path(max_length=40, description="Id of a notice that was given up.")]
NoticeState = Literal["waiting", "sent", "dead"]


class NoticeOut(Told):
    """A message to one channel and address.

    at: since when it is to be sent. next_at: of one that waits, when it is tried. error: why the last try failed.
    """

    id: str
    state: str
    occasion: str
    channel: str
    to: str
    job: str
    slot: str
    run: str
    what: str
    attempts: int
    at: Instant
    next_at: Instant | None
    sent_at: Instant | None
    error: str


class Notices(Told):
    """next: the cursor of the following page; null on the last one."""

    notices: list[NoticeOut]
    next: str | None


class Revived(Told):
    """How many wait to be sent again."""

    notices: int


@router.get("", summary="List the notices, newest first")
def list_notices(
    desk: Reading,
    state: Annotated[list[NoticeState] | None, Query(description="Only these.", max_length=3)] = None,
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Notices:
    found = list(desk.management.outbox.all(state or (), limit + 1, after=_after(cursor)))
    return Notices(notices=[_out(each) for each in found[:limit]], next=_next(found, limit))


@router.post("/retry", summary="Let everything that was given up be tried anew, for another day")
def retry_notices(desk: Writing) -> Revived:
    return Revived(notices=desk.management.outbox.revive(desk.management.clock()))


@router.post("/{id}/retry", summary="Let a notice that was given up be tried anew, for another day")
def retry_notice(desk: Writing, id: NoticeId) -> Revived:
    return Revived(notices=desk.management.outbox.revive(desk.management.clock(), id))


def _out(posted: Posted) -> NoticeOut:
    notice = posted.notice
    return NoticeOut(
        id=notice.id,
        state=posted.state,
        occasion=notice.message.occasion,
        channel=notice.channel,
        to=notice.to,
        job=notice.message.job,
        slot=notice.message.slot,
        run=notice.message.run,
        what=notice.message.what,
        attempts=posted.attempts,
        at=posted.put_at,
        next_at=posted.next_at if posted.state == "waiting" else None,
        sent_at=posted.sent_at,
        error=posted.error,
    )


def _next(found: list[Posted], limit: int) -> str | None:
    if len(found) <= limit:
        return None
    last = found[limit - 1]
    return cursor(to_us(last.put_at), last.notice.id)


def _after(text: str) -> tuple[datetime, str] | None:
    found = values(text, (int, str))
    if found is None:
        return None
    at, last = found
    try:
        return from_us(at), last
    except OverflowError:
        raise Answered(400, "The cursor is not one of ours", "Begin at the first page, without cursor") from None
