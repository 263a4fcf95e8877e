"""Reports and texts in which columns are hidden: another policy for each export, the same engine below."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import pyarrow as pa

from footfall.engines.database import literal
from footfall.model.hiding import ADDRESS, COARSEN, DROP, EMAIL, HEX_CHARS, KEEP, PREFIX, Hiding
from footfall.model.report import Part
from footfall.model.reports import Report
from footfall.ports import Column, Format, OpenDay

_BLOCK_BYTES = 64


def hidden_sql(hiding: Hiding, action: str, sql: str) -> str:
    """SQL for what is kept of a text; the same as ``Hiding.text``."""
    if action == KEEP or sql == "NULL":
        return sql
    if action == COARSEN:
        mail, address = literal(EMAIL), literal(ADDRESS)
        return (
            f"CASE WHEN regexp_full_match({sql}, {mail}) THEN '@' || regexp_extract({sql}, {mail}, 1) "
            f"WHEN regexp_full_match({sql}, {address}) THEN regexp_extract({sql}, {address}, 1) || '.0' END"
        )
    # HMAC as in RFC 2104; the engine has digests and no keys.
    key = hiding.keys[action].ljust(_BLOCK_BYTES, b"\0")
    inner, outer = (f"from_hex('{bytes(byte ^ pad for byte in key).hex()}')" for pad in (0x36, 0x5C))
    digest = f"sha256({outer} || from_hex(sha256({inner} || encode({sql}))))"
    return f"{literal(PREFIX)} || substr({digest}, 1, {HEX_CHARS})"


class HiddenFormat:
    """``ports.Format`` of another, without what is hidden."""

    def __init__(self, format: Format, hiding: Hiding) -> None:
        self._format, self._hiding = format, hiding
        self.name, self.opening, self.closing = format.name, format.opening, format.closing

    def columns(self, columns: Sequence[Column]) -> Sequence[Column]:
        return shown(self._format.columns(columns), self._hiding)

    def head(self, columns: Sequence[Column], report: str, version: str, day: date) -> bytes:
        return self._format.head(shown(columns, self._hiding), report, version, day)

    def foot(self) -> bytes:
        return self._format.foot()

    def field(self, column: Column, sql: str) -> str:
        return self._format.field(column, hidden_sql(self._hiding, self._hiding.checked(column.name, column.type), sql))

    def row(self, fields: Sequence[str]) -> str:
        return self._format.row(fields)

    def piece(self, field: str, first: bool) -> str:
        return self._format.piece(field, first)


class HiddenDay:
    """``ports.OpenDay`` of another, without what is hidden."""

    def __init__(self, opened: OpenDay, hiding: Hiding) -> None:
        self._opened, self._hiding = opened, hiding

    def columns(self, report: Report, version: str) -> Sequence[Column]:
        return shown(self._opened.columns(report, version), self._hiding)

    def parts(self, report: Report, version: str, sources: Sequence[str]) -> Sequence[Part]:
        return self._opened.parts(report, version, sources)

    def render(
        self, report: Report, version: str, format: Format, part: Part = ()
    ) -> Iterator[tuple[int, memoryview | bytes]]:
        return self._opened.render(report, version, HiddenFormat(format, self._hiding), part)

    def values(self, report: Report, version: str, part: Part = ()) -> Iterator[pa.RecordBatch]:
        columns = self._opened.columns(report, version)
        kept = [(n, each.name, self._hiding.checked(each.name, each.type)) for n, each in enumerate(columns)]
        kept = [each for each in kept if each[2] != DROP]
        for batch in self._opened.values(report, version, part):
            arrays = [_hidden(batch.column(n), self._hiding, action) for n, _, action in kept]
            yield pa.record_batch(arrays, names=[f"c{n}" for n in range(len(arrays))])

    def excluded(self) -> Mapping[str, int]:
        return self._opened.excluded()

    def close(self) -> None:
        self._opened.close()


def shown(columns: Sequence[Column], hiding: Hiding) -> Sequence[Column]:
    """The columns that are left. Raises ``Refused`` for one that cannot become what is asked for."""
    return tuple(column for column in columns if hiding.checked(column.name, column.type) != DROP)


def _hidden(values: pa.Array, hiding: Hiding, action: str) -> pa.Array:
    if action == KEEP:
        return values
    coded = values.cast(pa.string()).dictionary_encode()
    texts = [hiding.text(action, text) for text in coded.dictionary.to_pylist()]
    return pa.array(texts, pa.string()).take(coded.indices)
