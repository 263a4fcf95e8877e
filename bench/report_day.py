"""A busy day for the reports: the same events as the lake holds them and as plain strings, for us and for a peer.

Users follow Zipf's law with exponent 0.95. Everything is computed inside DuckDB from the row number, so the day is the
same on every run and 20 M events take a minute.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from footfall.model.days import Zone
from footfall.model.event import EventType as T
from footfall.model.metadata import Article, Engagement, Feature, Metadata
from footfall.ports import DayInput

DAY: Final = date(2026, 11, 1)
ZONE: Final = Zone("America/New_York", ZoneInfo("America/New_York"), "bench")
FEATURES, ENGAGEMENTS, NAMES, ARTICLES = 200, 100, 300, 50
PRODUCTS, ENVIRONMENTS = 5, ("Production", "Stage", "QA")
EVENT_0: Final = 'Event 0, "quoted"'
EMAIL_WORDS: Final = ("DELIVERED", "OPEN", "CLICK", "BOUNCE")
# Shares of a thousand events.
MIX: Final = (
    (T.SESSION_STARTED, 60), (T.SESSION_ENDED, 40), (T.PAGE_VIEW, 380), (T.CLICK, 60), (T.FORM_SUBMIT, 30),
    (T.SEGMENT_MATCH, 30), (T.FEATURE_MATCH, 180), (T.CUSTOM, 120), (T.ENGAGEMENT_VIEW, 50), (T.ENGAGEMENT_CLICK, 15),
    (T.EMAIL_EVENT, 15), (T.ARTICLE_VIEW, 10), (T.SURVEY_RESPONSE, 3), (T.SURVEY_ANSWER, 3), (T.FEEDBACK, 1),
    (T.IDENTIFY, 3),
)  # fmt: skip

# Nothing to resolve. Made here and not with a day: the first Arrow table imports pandas where that is installed, as it
# is for the tests and not for the product.
_AT: Final = ("at", pa.timestamp("us", "UTC"))
_LINKS: Final = pa.schema([("anonymous_key", pa.int32()), ("user_key", pa.int32()), _AT]).empty_table()
_MERGES: Final = pa.schema([("user_key", pa.int32()), ("into_key", pa.int32())]).empty_table()
_MEMBERS: Final = pa.schema([("user_key", pa.int32()), ("account_key", pa.int32()), _AT]).empty_table()


@dataclass(frozen=True, slots=True)
class Made:
    """lake: files with keys. plain: the same events with text. people, texts: as the store would give them."""

    lake: list[str]
    plain: list[str]
    folder: Path
    users: int
    accounts: int
    events: int


def make(folder: Path, events: int, row_groups: int = 20) -> Made:
    """Write the day to ``folder`` in files of a twentieth each; reuse what is there already."""
    users, accounts = max(50, events // 20), max(5, events // 1000)
    made = Made(
        [str(folder / f"lake-{n:02d}.parquet") for n in range(row_groups)],
        [str(folder / f"plain-{n:02d}.parquet") for n in range(row_groups)],
        folder, users, accounts, events,
    )  # fmt: skip
    if (folder / "done").exists():
        return made
    folder.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect(config={"memory_limit": "2GB", "threads": 2, "temp_directory": str(folder / "spill")})
    connection.execute("SET enable_progress_bar = false")
    connection.execute("SET preserve_insertion_order = false")
    _write_people(connection, made)
    for number, (lake, plain) in enumerate(zip(made.lake, made.plain, strict=True)):
        first, last = events * number // row_groups, events * (number + 1) // row_groups
        connection.execute(f"CREATE OR REPLACE TABLE part AS {_rows(made, first, last)}")
        # As the lake writes them: sorted by type, so that a scan for some types skips most row groups.
        ordered = "SELECT * EXCLUDE (ms) FROM part ORDER BY type, ingest_seq"
        connection.execute(f"COPY ({ordered}) TO '{lake}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880)")
        connection.execute(f"COPY ({_plain()}) TO '{plain}' (FORMAT parquet, COMPRESSION zstd)")
    (folder / "done").touch()
    return made


def day_input(made: Made, **parts: Any) -> DayInput:
    """What the engine is given. Every event names its user and its account, so nothing is left to resolve."""
    tables = {name: pq.read_table(made.folder / f"{name}.table") for name in ("users", "accounts", "terms")}
    bounds = ZONE.bounds(DAY)
    given: dict[str, Any] = {
        "day": DAY, "start": bounds.start, "end": bounds.end, "zone": ZONE, "files": made.lake, "activity": {},
        "users": partial(_streamed, made.folder / "people.table"),
        "accounts": partial(_streamed, made.folder / "firms.table"),
        "links": _LINKS,
        "merges": _MERGES,
        "members": _MEMBERS,
        "texts": {name: tables[name] for name in ("users", "accounts", "terms")},
        "metadata": metadata(),
        "custom_attributes": {"user": [("tier", "STRING")], "account": []},
    }  # fmt: skip
    return DayInput(**{**given, **parts})


def _streamed(path: Path) -> pa.RecordBatchReader:
    """As the store does it: batch by batch."""
    reader: pa.RecordBatchReader = (
        duckdb.connect(config={"memory_limit": "64MB", "threads": 1})
        .sql(f"SELECT * FROM read_parquet('{path}')")
        .to_arrow_reader(50_000)
    )
    return reader


def metadata() -> Metadata:
    return Metadata(
        features=tuple(Feature(f"feature-{n}", f'Feature {n}, "quoted"') for n in range(FEATURES)),
        engagements=tuple(
            Engagement(id=f"engagement-{n}", name=f"Engagement {n}", type="IN_APP_GUIDE") for n in range(ENGAGEMENTS)
        ),
        articles=tuple(
            Article("ZENDESK_ARTICLE_PROVIDER", f"article-{n}", f"Article {n}", f"https://help.example/{n}")
            for n in range(ARTICLES)
        ),
    )


# --- terms -------------------------------------------------------------------------------------------------------


def _terms() -> list[str]:
    return [
        *(f"AP-PRODUCT-{n}" for n in range(PRODUCTS)), *ENVIRONMENTS, "web", "ios", "tag", "mail", "en-US", "de",
        "AUTOMATIC", "BADGE", "VIEWED", "COMPLETED", *(f"EMAIL_TRACK_{w}" for w in EMAIL_WORDS),
        "ZENDESK_ARTICLE_PROVIDER", "IN_APP_SURVEY_NPS", "SCORE",
        *(f"feature-{n}" for n in range(FEATURES)), *(f"engagement-{n}" for n in range(ENGAGEMENTS)),
        *(f'Event {n}, "quoted"' for n in range(NAMES)), *(f"article-{n}" for n in range(ARTICLES)),
        *(f"audience-{n}" for n in range(20)),
    ]  # fmt: skip


def _key(text: str) -> int:
    return _terms().index(text) + 1


def _write_people(connection: duckdb.DuckDBPyConnection, made: Made) -> None:
    terms = _terms()
    pq.write_table(
        pa.table({"key": pa.array(range(1, len(terms) + 1), pa.int32()), "text": terms}), made.folder / "terms.table"
    )
    connection.register("terms", pq.read_table(made.folder / "terms.table"))
    created = f"make_timestamp({_us(datetime(2026, 9, 1, tzinfo=UTC))})::TIMESTAMPTZ"
    for name, sql in {
        "users": f"SELECT k::INTEGER AS key, concat('user-', md5(k::VARCHAR)[:20], '@example.com') AS text "
                 f"FROM range(1, {made.users + 1}) t(k)",
        "accounts": f"SELECT k::INTEGER AS key, concat('account-', md5(k::VARCHAR)[:12]) AS text "
                    f"FROM range(1, {made.accounts + 1}) t(k)",
        "people": f"SELECT key AS user_key, concat('uid-', key) AS uid, text AS identify_id, {created} AS created_at, "
                  f"{created} AS sign_up_at, {created} AS modified_at, false AS deleted, "
                  f"(1 + key % {made.accounts})::INTEGER AS account_key, concat('{{\"email\":\"', text, "
                  "'\",\"firstName\":\"Ada\",\"score\":', key % 100, ',\"tier\":\"gold\"}') AS attributes FROM users",
        "firms": f"SELECT key AS account_key, text AS account_id, {created} AS created_at, "
                 f"{created} AS modified_at, false AS deleted, "
                 f"concat('{{\"name\":\"Firm ', key, '\",\"plan\":\"pro\"}}') AS attributes FROM accounts",
    }.items():  # fmt: skip
        connection.execute(f"CREATE TABLE {name} AS {sql}")
        connection.execute(f"COPY {name} TO '{made.folder / name}.table' (FORMAT parquet)")


def _us(at: datetime) -> int:
    return int(at.timestamp()) * 1_000_000


def _rows(made: Made, first: int, last: int) -> str:
    """Columns of the lake. Random bits come from hashes of the row number."""
    start, end = (_us(b) for b in (ZONE.bounds(DAY).start, ZONE.bounds(DAY).end))
    slots = (end - start) // 1_800_000_000
    pieces, share_so_far = [], 0
    for event, share in MIX:
        share_so_far += share
        pieces.append(f"WHEN pick < {share_so_far} THEN {int(event)}")
    name = (
        f"CASE WHEN type = {T.CUSTOM} THEN {_key(EVENT_0)} + h2 % {NAMES} "
        f"WHEN type = {T.FEATURE_MATCH} THEN {_key('feature-0')} + h2 % {FEATURES} "
        f"WHEN type = {T.SEGMENT_MATCH} THEN {_key('audience-0')} + h2 % 20 "
        f"WHEN type = {T.ARTICLE_VIEW} THEN {_key('article-0')} + h2 % {ARTICLES} "
        f"WHEN type IN (14, 15, 16, 17, 19) THEN {_key('engagement-0')} + h2 % {ENGAGEMENTS} END"
    )
    detail = (
        f"CASE WHEN type = {T.ENGAGEMENT_VIEW} THEN {_key('VIEWED')} + (h3 % 4 = 0)::INTEGER "
        f"WHEN type = {T.EMAIL_EVENT} THEN {_key('EMAIL_TRACK_DELIVERED')} + h3 % {len(EMAIL_WORDS)} "
        f"WHEN type = {T.ARTICLE_VIEW} THEN {_key('ZENDESK_ARTICLE_PROVIDER')} "
        f"WHEN type = {T.SURVEY_RESPONSE} THEN {_key('IN_APP_SURVEY_NPS')} "
        f"WHEN type = {T.SURVEY_ANSWER} THEN {_key('SCORE')} END"
    )
    properties = (
        f"CASE WHEN type IN ({int(T.PAGE_VIEW)}, {int(T.CLICK)}) "
        f'THEN concat(\'{{"page":{{"path":"/p/\', h2 % 500, \'"}}}}\') '
        f"WHEN type = {T.ENGAGEMENT_CLICK} THEN concat('{{\"link_url\":\"https://app.example/', h2 % 500, '\"}}') "
        f'WHEN type IN (16, 17) THEN concat(\'{{"score":\', h2 % 11, \',"comment":"fine, thanks"}}\') '
        f'WHEN type = {T.FEEDBACK} THEN \'{{"subject":"Idea","description":"more of it"}}\' END'
    )
    # The inverse of Zipf's distribution with exponent 0.95: rank = (1 + u * (n^0.05 - 1))^20.
    zipf = f"least({made.users}, pow(1 + u * (pow({made.users}, 0.05) - 1), 20)::INTEGER)"
    return f"""
        WITH drawn AS (
            SELECT i, hash(i) AS h1, (hash(i, 2) % 1000003)::INTEGER AS h2, (hash(i, 3) % 1000003)::INTEGER AS h3,
                (hash(i, 4) >> 11) / 9007199254740992.0 AS u, (hash(i, 5) % 1000)::INTEGER AS pick
            FROM range({first}, {last}) t(i)
        ), who AS (
            SELECT *, CASE {" ".join(pieces)} ELSE {int(T.PAGE_VIEW)} END AS type, {zipf} AS user_key FROM drawn
        ), seated AS (
            -- One visit of half an hour for every dozen events that a user of this rank has, two at least.
            SELECT *, hash(user_key, h1 % greatest(2, least(40, {made.events} // (150 * user_key)))) % {slots} AS visit
            FROM who
        ), typed AS (
            SELECT *, {start} + visit::BIGINT * 1800000000 + (h1 % 1800000000)::BIGINT AS us FROM seated
        )
        SELECT
            i + 1 AS ingest_seq, type::SMALLINT AS type, make_timestamp(us)::TIMESTAMPTZ AS occurred_at,
            make_timestamp(us)::TIMESTAMPTZ AS received_at, {_key("tag")}::INTEGER AS source,
            md5(i::VARCHAR)[:24] AS event_id, user_key::INTEGER AS user_key, NULL::INTEGER AS anonymous_key,
            (1 + user_key % {made.accounts})::INTEGER AS account_key,
            (1 + user_key % 2 + (h3 % 20 = 0)::INTEGER)::INTEGER AS product,
            ({_key("Production")} + (h3 % 50 = 1)::INTEGER)::INTEGER AS environment,
            {_key("web")}::INTEGER AS channel, ({name})::INTEGER AS name, ({detail})::INTEGER AS detail,
            (hash(user_key, visit) >> 1)::BIGINT AS session_key,
            concat('s-', user_key, '-', visit) AS session_id,
            CASE WHEN type IN (14, 15) THEN concat('x-', user_key, '-', h2 % {ENGAGEMENTS}) END AS execution_id,
            CASE WHEN type IN (14, 15) THEN h3 % 5 END::INTEGER AS step_number,
            {_key("en-US")}::INTEGER AS locale,
            CASE WHEN type IN (14, 15, 16, 17) THEN {_key("AUTOMATIC")} END::INTEGER AS trigger_type,
            {properties} AS properties, NULL::VARCHAR AS global_context, us // 1000 AS ms
        FROM typed"""


def _plain() -> str:
    """The same events with text instead of keys: what somebody without our lake would query."""
    terms = ("source", "product", "environment", "channel", "name", "detail", "locale", "trigger_type")
    joins = " ".join(f"LEFT JOIN terms t_{c} ON t_{c}.key = p.{c}" for c in terms)
    texts = ", ".join(f"t_{c}.text AS {c}" for c in terms)
    words = " ".join(f"WHEN {int(t)} THEN '{t.name}'" for t in T)
    return (
        f"SELECT CASE p.type {words} END AS type, p.occurred_at, p.event_id, u.text AS user_id, a.text AS account_id, "
        f"{texts}, p.session_id, p.execution_id, p.step_number, p.properties "
        f"FROM part p JOIN users u ON u.key = p.user_key JOIN accounts a ON a.key = p.account_key {joins}"
    )
