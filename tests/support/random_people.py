"""Random people, what they did, random rules about them, and what a rule says of a person, found the slow way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from operator import ge, gt, le, lt
from pathlib import Path
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st
from plain_texts import items_of, like
from random_filters import answers, events, wheres
from small_day import (
    ACCOUNT_COLUMNS,
    LINK_COLUMNS,
    MERGE_COLUMNS,
    USER_COLUMNS,
    ZONE,
    World,
    day_input,
    people,
)

from footfall.model.attributes import as_date
from footfall.model.audience_rules import (
    ACCOUNT,
    All,
    Compare,
    Everyone,
    Field,
    Happened,
    Included,
    Not,
    Rule,
    Some,
    Subject,
    Value,
)
from footfall.model.audiences import Audience
from footfall.model.event import EventType
from footfall.model.people import canonical_json
from footfall.ports import AudienceInput, DayInput, MembershipEngine, Population

TODAY = date(2026, 11, 5)
NOW = datetime(2026, 11, 5, 20, tzinfo=UTC)
DAYS = (date(2026, 11, 1), TODAY)  # on which something happened
CREATED = datetime(2026, 10, 1, tzinfo=UTC)
CUSTOM = (("tags", "STRING"), ("ltv", "NUMBER"), ("vip", "BOOLEAN"), ("since", "DATE_TIME"), ("no/te", "STRING"))
ACCOUNT_CUSTOM = (("tier", "NUMBER"),)

TEXTS = st.sampled_from(["", "pro", "free", "50%", "a_b", "a*b", "x'y", 'q"', "é", "b", "null"]) | st.text(
    st.characters(codec="utf-8", exclude_characters="\0"), max_size=3
)
WHOLE = st.integers(-3, 8)
NUMBERS = WHOLE | st.sampled_from([1.5, -0.25, 2.0, 1e12])
INSTANTS = st.sampled_from(
    ["2026-11-01T00:00:00.000Z", "2026-11-05T19:59:59.999Z", "2026-10-06T20:00:00.000Z", "2026-11-05T20:00:00.000Z"]
)
LISTS = st.lists(TEXTS | WHOLE | st.none() | st.booleans(), max_size=3)

# A field: the values people have, and those that rules ask for.
USER_FIELDS: Mapping[str, tuple[st.SearchStrategy[Any], st.SearchStrategy[Any]]] = {
    "email": (TEXTS, TEXTS | WHOLE),
    "score": (WHOLE, NUMBERS),
    "globalUnsubscribe": (st.booleans(), st.booleans()),
    "leadDate": (INSTANTS, INSTANTS | st.sampled_from(["now-30d", "now", "now-4d", "2026-11-01"])),
    "tags": (LISTS.map(canonical_json) | TEXTS, TEXTS),
    "ltv": (NUMBERS, NUMBERS),
    "vip": (st.booleans(), st.booleans()),
    "since": (INSTANTS, INSTANTS),
    "no/te": (TEXTS, TEXTS),
}
ACCOUNT_FIELDS: Mapping[str, tuple[st.SearchStrategy[Any], st.SearchStrategy[Any]]] = {
    "plan": (TEXTS, TEXTS),
    "numberOfEmployees": (WHOLE, WHOLE),
    "tier": (NUMBERS, NUMBERS),
}
_TEXTUAL = {"email", "tags", "no/te", "plan", "nobody", "answer"}
_TRUTHS = {"globalUnsubscribe", "vip"}
SURVEY, QUESTION = EventType.SURVEY_RESPONSE, EventType.SURVEY_ANSWER
_NAMED = (EventType.FEATURE_MATCH, EventType.CUSTOM, EventType.ENGAGEMENT_VIEW, SURVEY, QUESTION)


@dataclass(frozen=True)
class Person:
    """attributes: as ``People.users`` shows them. events: type, at, name, detail, properties."""

    name: str
    attributes: Mapping[str, Any]
    account: str | None
    events: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Town:
    """Everybody. accounts: attributes by id. lists: what was imported for audiences."""

    persons: tuple[Person, ...]
    accounts: Mapping[str, Mapping[str, Any]]
    lists: Mapping[str, Sequence[str]]

    def population(self, engine: MembershipEngine, folder: Path) -> Population:
        """With the usage files that the engine writes of the events."""
        world = World()
        keys = {person.name: world.key("users", person.name) for person in self.persons}
        for account in self.accounts:
            world.key("accounts", account)
        usage: dict[date, str] = {}
        given: dict[date, DayInput] = {}

        def filtered(wanted: Mapping[Happened, date]) -> dict[Happened, dict[date, str]]:
            found: dict[Happened, dict[date, str]] = {what: {} for what in wanted}
            for day, events in given.items():
                paths = {
                    str(folder / f"{day}-{n}.parquet"): what
                    for n, (what, since) in enumerate(wanted.items())
                    if since <= day
                }
                engine.filtered(events, paths)
                for path, what in paths.items():
                    found[what][day] = path
            return found

        for day in DAYS:
            events = [
                {"id": f"{person.name}-{n}", "user": person.name, **event}
                for person in self.persons
                for n, event in enumerate(person.events)
                if ZONE.day_of(event["at"]) == day
            ]
            (folder / day.isoformat()).mkdir(exist_ok=True)
            files = world.write(events, folder / day.isoformat())
            bounds = ZONE.bounds(day)
            usage[day] = str(folder / f"{day}.parquet")
            given[day] = day_input(world, files, day=day, start=bounds.start, end=bounds.end)
            engine.usage(given[day], usage[day])
        texts = {**world.texts(), "visitors": world.texts()["terms"].slice(0, 0)}
        users = [
            {
                "user_key": keys[person.name], "uid": f"uid-{person.name}", "identify_id": person.name,
                "created_at": CREATED, "modified_at": CREATED, "deleted": False,
                "account_key": world.key("accounts", person.account), "attributes": canonical_json(person.attributes),
            }
            for person in self.persons
        ]  # fmt: skip
        accounts = [
            {"account_key": world.key("accounts", name), "account_id": name, "created_at": CREATED,
             "modified_at": CREATED, "deleted": False, "attributes": canonical_json(attributes)}
            for name, attributes in self.accounts.items()
        ]  # fmt: skip
        table = people(world, users, USER_COLUMNS)
        return Population(
            now=NOW,
            day=TODAY,
            people=AudienceInput(
                end=ZONE.bounds(TODAY).end,
                users=lambda: table.to_reader(max_chunksize=7),
                custom_attributes=CUSTOM,
                links=lambda: people(world, [], LINK_COLUMNS),
                merges=lambda: people(world, [], MERGE_COLUMNS),
                texts=lambda dimension: texts[dimension],
                activity=dict,
            ),
            accounts=people(world, accounts, ACCOUNT_COLUMNS).to_reader,
            account_attributes=ACCOUNT_CUSTOM,
            usage=lambda: usage,
            listed=lambda name: pa.array(self.lists[name], pa.string()),
            filtered=filtered,
        )


# --- people and rules ---------------------------------------------------------------------------------------------


@st.composite
def happenings(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from([EventType.PAGE_VIEW, EventType.IDENTIFY, *_NAMED]))
    day = draw(st.sampled_from(DAYS))
    at = ZONE.bounds(day).start + timedelta(minutes=draw(st.integers(0, 900)))
    found: dict[str, Any] = {"type": kind, "at": at}
    if kind in _NAMED:
        found["name"] = draw(st.sampled_from(["a", "b"]))
    if kind is EventType.ENGAGEMENT_VIEW:
        found["detail"] = draw(st.sampled_from(["VIEWED", "COMPLETED"]))
    if kind is SURVEY:
        said = {"score": draw(st.none() | WHOLE), "comment": draw(st.none() | st.sampled_from(["good", "bad"]))}
        found |= {"detail": "NPS", "properties": {n: v for n, v in said.items() if v is not None}}
    if kind is QUESTION:
        said = {"question_id": draw(st.sampled_from(["q", "r"])), "score": draw(st.none() | WHOLE),
                "answers": draw(st.none() | st.sampled_from(["good", ["good", "b"]]))}  # fmt: skip
        found |= {"detail": "SCORE", "properties": {n: v for n, v in said.items() if v is not None}}
    if kind in (EventType.CUSTOM, EventType.PAGE_VIEW):
        found |= draw(events())
    return found


@st.composite
def towns(draw: st.DrawFn) -> Town:
    accounts = {
        name: draw(st.fixed_dictionaries({}, optional={n: has for n, (has, _) in ACCOUNT_FIELDS.items()}))
        for name in ("acme", "zoo")
    }
    persons = [
        Person(
            f"user-{number}",
            draw(st.fixed_dictionaries({}, optional={name: has for name, (has, _) in USER_FIELDS.items()})),
            draw(st.sampled_from([None, "acme", "zoo"])),
            draw(st.lists(happenings(), max_size=6)),
        )
        for number in range(draw(st.integers(1, 12)))
    ]
    listed = draw(st.lists(st.sampled_from([person.name for person in persons]), max_size=3, unique=True))
    return Town(tuple(persons), accounts, {"list": [*listed, "somebody-else"]})


@st.composite
def subjects(draw: st.DrawFn) -> tuple[Subject, str, st.SearchStrategy[Any]]:
    """(subject, what it is like, values to ask it for)."""
    sort = draw(st.sampled_from(["user", "user", "account", "event"]))
    if sort == "user":
        name = draw(st.sampled_from([*USER_FIELDS, "nobody"]))
        return Field(name), name, USER_FIELDS.get(name, (TEXTS, TEXTS))[1]
    if sort == "account":
        name = draw(st.sampled_from(list(ACCOUNT_FIELDS)))
        return Field(name, ACCOUNT), name, ACCOUNT_FIELDS[name][1]
    kind = draw(st.sampled_from([EventType.PAGE_VIEW, *_NAMED]))
    answered = ["score", "answer"] if kind in (SURVEY, QUESTION) else []
    measure = draw(st.sampled_from(["count", "first", "last", *answered]))
    name = draw(st.sampled_from([None, "a", "b", "never"])) if kind in _NAMED else None
    detail = draw(st.sampled_from([None, "VIEWED"])) if kind is EventType.ENGAGEMENT_VIEW else None
    question = draw(st.sampled_from([None, "q"])) if kind is QUESTION else None
    asked = {"count": st.integers(0, 3), "score": WHOLE, "answer": st.sampled_from(["good", "b"])}
    where = draw(st.one_of(st.none(), st.none(), st.none(), wheres()))
    days = draw(st.sampled_from([1, 4, 5, 30] if where else [None, 1, 4, 5, 30]))
    return Happened(measure, kind.word, name, detail, question, days, where), measure, asked.get(measure, INSTANTS)


@st.composite
def conditions(draw: st.DrawFn) -> Rule:
    subject, like, values = draw(subjects())
    operators = ["=", "!=", "in", "exists"]
    if like not in _TRUTHS:
        operators += ["<", "<=", ">", ">=", "between"]
    if like in _TEXTUAL:
        operators += ["contains", "like"]
    operator = draw(st.sampled_from(operators))
    if operator == "like":
        values = st.sampled_from(["*", "a*", "*b", "p?o", "50%", "a_b", "*\\*", "é"]) | TEXTS
    count = {"exists": 0, "between": 2, "in": draw(st.integers(1, 3))}.get(operator, 1)
    return Compare(subject, operator, tuple(draw(values) for _ in range(count)))


def rules(others: Sequence[str] = ()) -> st.SearchStrategy[Rule]:
    """others: audiences that may be included."""
    leaves = st.one_of(conditions(), conditions(), st.sampled_from(["", *others]).map(_include))
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, min_size=1, max_size=3).map(lambda each: All(tuple(each))),
            st.lists(inner, min_size=1, max_size=3).map(lambda each: Some(tuple(each))),
            inner.map(Not),
        ),
        max_leaves=6,
    )


def _include(name: str) -> Rule:
    return Included(name) if name else Everyone()


# --- the slow way -------------------------------------------------------------------------------------------------


def members(town: Town, audiences: Mapping[str, Audience], name: str) -> set[str]:
    return {person.name for person in town.persons if is_in(town, audiences, audiences[name], person)}


def is_in(town: Town, audiences: Mapping[str, Audience], audience: Audience, person: Person) -> bool:
    if audience.listed:
        return person.name in town.lists[audience.name]
    return _holds(town, audiences, audience.rule, person)


def _holds(town: Town, audiences: Mapping[str, Audience], rule: Rule, person: Person) -> bool:
    match rule:
        case All(parts):
            return all(_holds(town, audiences, part, person) for part in parts)
        case Some(parts):
            return any(_holds(town, audiences, part, person) for part in parts)
        case Not(part):
            return not _holds(town, audiences, part, person)
        case Everyone():
            return True
        case Included(name):
            return is_in(town, audiences, audiences[name], person)
        case Compare(subject, operator, values):
            return _compare(_value(town, subject, person), operator, [_asked(subject, each) for each in values])


def _asked(subject: Subject, value: Value) -> Any:
    like = subject.name if isinstance(subject, Field) else subject.measure
    if like in ("leadDate", "since", "first", "last"):
        if str(value).startswith("now"):
            return as_date((NOW - timedelta(days=int(str(value)[4:-1] or 0))).isoformat())
        return as_date(value)
    return str(value) if like in _TEXTUAL else value


def _compare(found: Any, operator: str, asked: list[Any]) -> bool:
    if operator == "exists":
        return found is not None
    if operator == "!=":
        return found is None or found != asked[0]
    if found is None:
        return False
    if operator in ("=", "in"):
        return found in asked
    if operator == "between":
        return bool(asked[0] <= found <= asked[1])
    if operator == "contains":
        return asked[0] in items_of(found)
    if operator == "like":
        return like(found, asked[0])
    return bool({"<": lt, "<=": le, ">": gt, ">=": ge}[operator](found, asked[0]))


def _value(town: Town, subject: Subject, person: Person) -> Any:
    if isinstance(subject, Field):
        attributes = person.attributes if subject.of != ACCOUNT else town.accounts.get(person.account or "", {})
        return attributes.get(subject.name)
    since = date.min if subject.days is None else TODAY - timedelta(days=subject.days - 1)
    meant = [
        event
        for event in person.events
        if event["type"].word == subject.type
        and subject.name in (None, event.get("name"))
        and subject.detail in (None, event.get("detail"))
        and subject.question in (None, event.get("properties", {}).get("question_id"))
        and ZONE.day_of(event["at"]) >= since
        and (subject.where is None or answers(event, subject.where))
    ]
    instants = sorted(event["at"] for event in meant)
    if subject.measure == "count":
        return len(meant)
    if subject.measure in ("first", "last"):
        return as_date(instants[0 if subject.measure == "first" else -1].isoformat()) if instants else None
    return _answered(meant, "score" if subject.measure == "score" else "answer")


def _answered(events: Sequence[Mapping[str, Any]], what: str) -> Any:
    found = []
    for event in events:
        said = event["properties"]
        value = said.get("score") if what == "score" else said.get("comment", said.get("answers"))
        if value is not None:
            found.append((event["at"], value if what == "score" or isinstance(value, str) else canonical_json(value)))
    return max(found)[1] if found else None
