"""The fields of a user that an audience export can carry, and that a filter can ask for.

They are the columns of the Users report under the same names, without those that say nothing of an audience
(``isDeleted``: nobody in it is), and the identities that are lists. Source: Lytics "Export Audiences" ("Any user field
… may be available for export"); PX bucket export, "Users".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from footfall.errors import Refused
from footfall.model.attributes import ATTRIBUTES, Type
from footfall.model.columns import BOOLEAN, CUSTOM_PREFIX, LONG, NUMBER, STRING
from footfall.model.reports import by_name

DATE: Final = "Date"
LIST: Final = "List"
MAP: Final = "Map"
NON_SCALAR: Final = frozenset({LIST, MAP})

PROFILE: Final = "aptrinsicId"
IDENTIFY: Final = "identifyId"
ANONYMOUS: Final = "anonymousIds"
SEGMENTS: Final = "segments"
CHANGE: Final = "change"
JOIN_KEY: Final = "join_key"
# Fields that are counted from the days' activity, not told by anybody.
COUNTED: Final = frozenset({"webAppVisits", "numberOfVisits", "lastSeenDate"})

_LEFT_OUT: Final = frozenset({"isDeleted"})
_DATES: Final = frozenset({"signUpDate", "createDate", "lastModifiedDate", "lastSeenDate"})
_CUSTOM: Final = {"NUMBER": NUMBER, "BOOLEAN": BOOLEAN, "DATE_TIME": DATE, "SET": LIST, "MAP": MAP}


@dataclass(frozen=True, slots=True)
class UserField:
    """A field as printed. type: String, Long, Number, Boolean, Date, List or Map. source: as in ``model.columns``.

    A custom attribute of type String may turn out to be a List or Map: that is how lists and objects are kept of which
    nothing is defined.
    """

    name: str
    type: str
    source: str

    @property
    def is_custom(self) -> bool:
        return self.source.startswith("custom.")


ANONYMOUS_FIELD: Final = UserField(ANONYMOUS, LIST, "value.anonymousIds")
SEGMENTS_FIELD: Final = UserField(SEGMENTS, LIST, "value.segments")


def user_fields(custom: Sequence[tuple[str, str]]) -> tuple[UserField, ...]:
    """Every field, in the order of a file. custom: (api name, type) as ``People.custom_attributes`` gives them."""
    types = dict(custom)
    columns = by_name("Users").columns("2.0", custom)
    fields = [
        UserField(column.name, _type(column.name, column.type, column.source, types), column.source)
        for column in columns
        if column.name not in _LEFT_OUT
    ]
    place = next(number for number, field in enumerate(fields) if field.name == IDENTIFY) + 1
    return (*fields[:place], ANONYMOUS_FIELD, *fields[place:])


def _type(name: str, printed: str, source: str, custom: dict[str, str]) -> str:
    kind, _, api_name = source.partition(".")
    if kind == "custom":
        return custom_kind(custom[api_name])
    if name in _DATES or ATTRIBUTES["user"].get(name) is Type.DATE:
        return DATE
    return printed if printed in (LONG, BOOLEAN) else STRING


def custom_kind(type: str) -> str:
    """The type of a field that is a custom attribute of ``type``, one of ``model.attributes.CUSTOM_TYPES``."""
    return _CUSTOM.get(type.upper(), STRING)


def chosen(fields: Sequence[UserField], names: Iterable[str]) -> tuple[UserField, ...]:
    """The fields of these names, in the order given; all of them when no name is given.

    A custom attribute may be named with or without ``customAttribute_``. Raises ``Refused`` for a name that is none.
    """
    wanted = list(dict.fromkeys(names))
    found = tuple(dict.fromkeys(field_named(fields, name) for name in wanted))
    return found if wanted else tuple(fields)


def field_named(fields: Sequence[UserField], name: str) -> UserField:
    """The field of that name. Raises ``Refused`` when there is none."""
    for spelling in (name, CUSTOM_PREFIX + name):
        for field in fields:
            if field.name == spelling:
                return field
    near = [field.name for field in fields if name.casefold() in field.name.casefold()][:5]
    hint = f"Did you mean {', '.join(near)}?" if near else "docs/guide/deliveries.md lists them"
    raise Refused(f"users have no field '{name}'", hint)


def as_kind(field: UserField, kind: str) -> UserField:
    """The field read as ``String``, ``List`` or ``Map``. Raises ``Refused`` for one that has a type of its own."""
    if kind not in (STRING, LIST, MAP):
        raise Refused(f"'{kind}' is no kind of field", f"Choose {STRING}, {LIST} or {MAP}")
    if not field.is_custom or field.type not in (STRING, LIST, MAP):
        raise Refused(f"{field.name} is always {field.type}", "Only a custom attribute of type String can be a list")
    return replace(field, type=kind)
