"""A request of OTLP logs in protobuf as the same request in JSON (docs/decisions/dialects.md: why by a reader of ours).

Source: opentelemetry-proto 1.x, ``collector/logs/v1``, ``logs/v1``, ``resource/v1``, ``common/v1``; the protobuf wire
format. Fields that are not read are skipped, as protobuf demands.
"""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from footfall.errors import BadRecord
from footfall.model.reading import EVENTS_MAX

# More fields than this in one body is no batch of events but work for its own sake.
FIELDS_MAX: Final = 500_000
_DEPTH_MAX: Final = 40
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_encode: Final = msgspec.json.Encoder().encode
_Slice = tuple[int, int]
_Field = tuple[int, int, Any]


def as_json(body: bytes) -> bytes:
    """The request as JSON, as the OTLP specification writes it.

    Raises ``BadRecord``: ``malformed``, ``too_deep``, ``too_many_events``.
    """
    return _encode(_Reader(body).request())


class _Reader:
    """One body, read once from front to back."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._fields_left = FIELDS_MAX
        self._records_left = EVENTS_MAX

    def request(self) -> dict[str, Any]:
        return {"resourceLogs": [self._resource_logs(each) for each in self._all((0, len(self._body)), 1)]}

    def _resource_logs(self, place: _Slice) -> dict[str, Any]:
        found: dict[str, Any] = {"scopeLogs": []}
        for number, kind, value in self._fields(place):
            if (number, kind) == (1, _BYTES):
                found["resource"] = {"attributes": [self._key_value(each, 0) for each in self._all(value, 1)]}
            elif (number, kind) == (2, _BYTES):
                found["scopeLogs"].append(self._scope_logs(value))
        return found

    def _scope_logs(self, place: _Slice) -> dict[str, Any]:
        found: dict[str, Any] = {"logRecords": []}
        for number, kind, value in self._fields(place):
            if (number, kind) == (1, _BYTES):
                found["scope"] = self._named(value, _SCOPE)
            elif (number, kind) == (2, _BYTES):
                self._records_left -= 1
                if self._records_left < 0:
                    raise BadRecord("too_many_events", f"A request carries at most {EVENTS_MAX} events")
                found["logRecords"].append(self._named(value, _RECORD))
        return found

    def _named(self, place: _Slice, known: _Known) -> dict[str, Any]:
        """A message as an object of the fields that are known; of one that is given twice the last counts."""
        found: dict[str, Any] = {}
        for number, kind, value in self._fields(place):
            if number == _ATTRIBUTES and known is _RECORD and kind == _BYTES:
                found.setdefault("attributes", []).append(self._key_value(value, 0))
            elif number in known and known[number][1] == kind:
                name, _, read = known[number]
                found[name] = read(self, value)
        return found

    def _key_value(self, place: _Slice, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {"key": ""}
        for number, kind, value in self._fields(place):
            if (number, kind) == (1, _BYTES):
                found["key"] = self.text(value)
            elif (number, kind) == (2, _BYTES):
                found["value"] = self.any_value(value, depth)
        return found

    def any_value(self, place: _Slice, depth: int = 0) -> dict[str, Any]:
        if depth > _DEPTH_MAX:
            raise BadRecord("too_deep", "The body nests too deep")
        found: dict[str, Any] = {}
        for number, kind, value in self._fields(place):
            if (number, kind) == (5, _BYTES):
                found = {"arrayValue": {"values": [self.any_value(each, depth + 1) for each in self._all(value, 1)]}}
            elif (number, kind) == (6, _BYTES):
                found = {"kvlistValue": {"values": [self._key_value(each, depth + 1) for each in self._all(value, 1)]}}
            elif number in _VALUE and _VALUE[number][1] == kind:
                name, _, read = _VALUE[number]
                found = {name: read(self, value)}
        return found

    # --- the wire format ---------------------------------------------------------------------------

    def text(self, place: _Slice) -> str:
        return self._body[slice(*place)].decode("utf-8", "replace")

    def bytes_in(self, place: _Slice) -> bytes:
        return self._body[slice(*place)]

    def _all(self, place: _Slice, wanted: int) -> list[_Slice]:
        """The messages of a repeated field."""
        return [value for number, kind, value in self._fields(place) if number == wanted and kind == _BYTES]

    def _fields(self, place: _Slice) -> Iterator[_Field]:
        """Number, type and value of each field; of texts and messages the value is where they are."""
        at, end = place
        body = self._body
        while at < end:
            self._fields_left -= 1
            if self._fields_left < 0:
                raise BadRecord("too_many_events", f"A request carries at most {FIELDS_MAX} fields")
            tag = body[at]
            if tag < 0x80:
                at += 1
            else:
                tag, at = self._varint(at, end)
            number, kind = tag >> 3, tag & 7
            if number == 0:
                raise BadRecord(
                    "malformed", f"The body is not protobuf of OTLP: a field without number before byte {at}"
                )
            if kind == _VARINT:
                value, at = self._varint(at, end)
                yield number, kind, value
                continue
            size = 8 if kind == _FIXED64 else 4 if kind == _FIXED32 else 0
            if kind == _BYTES:
                if at < end and (size := body[at]) < 0x80:
                    at += 1
                else:
                    size, at = self._varint(at, end)
            elif not size:
                raise BadRecord(
                    "malformed", f"The body is not protobuf of OTLP: a type of field that is none before {at}"
                )
            if at + size > end:
                raise BadRecord("malformed", "The body is not protobuf of OTLP: it ends too early")
            yield number, kind, (at, at + size) if kind == _BYTES else int.from_bytes(body[at : at + size], "little")
            at += size

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        value = shift = 0
        while at < end and shift < 70:
            byte = self._body[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value & 0xFFFF_FFFF_FFFF_FFFF, at
            shift += 7
        raise BadRecord("malformed", "The body is not protobuf of OTLP: a number ends too early")


_Known = dict[int, tuple[str, int, Callable[[_Reader, Any], Any]]]
_ATTRIBUTES: Final = 6


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _double(value: int) -> float | str:
    number: float = struct.unpack("<d", value.to_bytes(8, "little"))[0]
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


_SCOPE: Final[_Known] = {
    1: ("name", _BYTES, lambda reader, value: reader.text(value)),
    2: ("version", _BYTES, lambda reader, value: reader.text(value)),
}
_RECORD: Final[_Known] = {
    1: ("timeUnixNano", _FIXED64, lambda reader, value: str(value)),
    2: ("severityNumber", _VARINT, lambda reader, value: _signed(value)),
    3: ("severityText", _BYTES, lambda reader, value: reader.text(value)),
    5: ("body", _BYTES, lambda reader, value: reader.any_value(value)),
    9: ("traceId", _BYTES, lambda reader, value: reader.bytes_in(value).hex()),
    10: ("spanId", _BYTES, lambda reader, value: reader.bytes_in(value).hex()),
    11: ("observedTimeUnixNano", _FIXED64, lambda reader, value: str(value)),
    12: ("eventName", _BYTES, lambda reader, value: reader.text(value)),
}
_VALUE: Final[_Known] = {
    1: ("stringValue", _BYTES, lambda reader, value: reader.text(value)),
    2: ("boolValue", _VARINT, lambda reader, value: bool(value)),
    3: ("intValue", _VARINT, lambda reader, value: str(_signed(value))),
    4: ("doubleValue", _FIXED64, lambda reader, value: _double(value)),
    7: ("bytesValue", _BYTES, lambda reader, value: base64.b64encode(reader.bytes_in(value)).decode()),
}
