"""XML 1.0: ``<export type= version= period=><row><column>value</column>…</row>…</export>``.

What XML cannot hold is made visible instead of lost. A value with a character that XML 1.0 forbids (most control
characters, U+FFFE, U+FFFF) is written as base64 of its UTF-8 and marked ``encoding="base64"``. A column whose name is
no plain element name becomes ``<field name="…">`` (``name64`` when even an attribute cannot hold it). An object
becomes one ``<field name="…" type="…">`` per key.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from datetime import date
from typing import Final

from footfall.formats.expressions import chained, literal
from footfall.model.columns import BOOLEAN, NUMERIC, OBJECT
from footfall.ports import Column

# ASCII only, although XML allows more: every reader agrees on these. Names that begin with "xml" are reserved.
_ELEMENT: Final = re.compile(r"(?!(?i:xml))[A-Za-z_][A-Za-z0-9_.-]*")
_FORBIDDEN: Final = "[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]"
# The same class as RE2 inside DuckDB reads it; written in escapes because a SQL text cannot hold U+0000.
_FORBIDDEN_SQL: Final = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x{FFFE}\x{FFFF}]"


class XmlRows:
    """Rows as XML. A null has no element; an empty string has an empty one."""

    name = "xml"

    def columns(self, columns: Sequence[Column]) -> Sequence[Column]:
        return columns

    def head(self, columns: Sequence[Column], report: str, version: str, day: date) -> bytes:
        attributes = f'type="{_attribute(report)}" version="{_attribute(version)}" period="{day.isoformat()}"'
        return f'<?xml version="1.0" encoding="UTF-8"?>\n<export {attributes}>\n'.encode()

    def foot(self) -> bytes:
        return b"</export>\n"

    def field(self, column: Column, sql: str) -> str:
        start, end = _tags(column.name)
        if column.type in NUMERIC or column.type == BOOLEAN:
            return f"{literal(start + '>')} || CAST({sql} AS VARCHAR) || {literal(end)}"
        if column.type == OBJECT:
            return f"{literal(start + '>')} || {_object(sql)} || {literal(end)}"
        return f"{literal(start)} || {_content(sql)} || {literal(end)}"

    opening = "<row>"
    closing = "</row>\n"

    def piece(self, field: str, first: bool) -> str:
        return f"coalesce({field}, '')"

    def row(self, fields: Sequence[str]) -> str:
        return chained([literal("<row>"), *fields, literal("</row>\n")])


def _tags(name: str) -> tuple[str, str]:
    """The start tag without its ``>`` and the end tag of a column."""
    if _ELEMENT.fullmatch(name):
        return f"<{name}", f"</{name}>"
    if re.search(_FORBIDDEN, name):
        return f'<field name64="{base64.b64encode(name.encode()).decode()}"', "</field>"
    return f'<field name="{_attribute(name)}"', "</field>"


def _attribute(text: str) -> str:
    """Text inside double quotes; white space as references, because a parser would turn it into blanks."""
    for character, reference in (
        ("&", "&amp;"),
        ("<", "&lt;"),
        (">", "&gt;"),
        ('"', "&quot;"),
        ("\t", "&#9;"),
        ("\n", "&#10;"),
        ("\r", "&#13;"),
    ):
        text = text.replace(character, reference)
    return text


def _escaped(sql: str) -> str:
    # A bare CR would come back as LF (XML 1.0, 2.11), hence the reference.
    return f"replace(replace(replace(replace({sql}, '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), chr(13), '&#13;')"


def _content(sql: str) -> str:
    """``>text``, or ``encoding="base64">…`` when XML has no way to write the text."""
    return (
        f"CASE WHEN {sql} IS NULL THEN NULL WHEN regexp_matches({sql}, {literal(_FORBIDDEN_SQL)}) "
        f"THEN concat(' encoding=\"base64\">', base64(encode({sql}))) ELSE concat('>', {_escaped(sql)}) END"
    )


def _object(sql: str) -> str:
    name = (
        f"CASE WHEN regexp_matches(e.key, {literal(_FORBIDDEN_SQL)}) "
        "THEN concat(' name64=\"', base64(encode(e.key)), '\"') "
        "ELSE concat(' name=\"', replace(replace(replace("
        + _escaped("e.key")
        + ", '\"', '&quot;'), chr(9), '&#9;'), chr(10), '&#10;'), '\"') END"
    )
    plain = "json_extract_string(e.value, '$')"
    value = (
        "CASE coalesce(json_type(e.value), 'NULL') "
        f"WHEN 'VARCHAR' THEN {_content(plain)} "
        f"WHEN 'BOOLEAN' THEN concat(' type=\"boolean\">', {plain}) "
        f"WHEN 'NULL' THEN ' type=\"null\">' "
        f"WHEN 'OBJECT' THEN concat(' type=\"json\"', {_content('CAST(e.value AS VARCHAR)')}) "
        f"WHEN 'ARRAY' THEN concat(' type=\"json\"', {_content('CAST(e.value AS VARCHAR)')}) "
        "ELSE concat(' type=\"number\">', CAST(e.value AS VARCHAR)) END"
    )
    entries = f"map_entries(from_json({sql}, '\"MAP(VARCHAR, JSON)\"'))"
    return f"array_to_string(list_transform({entries}, lambda e: concat('<field', {name}, {value}, '</field>')), '')"
