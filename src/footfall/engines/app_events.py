"""The app-event stream: one JSON object a line, in the shape of the vendor's example.

The standard fields come first, then what belongs to the type of the event, then what the client sent; a client's field
never takes the name of one before it. Ids are UUIDs: a client's own where it is one, else a UUIDv5 (RFC 9562, 5.5) in
the namespace of the subscription. Source: Airkit, "App Events to AWS S3 Buckets".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

import pyarrow as pa

from footfall.engines.database import Limits, literal
from footfall.engines.rendering import text_of
from footfall.engines.slices import Making, Objects
from footfall.engines.windows import Texts, WindowRows
from footfall.model.app_events import STANDARD_FIELDS, detail_of, kind_of, schema_of, type_of
from footfall.model.columns import LONG, MOMENT, OBJECT, STRING
from footfall.model.event import DETAIL_FIELD, NAME_FIELD, EventType
from footfall.model.manifest import FilePart
from footfall.ports import Column, EventSelection

# Fields of ours beyond the standard ones: printed name -> SQL of JSON text, NULL where an event has none.
_OWN: Final = {
    "executionId": "to_json(e.execution_id)::VARCHAR",
    "stepNumber": "CAST(e.step_number AS VARCHAR)",
}
# Text of a row beside its properties.
_ROW_BYTES: Final = 700
_TYPED: Final = {"eventTime": MOMENT, "stepNumber": LONG, "ipAddresses": OBJECT, "defaultMetrics": OBJECT,
                 "properties": OBJECT}  # fmt: skip
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
        ids = {"users": "uuid5(text)", "visitors": "id_of('visitor', text)", "accounts": "NULL"}
        printed = {"terms": "to_json(text)::VARCHAR", **ids}
        self._window = WindowRows(spill, limits, wanted, texts, ("properties",), printed, _ROW_BYTES)
        blob = "".join(f"\\x{byte:02X}" for byte in workspace.subscription_id.bytes)
        self._window.database.script(_MACROS.replace("{namespace}", f"'{blob}'::BLOB"))
        for _ in self._window.scan():
            pass
        self.rows, self.parts = self._window.rows, self._window.parts

    def close(self) -> None:
        self._window.close()

    def chunks(self, part: FilePart = ()) -> Iterator[tuple[int, memoryview | bytes]]:
        """Yield (rows, text) of a file."""
        for rows in self._window.render(part, self._making({"text": self._row()})):
            yield rows.num_rows, text_of(rows.column(0))

    def _making(self, row: Mapping[str, str]) -> Making:
        product, environment = "t.plain[e.product]", "t.plain[e.environment]"
        shared = {
            "x_app": f"uuid5(concat('product:', {product}))",
            "x_branch": f"uuid5(concat('environment:', {environment}))",
            "x_deploy": f"uuid5(concat('deploy:', {product}, ':', {environment}))",
            "x_type": _by_type(type_of, own="t.text[e.name]"),
            "x_runtime": "upper(t.text[e.channel])",
            "x_detail": _by_type(detail_of),
            "x_schema": _by_type(schema_of),
            "x_kind": _by_type(kind_of),
        } | {f"own_{place}": sql for place, sql in enumerate(_named().values())}
        own = {
            "x_session": "CASE WHEN e.session_id IS NOT NULL THEN id_of('session', e.session_id) END",
            "x_id": "id_of(concat('event:', t.plain[e.source]), e.event_id)",
        }
        rest = (
            "json_merge_patch(coalesce(json_extract(e.properties, '$.attributes'), '{}'), "
            f"coalesce(e.properties, '{{}}'), {literal(_taken())})::VARCHAR"
        )
        return Making(row, shared, Objects(("properties",), [{"x_rest": rest}]), own)

    def _row(self) -> str:
        """SQL of the line; NULL fields are left out."""
        texts = ", ".join(f"{literal(json.dumps(name) + ':')} || {sql}" for name, sql in self._fields().items())
        return f"concat('{{', concat_ws(',', {texts}, nullif(x_rest[2:-2], '')), '}}', chr(10))"

    def _fields(self) -> dict[str, str]:
        """Printed name -> SQL of JSON text, NULL where an event has none."""
        organization = json.dumps(str(self._workspace.organization_id))
        billing = json.dumps(self._workspace.billing_code, ensure_ascii=False)
        return (
            {
                "organizationId": literal(organization),
                "eventTime": _quoted("instant(e.occurred_at)"),
                "appId": _quoted("x_app"),
                "branchId": _quoted("x_branch"),
                "sessionId": _quoted("x_session"),
                "deployId": _quoted("x_deploy"),
                "type": "x_type",
                "actorId": _quoted("coalesce(users.text, visitors.text)"),
                "sourceRuntime": "x_runtime",
                "sourceDetail": "x_detail",
                "appEventSchema": "x_schema",
                "appEventId": _quoted("x_id"),
                # Addresses are no column of the lake.
                "ipAddresses": "'[]'",
                "billingCode": literal(billing),
                "kind": "x_kind",
                "defaultMetrics": """concat('{', x_schema, ':{"', x_id, '":{"count":1}}}')""",
            }
            | _OWN
            | {name: f"own_{place}" for place, name in enumerate(_named())}
        )


class AppEventTable(AppEventText):
    """``ports.EventTable`` of the app-event stream: the fields of ours are columns, the same in every file.

    What the client sent is an object in ``properties``.
    """

    def __init__(self, spill: Path, limits: Limits, wanted: EventSelection, texts: Texts, workspace: Workspace) -> None:
        super().__init__(spill, limits, wanted, texts, workspace)
        self.columns = tuple(Column(name, _TYPED.get(name, STRING)) for name in (*self._fields(), "properties"))

    def tables(self, part: FilePart = ()) -> Iterator[pa.Table]:
        """Yield the rows, a column for each of ``columns``; instants and numbers as texts, objects as JSON."""
        told = {name: sql if _TYPED.get(name) == OBJECT else _plain(sql) for name, sql in self._fields().items()}
        row = {f"c{n}": sql for n, sql in enumerate([*told.values(), "nullif(x_rest, '{}')"])}
        for rows in self._window.render(part, self._making(row)):
            yield pa.Table.from_batches([rows]).rename_columns([column.name for column in self.columns])


def _plain(sql: str) -> str:
    """A text or a number out of its JSON."""
    return f"json_extract_string({sql}, '$')"


def _quoted(column: str) -> str:
    """An instant or a UUID as JSON: nothing in it needs an escape."""
    return f"""'"' || {column} || '"'"""


def _by_type(word: object, own: str = "") -> str:
    """JSON text that depends on the type of the event alone; ``own`` where it names itself."""
    assert callable(word)
    cases = " ".join(f"WHEN {int(each)} THEN {literal(json.dumps(word(each)))}" for each in EventType if word(each))
    return f"CASE e.type {cases} ELSE {own or 'NULL'} END"


def _named() -> dict[str, str]:
    """Fields of ours that are terms: printed name -> SQL of JSON text."""
    found = {"locale": "t.text[e.locale]", "triggerType": "t.text[e.trigger_type]"}
    for term, fields in (("name", NAME_FIELD), ("detail", DETAIL_FIELD)):
        named: dict[str, list[int]] = {}
        for kind, field in fields.items():
            named.setdefault(field, []).append(int(kind))
        for field, kinds in named.items():
            first, *others = field.split("_")
            name = first + "".join(map(str.capitalize, others))
            found[name] = f"CASE WHEN e.type IN ({', '.join(map(str, kinds))}) THEN t.text[e.{term}] END"
    return found


def _taken() -> str:
    """A merge patch (RFC 7396) that deletes the names of ours."""
    return json.dumps(dict.fromkeys((*STANDARD_FIELDS, *_OWN, *_named(), "attributes")))
