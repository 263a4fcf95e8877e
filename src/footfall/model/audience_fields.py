"""What the subjects of rules are: the field that a name means, its type, and values in that type.

Instants are compared as files show them, ``2026-01-31T12:00:00.000Z``, which sorts as time does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from footfall.errors import Refused
from footfall.model.attributes import as_boolean, as_date, as_number, as_string
from footfall.model.audience_rules import (
    ACCOUNT,
    ANSWER,
    BETWEEN,
    CONTAINS,
    COUNT,
    EXISTS,
    LIKE,
    ORDERED,
    SCORE,
    Compare,
    Field,
    Subject,
    Value,
)
from footfall.model.audience_text import write_subject
from footfall.model.audience_where import Property
from footfall.model.columns import BOOLEAN, CUSTOM_PREFIX, LONG, NUMBER, STRING
from footfall.model.reports import by_name
from footfall.model.user_fields import DATE, LIST, NON_SCALAR, UserField, custom_kind, user_fields

# What people call fields that have a longer name.
ALIASES: Final = {
    "visits": "numberOfVisits",
    "web_visits": "webAppVisits",
    "last_visit": "lastSeenDate",
    "last_seen": "lastSeenDate",
    "first_visit": "firstVisitDate",
    "created": "createDate",
    "signed_up": "signUpDate",
    "user_id": "identifyId",
    "role": "trackedUserRole",
}
_ACCOUNT_ALIASES: Final = {"employees": "numberOfEmployees", "created": "createDate", "accountId": "id"}
# Of accounts: facts of the engine of days, which a rule cannot ask for.
_NOT_OF_ACCOUNTS: Final = frozenset(
    {"isDeleted", "lastSeenDate", "totalUsers", "dailyActiveUsers", "monthlyActiveUsers"}
)
_RELATIVE: Final = re.compile(r"now(?:([+-])(\d{1,6})([mhdw]))?", re.IGNORECASE)
_UNITS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of users and of accounts that there are.

    custom: (api name, type) of the custom attributes, as ``People.custom_attributes`` gives them.
    """

    users: tuple[UserField, ...]
    accounts: tuple[UserField, ...]

    @classmethod
    def of(cls, custom_user: Sequence[tuple[str, str]], custom_account: Sequence[tuple[str, str]]) -> Fields:
        return cls(user_fields(custom_user), account_fields(custom_account))

    def find(self, field: Field) -> UserField | None:
        """The field that is meant, by its name, without regard to case or by another name; None if nobody has it."""
        fields, aliases = (self.accounts, _ACCOUNT_ALIASES) if field.of == ACCOUNT else (self.users, ALIASES)
        named = {each.name: each for each in fields}
        for spelling in (field.name, CUSTOM_PREFIX + field.name):
            if spelling in named:
                return named[spelling]
        folded = {each.name.casefold(): each for each in reversed(fields)}
        for spelling in (field.name, CUSTOM_PREFIX + field.name, aliases.get(field.name.casefold(), "")):
            if spelling.casefold() in folded:
                return folded[spelling.casefold()]
        return None

    def type_of(self, subject: Subject) -> str:
        """Its type; an attribute that nobody has yet is text."""
        if isinstance(subject, Field):
            found = self.find(subject)
            return STRING if found is None else found.type
        if isinstance(subject, Property):
            return STRING  # it has none, see ``model.audience_where``
        return {COUNT: LONG, SCORE: NUMBER, ANSWER: STRING}.get(subject.measure, DATE)


def account_fields(custom: Sequence[tuple[str, str]]) -> tuple[UserField, ...]:
    """The fields of an account that a rule may ask for: the columns of the Accounts report that accounts tell."""
    types = dict(custom)
    found = []
    for column in by_name("Accounts").columns("2.0", custom):
        if column.name in _NOT_OF_ACCOUNTS:
            continue
        kind, _, name = column.source.partition(".")
        printed = DATE if column.name in ("createDate", "lastModifiedDate") else column.type
        found.append(UserField(column.name, custom_kind(types[name]) if kind == "custom" else printed, column.source))
    return tuple(found)


def typed(compare: Compare, type: str, now: datetime) -> tuple[Value, ...]:
    """The values in the type of what they are compared with. now: what ``now-30d`` is relative to.

    Raises ``Refused`` for a value that does not fit, and for a comparison that the type does not have.
    """
    name, operator = write_subject(compare.subject), compare.operator
    if operator == EXISTS:
        return ()
    if type in NON_SCALAR and not (type == LIST and operator == CONTAINS):
        raise Refused(f"{name} is a {type}", "Ask with CONTAINS or EXISTS" if type == LIST else "Ask with EXISTS")
    if type == BOOLEAN and operator in (*ORDERED, BETWEEN):
        raise Refused(f"{name} is true or false, neither of which is greater", "Use = or EXISTS")
    if operator in (CONTAINS, LIKE) and type not in (STRING, LIST):
        raise Refused(f"{name} is a {type}, which has no text in it", "Use =, IN or BETWEEN")
    fitting = []
    for value in compare.values:
        found = _fitting(value, type, now)
        if found is None:
            raise Refused(f"{value!r} is no {type}, but {name} is one", _HINTS.get(type, "Compare it with one"))
        fitting.append(found)
    return tuple(fitting)


def _fitting(value: Value, type: str, now: datetime) -> Value | None:
    if type in (LONG, NUMBER):
        number = as_number(value)
        # 64 bits hold the one, a double the other.
        return number if number is None or (isinstance(number, int) and abs(number) < 2**63) else float(number)
    if type == BOOLEAN:
        return as_boolean(value)
    if type == DATE:
        return _instant(value, now)
    return as_string(value)


def _instant(value: Value, now: datetime) -> str | None:
    found = _RELATIVE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        return as_date(value)
    away = int(found[2]) * _UNITS[found[3].casefold()] if found[1] else timedelta()
    try:
        at = now - away if found[1] == "-" else now + away
    except OverflowError:
        return None
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


_HINTS: Final = {
    DATE: 'Give an instant such as "2026-01-31T12:00:00Z", or one relative to now: now-30d, now-12h',
    BOOLEAN: "Give true or false",
}
