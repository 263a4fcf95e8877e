"""Users, accounts and metadata as of the day's end, with the totals that add up over days."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from footfall.engines.audience_values import attribute_name, attribute_pointer
from footfall.engines.database import Database, literal, query
from footfall.model.columns import Field
from footfall.portions import JSON_AT_ONCE, ROWS_AT_ONCE

if TYPE_CHECKING:
    from footfall.model.metadata import Engagement, Metadata
    from footfall.ports import DayInput

# SQL that is true of attributes of which ROWS_AT_ONCE are more than may be read at once.
ARE_LONG: Final = f"strlen(attributes) > {JSON_AT_ONCE // ROWS_AT_ONCE}"
_TOTALS: Final = "add up the days' activity"
_SNAPSHOT: Final = "read users and accounts"


def build_totals(database: Database, day: DayInput) -> None:
    """Make ``activity`` (with the age of each row in days), ``user_totals`` and ``engagement_views``.

    The day itself is counted from its events, earlier days from their activity files; later ones are not looked at.
    """
    parts = [f"SELECT 0 AS age, * FROM ({query('activity_of_day')})"]
    for earlier in sorted(d for d in day.activity if d < day.day):
        age = (day.day - earlier).days
        parts.append(f"SELECT {age} AS age, * FROM read_parquet({literal(day.activity[earlier])})")
    merged = (
        "SELECT a.* REPLACE (coalesce(m.into_key, a.user_key) AS user_key) "
        f"FROM ({' UNION ALL '.join(parts)}) a LEFT JOIN merges m ON m.user_key = a.user_key"
    )
    database.run(f"CREATE TABLE activity AS {merged}", _TOTALS)
    database.run(
        "CREATE TABLE user_totals AS SELECT user_key, sum(visits)::BIGINT AS visits, "
        "sum(web_visits)::BIGINT AS web_visits, max(seen_at) AS seen_at "
        "FROM activity WHERE user_key IS NOT NULL GROUP BY user_key",
        _TOTALS,
    )
    database.run(
        "CREATE TABLE engagement_views AS SELECT t.text AS id, sum(a.views)::BIGINT AS views "
        "FROM activity a JOIN term_texts t ON t.key = a.engagement GROUP BY t.text",
        _TOTALS,
    )


def present_attributes(database: Database, table: str) -> frozenset[str] | None:
    """Names of the attributes that anybody of the snapshot has. Found once: reading all attributes takes its time.

    None where some are too long to be read together: then any may be there.
    """
    if database.number(f"SELECT count(*) FROM {table} WHERE {ARE_LONG}", _SNAPSHOT):
        return None
    found = f"SELECT DISTINCT unnest(json_keys(attributes)) AS name FROM {table}"
    database.run(f"CREATE TABLE IF NOT EXISTS {table}_attributes AS {found}", _SNAPSHOT)
    names = database.one(f"SELECT list(name) FROM {table}_attributes", _SNAPSHOT)[0]
    return frozenset(names) if isinstance(names, list) else frozenset()


def is_attribute(f: Field) -> bool:
    """Whether the column is filled from the attributes of the user or account."""
    return f.source.partition(".")[0] in ("attribute", "custom")


def attributes_sql(fields: Sequence[Field]) -> str:
    """SQL for a list of texts over the relation's ``attributes``, one for each field."""
    pointers = (literal(attribute_pointer(attribute_name(f.source))) for f in fields)
    return f"json_extract_string(attributes, [{', '.join(pointers)}])"


def take_metadata(database: Database, metadata: Metadata) -> None:
    """Make tables of what is known today: ``engagement_rows``, ``feature_rows`` and ``question_texts``."""
    features = metadata.features
    asked = [(s.id, q.id, q.text) for s in metadata.surveys for q in s.questions]
    for name, table in {
        "engagement_rows": _engagements(metadata.all_engagements),
        "feature_rows": _strings(
            id=(f.id for f in features),
            name=(f.name for f in features),
            type=(f.type for f in features),
            parentFeatureId=(f.parent_feature_id for f in features),
            propertyKey=(f.product_key for f in features),
            status=(f.status for f in features),
        ),
        "question_texts": _strings(
            engagement_id=(a[0] for a in asked), question_id=(a[1] for a in asked), text=(a[2] for a in asked)
        ),
    }.items():
        database.take(name, table.to_reader())


def _engagements(engagements: Sequence[Engagement]) -> pa.Table:
    table = _strings(
        id=(e.id for e in engagements),
        name=(e.name for e in engagements),
        type=(e.type for e in engagements),
        productGroup=(e.product_group for e in engagements),
        channel=(e.channel for e in engagements),
        environments=(listed(e.environments) for e in engagements),
        labels=(listed(e.labels) for e in engagements),
        groupName=(e.group_name for e in engagements),
        priorityGroupName=(e.priority_group_name for e in engagements),
        status=(e.status for e in engagements),
        ignoreThrottling=("true" if e.ignore_throttling else "false" for e in engagements),
        audienceURLs=(listed(e.audience_urls) for e in engagements),
        createdDate=(_instant(e.created_at) for e in engagements),
        lastModifiedDate=(_instant(e.modified_at) for e in engagements),
        lastModifiedBy=(e.modified_by for e in engagements),
    )
    ranks = pa.array([e.priority_rank for e in engagements], pa.int64())
    return table.append_column("priorityRank", ranks)


def listed(items: Sequence[str]) -> str | None:
    """Items joined by commas, each quoted as a CSV field would be where it must; None when there are none."""
    if not items:
        return None
    return ",".join('"' + i.replace('"', '""') + '"' if any(c in i for c in '",\r\n') else i for i in items)


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _strings(**columns: Iterable[str | None]) -> pa.Table:
    return pa.table({name: pa.array(list(values), pa.string()) for name, values in columns.items()})
