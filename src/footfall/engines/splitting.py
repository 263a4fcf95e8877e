"""Bodies taken apart into the texts of their events, without reading the events themselves.

A body is scanned once by msgspec, which gives each event as a slice of the body (``Raw``). What is inside an event
is read later, by column.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import pyarrow as pa

from footfall.ports import Entry

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
# What msgspec raises on bytes it cannot take apart. Deep nesting is a RecursionError.
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


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
    """The events of one dialect: parallel lists, one item per event, in the order of the log.

    ordinal: place of the event among all of the range, over all dialects. entry: place of its entry in ``entries``.
    """

    dialect: str
    texts: list[bytes] = field(default_factory=list)
    ordinals: list[int] = field(default_factory=list)
    entry: list[int] = field(default_factory=list)
    indexes: list[int] = field(default_factory=list)


def split(entries: Sequence[Entry]) -> tuple[dict[str, Split], list[str | None], list[Refusal], Mapping[str, int]]:
    """Take every body apart.

    Returns the events per dialect, the ``sent_at`` text of each entry, the refusals (those the door rejected and those
    of bodies that cannot be taken apart), and the number of events received per source.
    """
    splits: dict[str, Split] = {}
    sent: list[str | None] = []
    refusals: list[Refusal] = []
    received: dict[str, int] = {}
    ordinal = 0
    for place, entry in enumerate(entries):
        batch = entry.batch
        try:
            texts, sent_at = _READERS[batch.dialect](batch.body, batch.call)
        except (*UNREADABLE, KeyError) as error:
            refusals += _refuse_body(entry, error)
            received[batch.source] = received.get(batch.source, 0) + max(batch.count, 1)
            sent.append(None)
            continue
        sent.append(sent_at)
        received[batch.source] = received.get(batch.source, 0) + len(texts)
        into = splits.get(batch.dialect) or splits.setdefault(batch.dialect, Split(batch.dialect))
        indexes: Sequence[int] = range(len(texts))
        if batch.rejected:
            indexes = _keep(entry, texts, refusals)
            texts = [texts[index] for index in indexes]
        into.texts += texts
        into.ordinals += range(ordinal, ordinal + len(texts))
        into.entry += [place] * len(texts)
        into.indexes += indexes
        ordinal += len(texts)
    return splits, sent, refusals, received


def event_table(split: Split, entries: Sequence[Entry], sent: Sequence[str | None], defaults: Defaults) -> pa.Table:
    """Build the relation ``events`` that the dialects' SQL reads; ``text`` is binary, still unchecked."""
    batches = [entry.batch for entry in entries]
    known = {name: defaults(name) for name in {batch.source for batch in batches}}
    place = pa.array(split.entry, pa.int32())
    words = [
        ("source", [batch.source for batch in batches]),
        ("call", [batch.call for batch in batches]),
        ("product", [known[batch.source][0] for batch in batches]),
        ("environment", [known[batch.source][1] for batch in batches]),
        ("channel", [known[batch.source][2] for batch in batches]),
        ("sent", list(sent)),
    ]
    columns = {
        "ord": pa.array(split.ordinals, pa.int32()),
        "position": pa.array([entry.position for entry in entries], pa.int64()).take(place),
        "index": pa.array(split.indexes, pa.int32()),
        "received_us": pa.array([batch.received_at for batch in batches], pa.int64()).take(place),
        "text": pa.array(split.texts, pa.binary()),
    }
    return pa.table(columns | {name: pa.array(values, pa.string()).take(place) for name, values in words})


def _keep(entry: Entry, texts: list[bytes], refusals: list[Refusal]) -> list[int]:
    """Refuse what the door rejected; return the indexes of the rest."""
    rejected = {index: (code, message) for index, code, message in entry.batch.rejected if 0 <= index < len(texts)}
    refusals += [Refusal(entry, index, *why, texts[index]) for index, why in sorted(rejected.items())]
    return [index for index in range(len(texts)) if index not in rejected]


def _refuse_body(entry: Entry, error: Exception) -> list[Refusal]:
    # The door checked the body, so this is a damaged or foreign log: each event it counted is still accounted for.
    message = f"the body cannot be taken apart: {type(error).__name__}: {error}"
    count = max(entry.batch.count, 1)
    bodies = [entry.batch.body] + [b""] * (count - 1)
    return [Refusal(entry, index, "unreadable_body", message, body) for index, body in enumerate(bodies)]


def _segment(body: bytes, call: str) -> tuple[list[bytes], str | None]:
    if call != "batch":
        return [body], None
    read = _SEGMENT.decode(body)
    texts = [bytes(raw) for raw in read.batch]
    context = bytes(read.context)
    if context not in (b"", b"null", b"{}"):
        texts = [_with_context(text, context) for text in texts]
    return texts, _scalar(read.sent_at)


def _with_context(event: bytes, shared: bytes) -> bytes:
    """Lay the context of the batch under that of the event, name by name. Rare, so it may cost a decode."""
    try:
        whole = _OBJECT.decode(event)
        own = _OBJECT.decode(whole.get("context", msgspec.Raw(b"{}")))
        whole["context"] = msgspec.Raw(msgspec.json.encode(_OBJECT.decode(shared) | own))
        return msgspec.json.encode(whole)
    except UNREADABLE:
        return event


def _native(body: bytes, call: str) -> tuple[list[bytes], str | None]:
    if body.lstrip()[:1] == b"[":
        return [bytes(raw) for raw in _RAWS.decode(body)], None
    read = _NATIVE.decode(body)
    if read.events is None:
        return [body], None
    return [bytes(raw) for raw in read.events], _scalar(read.sent_at)


def _scalar(raw: msgspec.Raw) -> str | None:
    """The text of a JSON string or number, as SQL's from_json would give it; None for anything else."""
    if not bytes(raw):
        return None
    value = _ANY.decode(raw)
    return value if isinstance(value, str) else str(value) if isinstance(value, int | float) else None


_READERS: Mapping[str, Callable[[bytes, str], tuple[list[bytes], str | None]]] = {
    "segment": _segment,
    "native": _native,
}
