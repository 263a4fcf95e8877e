"""Audiences: people chosen by rules or listed; how many, who, and why."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Path, Query
from pydantic import Field, JsonValue

from footfall.errors import Refused
from footfall.model.audience_rules import Everyone, Rule, check, from_plain, to_plain
from footfall.model.audience_text import read, write
from footfall.model.audiences import Audience
from footfall.web.api.callers import Administering, Desk, Reading, Writing
from footfall.web.api.paging import Cursor, cursor, values
from footfall.web.api.repeats import repeatable
from footfall.web.api.shapes import NAME_PATTERN, Flag, Given, Instant, Name, Told, Words
from footfall.web.api.strict import section

router = section("/api/audiences", "audiences")
# Apart from those, where any word may be the name of an audience.
counts = section("/api/audience-counts", "audiences")
AudienceName = Annotated[str, Path(pattern=NAME_PATTERN, description="Name of the audience.")]
RuleIn = Annotated[
    Annotated[str, Field(min_length=1, max_length=65_536)] | dict[str, JsonValue],
    Field(description='Text, such as `AND(plan = pro, visits > 5)`, or the tree: `{"and": [...]}`.'),
]
Tells = Literal["both", "enter", "exit", "none"]
User = Annotated[str, Query(min_length=1, max_length=512, description="Identify id of the user.")]
Value = Annotated[str, Field(min_length=1, max_length=512)]


class AudienceSettings(Given):
    """Either a rule, or the field whose values are imported as a list.

    tells: which changes become ``segment_match`` events. backfill: who is in from the beginning enters, too.
    """

    rule: RuleIn | None = None
    list_by: Annotated[str, Field(min_length=1, max_length=512)] | None = None
    label: Words = ""
    description: Words = ""
    tells: Tells = "both"
    backfill: Flag = False


class AudienceIn(AudienceSettings):
    """An audience to be made."""

    name: Name


class AudienceOut(Told):
    """rule: its text; tree: the same. Both are null for a list, of which values says how many it has.

    doubts: what may be wrong with it, such as a field that nobody has yet.
    """

    name: str
    rule: str | None
    tree: dict[str, JsonValue] | None
    list_by: str | None
    values: int | None
    label: str
    description: str
    tells: Tells
    backfill: bool
    created_at: Instant
    changed_at: Instant
    doubts: list[str]


class Audiences(Told):
    audiences: list[AudienceOut]


class Deleted(Told):
    name: str
    state: Literal["deleted"] = "deleted"


class ValuesIn(Given):
    """keep: beside what the list holds, instead of in its place."""

    values: Annotated[list[Value], Field(max_length=100_000)]
    keep: Flag = False


class ValuesOut(Told):
    name: str
    values: int


class RuleToTry(Given):
    rule: RuleIn


class Counted(Told):
    """users: how many were looked at. fault: why the audience cannot be evaluated; empty if it can."""

    name: str
    members: int
    users: int
    fault: str


class Counts(Told):
    counts: list[Counted]


class Tried(Told):
    """What a rule would choose. rule: as it was understood."""

    rule: str
    members: int
    users: int
    doubts: list[str]


class Member(Told):
    user: str
    account: str | None
    id: str


class Members(Told):
    """count: of all. next: the cursor of the following page; null on the last one."""

    count: int
    members: list[Member]
    next: str | None


class Why(Told):
    """reason: the rule, whether it holds, what was found, and its parts, each the same way."""

    audience: str
    user: str
    known: bool
    member: bool
    reason: dict[str, JsonValue] | None


@router.get("", summary="List the audiences")
def list_audiences(desk: Reading) -> Audiences:
    return Audiences(audiences=[_out(desk, each) for each in desk.management.audiences.all()])


@router.post("", status_code=201, summary="Make an audience")
@repeatable
def add_audience(desk: Writing, given: AudienceIn) -> AudienceOut:
    management = desk.management
    return _out(desk, management.audiences.add(_audience(given.name, given), management.clock()))


@counts.get("", summary="Count the members of every audience")
def count_audiences(desk: Reading) -> Counts:
    """Looks at everybody, as of now: seconds for a million users."""
    members, faults, users = desk.management.looks.count(())
    names = [each.name for each in desk.management.audiences.all()]
    return Counts(
        counts=[Counted(name=n, members=members.get(n, 0), users=users, fault=faults.get(n, "")) for n in names]
    )


@counts.post("", summary="Count whom a rule would choose")
def try_rule(desk: Writing, given: RuleToTry) -> Tried:
    """Nothing is kept of the rule."""
    rule, looks = _rule(given.rule), desk.management.looks
    members, users = looks.try_rule(rule)
    return Tried(rule=write(rule), members=members, users=users, doubts=list(looks.doubts(rule)))


@router.get("/{name}", summary="Show an audience")
def show_audience(desk: Reading, name: AudienceName) -> AudienceOut:
    return _out(desk, desk.management.audiences.get(name))


@router.put("/{name}", summary="Change an audience")
def change_audience(desk: Writing, name: AudienceName, given: AudienceSettings) -> AudienceOut:
    """Everything about it. A list stays one, with its values."""
    management = desk.management
    return _out(desk, management.audiences.change(_audience(name, given), management.clock()))


@router.delete("/{name}", summary="Delete an audience that no other includes")
def delete_audience(desk: Writing, name: AudienceName) -> Deleted:
    desk.management.audiences.delete(name)
    return Deleted(name=name)


@router.put("/{name}/values", summary="Import a list")
def put_values(desk: Writing, name: AudienceName, given: ValuesIn) -> ValuesOut:
    """In place of what it holds, or beside it: longer lists come in several requests, or by command."""
    management = desk.management
    found = management.audiences.put_values(name, given.values, management.clock(), keep=given.keep)
    return ValuesOut(name=name, values=found)


@router.get("/{name}/members", summary="List the members of an audience")
def list_members(
    desk: Administering,
    name: AudienceName,
    limit: Annotated[int, Query(ge=1, le=1000, description="At most so many.")] = 100,
    cursor: Cursor = "",
) -> Members:
    """By identify id. Each page looks at everybody anew, as of now: who enters behind the cursor is on a later page,
    who leaves is on none. An export job delivers all members of one instant.
    """
    last = values(cursor, (str, str))
    after = None if last is None else (last[0], last[1])
    found, count = desk.management.looks.members(name, limit + 1, after=after)
    rows = [Member(user=user, account=account or None, id=uid) for user, account, uid in found[:limit]]
    return Members(count=count, members=rows, next=_next(rows) if len(found) > limit else None)


@router.get("/{name}/explanation", summary="Say why a user is in an audience, or why not")
def explain(desk: Administering, name: AudienceName, user: User) -> Why:
    plain: dict[str, Any] = desk.management.looks.explain(user, name).to_plain()
    return Why.model_validate({"reason": None, **plain})


def _next(rows: list[Member]) -> str:
    return cursor(rows[-1].user, rows[-1].id)


def _rule(given: str | dict[str, JsonValue]) -> Rule:
    return read(given) if isinstance(given, str) else check(from_plain(given))


def _audience(name: str, given: AudienceSettings) -> Audience:
    if (given.rule is None) == (given.list_by is None):
        raise Refused("an audience has a rule or is a list", "Give either `rule` or `list_by`")
    return Audience(
        name,
        Everyone() if given.rule is None else _rule(given.rule),
        listed=given.list_by or "",
        label=given.label,
        description=given.description,
        tells=given.tells,
        backfill=given.backfill,
    )


def _out(desk: Desk, audience: Audience) -> AudienceOut:
    management, listed = desk.management, audience.listed
    return AudienceOut.model_validate(
        {
            "name": audience.name,
            "rule": None if listed else write(audience.rule),
            "tree": None if listed else to_plain(audience.rule),
            "list_by": listed or None,
            "values": management.audiences.count_values(audience.name) if listed else None,
            "label": audience.label,
            "description": audience.description,
            "tells": audience.tells,
            "backfill": audience.backfill,
            "created_at": audience.created_at,
            "changed_at": audience.changed_at,
            "doubts": [] if listed else list(management.looks.doubts(audience.rule)),
        }
    )
