"""Where the value of each field of a user comes from, as SQL over ``people`` p."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from footfall.engines.database import Database, literal
from footfall.model.audience_export import MULTI_CSV
from footfall.model.columns import BOOLEAN, LONG, NUMBER
from footfall.model.instants import to_us
from footfall.model.user_fields import ANONYMOUS, COUNTED, UserField

if TYPE_CHECKING:
    from footfall.ports import AudienceInput

_READ: Final = "read who users are"
_VALUES: Final = {
    "value.aptrinsicId": "p.uid",
    "user": "p.identify_id",
    "account": "p.account_id",
    "value.createDate": "instant_text(p.created_at)",
    "value.signUpDate": "instant_text(coalesce(p.sign_up_at, p.created_at))",
    "value.lastModifiedDate": "instant_text(p.modified_at)",
    "value.type": "coalesce(json_extract_string(p.attributes, '/type'), 'USER')",
    "value.webAppVisits": "coalesce(t.web_visits, 0)",
    "value.numberOfVisits": "coalesce(t.visits, 0)",
    "value.lastSeenDate": "instant_text(t.seen_at)",
    "value.anonymousIds": "CASE WHEN an.ids IS NOT NULL THEN CAST(to_json(an.ids) AS VARCHAR) END",
    "value.segments": "CAST(to_json(p.segments) AS VARCHAR)",
}


class Values:
    """SQL for the fields of one export.

    links: the visitors who turned out to be users are needed, for ``anonymousIds`` or join keys.
    totals: what is counted from the days' activity is.
    """

    def __init__(self, fields: Iterable[UserField], layout: str) -> None:
        names = {field.name for field in fields}
        self._keyed = layout == MULTI_CSV
        self._links = self._keyed or ANONYMOUS in names
        self._totals = bool(names & COUNTED)
        self._places: dict[str, str] | None = None

    def prepare(self, database: Database, given: AudienceInput) -> None:
        """Make what ``joins`` joins."""
        database.register("account_texts", given.texts("accounts"))
        if self._links or self._totals:
            database.register("merges", given.merges())
        if self._links:
            database.register("links", given.links())
            database.register("visitor_texts", given.texts("visitors"))
            _find_anonymous(database, to_us(given.end))
            database.forget("links", "visitor_texts")
        if self._totals:
            _add_up(database, [path for day, path in sorted(given.activity().items())])
        if self._links or self._totals:
            database.forget("merges")

    @property
    def joins(self) -> str:
        links = "LEFT JOIN anonymous an ON an.user_key = p.user_key " if self._links else ""
        return links + ("LEFT JOIN user_totals t ON t.user_key = p.user_key " if self._totals else "")

    def spread(self, present: Iterable[str]) -> str:
        """From now on attributes are read from what ``people`` p, of which SQL is returned, has of each user.

        present: names of the attributes that anybody has. One reading of the JSON serves all fields this way.
        """
        names = sorted(present)
        if "" in names or len({name.casefold() for name in names}) < len(names):
            # No struct has such names. A list is made as fast, but is read more slowly.
            pointers = ", ".join(literal(attribute_pointer(name)) for name in names)
            found = f"json_extract_string(attributes, [{pointers}])"
            self._places = {name: f"p.attributes_said[{place}]" for place, name in enumerate(names, 1)}
        else:
            shape = literal(json.dumps(dict.fromkeys(names, "VARCHAR"), ensure_ascii=False))
            found = f"from_json(attributes, {shape})" if names else "NULL"
            self._places = {name: f"struct_extract(p.attributes_said, {literal(name)})" for name in names}
        return f"(SELECT * EXCLUDE (attributes), attributes, {found} AS attributes_said FROM people)"

    def sql(self, field: UserField) -> str:
        """SQL for the value: BIGINT, BOOLEAN, or text; ``NULL`` when nobody has it."""
        if field.source in _VALUES:
            return _VALUES[field.source]
        text = self._attribute(attribute_name(field.source))
        if text == "NULL":
            return text
        return as_type(field.type, text)

    def join_key(self) -> str:
        """SQL for the join key; ``NULL`` where files need none."""
        if not self._keyed:
            return "NULL"
        return f"join_key_of(an.ids, {self._attribute('email')}, p.identify_id)"

    def _attribute(self, name: str) -> str:
        if self._places is None:
            return f"json_extract_string(p.attributes, {literal(attribute_pointer(name))})"
        return self._places.get(name, "NULL")


def attribute_name(source: str) -> str:
    """Which attribute a field is filled from, if it is from one: ``plan`` of ``custom.plan``."""
    return source.partition(".")[2]


def as_type(type: str, text: str) -> str:
    """SQL for a value of a type of columns. text: SQL of its text."""
    return {
        LONG: f"whole_number({text})",
        NUMBER: f"number_text({text})",
        BOOLEAN: f"try_cast({text} AS BOOLEAN)",
    }.get(type, text)


def attribute_pointer(name: str) -> str:
    """The place of an attribute in the JSON of a user or account."""
    return "/" + name.replace("~", "~0").replace("/", "~1")


def _find_anonymous(database: Database, end_us: int) -> None:
    """Make ``anonymous``: of each user the visitors who, last before the end, turned out to be that user.

    One who is said to be two users at the same instant is listed with both.
    """
    database.run(
        f"""CREATE TABLE anonymous AS
            SELECT coalesce(m.into_key, l.user_key) AS user_key, list(DISTINCT v.text ORDER BY v.text) AS ids
            FROM (SELECT *, max("at") OVER (PARTITION BY anonymous_key) AS last_at FROM links
                  WHERE epoch_us("at") < {end_us}) l
            JOIN visitor_texts v ON v.key = l.anonymous_key LEFT JOIN merges m ON m.user_key = l.user_key
            WHERE l."at" = l.last_at GROUP BY 1""",
        _READ,
    )


def _add_up(database: Database, files: list[str]) -> None:
    """Make ``user_totals`` of the days' activity files."""
    source = (
        f"read_parquet([{', '.join(map(literal, files))}])"
        if files
        else "(SELECT 0 AS user_key, 0 AS visits, 0 AS web_visits, 0::BIGINT AS seen_at WHERE false)"
    )
    database.run(
        f"""CREATE TABLE user_totals AS
            SELECT coalesce(m.into_key, a.user_key) AS user_key, sum(a.visits)::BIGINT AS visits,
                sum(a.web_visits)::BIGINT AS web_visits, max(a.seen_at) AS seen_at
            FROM {source} a LEFT JOIN merges m ON m.user_key = a.user_key
            WHERE a.user_key IS NOT NULL GROUP BY 1""",
        "add up the days' activity",
    )
