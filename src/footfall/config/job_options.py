"""The options of each kind of job: what they may be, and stored ones made to fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from footfall.config.shapes import Anything, Field, Flag, Instant, Listed, Mapped, Record, Shape, Text, Whole
from footfall.errors import Refused
from footfall.model import app_events, audience_export, imports, names, people_inbox, people_loading, reports
from footfall.model.channels import ADDRESS, EMAIL_CHANNEL, EMAIL_TO
from footfall.model.hiding import HIDINGS

COMPRESSIONS: Final = ("gzip", "zstd", "zip", "none")
_SHOWN_MAX: Final = 60
_TEXT: Final = Text()
_PRIVACY: Final = Field(
    "privacy",
    Mapped(Text(HIDINGS)),
    "Column -> keep, drop, hash, joinable_hash or coarsen; the first that fits decides.",
)
_SERVER: Final = Field(
    "endpoint_url",
    Text(pattern=r"https?://[^\s@]+", example="https://host or https://host:port", quiet=True),
    "Another server that speaks S3; an authorization names its own.",
)
_COMPRESSION: Final = Field("compression", Text(COMPRESSIONS), "Of the files; gzip by default, none of Parquet.")
_KEY: Final = Field("key", _TEXT, "Template of keys, such as {report}/{date:%Y/%m}/{product}/, or hive.")
_TEMPLATE: Final = "Of the files' names; {TIMESTAMP} becomes the instant."
_TIMESTAMP: Final = Field("timestamp", _TEXT, "What {TIMESTAMP} becomes.", default=names.DEFAULT_TIMESTAMP)
_JOIN: Final = Field("join", _TEXT, "The character between the items of a list in CSV.", default="&")
_RAW: Final = Field("raw", Flag(), "Do not encode that character within items.", default=False)
_HEADER: Final = Field("header", Flag(), "CSV begins with the names of the columns.", default=True)
_EMAIL: Final = (
    Field(
        EMAIL_TO,
        Listed(Text(pattern=ADDRESS, example="ana@example.com", quiet=True)),
        "Who gets a mail with links when a run has delivered files.",
    ),
    Field(EMAIL_CHANNEL, _TEXT, "The mail channel of these mails, if there are several."),
)
_REPORTS: Final = tuple(sorted({report.name for version in ("1.0", "2.0") for report in reports.catalogue(version)}))

_ROLLUPS: Final = Record(
    (
        Field("format", Text(("csv", "json", "xml", "parquet")), "Of the files.", default="csv"),
        Field("version", Text(("1.0", "2.0")), "Of the reports.", default="2.0"),
        Field("reports", Listed(Text(_REPORTS)), "Which; all by default."),
        _COMPRESSION,
        _KEY,
        _PRIVACY,
        _SERVER,
    )
)
_ACTIVITY: Final = Record(
    (
        Field("format", Text(("csv", "parquet")), "Of the files.", default="csv"),
        Field("streams", Listed(_TEXT), "Sources; all by default."),
        Field("start", Instant(), "Events from this date, in the subscription's zone, or instant on."),
        Field("end", Instant(), "Events before this date or instant."),
        _HEADER,
        Field("name", _TEXT, _TEMPLATE, default=names.ACTIVITY_TEMPLATE),
        _TIMESTAMP,
        _JOIN,
        _RAW,
        _PRIVACY,
        _COMPRESSION,
        _KEY,
        _SERVER,
        *_EMAIL,
    )
)
_AUDIENCE: Final = Record(
    (
        Field("audience", _TEXT, "Name of the audience whose members are exported; all users by default."),
        Field("fields", Listed(_TEXT), "Names of fields, in the order of the file; all by default."),
        Field("filter", Listed(Anything()), "Conditions that must all hold, such as 'plan = pro'."),
        Field("limit", Whole(1, 10**15), "At most so many users, a random selection."),
        Field("seed", _TEXT, "Decides the selection; the job's name by default."),
        Field("memberships", Flag(), "Add the column segments.", default=False),
        Field("format", Text(audience_export.LAYOUTS), "Of the files.", default=audience_export.CSV),
        Field("mode", Text(audience_export.MODES), "Everybody, or what changed.", default=audience_export.FULL),
        _PRIVACY,
        _JOIN,
        _RAW,
        _HEADER,
        Field("kinds", Mapped(Text(("String", "List", "Map"))), "Read custom attributes so."),
        _COMPRESSION,
        _KEY,
        Field("name", _TEXT, _TEMPLATE, default=audience_export.TEMPLATE),
        _TIMESTAMP,
        _SERVER,
        *_EMAIL,
    )
)
_APP_EVENTS: Final = Record(
    (
        Field("format", Text(("json", "parquet")), "Of the files.", default="json"),
        Field("kinds", Listed(Text(app_events.KINDS)), "Of app events; Session by default."),
        Field("billing_code", _TEXT, "The field billingCode of every event.", default="Journey"),
        Field("events_max", Whole(1, 10**12), "Of one file.", default=1_000_000),
        _PRIVACY,
        _COMPRESSION,
        _KEY,
        _SERVER,
    )
)
_IMPORT: Final = Record(
    (
        Field("stream", _TEXT, "The source that events of the rows belong to; a new name makes it.", required=True),
        Field("format", Text(imports.FORMATS), "Of the files; by default what the file's name says."),
        Field("file", _TEXT, "Name of the file, below the place; with a prefix the first of its row."),
        Field("prefix", _TEXT, "RE2 pattern of names up to the timestamp: the files that come one after the other."),
        Field("diff", Flag(), "Only rows that the file before did not have.", default=False),
        Field("on_missing", Text(imports.ON_MISSING), "When no next file came; wait for CSV, stop for JSON."),
        Field("grace", Whole(0, 1000), "So many checks in a row may find no next file.", default=1),
        Field("skip_bad_files", Flag(), "Leave out a file that cannot be read at all.", default=False),
        Field("delimiter", _TEXT, "Of CSV; t is a tab, an empty one is found.", default=","),
        Field("encoding", _TEXT, "Of the text; found by default."),
        Field("header", Flag(), "CSV begins with the names of the columns.", default=True),
        Field("thousands", Flag(), "10,000 is ten thousand.", default=False),
        Field("fields", Listed(_TEXT), "Columns to keep; all by default."),
        Field("timestamp", _TEXT, "Column of when it happened; the time of the import by default."),
        Field("timestamp_format", _TEXT, "Of that column, as strptime has it."),
        Field("identify_id", _TEXT, "Column of the user."),
        Field("anonymous_id", _TEXT, "Column of the visitor."),
        Field("account_id", _TEXT, "Column of the account."),
        Field("event_name", _TEXT, "Column of what happened; the stream's name by default."),
        Field("user", Mapped(_TEXT), "Attribute of the user -> column."),
        Field("account", Mapped(_TEXT), "Attribute of the account -> column."),
        Field("people", Flag(), "Rows are about people; nothing happened.", default=False),
        _SERVER,
    )
)
_PEOPLE_IMPORT: Final = Record(
    (
        Field("entity", Text(tuple(people_loading.OBJECTS)), "What the rows are.", required=True),
        Field("stream", _TEXT, "The source of the events; a new name makes it.", default=people_inbox.STREAM),
        Field("mapping", Mapped(_TEXT), "Field of PX's REST API -> column; by default columns are called as fields."),
        Field("product_key", _TEXT, "Product of the events; that of the source by default."),
        Field("insert_missing", Flag(), "Also users or accounts that are not known yet.", default=False),
        Field("date_format", _TEXT, "Of dates, as MM/dd/yyyy or %m/%d/%Y; milliseconds or ISO 8601 by default."),
        Field("marker", _TEXT, "The empty file in current/ that says it is ready.", default=people_inbox.MARKER),
        Field("skip_bad_files", Flag(), "Move a file that cannot be read at all like the others.", default=False),
        Field("status_channel", _TEXT, "The callback or webhook that is told of each file."),
        Field("delimiter", _TEXT, "Of CSV; t is a tab, an empty one is found.", default=","),
        Field("encoding", _TEXT, "Of the text; found by default."),
        Field("header", Flag(), "CSV begins with the names of the columns.", default=True),
        Field("thousands", Flag(), "10,000 is ten thousand.", default=False),
        _SERVER,
    )
)
OPTIONS: Final[Mapping[str, Shape]] = {
    "rollups": _ROLLUPS,
    "activity": _ACTIVITY,
    "audience": _AUDIENCE,
    "app_events": _APP_EVENTS,
    "import": _IMPORT,
    "people_import": _PEOPLE_IMPORT,
}


def fitted(kind: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as a file would have them, in the order of the table; what says nothing is left out.

    On a command line ``version=2.0`` is a number, a list may be words with commas between, and a mapping such words
    too, ``name=value`` or both in one.
    """
    shapes = {field.name: field.shape for field in _record(kind).fields}
    known = {name: _fitted(shapes[name], options[name]) for name in shapes if options.get(name) is not None}
    said = {name: value for name, value in known.items() if value != "" or shapes[name].fits("")}
    return said | {name: value for name, value in options.items() if name not in shapes and value is not None}


def check_types(kind: str, options: Mapping[str, Any]) -> None:
    """Refuse a value that its option cannot have: ``no`` is not false, and half a number no limit."""
    for field in _record(kind).fields:
        value = options.get(field.name)
        if value is not None and not field.shape.fits(value):
            said = "that" if _quiet(field.shape) else repr(value) if len(repr(value)) <= _SHOWN_MAX else "this value"
            raise Refused(f"the option {field.name} cannot be {said}", _hint(field))


def _record(kind: str) -> Record:
    record = OPTIONS[kind]
    assert isinstance(record, Record)
    return record


def _fitted(shape: Shape, value: Any) -> Any:
    if isinstance(shape, Listed) and isinstance(value, str | list | tuple):
        return [_fitted(shape.of, each) for each in _words(value)]
    if isinstance(shape, Mapped) and isinstance(value, str | list):
        pairs = (each.partition("=") for each in _words(value) if isinstance(each, str))
        return {name: given or name for name, _, given in pairs}
    if isinstance(shape, Mapped) and isinstance(value, Mapping):
        return {name: _fitted(shape.of, each) for name, each in value.items()}
    if isinstance(shape, Text | Instant) and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value


def _words(value: str | Sequence[Any]) -> list[Any]:
    return [each.strip() for each in value.split(",") if each.strip()] if isinstance(value, str) else list(value)


def _quiet(shape: Shape) -> bool:
    return _quiet(shape.of) if isinstance(shape, Listed) else isinstance(shape, Text) and shape.quiet


def _hint(field: Field) -> str:
    shape = field.shape
    match shape:
        case Flag():
            needed = "It is true or false"
        case Whole():
            needed = f"It is a whole number from {shape.low} to {shape.high}"
        case Text():
            needed = f"It is one of {', '.join(shape.choices)}" if shape.choices else "It is a text"
        case Instant():
            needed = "It is written as 2026-01-31T12:00:00Z or 2026-01-31"
        case Listed():
            needed = "It is a list"
        case _:
            needed = "It is a mapping of names to values"
    return f"{needed}: {field.what}"
