"""Random days for the engine, and what their reports must say, computed the slow way from the same facts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from small_day import (
    DAY,
    LINK_COLUMNS,
    MEMBER_COLUMNS,
    MERGE_COLUMNS,
    ZONE,
    World,
    day_input,
    people,
)

from footfall.model.event import EMAIL_TYPES, EventType
from footfall.ports import DayInput

T = EventType
START, END = ZONE.bounds(DAY).start, ZONE.bounds(DAY).end
USERS = ["u1", "U1", "ü", "u,2", "z"]
ACCOUNTS = ["a1", "a\n2", "A"]
VISITORS = ["v1", "v2"]
NAMES = ["n1", "n2", ""]
DETAILS = {
    T.EMAIL_EVENT: EMAIL_TYPES[:3],
    T.ENGAGEMENT_VIEW: ("VIEWED", "COMPLETED"),
    T.ARTICLE_VIEW: ("P1", "P2"),
    T.SURVEY_RESPONSE: ("NPS",),
}
TYPES = [
    T.PAGE_VIEW, T.FORM_SUBMIT, T.SEGMENT_MATCH, T.SESSION_STARTED, T.SESSION_ENDED, T.CUSTOM, T.FEATURE_MATCH,
    T.ENGAGEMENT_VIEW, T.ENGAGEMENT_CLICK, T.EMAIL_EVENT, T.ARTICLE_VIEW, T.SURVEY_RESPONSE, T.FEEDBACK, T.CLICK,
]  # fmt: skip
Event = dict[str, Any]


@dataclass(frozen=True)
class Facts:
    """One day and the people facts around it. links, members: (who, whom, at). merges: user -> user."""

    events: tuple[Event, ...]
    links: tuple[tuple[str, str, datetime], ...] = ()
    members: tuple[tuple[str, str, datetime], ...] = ()
    merges: tuple[tuple[str, str], ...] = ()

    def input(self, folder: Path, order: Mapping[str, Sequence[str]] | None = None, files: int = 1) -> DayInput:
        world = World(order or {})
        for dimension, texts in (("users", USERS), ("accounts", ACCOUNTS), ("visitors", VISITORS)):
            for text in texts:
                world.key(dimension, text)
        paths = world.write(self.events, folder, files)

        def table(dimension: str, of: str, facts: Sequence[tuple[str, str, datetime]], columns: Any) -> Any:
            (owner, _), (target, _), _ = columns
            rows = ({owner: world.key(dimension, w), target: world.key(of, t), "at": at} for w, t, at in facts)
            return people(world, rows, columns)

        return day_input(
            world,
            paths,
            links=table("visitors", "users", self.links, LINK_COLUMNS),
            members=table("users", "accounts", self.members, MEMBER_COLUMNS),
            merges=people(
                world,
                ({"user_key": world.key("users", a), "into_key": world.key("users", b)} for a, b in self.merges),
                MERGE_COLUMNS,
            ),
        )

    # --- the slow way ----------------------------------------------------------------------------

    def merged(self, user: str) -> str:
        return dict(self.merges).get(user, user)

    def user(self, event: Event) -> str | None:
        if event["user"] is not None:
            return self.merged(event["user"])
        return _held([(self.merged(u), at) for v, u, at in self.links if v == event["visitor"]], event["at"])

    def account(self, event: Event) -> str | None:
        if event["account"] is not None:
            return str(event["account"])
        user = self.user(event)
        return _held([(a, at) for u, a, at in self.members if self.merged(u) == user], event["at"])


def _held(facts: list[tuple[str, datetime]], at: datetime) -> str | None:
    """The latest target at or before ``at``, else the first later one of the same day; of a tie the larger text."""
    known = [(when, target) for target, when in facts if when < END]
    before = [(when, target) for when, target in known if when <= at]
    if before:
        return max(before, key=lambda k: (k[0], k[1].encode()))[1]
    if not known:
        return None
    first = min(when for when, _ in known)
    return max((target for when, target in known if when == first), key=str.encode)


def instants() -> st.SearchStrategy[datetime]:
    """Instants of the day; few different ones, so that ties and equal hours are common."""
    whole = st.integers(0, 49).map(lambda half: START + timedelta(minutes=30 * half))
    return st.one_of(whole, st.datetimes(START.replace(tzinfo=None), (END - timedelta(microseconds=1)).replace(
        tzinfo=None)).map(lambda t: t.replace(tzinfo=START.tzinfo)))  # fmt: skip


@st.composite
def event(draw: st.DrawFn) -> Event:
    kind = draw(st.sampled_from(TYPES))
    identified = draw(st.booleans())
    return {
        "type": kind,
        "at": draw(instants()),
        "user": draw(st.sampled_from(USERS)) if identified else None,
        "visitor": draw(st.sampled_from(VISITORS)),
        "account": draw(st.one_of(st.none(), st.sampled_from(ACCOUNTS))),
        "product": draw(st.sampled_from(["P2", "P10"])),
        "environment": draw(st.sampled_from(["Production", "QA"])),
        "name": draw(st.sampled_from(NAMES)),
        "detail": draw(st.sampled_from(DETAILS[kind])) if kind in DETAILS else None,
        "session": draw(st.sampled_from([None, "s1", "s2", "s3"])),
        "execution": draw(st.sampled_from([None, "x1", "x2"])),
        "step": draw(st.sampled_from([None, 0, 1, 2])),
        "locale": draw(st.sampled_from([None, "en", "de"])),
        "properties": draw(st.sampled_from([None, {"link_url": "l"}, {"title": "t", "subject": "s", "score": 3}])),
    }


@st.composite
def facts(draw: st.DrawFn) -> Facts:
    found = draw(st.lists(event(), max_size=40))
    around = st.one_of(instants(), st.sampled_from([START - timedelta(days=2), START, END, END + timedelta(hours=1)]))
    links = st.tuples(st.sampled_from(VISITORS), st.sampled_from(USERS), around)
    members = st.tuples(st.sampled_from(USERS), st.sampled_from(ACCOUNTS), around)
    merges = draw(st.sampled_from([(), (), (("U1", "u1"),), (("U1", "z"), ("u1", "z"))]))
    return Facts(
        tuple({**e, "id": f"e{n}"} for n, e in enumerate(found)),
        tuple(draw(st.lists(links, max_size=4))),
        tuple(draw(st.lists(members, max_size=4))),
        merges,
    )


def counted(facts: Facts, types: Mapping[EventType, str], by: Sequence[str]) -> Counter[tuple[str | None, ...]]:
    """Events of the types per distinct values of ``by``, over identified users."""
    counts: Counter[tuple[str | None, ...]] = Counter()
    for e in facts.events:
        user = facts.user(e)
        if e["type"] in types and user is not None:
            values = {**e, "user": user, "account": facts.account(e), "type": types[e["type"]]}
            counts[tuple(values[name] for name in by)] += 1
    return counts


def peaks(facts: Facts) -> dict[tuple[str, str, str, str], int]:
    """The most sessions open at once per (hour, account, product, environment), by looking at every start."""
    sessions: dict[tuple[str, str, str, str], list[Event]] = {}
    for e in facts.events:
        account = facts.account(e)
        if e["session"] is not None and facts.user(e) is not None and account is not None:
            sessions.setdefault((e["session"], account, e["product"], e["environment"]), []).append(e)
    spans = []
    for (_, *place), events in sessions.items():
        starts = [e["at"] for e in events if e["type"] == T.SESSION_STARTED]
        ends = [e["at"] for e in events if e["type"] == T.SESSION_ENDED]
        opened = min(starts or [e["at"] for e in events])
        spans.append((tuple(place), opened, max(opened, *(ends or [e["at"] for e in events]))))
    found: dict[tuple[str, str, str, str], int] = {}
    for hour, since, until in ZONE.hours(DAY):
        for place, opened, closed in spans:
            moment = max(opened, since)
            if moment < until and closed >= since:
                level = sum(1 for p, o, c in spans if p == place and o <= moment <= c)
                key = (hour, *place)
                found[key] = max(found.get(key, 0), level)  # type: ignore[index,arg-type]
    return found
