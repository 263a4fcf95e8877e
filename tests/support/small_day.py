"""A small day, made by hand: every report has rows, and every column that can be filled is filled somewhere.

The day is 2026-11-01 in New York: 25 hours, the hour "01" twice. Rows are written as the lake holds them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

from footfall.model.days import Zone
from footfall.model.event import LAKE_COLUMNS, EventType
from footfall.model.metadata import Article, Engagement, Feature, Metadata, Question, Survey
from footfall.ports import DayInput

T = EventType
DAY = date(2026, 11, 1)
ZONE = Zone("America/New_York", ZoneInfo("America/New_York"), "test")
ARROW = {
    "long": pa.int64(),
    "short": pa.int16(),
    "integer": pa.int32(),
    "string": pa.string(),
    "timestamp": pa.timestamp("us", "UTC"),
    "date": pa.date32(),
}
SCHEMA = pa.schema([(name, ARROW[kind]) for name, kind, _ in LAKE_COLUMNS if name != "day"])
AT = pa.timestamp("us", "UTC")


@dataclass
class World:
    """Names to keys, in the order given or any other; then rows of the lake and the people tables."""

    order: Mapping[str, Sequence[str]] = field(default_factory=dict)
    _keys: dict[str, dict[str, int]] = field(default_factory=dict)

    def key(self, dimension: str, text: str | None) -> int | None:
        if text is None:
            return None
        keys = self._keys.setdefault(dimension, {t: i for i, t in enumerate(self.order.get(dimension, ()), 1)})
        return keys.setdefault(text, len(keys) + 1)

    def texts(self) -> dict[str, pa.Table]:
        return {
            d: pa.table(
                {
                    "key": pa.array(list(self._keys.get(d, {}).values()), pa.int32()),
                    "text": pa.array(list(self._keys.get(d, {})), pa.string()),
                }
            )
            for d in ("users", "accounts", "terms")
        }

    def row(self, event: Mapping[str, object], seq: int) -> dict[str, object]:
        def term(name: str) -> int | None:
            return self.key("terms", event.get(name))  # type: ignore[arg-type]

        session = event.get("session")
        properties = event.get("properties")
        return {
            "ingest_seq": seq,
            "type": int(event["type"]),  # type: ignore[call-overload]
            "occurred_at": event["at"],
            "received_at": event["at"],
            "source": self.key("terms", str(event.get("source", "web-app"))),
            "event_id": event["id"],
            "user_key": self.key("users", event.get("user")),  # type: ignore[arg-type]
            "anonymous_key": self.key("visitors", event.get("visitor")),  # type: ignore[arg-type]
            "account_key": self.key("accounts", event.get("account")),  # type: ignore[arg-type]
            "product": self.key("terms", str(event.get("product", "AP-1"))),
            "environment": self.key("terms", str(event.get("environment", "Production"))),
            "channel": self.key("terms", str(event.get("channel", "web"))),
            "name": term("name"),
            "detail": term("detail"),
            "session_key": None if session is None else _session_key(str(session)),
            "session_id": session,
            "execution_id": event.get("execution"),
            "step_number": event.get("step"),
            "locale": term("locale"),
            "trigger_type": term("trigger"),
            "properties": None if properties is None else json.dumps(properties, ensure_ascii=False),
            "global_context": None if "context" not in event else json.dumps(event["context"], ensure_ascii=False),
        }

    def write(self, events: Sequence[Mapping[str, object]], path: Path, files: int = 1) -> list[str]:
        rows = [self.row(event, seq) for seq, event in enumerate(events, 1)]
        paths = []
        for number in range(files):
            table = pa.Table.from_pylist(rows[number::files], SCHEMA)
            paths.append(str(path / f"part-{number}.parquet"))
            pq.write_table(table, paths[-1], row_group_size=16)
        return paths


def _session_key(session: str) -> int:
    return int.from_bytes(hashlib.md5(session.encode()).digest()[:8], "big", signed=True)


def at(clock: str, day: date = DAY) -> datetime:
    """A UTC instant: hours:minutes[:seconds] after midnight UTC of the day; hours may exceed 23."""
    hours, minutes, *seconds = clock.split(":")
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return midnight + timedelta(hours=int(hours), minutes=int(minutes), seconds=float(seconds[0]) if seconds else 0)


def people(
    world: World,
    rows: Iterable[Mapping[str, object]],
    columns: Sequence[tuple[str, pa.DataType]],
) -> pa.Table:
    return pa.Table.from_pylist([dict(r) for r in rows], pa.schema(list(columns)))


USER_COLUMNS = [
    ("user_key", pa.int32()), ("uid", pa.string()), ("identify_id", pa.string()), ("created_at", AT),
    ("sign_up_at", AT), ("modified_at", AT), ("deleted", pa.bool_()), ("account_key", pa.int32()),
    ("attributes", pa.string()),
]  # fmt: skip
ACCOUNT_COLUMNS = [
    ("account_key", pa.int32()), ("account_id", pa.string()), ("created_at", AT), ("modified_at", AT),
    ("deleted", pa.bool_()), ("attributes", pa.string()),
]  # fmt: skip
LINK_COLUMNS = [("anonymous_key", pa.int32()), ("user_key", pa.int32()), ("at", AT)]
MERGE_COLUMNS = [("user_key", pa.int32()), ("into_key", pa.int32())]
MEMBER_COLUMNS = [("user_key", pa.int32()), ("account_key", pa.int32()), ("at", AT)]


def day_input(world: World, files: Sequence[str], **parts: object) -> DayInput:
    """A ``DayInput`` with empty people tables, but for the ``parts`` given."""
    bounds = ZONE.bounds(DAY)
    given: dict[str, object] = {
        "day": DAY, "start": bounds.start, "end": bounds.end, "zone": ZONE, "files": files, "activity": {},
        "users": people(world, [], USER_COLUMNS).to_reader, "accounts": people(world, [], ACCOUNT_COLUMNS).to_reader,
        "links": people(world, [], LINK_COLUMNS), "merges": people(world, [], MERGE_COLUMNS),
        "members": people(world, [], MEMBER_COLUMNS), "metadata": Metadata(), "custom_attributes": {},
    }  # fmt: skip
    given.update(parts)
    return DayInput(**{**given, "texts": world.texts()})  # type: ignore[arg-type]


METADATA = Metadata(
    features=(
        Feature("f-reports", "Reports", "MODULE", None, "AP-1"),
        Feature("f-export", "Export, as CSV", "FEATURE", "f-reports", "AP-1"),
    ),
    engagements=(
        Engagement(
            id="e-guide", name='The "first" guide', type="IN_APP_GUIDE", product_keys=("AP-1",), product_group="Core",
            channel="web", environments=("Production", "Stage, EU"), labels=("onboarding",), group_name="Welcome",
            priority_group_name="High", priority_rank=1, ignore_throttling=True, audience_urls=("/home", "/start"),
            created_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
            modified_at=datetime(2026, 2, 3, 4, 5, 6, 789000, tzinfo=UTC), modified_by="ada@example.com",
        ),
        Engagement(id="e-mail", name="Welcome mail", type="EMAIL", product_keys=("AP-1",)),
    ),
    surveys=(
        Survey(id="s-nps", name="How likely", type="IN_APP_NPS_SURVEY"),
        Survey(
            id="s-multi", name="Three questions", type="IN_APP_MULTIPLE_QUESTION_SURVEY",
            questions=(Question("q1", "<p>How <b>good</b>?</p>"),),
        ),
    ),
    articles=(Article("ZENDESK_ARTICLE_PROVIDER", "a-1", "How to export", "https://help.example/a-1"),),
)  # fmt: skip


def _event(type: EventType, id: str, clock: str, **more: object) -> dict[str, object]:
    return {"type": type, "id": id, "at": at(clock), **more}


def events() -> list[dict[str, object]]:
    """About sixty events. Clock times are UTC; the day begins at 04:00 and ends at 29:00."""
    ada = {"user": "ada", "account": "acme", "session": "s-ada-1"}
    bob = {"user": "bob", "session": "s-bob-1", "product": "AP-2", "environment": "Stage"}
    cy = {"user": 'Çelik, "Cy"', "account": "größe & co", "session": "s-cy-1"}
    guide = {"name": "e-guide", "locale": "en-US", "trigger": "AUTOMATIC"}
    found = [
        _event(T.SESSION_STARTED, "1", "04:00", **ada),
        _event(T.IDENTIFY, "2", "04:00:01", **ada),
        *(_event(T.PAGE_VIEW, f"3{n}", f"05:{n:02d}", **ada) for n in range(10, 22)),
        _event(T.SESSION_ENDED, "4", "06:30", **ada),
        _event(T.SESSION_STARTED, "5", "05:30", **bob, channel="ios"),
        _event(T.FORM_SUBMIT, "6", "05:45", **bob),
        _event(T.SEGMENT_MATCH, "7", "05:46", **bob, name="aud-1"),
        _event(T.SEGMENT_MATCH, "8", "05:47", **bob, name="aud-2"),
        _event(T.SESSION_STARTED, "9", "05:59:59.999999", **cy),
        _event(T.PAGE_VIEW, "10", "28:59:59", **cy),
        # Somebody is anonymous, then bob: the views before are bob's as well.
        _event(T.PAGE_VIEW, "11", "05:20", visitor="v-bob", product="AP-2"),
        _event(T.CLICK, "12", "05:21", visitor="v-bob", product="AP-2"),
        # Nobody ever finds out who this is.
        _event(T.PAGE_VIEW, "13", "07:00", visitor="v-nobody"),
        _event(T.CLICK, "14", "07:01", **ada),
    ]
    for n, name in enumerate(["Signed up", "Signed up", 'comma, quote " and\nline', "<b>&</b>\r", "", "bell \x07"]):
        found.append(_event(T.CUSTOM, f"20{n}", f"08:{n:02d}", **(cy if n > 3 else ada), name=name))
    found += [
        _event(T.FEATURE_MATCH, "30", "09:00", **ada, name="f-export"),
        _event(T.FEATURE_MATCH, "31", "09:01", **ada, name="f-export", environment="Stage"),
        _event(T.FEATURE_MATCH, "32", "09:02", **cy, name="f-unknown"),
        _event(T.FEATURE_MATCH, "33", "09:03", **bob, name="f-reports"),
        _event(T.ENGAGEMENT_VIEW, "40", "10:00", **ada, **guide, detail="VIEWED", execution="x1", step=0),
        _event(T.ENGAGEMENT_VIEW, "41", "10:01", **ada, **guide, detail="VIEWED", execution="x1", step=1),
        _event(T.ENGAGEMENT_VIEW, "42", "10:02", **ada, **guide, detail="VIEWED", execution="x1", step=1),
        _event(T.ENGAGEMENT_VIEW, "43", "10:03", **ada, **guide, detail="COMPLETED", execution="x1", step=0),
        _event(T.ENGAGEMENT_VIEW, "44", "11:00", **ada, **guide, detail="VIEWED", execution="x2", step=0),
        _event(T.ENGAGEMENT_VIEW, "45", "11:30", **ada, **guide, detail="VIEWED", execution="x3"),
        _event(T.ENGAGEMENT_VIEW, "46", "12:00", **bob, name="e-guide", detail="VIEWED"),
        _event(T.ENGAGEMENT_CLICK, "47", "10:01:30.123456", **ada, **guide, step=1, execution="x1",
               properties={"link_url": "https://app.example/?a=1&b=2,3"}),
        _event(T.ENGAGEMENT_CLICK, "48", "12:01", **bob, name="e-guide"),
    ]  # fmt: skip
    for n, word in enumerate(("DELIVERED", "OPEN", "OPEN", "CLICK")):
        found.append(_event(T.EMAIL_EVENT, f"5{n}", f"13:{n:02d}", user="ada" if n < 3 else "bob", name="e-mail",
                            detail=f"EMAIL_TRACK_{word}", source="mail"))  # fmt: skip
    article = {"name": "a-1", "detail": "ZENDESK_ARTICLE_PROVIDER"}
    other = {"name": "a-2", "detail": "GOOGLE_SEARCH_PROVIDER"}
    survey = {"locale": "de", "trigger": "JO"}
    found += [
        _event(T.ARTICLE_VIEW, "60", "14:00", **ada, **article, properties={"title": "old", "url": "old"}),
        _event(T.ARTICLE_VIEW, "61", "14:01", **ada, **article),
        _event(T.ARTICLE_VIEW, "62", "14:02", **bob, **other, properties={"title": "First", "url": "https://a"}),
        _event(T.ARTICLE_VIEW, "63", "14:03", **bob, **other, properties={"title": "Then", "url": "https://b"}),
        _event(T.SURVEY_RESPONSE, "70", "15:00", **ada, name="s-nps", detail="IN_APP_SURVEY_NPS", **survey, properties={
            "score": 9, "comment": 'Good, "mostly"', "contact_me_allowed": True, "labels": ["a", "b,c"], "path": "/x"}),
        _event(T.SURVEY_RESPONSE, "71", "15:01", **bob, name="s-nps", detail="IN_APP_SURVEY_NPS", properties={
            "comment": "", "contact_me_allowed": False, "page": {"path": "/from-page"}}),
        _event(T.SURVEY_ANSWER, "72", "16:00", **ada, name="s-multi", detail="SCORE", **survey,
               context={"plan": "pro", "seats": 3, "trial": False, "n<1>": 'q"&', "none": None, "deep": {"a": [1]}},
               properties={"question_id": "q1", "score": 4, "contact_me_allowed": True, "path": "/x"}),
        _event(T.SURVEY_ANSWER, "73", "16:01", **ada, name="s-multi", detail="MULTI_CHOICE_QUESTION_TYPE",
               properties={"question_text": "1 < 2?", "answers": ["yes", "no, never"], "score": 1}),
        _event(T.SURVEY_ANSWER, "74", "16:02", **bob, name="s-multi", detail="OPEN_TEXT_QUESTION_TYPE",
               properties={"question_text": "Why?", "answers": "Because\x00 of ]]> it"}),
        _event(T.FEEDBACK, "80", "17:00", **ada, properties={
            "subject": "Idea", "category": "Feature", "description": "Two\r\nlines", "labels": ["x", "y"]}),
        _event(T.FEEDBACK, "81", "17:01", **bob, environment_="", properties={"subject": "", "description": " kept "}),
    ]  # fmt: skip
    return found


def small_day(folder: Path, order: Mapping[str, Sequence[str]] | None = None, files: int = 1) -> DayInput:
    """The day, written to ``folder``. order: texts by dimension in the order in which they get their keys."""
    return build(World(order or {}), events(), folder, files)


def build(world: World, rows: Sequence[Mapping[str, object]], folder: Path, files: int) -> DayInput:
    paths = world.write(rows, folder, files)
    users = [
        ("ada", "acme", {"email": "ada@example.com", "firstName": "Ada", "trackedUserRole": "owner", "score": 12,
                         "globalUnsubscribe": False, "location_cityName": "London", "Plan": "pro", "seats": 2.5,
                         "leadDate": "2026-01-31T12:00:00.000Z", "lastUserAgentData_platformVersion": "14.1"}),
        ("bob", None, {"email": "", "vip": True}),
        ("Çelik, \"Cy\"", "größe & co", {"lastName": "Çelik", "a & b": "both <sides>"}),
        ("gone", "acme", {"type": "LEAD"}),
    ]  # fmt: skip
    accounts = [("acme", {"name": "Acme, Inc.", "plan": "gold", "numberOfEmployees": 120, "tier": 1}),
                ("größe & co", {"location_countryCode": "DE"}), ("quiet", {})]  # fmt: skip
    created = datetime(2026, 10, 1, 12, tzinfo=UTC)
    return day_input(
        world,
        paths,
        users=people(world, (
            {"user_key": world.key("users", u), "uid": f"uid-{u}", "identify_id": u, "created_at": created,
             "sign_up_at": None if u == "bob" else created + timedelta(days=1), "modified_at": at("04:30"),
             "deleted": u == "gone", "account_key": world.key("accounts", a), "attributes": json.dumps(attributes)}
            for u, a, attributes in users), USER_COLUMNS).to_reader,
        accounts=people(world, (
            {"account_key": world.key("accounts", a), "account_id": a, "created_at": created,
             "modified_at": at("04:30"), "deleted": a == "quiet", "attributes": json.dumps(attributes)}
            for a, attributes in accounts), ACCOUNT_COLUMNS).to_reader,
        links=people(world, [
            {"anonymous_key": world.key("visitors", "v-bob"), "user_key": world.key("users", "bob"), "at": at("05:30")},
        ], LINK_COLUMNS),
        members=people(world, [
            {"user_key": world.key("users", "ada"), "account_key": world.key("accounts", "acme"), "at": created},
        ], MEMBER_COLUMNS),
        metadata=METADATA,
        custom_attributes={"user": [("vip", "BOOLEAN"), ("Plan", "STRING"), ("seats", "NUMBER"), ("a & b", "STRING")],
                           "account": [("tier", "NUMBER")]},
    )  # fmt: skip
