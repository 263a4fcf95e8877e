"""Readers of delivered bodies with nothing but the standard library: text in, rows of {column: value} out."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Iterable
from datetime import date
from typing import Any
from xml.etree.ElementTree import Element

import pyarrow.parquet as pq
from defusedxml.ElementTree import fromstring

from footfall.formats.csv_rows import CsvRows
from footfall.formats.json_lines import JsonLines
from footfall.formats.parquet_rows import ParquetRows
from footfall.formats.xml_rows import XmlRows
from footfall.model.columns import BOOLEAN, LOCAL_DAY, MOMENT, NUMERIC, OBJECT
from footfall.model.report import Part
from footfall.ports import Column, Format, OpenDay

FORMATS: dict[str, Format] = {f.name: f for f in (CsvRows(), JsonLines(), XmlRows())}
PARQUET = ParquetRows()
Row = dict[str, Any]


def whole(opened: OpenDay, report: Any, version: str, format: Format, day: date) -> bytes:
    """The file's text as an export would put it together."""
    columns = opened.columns(report, version)
    body = b"".join(bytes(text) for _, text in opened.render(report, version, format))
    return format.head(columns, report.name, version, day) + body + format.foot()


def whole_parquet(opened: OpenDay, report: Any, version: str, part: Part = ()) -> bytes:
    """The Parquet file as an export would put it together."""
    columns = opened.columns(report, version)
    return b"".join(piece for _, piece in PARQUET.file(columns, opened.values(report, version, part), {}))


def parquet_rows(columns: Iterable[Column], data: bytes) -> list[Row]:
    """Rows of a Parquet file as the other formats print them, nulls left out."""
    table = pq.read_table(io.BytesIO(data))
    types = {c.name: c for c in columns}
    return [{n: _printed(types[n], v) for n, v in row.items() if v is not None} for row in table.to_pylist()]


def _printed(column: Column, value: Any) -> Any:
    if column.typed == LOCAL_DAY:
        return value.isoformat()
    if column.typed == MOMENT:
        return value.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
    return json.loads(value) if column.type == OBJECT else value


def rows_of(name: str, columns: Iterable[Column], text: bytes) -> list[Row]:
    return {"csv": _csv, "json": _json, "xml": _xml}[name]({c.name: c.type for c in columns}, text)


def _csv(types: dict[str, str], text: bytes) -> list[Row]:
    header, *lines = _csv_fields(text.decode())
    names = [field for field, _ in header]
    rows = []
    for fields in lines:
        present = {n: f for n, (f, quoted) in zip(names, fields, strict=True) if f or quoted}
        rows.append({n: _typed(types[n], f) for n, f in present.items()})
    return rows


def _csv_fields(text: str) -> list[list[tuple[str, bool]]]:
    """Rows of (field, was quoted): what ``csv`` reads, and the one thing it does not tell."""
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    return [list(zip(row, quotes, strict=True)) for row, quotes in zip(rows, _quoted(text), strict=True)]


def _quoted(text: str) -> list[list[bool]]:
    """Whether each field was quoted, by RFC 4180's own grammar."""
    rows: list[list[bool]] = []
    row: list[bool] = []
    at = 0
    while at < len(text):
        quoted = text[at] == '"'
        if quoted:
            at += 1
            while True:
                at = text.index('"', at)
                if text[at : at + 2] != '""':
                    break
                at += 2
            at += 1
        else:
            while text[at] not in ",\n":
                at += 1
        row.append(quoted)
        if text[at] == "\n":
            rows.append(row)
            row = []
        at += 1
        if text[at - 1] == "," and at == len(text):
            raise AssertionError("the last line has no end")
    return rows


def _json(types: dict[str, str], text: bytes) -> list[Row]:
    rows = [json.loads(line) for line in text.decode().split("\n")[:-1]]
    assert text == b"" or text.endswith(b"\n")
    return rows


def _xml(types: dict[str, str], text: bytes) -> list[Row]:
    rows = []
    for row in fromstring(text, forbid_dtd=True):
        found: Row = {}
        for cell in row:
            name = _name(cell)
            kind = types[name]
            found[name] = {_name(e): _entry(e) for e in cell} if kind == OBJECT else _typed(kind, _text(cell))
        rows.append(found)
    return rows


def _name(cell: Element) -> str:
    if "name64" in cell.attrib:
        return base64.b64decode(cell.attrib["name64"]).decode()
    return cell.attrib["name"] if cell.tag == "field" else cell.tag


def _text(cell: Element) -> str:
    text = cell.text or ""
    return base64.b64decode(text).decode() if cell.get("encoding") == "base64" else text


def _entry(cell: Element) -> Any:
    kind = cell.get("type")
    return _text(cell) if kind is None else None if kind == "null" else json.loads(_text(cell))


def _typed(kind: str, text: str) -> Any:
    return json.loads(text) if kind in NUMERIC or kind == BOOLEAN else text
