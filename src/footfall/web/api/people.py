"""People: what is known about one, why, and what joined users."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query
from pydantic import JsonValue

from footfall.ports import Held, Joining, Profile, Tie
from footfall.web.api.callers import Administering
from footfall.web.api.paging import Cursor, Limit, cursor, values
from footfall.web.api.shapes import Day, Instant, Told
from footfall.web.api.strict import section

router = section("/api/people", "people")
Id = Annotated[str, Query(min_length=1, max_length=1_000, description="Identify id, or aptrinsicId.")]
AsOf = Annotated[Day | None, Query(description="As of the end of this local day; today by default.")]
Why = Annotated[bool, Query(description="With what was said by which event, and why several users are one person.")]


class SayingOut(Told):
    """source: empty for what was said before it was kept word by word."""

    at: Instant
    source: str
    event_id: str
    value: JsonValue


class HeldOut(Told):
    """One attribute. said_at: of the value; null for a default. sayings: the newest, if `why` was asked."""

    api_name: str
    type: str
    merge: str
    value: JsonValue
    said_at: Instant | None
    sayings: list[SayingOut]


class HolderOut(Told):
    identify_id: str
    at: Instant


class TieOut(Told):
    """A value that several users said, or an alias. count: of users, of whom a hundred are listed at most."""

    field: str
    value: str
    outcome: Literal["joined", "too many", "too large"]
    users: list[HolderOut]
    count: int


class PersonOut(Told):
    """asked: the user that was asked for; identify_id: the one the person lives on in. users: all of the person."""

    asked: str
    identify_id: str
    aptrinsic_id: str
    created_at: Instant
    sign_up_at: Instant | None
    modified_at: Instant
    account_id: str | None
    deleted: bool
    users: list[str]
    anonymous_ids: list[str]
    attributes: list[HeldOut]
    ties: list[TieOut]


class JoiningOut(Told):
    """users: how many shared the value from then on. at: the event's own time."""

    number: int
    at: Instant
    identify_id: str
    field: str
    value: str
    users: int
    outcome: Literal["joined", "too many"]


class Joinings(Told):
    """next: the cursor of the following page; null on the last one."""

    merges: list[JoiningOut]
    next: str | None


class Crowd(Told):
    field: str
    value: str
    users: int
    limit: int


class Crowds(Told):
    crowds: list[Crowd]


@router.get("/profile", summary="Look at what is known about a person")
def get_person(desk: Administering, id: Id, day: AsOf = None, why: Why = False) -> PersonOut:
    management = desk.management
    as_of = day or management.zone.day_of(management.clock())
    return _out(management.profiles.get(id, as_of, why=why))


@router.get("/merges", summary="List what joined users, or was refused because too many share it, newest first")
def list_merges(desk: Administering, limit: Limit = 100, cursor: Cursor = "") -> Joinings:
    before = values(cursor, (int,))
    number = None if before is None else min(max(before[0], 0), 1 << 62)
    found = desk.management.profiles.joinings(limit + 1, number)
    rows = [_joining(each) for each in found[:limit]]
    return Joinings(merges=rows, next=_next(rows) if len(found) > limit else None)


@router.get("/crowds", summary="List the values that too many users share to identify anybody, largest first")
def list_crowds(desk: Administering, limit: Limit = 100) -> Crowds:
    return Crowds(crowds=[Crowd.model_validate(dict(each)) for each in desk.management.profiles.crowds(limit)])


def _next(rows: list[JoiningOut]) -> str:
    return cursor(rows[-1].number)


def _joining(each: Joining) -> JoiningOut:
    return JoiningOut.model_validate({name: getattr(each, name) for name in JoiningOut.model_fields})


def _out(found: Profile) -> PersonOut:
    return PersonOut(
        asked=found.asked,
        identify_id=found.identify_id,
        aptrinsic_id=found.uid,
        created_at=found.created_at,
        sign_up_at=found.sign_up_at,
        modified_at=found.modified_at,
        account_id=found.account_id,
        deleted=found.deleted,
        users=list(found.users),
        anonymous_ids=list(found.visitors),
        attributes=[_held(each) for each in found.held],
        ties=[_tie(each) for each in found.ties],
    )


def _held(each: Held) -> HeldOut:
    sayings = [
        {"at": at, "source": source, "event_id": event_id, "value": value}
        for at, source, event_id, value in each.sayings
    ]
    told = {"api_name": each.api_name, "type": each.type, "merge": each.merge, "value": each.value}
    return HeldOut.model_validate(told | {"said_at": each.said_at, "sayings": sayings})


def _tie(each: Tie) -> TieOut:
    users = [{"identify_id": who, "at": at} for who, at in each.users]
    told = {"field": each.field, "value": each.value, "outcome": each.outcome}
    return TieOut.model_validate(told | {"users": users, "count": each.count})
