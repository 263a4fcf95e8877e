"""The app-event stream: one JSON object a line, in the shape of the vendor's example.

The standard fields come first, then what belongs to the type of the event, then what the client sent; a client's field
never takes the name of one before it. Ids are UUIDs: a client's own where it is one, else a UUIDv5 (RFC 9562, 5.5) in
the namespace of the subscription. Source: Airkit, "App Events to AWS S3 Buckets".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

from footfall.engines.database import Limits, literal
from footfall.engines.windows import Texts, WindowRows
from footfall.model.app_events import STANDARD_FIELDS, detail_of, kind_of, schema_of, type_of
from footfall.model.event import DETAIL_FIELD, NAME_FIELD, EventType
from footfall.ports import Column, EventSelection

# Fields of ours beyond the standard ones: printed name -> SQL of JSON text, NULL where an event has none.
_OWN: Final = {
    "executionId": "to_json(e.execution_id)::VARCHAR",
    "stepNumber": "CAST(e.step_number AS VARCHAR)",
    "locale": "t_locale.text",
    "triggerType": "t_trigger_type.text",
}
_TERMS: Final = ("source", "product", "environment", "channel", "name", "detail", "locale", "trigger_type")
_UUID: Final = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_MACROS: Final = f"""
CREATE MACRO as_uuid5(digest) AS concat(digest[1:8], '-', digest[9:12], '-5', digest[14:16], '-',
    translate(digest[17:17], '0123456789abcdef', '89ab89ab89ab89ab'), digest[18:20], '-', digest[21:32]);
CREATE MACRO uuid5(text) AS as_uuid5(sha1({{namespace}} || encode(text)));
CREATE MACRO id_of(kind, text) AS
    CASE WHEN regexp_full_match(text, '{_UUID}') THEN lower(text) ELSE uuid5(concat(kind, ':', text)) END;
CREATE MACRO instant(moment) AS strftime(make_timestamp(epoch_us(moment)), '%Y-%m-%dT%H:%M:%S.%fZ');
"""


@dataclass(frozen=True, slots=True)
class Workspace:
    """Whose events they are. billing_code: what every event is billed as."""

    organization_id: UUID
    subscription_id: UUID
    billing_code: str = "Journey"


class AppEventText:
    """``ports.EventText`` of the app-event stream. Every row may have columns of its own."""

    columns: Sequence[Column] = ()

    def __init__(self, spill: Path, limits: Limits, wanted: EventSelection, texts: Texts, workspace: Workspace) -> None:
        self._workspace = workspace
        self._window = WindowRows(spill, limits, wanted, texts, lambda sql: f"to_json({sql})::VARCHAR")
        blob = "".join(f"\\x{byte:02X}" for byte in workspace.subscription_id.bytes)
        self._window.database.script(_MACROS.replace("{namespace}", f"'{blob}'::BLOB"))
        found = list(self._window.ask("count(*), coalesce(max(strlen(properties)), 0)"))
        self.rows = sum(int(str(rows)) for rows, _ in found)
        self._row_bytes = max((int(str(size)) for _, size in found), default=0)

    def close(self) -> None:
        self._window.close()

    def chunks(self) -> Iterator[tuple[int, memoryview | bytes]]:
        """Yield (rows, text)."""
        yield from self._window.render(self._statement, 1_000 + self._row_bytes)

    def _statement(self, rows: str) -> str:
        joins = "".join(f" LEFT JOIN terms t_{term} ON t_{term}.key = e.{term}" for term in _TERMS)
        ids = "".join(
            f" LEFT JOIN (SELECT key, uuid5(concat('{kind}:', plain)) AS id FROM terms) {kind}_ids "
            f"ON {kind}_ids.key = e.{kind}"
            for kind in ("product", "environment")
        )
        values = {
            "x_seq": "e.ingest_seq",
            "x_at": "instant(e.occurred_at)",
            "x_app": "product_ids.id",
            "x_branch": "environment_ids.id",
            "x_session": "CASE WHEN e.session_id IS NOT NULL THEN id_of('session', e.session_id) END",
            "x_deploy": "uuid5(concat('deploy:', t_product.plain, ':', t_environment.plain))",
            "x_type": _by_type(type_of, own="t_name.text"),
            "x_actor": "coalesce(users.id, visitors.id)",
            "x_runtime": "upper(t_channel.text)",
            "x_detail": _by_type(detail_of),
            "x_schema": _by_type(schema_of),
            "x_id": "id_of(concat('event:', t_source.plain), e.event_id)",
            "x_kind": _by_type(kind_of),
            "x_rest": "json_merge_patch(json_merge_patch(coalesce(json_extract(e.properties, '$.attributes'), '{}'), "
            f"coalesce(e.properties, '{{}}')), {literal(_taken())})::VARCHAR",
        } | {f"own_{place}": sql for place, sql in enumerate(_own().values())}
        picked = ", ".join(f"{sql} AS {name}" for name, sql in values.items())
        return (
            f"SELECT {self._row()} AS text FROM (SELECT {picked} FROM ({rows}) e{joins}{ids} "
            "LEFT JOIN (SELECT key, uuid5(plain) AS id FROM users) users ON users.key = e.user_key "
            "LEFT JOIN (SELECT key, id_of('visitor', plain) AS id FROM visitors) visitors "
            "ON visitors.key = e.anonymous_key) ORDER BY x_seq"
        )

    def _row(self) -> str:
        """SQL of the line; NULL fields are left out."""
        organization = json.dumps(str(self._workspace.organization_id))
        billing = json.dumps(self._workspace.billing_code, ensure_ascii=False)
        fields = {
            "organizationId": literal(organization),
            "eventTime": _quoted("x_at"),
            "appId": _quoted("x_app"),
            "branchId": _quoted("x_branch"),
            "sessionId": _quoted("x_session"),
            "deployId": _quoted("x_deploy"),
            "type": "x_type",
            "actorId": _quoted("x_actor"),
            "sourceRuntime": "x_runtime",
            "sourceDetail": "x_detail",
            "appEventSchema": "x_schema",
            "appEventId": _quoted("x_id"),
            # Addresses are no column of the lake.
            "ipAddresses": "'[]'",
            "billingCode": literal(billing),
            "kind": "x_kind",
            "defaultMetrics": """concat('{', x_schema, ':{"', x_id, '":{"count":1}}}')""",
        } | {name: f"own_{place}" for place, name in enumerate(_own())}
        texts = ", ".join(f"{literal(json.dumps(name) + ':')} || {sql}" for name, sql in fields.items())
        return f"concat('{{', concat_ws(',', {texts}, nullif(x_rest[2:-2], '')), '}}', chr(10))"


def _quoted(column: str) -> str:
    """An instant or a UUID as JSON: nothing in it needs an escape."""
    return f"""'"' || {column} || '"'"""


def _by_type(word: object, own: str = "") -> str:
    """JSON text that depends on the type of the event alone; ``own`` where it names itself."""
    assert callable(word)
    cases = " ".join(f"WHEN {int(each)} THEN {literal(json.dumps(word(each)))}" for each in EventType if word(each))
    return f"CASE e.type {cases} ELSE {own or 'NULL'} END"


def _own() -> dict[str, str]:
    found = dict(_OWN)
    for term, fields in (("name", NAME_FIELD), ("detail", DETAIL_FIELD)):
        named: dict[str, list[int]] = {}
        for kind, field in fields.items():
            named.setdefault(field, []).append(int(kind))
        for field, kinds in named.items():
            first, *others = field.split("_")
            name = first + "".join(map(str.capitalize, others))
            found[name] = f"CASE WHEN e.type IN ({', '.join(map(str, kinds))}) THEN t_{term}.text END"
    return found


def _taken() -> str:
    """A merge patch (RFC 7396) that deletes the names of ours."""
    return json.dumps(dict.fromkeys((*STANDARD_FIELDS, *_own(), "attributes")))
