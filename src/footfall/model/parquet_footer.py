"""The number of rows and the columns that the footer of a Parquet file names, read without any library.

A file ends with its metadata (Thrift, compact protocol), the length of that in four bytes, and ``PAR1``. Of the
metadata only the fields 2 (schema) and 3 (num_rows) are looked at. Source: Apache Parquet format, "File format" and
parquet.thrift.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from footfall.errors import Damaged

MAGIC: Final = b"PAR1"
_DEPTH_MAX: Final = 32
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 11, 12
_SCHEMA, _NUM_ROWS = 2, 3  # of the metadata
_NAME, _CHILDREN = 4, 5  # of a schema element


@dataclass(frozen=True, slots=True)
class Footer:
    """rows: of the whole file. columns: names of the outermost fields, in order."""

    rows: int
    columns: tuple[str, ...]


def footer_of(tail: bytes) -> Footer:
    """The footer at the end of ``tail``, the last bytes of a file. Raises ``Damaged`` when it is not there whole."""
    size = int.from_bytes(tail[-8:-4], "little")
    if len(tail) < 12 or tail[-4:] != MAGIC or size + 8 > len(tail):
        raise Damaged("the file does not end with the footer of a Parquet file")
    try:
        metadata = _Thrift(tail[-8 - size : -8]).struct(0)
        return Footer(int(metadata[_NUM_ROWS]), tuple(_outermost(metadata[_SCHEMA])))
    except (IndexError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise Damaged("the footer of the Parquet file cannot be read") from error


def _outermost(schema: list[dict[int, Any]]) -> list[str]:
    """Names of the children of the first element. Elements follow each other depth first."""
    names: list[str] = []
    place = 1
    for _ in range(schema[0][_CHILDREN]):
        names.append(schema[place][_NAME].decode("utf-8"))
        place = _after(schema, place)
    return names


def _after(schema: list[dict[int, Any]], place: int) -> int:
    open_ones = 1
    while open_ones:
        open_ones += schema[place].get(_CHILDREN, 0) - 1
        place += 1
    return place


class _Thrift:
    """The compact protocol: structs as dicts by field number."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def struct(self, depth: int) -> dict[int, Any]:
        if depth > _DEPTH_MAX:
            raise ValueError("too deep")
        fields: dict[int, Any] = {}
        number = 0
        while (head := self._byte()) != 0:
            number = number + (head >> 4) if head >> 4 else self._signed()
            kind = head & 15
            fields[number] = kind == _TRUE if kind in (_TRUE, _FALSE) else self._value(kind, depth)
            if depth == 0 and number == _NUM_ROWS:
                break  # row groups follow, which are most of it
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if kind in (_TRUE, _FALSE, _BYTE):
            return self._byte()
        if kind == _DOUBLE:
            return self._bytes(8)
        if kind == _BINARY:
            return self._bytes(self._unsigned())
        if kind in (_LIST, _SET):
            return self._list(depth)
        if kind == _STRUCT:
            return self.struct(depth + 1)
        if kind == _MAP:
            raise ValueError("Parquet's metadata holds no maps")
        return self._signed()

    def _list(self, depth: int) -> list[Any]:
        head = self._byte()
        size = head >> 4 if head >> 4 < 15 else self._unsigned()
        return [self._value(head & 15, depth + 1) for _ in range(size)]

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _bytes(self, size: int) -> bytes:
        self._at += size
        if self._at > len(self._data):
            raise IndexError
        return self._data[self._at - size : self._at]

    def _unsigned(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7

    def _signed(self) -> int:
        value = self._unsigned()
        return (value >> 1) ^ -(value & 1)
