"""Bodies taken apart into the texts of their events, without reading the events themselves.

A body is scanned once by msgspec, which gives each event as a slice of the body (``Raw``). What is inside an event
is read later, by column.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain
from typing import overload

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from footfall.model.reading import BODY_BYTES_MAX
from footfall.ports import Entry
from footfall.wire import own_words, row_body

Text = bytes | msgspec.Raw
"""An event as the client wrote it; a ``Raw`` is a slice of its body and copies nothing."""
Defaults = Callable[[str], tuple[str, str, str]]
"""Source name -> (product key, environment, channel) of events that do not say."""


class _SegmentBody(msgspec.Struct):
    batch: list[msgspec.Raw]
    sent_at: msgspec.Raw = msgspec.field(name="sentAt", default=msgspec.Raw())
    context: msgspec.Raw = msgspec.Raw()


class _NativeBody(msgspec.Struct):
    events: list[msgspec.Raw] | None = None
    sent_at: msgspec.Raw = msgspec.Raw()


_SEGMENT = msgspec.json.Decoder(_SegmentBody)
_NATIVE = msgspec.json.Decoder(_NativeBody)
_RAWS = msgspec.json.Decoder(list[msgspec.Raw])
_ANY = msgspec.json.Decoder()
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
# What is raised on bytes that cannot be taken apart. Deep nesting is a RecursionError.
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, pa.ArrowInvalid)


class RowTexts(Sequence[Text]):
    """Events that came as columns (``wire.row_body.READ``), seen as texts; a text is made only when it is asked for."""

    def __init__(self, events: pa.Table) -> None:
        self.events = events

    def __len__(self) -> int:
        return int(self.events.num_rows)

    @overload
    def __getitem__(self, place: int) -> Text: ...
    @overload
    def __getitem__(self, place: slice) -> RowTexts: ...
    def __getitem__(self, place: int | slice) -> Text | RowTexts:
        if isinstance(place, int):
            return row_body.text_of(self.events, place)
        start, stop, _ = place.indices(len(self))
        return RowTexts(self.events.slice(start, stop - start))

    def chosen(self, places: Sequence[int]) -> RowTexts:
        return RowTexts(self.events.take(pa.array(places, pa.int32())))


NO_ROWS = RowTexts(row_body.READ.empty_table())


@dataclass(slots=True)
class Refusal:
    """An event that goes to quarantine. ``index`` is its place in the body of the entry."""

    entry: Entry
    index: int
    code: str
    message: str
    body: bytes


@dataclass(slots=True)
class Split:
    """The events of one dialect: parallel arrays, one item per event, in the order of the log.

    places: of the event's entry in the range. indexes: of the event in the body of its entry.
    """

    dialect: str
    texts: Sequence[Text] = ()
    places: array[int] = field(default_factory=lambda: array("i"))
    indexes: array[int] = field(default_factory=lambda: array("i"))


@dataclass(slots=True)
class Range:
    """All entries of a range, taken apart.

    first: of each entry, the number of events before it in the range. sent: its ``sent_at`` as text. received: events
    per source, the refused ones (which the door rejected, or whose body cannot be taken apart) included.
    """

    entries: Sequence[Entry]
    splits: dict[str, Split] = field(default_factory=dict)
    first: list[int] = field(default_factory=list)
    sent: list[str | None] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    received: dict[str, int] = field(default_factory=dict)


def split(entries: Sequence[Entry]) -> Range:
    """Take every body apart."""
    taken = Range(entries)
    counting = array("i", range(max((entry.batch.count for entry in entries), default=0)))
    events = 0
    parts: dict[str, list[Sequence[Text]]] = {}
    for place, entry in enumerate(entries):
        batch = entry.batch
        taken.first.append(events)
        try:
            texts, sent = _READERS[batch.dialect](batch.body, batch.call)
        except (*UNREADABLE, KeyError) as error:
            taken.refusals += (refused := _refuse_body(entry, error))
            texts, sent, count = [], None, len(refused)
        else:
            count = len(texts)
        taken.sent.append(sent)
        taken.received[batch.source] = taken.received.get(batch.source, 0) + count
        events += count
        into = taken.splits.get(batch.dialect) or taken.splits.setdefault(batch.dialect, Split(batch.dialect))
        if batch.rejected:
            indexes = array("i", _keep(entry, texts, taken.refusals))
            texts = chosen(texts, indexes)
        elif len(texts) <= len(counting):
            indexes = counting[: len(texts)]
        else:
            indexes = array("i", range(len(texts)))
        if batch.dialect == "segment" and own_words.MARK in batch.body:
            texts, indexes = _own_words(taken, parts, place, texts, indexes)
        parts.setdefault(batch.dialect, []).append(texts)
        into.places += array("i", [place]) * len(texts)
        into.indexes += indexes
    for name, one in taken.splits.items():
        one.texts = _together(parts[name])
    # A body that nobody can take apart may name a dialect that nobody knows.
    taken.splits = {name: one for name, one in taken.splits.items() if one.texts}
    return taken


def _own_words(
    taken: Range, parts: dict[str, list[Sequence[Text]]], place: int, texts: Sequence[Text], indexes: array[int]
) -> tuple[list[Text], array[int]]:
    """Put Segment calls that say events of ours among the native ones; the others are returned, with their indexes."""
    call = taken.entries[place].batch.call
    ours = [own_words.from_segment(text, call) if own_words.MARK in bytes(text) else None for text in texts]
    into = taken.splits.get("native") or taken.splits.setdefault("native", Split("native"))
    said = [(text, index) for text, index in zip(ours, indexes, strict=True) if text is not None]
    parts.setdefault("native", []).append([text for text, _ in said])
    into.places += array("i", [place]) * len(said)
    into.indexes += array("i", [index for _, index in said])
    kept = [(text, index) for text, index, own in zip(texts, indexes, ours, strict=True) if own is None]
    return [text for text, _ in kept], array("i", [index for _, index in kept])


def chosen(texts: Sequence[Text], places: Sequence[int]) -> Sequence[Text]:
    """The texts at these places."""
    return texts.chosen(places) if isinstance(texts, RowTexts) else [texts[place] for place in places]


def _together(parts: Sequence[Sequence[Text]]) -> Sequence[Text]:
    columns = [part.events for part in parts if isinstance(part, RowTexts)]
    return RowTexts(pa.concat_tables(columns)) if columns else list(chain.from_iterable(parts))


def event_table(one: Split, taken: Range, sent_us: pa.Array) -> pa.Table:
    """Build the relation ``events`` that the dialects' SQL reads, but for ``text``.

    sent_us: of each entry, when its client said to have sent it.
    """
    batches = [entry.batch for entry in taken.entries]
    place, index = _integers(one.places), _integers(one.indexes)
    columns = {
        "ord": pc.add(pa.array(taken.first, pa.int32()).take(place), index),
        "position": pa.array([entry.position for entry in taken.entries], pa.int64()).take(place),
        "index": index,
        "received_us": pa.array([batch.received_at for batch in batches], pa.int64()).take(place),
        "source": _repeated([batch.source for batch in batches], place),
        "call": _repeated([batch.call for batch in batches], place),
        "batch_sent_us": sent_us.take(place),
    }
    return pa.table(columns)


def with_defaults(read: pa.Table, defaults: Defaults) -> pa.Table:
    """Fill in what an event does not say of its product, environment and channel from its ``source``."""
    source = read.column("source").combine_chunks()
    known = [defaults(name) for name in source.dictionary.to_pylist()]
    for nth, name in enumerate(("product", "environment", "channel")):
        column = read.schema.get_field_index(name)
        filled = _coded([words[nth] for words in known]).take(source.indices)
        own = read.column(column).combine_chunks()
        if own.null_count < len(own):
            filled = pc.coalesce(own, filled.cast(pa.string())).dictionary_encode()
        read = read.set_column(column, name, filled)
    return read


def joined(texts: Sequence[Text]) -> pa.Array:
    """The texts as one column. Raises ``pa.ArrowInvalid`` when one is no UTF-8."""
    # Joined by Python: Arrow takes three times as long over a list of bytes.
    offsets = array("i", accumulate(map(len, texts), initial=0))
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(texts))]
    return pa.Array.from_buffers(pa.binary(), len(texts), buffers).cast(pa.string())


def _integers(values: array[int]) -> pa.Array:
    return pa.Array.from_buffers(pa.int32(), len(values), [None, pa.py_buffer(values)])


def _repeated(values: Sequence[str | None], place: pa.Array) -> pa.Array:
    """One value per entry as one per event, without copying the texts."""
    return _coded(values).take(place)


def _coded(values: Sequence[str | None]) -> pa.DictionaryArray:
    return pa.array(values, pa.string()).dictionary_encode()


def _keep(entry: Entry, texts: Sequence[Text], refusals: list[Refusal]) -> list[int]:
    """Refuse what the door rejected; return the indexes of the rest."""
    rejected = {index: (code, message) for index, code, message in entry.batch.rejected if 0 <= index < len(texts)}
    refusals += [Refusal(entry, index, *why, bytes(texts[index])) for index, why in sorted(rejected.items())]
    return [index for index in range(len(texts)) if index not in rejected]


def _refuse_body(entry: Entry, error: Exception) -> list[Refusal]:
    # The door checked the body, so this is a damaged or foreign log: each event it counted is still accounted for.
    message = f"the body cannot be taken apart: {type(error).__name__}: {error}"
    count = max(entry.batch.count, 1)
    bodies = [entry.batch.body] + [b""] * (count - 1)
    return [Refusal(entry, index, "unreadable_body", message, body) for index, body in enumerate(bodies)]


def _segment(body: bytes, call: str) -> tuple[Sequence[Text], str | None]:
    if call != "batch":
        return [body], None
    read = _SEGMENT.decode(body)
    texts: Sequence[Text] = read.batch
    context = bytes(read.context)
    if context not in (b"", b"null", b"{}"):
        if len(context) * len(texts) > BODY_BYTES_MAX:  # doors of earlier releases let it in
            raise msgspec.ValidationError("the context that its events share is too large to lay under each of them")
        texts = [_with_context(text, context) for text in texts]
    return texts, _scalar(read.sent_at)


def _with_context(event: Text, shared: bytes) -> Text:
    """Lay the context of the batch under that of the event, name by name. Rare, so it may cost a decode."""
    try:
        whole = _OBJECT.decode(event)
        own = _OBJECT.decode(whole.get("context", msgspec.Raw(b"{}")))
        whole["context"] = msgspec.Raw(msgspec.json.encode(_OBJECT.decode(shared) | own))
        return msgspec.json.encode(whole)
    except UNREADABLE:
        return event


def _native(body: bytes, call: str) -> tuple[Sequence[Text], str | None]:
    if body.lstrip()[:1] == b"[":
        return _RAWS.decode(body), None
    read = _NATIVE.decode(body)
    if read.events is None:
        return [body], None
    return read.events, _scalar(read.sent_at)


def _rows(body: bytes, call: str) -> tuple[Sequence[Text], str | None]:
    return RowTexts(pa.Table.from_batches([row_body.read(body)])), None


def _scalar(raw: msgspec.Raw) -> str | None:
    """The text of a JSON string or number, as SQL's from_json would give it; None for anything else."""
    if not bytes(raw):
        return None
    value = _ANY.decode(raw)
    return value if isinstance(value, str) else str(value) if isinstance(value, int | float) else None


_READERS: Mapping[str, Callable[[bytes, str], tuple[Sequence[Text], str | None]]] = {
    "segment": _segment,
    "native": _native,
    row_body.NAME: _rows,
}
