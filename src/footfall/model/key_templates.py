"""Keys made from a template: ``{report}/{date:%Y/%m}/{product}/``, and the preset ``hive``.

A template is literal text and fields in braces. What a field stands for is escaped as Hive does it, so that no value
can leave its place in the key; two files never have one key, and a template for which that cannot be shown is refused.
It ends with ``/`` when files keep their usual names in the folders it makes; else it is all of the key but the marks
of revision and attempt and the extension. Reference: docs/reference/keys.md. Source of the escapes: Apache Hive,
``FileUtils.escapePathName``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from footfall.errors import Refused
from footfall.model.names import DEFAULT_TIMESTAMP, stamp

ROLLUPS: Final = "rollups"
ACTIVITY: Final = "activity"
APP_EVENTS: Final = "app_events"
AUDIENCE: Final = "audience"

# Fields that divide a file into several, by the rows that have the same text.
DIVIDERS: Final = ("product", "environment", "event")
_ALWAYS: Final = ("report", "job", "zone", "date", "year", "month", "day", "TIMESTAMP", "format")
FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    ROLLUPS: (*_ALWAYS, "version", "revision", *DIVIDERS),
    ACTIVITY: (*_ALWAYS, "hour", "window", *DIVIDERS),
    APP_EVENTS: (*_ALWAYS, "hour", "window", *DIVIDERS),
    AUDIENCE: _ALWAYS,
}
HIVE: Final = "hive"
PRESETS: Final[Mapping[str, Mapping[str, str]]] = {
    HIVE: {
        ROLLUPS: "report={report}/day={date}/product={product}/environment={environment}/revision={revision}/",
        ACTIVITY: "report={report}/day={date}/hour={hour}/",
        APP_EVENTS: "report={report}/day={date}/hour={hour}/",
        AUDIENCE: "report={report}/day={date}/",
    }
}
# What stands for no text, and for an empty one.
NOTHING: Final = "__HIVE_DEFAULT_PARTITION__"
VALUE_BYTES_MAX: Final = 120
SEGMENT_BYTES_MAX: Final = 200  # of 255, so that marks and extension fit
KEY_BYTES_MAX: Final = 640  # of 1024, so that the folder of the destination does

# Of what is shorter than a value may be.
_BYTES: Final = {"report": 60, "zone": 60, "format": 8, "revision": 8}
_WIDTHS: Final = {"date": 10, "year": 4, "month": 2, "day": 2, "hour": 2, "window": 10, "version": 3}
_DATES: Final = {"%Y": "year", "%m": "month", "%d": "day", "%H": "hour"}
_LITERAL: Final = re.compile(r"[A-Za-z0-9._=/-]+")
_FIELD: Final = re.compile(r"\{([^{}:]*)(?::([^{}]*))?\}")
_ESCAPED: Final = re.compile("[\x00-\x1f\x7f-\x9f\"#%'*/:=?\\\\{}\\[\\]^~\u2028\u2029\ufffe\uffff]")
_LETTERS: Final = "Use letters, digits, . _ - = / and fields in braces"


@dataclass(frozen=True, slots=True)
class Slot:
    """A field in its place. form: of a TIMESTAMP, see ``model.names``."""

    name: str
    form: str = ""

    @property
    def width(self) -> int | None:
        """How many characters it always has; None where that depends on the value."""
        if self.name == "TIMESTAMP":
            return len(stamp(self.form, datetime(2000, 1, 1, tzinfo=UTC)))
        return _WIDTHS.get(self.name)

    @property
    def bytes_max(self) -> int:
        return self.width or _BYTES.get(self.name, VALUE_BYTES_MAX)

    def __str__(self) -> str:
        usual = self.form in ("", DEFAULT_TIMESTAMP)
        return f"{{{self.name}}}" if usual else f"{{{self.name}:{self.form}}}"


@dataclass(frozen=True, slots=True)
class Facts:
    """What the fields of a file stand for, those aside that divide it.

    texts: by name of a field. local: date and hour in the zone that ``zone`` names. at: of TIMESTAMP, UTC.
    """

    texts: Mapping[str, str]
    local: datetime
    at: datetime


@dataclass(frozen=True, slots=True)
class KeyTemplate:
    """A template that was checked. pieces: texts and slots by turns. kind: of the export."""

    kind: str
    pieces: tuple[str | Slot, ...]
    _names: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_names", frozenset(piece.name for piece in self.pieces if isinstance(piece, Slot)))

    @classmethod
    def parse(cls, text: str, kind: str) -> KeyTemplate:
        """Read a template or the name of a preset.

        Raises ``Refused`` that says at which character what is wrong: a field there is not, a letter that not every
        place takes, a part of the key that is empty or begins with a dot, values that could not be told apart, files
        that could have one key, or a key that could be too long.
        """
        preset = PRESETS.get(text, {}).get(kind)
        template = cls(kind, tuple(_joined(_pieces(preset or text, kind))))
        _check(template)
        return template

    def __str__(self) -> str:
        return "".join(map(str, self.pieces))

    @property
    def dividers(self) -> tuple[str, ...]:
        """Which of ``DIVIDERS`` it names: a file for each combination of their texts."""
        return tuple(name for name in DIVIDERS if name in self._names)

    @property
    def is_folder(self) -> bool:
        """Do files keep their usual names?"""
        return bool(self.pieces) and isinstance(self.pieces[-1], str) and self.pieces[-1].endswith("/")

    def stem(self, facts: Facts, part: Mapping[str, str | None], usual: str) -> str:
        """The key without marks and extension. part: the text of each divider. usual: the name without a template."""
        found, in_name = [], self._name_begins()
        for place, piece in enumerate(self.pieces):
            if isinstance(piece, str):
                found.append(piece)
            else:
                found.append(_value(piece, facts, part, in_name=place >= in_name))
        return "".join(found) + (usual if self.is_folder else "")

    def owns(self, key: str) -> bool:
        """Could it have made ``key``, marks and extension included?"""
        shape = "".join(re.escape(each) if isinstance(each, str) else "[^/]+" for each in self.pieces)
        rest = r"[^/]+\.[a-z0-9.]+" if self.is_folder else r"(-[^/]+)?(_r\d+)?(_a\d+)?\.[a-z0-9.]+"
        return re.fullmatch(rf"(v\d\.\d/)?{shape}{rest}", key) is not None

    def _name_begins(self) -> int:
        """The place of the first piece after the last slash: there a value must not look like a mark."""
        slashes = [place for place, each in enumerate(self.pieces) if isinstance(each, str) and "/" in each]
        return slashes[-1] + 1 if slashes else 0


def escaped(text: str | None, *, in_name: bool = False) -> str:
    """``text`` as part of a key: never empty, without ``/`` and ``=``, never beginning with a dot.

    Different texts are different parts, save that an empty text is none. A long one is cut, and marked by ``~`` and a
    digest. in_name: ``_`` is escaped too, because marks are parted by it.
    """
    if not text:
        return NOTHING
    pieces = [_code(char) if _ESCAPED.match(char) or (in_name and char == "_") else char for char in text]
    if text[0] == "." or text == NOTHING:
        pieces[0] = _code(text[0])
    whole = "".join(pieces)
    if len(whole.encode()) <= VALUE_BYTES_MAX:
        return whole
    kept, size = [], VALUE_BYTES_MAX - 33
    for piece in pieces:
        size -= len(piece.encode())
        if size < 0:
            break
        kept.append(piece)
    return "".join(kept) + "~" + hashlib.sha256(text.encode()).hexdigest()[:32]


def _code(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode())


def _value(slot: Slot, facts: Facts, part: Mapping[str, str | None], *, in_name: bool) -> str:
    local = facts.local
    match slot.name:
        case "date":
            return f"{local:%Y-%m-%d}"
        case "year":
            return f"{local.year:04d}"
        case "month" | "day" | "hour":
            return f"{getattr(local, slot.name):02d}"
        case "TIMESTAMP":
            return stamp(slot.form, facts.at)
        case name if name in DIVIDERS:
            return escaped(part.get(name), in_name=in_name)
        case "report":  # known names, none of which is another one with a mark
            return escaped(facts.texts["report"])
        case name:
            return escaped(facts.texts[name], in_name=in_name)


# --- reading -----------------------------------------------------------------------------------------------------


def _pieces(text: str, kind: str) -> Iterator[str | Slot]:
    at = 0
    while at < len(text):
        if found := _LITERAL.match(text, at):
            yield found.group()
        elif found := _FIELD.match(text, at):
            yield from _slots(found[1], found[2], kind, at + 1)
        elif text[at] in "{}":
            raise Refused(f"the brace at character {at + 1} of {text!r} has no other", _fields(kind))
        else:
            raise Refused(f"character {at + 1} of {text!r}, {text[at]!r}, cannot be in a key", _LETTERS)
        at = found.end()


def _slots(name: str, form: str | None, kind: str, at: int) -> Iterator[str | Slot]:
    if name not in FIELDS[kind]:
        raise Refused(f"there is no field {{{name}}} (at character {at})", _fields(kind))
    if name == "date" and form:
        yield from _date_slots(form, kind, at)
        return
    if form is not None and name != "TIMESTAMP":
        raise Refused(f"{{{name}}} takes no form (at character {at})", "Only {date:%Y/%m/%d} and {TIMESTAMP:…} do")
    slot = Slot(name, (form or DEFAULT_TIMESTAMP) if name == "TIMESTAMP" else "")
    if slot.form:
        stamp(slot.form, datetime(2000, 1, 1, tzinfo=UTC))
    yield slot


def _date_slots(form: str, kind: str, at: int) -> Iterator[str | Slot]:
    """``{date:%Y/%m}`` is short for ``{year}/{month}``."""
    for piece in re.findall(r"%.?|[^%]+", form):
        if (name := _DATES.get(piece)) in FIELDS[kind]:
            yield Slot(str(name))
        elif _LITERAL.fullmatch(piece):
            yield piece
        else:
            known = " ".join(sign for sign, name in _DATES.items() if name in FIELDS[kind])
            raise Refused(f"{piece!r} is no part of a date (at character {at})", f"There are {known} and {_LETTERS}")


def _joined(pieces: Iterator[str | Slot]) -> Iterator[str | Slot]:
    """Texts that follow each other as one, so that a template has one form."""
    text = ""
    for piece in pieces:
        if isinstance(piece, str):
            text += piece
            continue
        if text:
            yield text
        text = ""
        yield piece
    if text:
        yield text


def _fields(kind: str) -> str:
    return f"The fields are {' '.join(f'{{{name}}}' for name in FIELDS[kind])}"


# --- checking ----------------------------------------------------------------------------------------------------


def _check(template: KeyTemplate) -> None:
    text = str(template)
    segments = _units(template.pieces, "/")
    if template.is_folder:
        segments.pop()
    if not segments:
        raise Refused("the template of keys is empty", _fields(template.kind))
    for segment in segments:
        shown = "".join(map(str, segment))
        if not segment or (isinstance(segment[0], str) and segment[0].startswith(".")):
            raise Refused(f"a part of {text!r} is empty or begins with a dot: {shown!r}", "Leave it out")
        _check_units(segment, shown)
        if _bytes_max(segment) > SEGMENT_BYTES_MAX:
            raise Refused(f"{shown!r} could be longer than {SEGMENT_BYTES_MAX} bytes", "Spread it over more folders")
    if _bytes_max(template.pieces) > KEY_BYTES_MAX:
        raise Refused(f"{text!r} could be longer than {KEY_BYTES_MAX} bytes", "Leave out some of it")
    if not template.is_folder:
        _check_distinct(template)


def _units(pieces: Sequence[str | Slot], between: str) -> list[list[str | Slot]]:
    """The pieces between the separators; texts are cut there."""
    units: list[list[str | Slot]] = [[]]
    for piece in pieces:
        if isinstance(piece, Slot):
            units[-1].append(piece)
            continue
        for place, text in enumerate(piece.split(between)):
            if place:
                units.append([])
            if text:
                units[-1].append(text)
    return units


def _check_units(segment: Sequence[str | Slot], shown: str) -> None:
    """Between two separators that no value holds, at most one value may be of any length: then all can be read back."""
    for unit in _units(segment, "="):
        free = [str(piece) for piece in unit if isinstance(piece, Slot) and piece.width is None]
        if len(free) > 1:
            raise Refused(
                f"two files could have one key: in {shown!r} nothing tells where {free[0]} ends and {free[1]} begins",
                f"Part them by /: {free[0]}/{free[1]}",
            )


def _bytes_max(pieces: Sequence[str | Slot]) -> int:
    return sum(len(piece) if isinstance(piece, str) else piece.bytes_max for piece in pieces)


def _check_distinct(template: KeyTemplate) -> None:
    """Files of one job must differ in something that the template says."""
    names = {piece.name for piece in template.pieces if isinstance(piece, Slot)}
    forms = [piece.form for piece in template.pieces if isinstance(piece, Slot) and piece.name == "TIMESTAMP"]
    told = set().union(*(re.findall("YYYY|MM|DD|HH|mm|ss", form) for form in forms))
    to_the_hour, to_the_second = {"YYYY", "MM", "DD", "HH"} <= told, {"YYYY", "MM", "DD", "HH", "mm", "ss"} <= told
    whole_day = "date" in names or {"year", "month", "day"} <= names
    missing = []
    if template.kind == ROLLUPS:
        missing += [] if "report" in names else ["{report}"]
        missing += [] if whole_day or to_the_hour else ["{date}"]
    elif template.kind == APP_EVENTS:
        missing += [] if "window" in names else ["{window}"]
    elif not to_the_second and "window" not in names:
        missing.append("{TIMESTAMP}")
    if missing:
        raise Refused(
            f"two files could have one key: {str(template)!r} has no {' and no '.join(missing)}",
            "Put it in, or end the template with / so that files keep their usual names",
        )
