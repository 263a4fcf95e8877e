"""The audit log: who changed what."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from pydantic import JsonValue

from footfall.model.audit import Change
from footfall.web.api.callers import Administering
from footfall.web.api.paging import Cursor, Limit, cursor, values
from footfall.web.api.shapes import Instant, Told
from footfall.web.api.strict import section

router = section("/api/audit", "audit")


class ChangeOut(Told):
    """One change. actor: cli, server, token or key; name: of the key, or of the file
    that was applied. before, after: what differs, never a secret."""

    number: int
    at: Instant
    actor: str
    name: str
    address: str
    action: str
    subject: str
    before: dict[str, JsonValue] | None
    after: dict[str, JsonValue] | None


class Changes(Told):
    """next: the cursor of the following page; null on the last one."""

    changes: list[ChangeOut]
    next: str | None


class Checked(Told):
    """broken_at: the number of the first entry that is missing or was altered; null while there is none."""

    ok: bool
    broken_at: int | None


@router.get("", summary="List the changes, newest first")
def list_changes(
    desk: Administering,
    subject: Annotated[str | None, Query(max_length=300, description="Only of this, such as `job daily`.")] = None,
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Changes:
    before = values(cursor, (int,))
    number = None if before is None else min(max(before[0], 0), 1 << 62)
    found = desk.management.audit.changes(before=number, subject=subject, limit=limit + 1)
    rows = [_out(change) for change in found[:limit]]
    return Changes(changes=rows, next=_next(rows) if len(found) > limit else None)


@router.get("/check", summary="Check that no entry was altered or removed in between")
def check_changes(desk: Administering) -> Checked:
    broken = desk.management.audit.check()
    return Checked(ok=broken is None, broken_at=broken)


def _next(rows: list[ChangeOut]) -> str:
    return cursor(rows[-1].number)


def _out(change: Change) -> ChangeOut:
    return ChangeOut(
        number=change.number,
        at=change.at,
        actor=change.actor.kind,
        name=change.actor.name,
        address=change.actor.address,
        action=change.action,
        subject=change.subject,
        before=None if change.before is None else dict(change.before),
        after=None if change.after is None else dict(change.after),
    )
