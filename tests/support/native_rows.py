"""Rows as events of the native dialect, one JSON object after the other: what imported rows have to mean."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from footfall.model.imports import Columns
from footfall.ports import Row
from footfall.wire.row_instants import instant

EMPTY = (None, "")


class _Bad(Exception):
    """Its code."""


def native_events(
    import_id: str, stream: str, at: datetime, columns: Columns, rows: Iterable[Row]
) -> tuple[bytes, int, list[tuple[int, str]]]:
    """A body of the native dialect, how many events it has, and (number, code) of rows without one."""
    made, bad = [], []
    for row in rows:
        try:
            event = _event(msgspec.json.decode(row.body), row, stream, at, columns)
            made.append({**event, "event_id": f"{import_id}-{row.number}", "attributes": msgspec.Raw(row.body)})
        except _Bad as error:
            bad.append((row.number, str(error)))
    return msgspec.json.encode(made), len(made), bad


def _event(said: dict[str, Any], row: Row, stream: str, at: datetime, columns: Columns) -> dict[str, Any]:
    named = {name: getattr(columns, name) for name in ("identify_id", "anonymous_id", "account_id")}
    event: dict[str, Any] = {"occurred_at": at.isoformat()}
    if columns.timestamp:
        try:
            event["occurred_at"] = instant(said.get(columns.timestamp), columns.timestamp_format) or at.isoformat()
        except ValueError:
            raise _Bad("bad_timestamp") from None
    if not columns.people:
        event["event_name"] = _name(said.get(columns.event_name), stream)
    for name, column in named.items():
        if column and (who := _identity(said.get(column))) is not None:
            event[name] = who
    known = "identify_id" in event or "anonymous_id" in event
    if columns.people and not known:
        raise _Bad("missing_user")
    event["type"] = "identify" if columns.people else "custom" if known else "platform_event"
    user = {name: value for name, column in columns.user.items() if (value := said.get(column)) not in EMPTY}
    account = {name: value for name, column in columns.account.items() if (value := said.get(column)) not in EMPTY}
    if known and user:
        event["user"] = user
    if known and "account_id" in event and (account or columns.people):
        event["account"] = account | {"id": event["account_id"]}
    return event


def _identity(value: Any) -> str | int | None:
    if value in EMPTY:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise _Bad("bad_type")
    if len(str(value)) > 512:
        raise _Bad("too_long")
    return value if isinstance(value, int) and -(1 << 63) <= value < 1 << 63 else str(value)


def _name(value: Any, stream: str) -> str:
    if value in EMPTY:
        return stream
    name = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    if len(name) > 512:
        raise _Bad("too_long")
    return name
