"""What an import is asked to do, from the options of a job or a command to the values that the flow works with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from footfall.config.patterns import whole_match
from footfall.errors import Refused
from footfall.model.import_names import Matches, base_of, format_of, position_of
from footfall.model.imports import FORMATS, ON_MISSING, Columns, ReadOptions, command_scope

_READ: Final = ("delimiter", "encoding", "header", "fields", "thousands")
_COLUMNS: Final = (
    "timestamp", "timestamp_format", "identify_id", "anonymous_id", "account_id", "event_name", "user", "account",
    "people",
)  # fmt: skip
_ROW: Final = ("file", "prefix", "diff", "on_missing", "grace", "skip_bad_files")
_FLAGS: Final = ("header", "thousands", "people", "diff", "skip_bad_files", "insert_missing")
_TEXTS: Final = ("delimiter", "encoding", *(name for name in _COLUMNS if name not in ("user", "account", "people")))
READ_NAMES: Final = frozenset(_READ)
NAMES: Final = frozenset({"stream", "format", "endpoint_url", *_READ, *_COLUMNS, *_ROW})
# Of an import of people by command: a ``PeopleLoading``; no job has it of its own.
LOADING: Final = "loading"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportSettings:
    """What an import is. stream: the source of its events.

    file: name below the place; with a prefix the first one of the row. prefix: RE2, up to the timestamp of the name;
    without one it is the one file. diff: only rows that the file before did not have. grace: see ``FileRow``.
    loading: a ``PeopleLoading`` as JSON has it; empty for rows that are events by their columns.
    """

    stream: str
    format: str
    read: ReadOptions = field(default_factory=ReadOptions)
    columns: Columns = field(default_factory=Columns)
    file: str = ""
    prefix: str = ""
    diff: bool = False
    on_missing: str = "wait"
    grace: int = 1
    skip_bad_files: bool = False
    loading: Mapping[str, Any] = field(default_factory=dict)

    @property
    def by_command(self) -> str:
        """The scope of what a command imports: the same file told otherwise of people is another import."""
        if not self.loading:
            return command_scope(self.stream)
        told = json.dumps(self.loading, sort_keys=True).encode()
        return f"{command_scope(self.stream)}/{hashlib.sha256(told).hexdigest()[:8]}"

    @property
    def matches(self) -> Matches:
        return whole_match(self.prefix)

    def meaning(self) -> dict[str, Any]:
        """How one file is read, as the ledger keeps it; ``meaning_of`` reads it."""
        return {
            **{name: getattr(self.read, name) for name in _READ if getattr(self.read, name) != getattr(_USUAL, name)},
            **{name: value for name in _COLUMNS if (value := getattr(self.columns, name))},
            **({LOADING: dict(self.loading)} if self.loading else {}),
        }


_USUAL: Final = ReadOptions()


def settings_of(options: Mapping[str, Any], *, what: str) -> ImportSettings:
    """Read the options of an import. what: it is, for messages. Raises ``Refused``."""
    unknown = sorted(options.keys() - NAMES - {LOADING})
    if unknown:
        raise Refused(f"{what} has no option {', '.join(unknown)}", f"It has {', '.join(sorted(NAMES))}")
    require_types(options, what)
    file, prefix = str(options.get("file") or ""), str(options.get("prefix") or "")
    if not file and not prefix:
        raise Refused(f"{what} names neither a file nor a prefix", "Give the file's name, or the prefix of its row")
    stream = str(options.get("stream") or "").strip()
    if not stream:
        raise Refused(f"{what} names no stream", "Name the stream that its events belong to; a new name makes it")
    read, columns = meaning_of(options)
    made = ImportSettings(
        stream=stream,
        format=_format(options, file, what),
        read=read,
        columns=columns,
        file=file,
        prefix=prefix,
        diff=bool(options.get("diff", False)),
        on_missing=str(options.get("on_missing") or ""),
        grace=1 if options.get("grace") is None else options["grace"],
        skip_bad_files=bool(options.get("skip_bad_files", False)),
        loading=options.get(LOADING) or {},
    )
    return _checked(made, what)


def require_types(options: Mapping[str, Any], what: str) -> None:
    """Raises ``Refused`` for a value that would mean something else than it says: ``no`` is not false."""
    told = {name: value for name, value in options.items() if value is not None}
    for name in _FLAGS:
        if not isinstance(told.get(name, False), bool):
            raise Refused(f"{name} of {what} cannot be {told[name]!r}", "Say true or false")
    for name in _TEXTS:
        if not isinstance(told.get(name, ""), str):
            raise Refused(f"{name} of {what} cannot be {told[name]!r}", "It is a text; a number needs quotes")
    grace = told.get("grace", 1)
    if isinstance(grace, bool) or not isinstance(grace, int) or grace < 0:
        raise Refused(f"grace of {what} cannot be {grace!r}", "It is a number of runs, from 0 on")


def meaning_of(options: Mapping[str, Any]) -> tuple[ReadOptions, Columns]:
    """How a file is read and which of its columns have a meaning."""
    told: dict[str, Any] = {name: options[name] for name in _READ if options.get(name) is not None}
    if "fields" in told:
        told["fields"] = _words(told["fields"])
    columns: dict[str, Any] = {name: options[name] for name in _COLUMNS if options.get(name) is not None}
    for name in ("user", "account"):
        if name in columns:
            columns[name] = _named(columns[name])
    return ReadOptions(**told), Columns(**columns)


def _format(options: Mapping[str, Any], file: str, what: str) -> str:
    asked = str(options.get("format") or "") or (format_of(base_of(file)) if file else None) or ""
    if asked not in FORMATS:
        raise Refused(f"{what} names no format" if not asked else f"{asked!r} is no format of files that are imported",
                      f"Choose one of {', '.join(FORMATS)}")  # fmt: skip
    return asked


def _checked(made: ImportSettings, what: str) -> ImportSettings:
    usual = "stop" if made.format == "json" else "wait"  # as documented for JSON; for CSV nothing is said
    made = replace(made, on_missing=made.on_missing or usual)
    if made.on_missing not in ON_MISSING:
        raise Refused(
            f"{made.on_missing!r} is nothing to do when no file comes", f"Choose one of {', '.join(ON_MISSING)}"
        )
    if made.columns.people and not (made.columns.identify_id or made.columns.anonymous_id):
        raise Refused(f"{what} is about people but no column says who", "Name the column with identify_id")
    if made.prefix:
        matches = made.matches
        if made.file and position_of(base_of(made.file), matches, made.format) is None:
            raise Refused(
                f"the prefix {made.prefix!r} does not match {base_of(made.file)!r} up to its timestamp",
                "It has to match from the first character to the one before the timestamp; see docs/guide/imports.md",
            )
    return made


def _words(value: Any) -> tuple[str, ...]:
    items = value.split(",") if isinstance(value, str) else value
    return tuple(str(each).strip() for each in items if str(each).strip())


def _named(value: Any) -> dict[str, str]:
    """``name=column`` pairs; a name alone is a column of that name."""
    if isinstance(value, Mapping):
        return {str(name): str(column) for name, column in value.items()}
    pairs = (each.partition("=") for each in _words(value))
    return {name: column or name for name, _, column in pairs}
