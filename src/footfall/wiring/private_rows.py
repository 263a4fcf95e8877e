"""Rows of files after the privacy policy of their stream: what an import hands over, and what it keeps of bad rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from footfall.model.people_loading import PeopleLoading
from footfall.model.privacy import ACCOUNT, HIDDEN, USER
from footfall.ports import BadRow, Preview, Row, RowBatch, RowEvents, RowReader
from footfall.wire.private_words import RowColumns

if TYPE_CHECKING:
    from footfall.model.imports import Columns, ReadOptions
    from footfall.wiring.hub import Footfall
    from footfall.wiring.privacy import HubPrivacy

_KINDS: Final = {"user": USER, "account": ACCOUNT}


class PrivateRows:
    """``ports.RowEvents`` of another, changed as the policy of the stream says. meant: by its columns."""

    def __init__(self, events: RowEvents, privacy: HubPrivacy, stream: str, meant: RowColumns) -> None:
        self._events, self._privacy, self._stream, self._meant = events, privacy, stream, meant
        self.dialect = events.dialect
        self.columns = events.columns

    def events(self, rows: Sequence[Row]) -> tuple[bytes, int, Sequence[BadRow]]:
        """See ``ports.RowEvents.events``. A row that is not stored at all is neither an event nor bad."""
        body, count, bad = self._events.events(rows)
        if count:
            body, count = self._privacy.rows(self._stream, self.dialect, body, count, self._meant)
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


def private_rows(hub: Footfall, events: RowEvents, stream: str, told: Columns | PeopleLoading) -> RowEvents:
    """What makes events of rows for a stream: ``events`` itself where its policy hides nothing.

    told: what its columns mean.
    """
    if not hub.privacy.policy(stream).reads_bodies:
        return events
    return PrivateRows(events, hub.privacy, stream, _meant(told))


def _meant(told: Columns | PeopleLoading) -> RowColumns:
    if isinstance(told, PeopleLoading):
        ids = [(told.id, _KINDS[told.entity]), (told.account, ACCOUNT)]
        attributes = [(column, told.entity, name) for name, column in told.attributes.items()]
    else:
        ids = [(told.identify_id, USER), (told.anonymous_id, USER), (told.account_id, ACCOUNT)]
        said = {"user": told.user, "account": told.account}
        attributes = [(column, who, name) for who, named in said.items() for name, column in named.items()]
    return RowColumns({column: kind for column, kind in ids if column}, attributes)


def stored_ids(hub: Footfall, stream: str, entity: str, ids: Sequence[str]) -> Mapping[str, str]:
    """Of ids as a file has them: as they are stored."""
    kind = _KINDS[entity]
    if kind not in hub.privacy.policy(stream).identities:
        return {each: each for each in ids}
    return {each: hub.privacy.tokens().token(kind, each) for each in ids}
