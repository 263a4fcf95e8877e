"""Rows of files after the privacy policy of their stream: what an import hands over, and what it keeps of bad rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from footfall.model.privacy import ACCOUNT, HIDDEN, USER
from footfall.ports import BadRow, Preview, Row, RowBatch, RowEvents, RowReader

if TYPE_CHECKING:
    from footfall.model.imports import Columns, ReadOptions
    from footfall.wiring.hub import Footfall
    from footfall.wiring.privacy import HubPrivacy

_KINDS: Final = {"user": USER, "account": ACCOUNT}


class PrivateRows:
    """``ports.RowEvents`` of another, changed as the policy of the stream says.

    ids: columns that hold ids, and whose.
    """

    def __init__(self, events: RowEvents, privacy: HubPrivacy, stream: str, ids: Mapping[str, str]) -> None:
        self._events, self._privacy, self._stream, self._ids = events, privacy, stream, ids
        self.dialect = events.dialect
        self.columns = events.columns

    def events(self, rows: Sequence[Row]) -> tuple[bytes, int, Sequence[BadRow]]:
        """See ``ports.RowEvents.events``. A row that is not stored at all is neither an event nor bad."""
        body, count, bad = self._events.events(rows)
        if count:
            body, count = self._privacy.rows(self._stream, self.dialect, body, count, self._ids)
        return body, count, _hidden(bad)


class PrivateReader:
    """``ports.RowReader`` of another; of rows that cannot be read nothing is told but why."""

    def __init__(self, reader: RowReader) -> None:
        self._reader = reader

    def rows(self, chunks: Iterable[bytes], options: ReadOptions, *, name: str) -> Iterator[RowBatch]:
        for batch in self._reader.rows(chunks, options, name=name):
            yield replace(batch, bad=_hidden(batch.bad)) if batch.bad else batch

    def preview(self, chunks: Iterable[bytes], options: ReadOptions, *, name: str) -> Preview:
        return self._reader.preview(chunks, options, name=name)


def _hidden(bad: Sequence[BadRow]) -> Sequence[BadRow]:
    return [replace(each, message=HIDDEN, text="") for each in bad]


def private_reader(hub: Footfall, reader: RowReader, stream: str) -> RowReader:
    """What reads files for a stream: ``reader`` itself where its policy hides nothing."""
    return PrivateReader(reader) if hub.privacy.policy(stream).reads_bodies else reader


def private_rows(hub: Footfall, events: RowEvents, stream: str, columns: Columns | None = None) -> RowEvents:
    """What makes events of rows for a stream: ``events`` itself where its policy hides nothing."""
    if not hub.privacy.policy(stream).reads_bodies:
        return events
    ids: dict[str, str] = {}
    if columns is not None:
        named = ((columns.identify_id, USER), (columns.anonymous_id, USER), (columns.account_id, ACCOUNT))
        ids = {column: kind for column, kind in named if column}
    return PrivateRows(events, hub.privacy, stream, ids)


def stored_ids(hub: Footfall, stream: str, entity: str, ids: Sequence[str]) -> Mapping[str, str]:
    """Of ids as a file has them: as they are stored."""
    kind = _KINDS[entity]
    if kind not in hub.privacy.policy(stream).identities:
        return {each: each for each in ids}
    return {each: hub.privacy.tokens().token(kind, each) for each in ids}
