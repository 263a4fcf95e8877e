"""Which attributes users and accounts have, how clients spell them, and what type each value takes in a file.

Default attributes are the columns of the Users and Accounts files. A client may write them in camelCase, snake_case or
with dots, or with the names Segment reserves; all other names are custom attributes, typed by their first use.
docs/reference/attributes.md is this module in prose.

Sources: PX bucket export, "Users", "Accounts" and "Location"; PX REST API (other names of the same fields); Segment's
reserved traits of identify and group.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from math import isfinite
from typing import Final

from footfall.model.columns import LOCATION_FIELDS, ORGANIZATION_FIELDS, USER_AGENT_FIELDS
from footfall.model.instants import from_us, to_us

Typed = str | int | float | bool


class Type(StrEnum):
    """Types of default attributes, as the source documents print them."""

    STRING = "String"
    LONG = "Long"
    BOOLEAN = "Boolean"
    DATE = "Date"


# Of users, and as many of accounts. Whoever writes values into names would fill memory and every file with them.
CUSTOM_MAX: Final = 1_000
# Of a value; longer ones would make a report's row of one person larger than the memory that may be used for it.
VALUE_CHARACTERS_MAX: Final = 8_192
CUSTOM_TYPES: Final = ("STRING", "NUMBER", "BOOLEAN", "DATE_TIME")


def _under(prefix: str, fields: tuple[str, ...]) -> dict[str, Type]:
    return {f"{prefix}_{field}": Type.STRING for field in fields}


USER_ATTRIBUTES: Final[Mapping[str, Type]] = {
    "email": Type.STRING,
    "firstName": Type.STRING,
    "lastName": Type.STRING,
    "lastInferredDataSyncDate": Type.DATE,
    "globalUnsubscribe": Type.BOOLEAN,
    "signUpDate": Type.DATE,
    "leadId": Type.STRING,
    "leadDate": Type.DATE,
    "trackedUserRole": Type.STRING,
    "type": Type.STRING,
    "gender": Type.STRING,
    "score": Type.LONG,
    "phone": Type.STRING,
    "firstVisitDate": Type.DATE,
    "title": Type.STRING,
    "sfdcContactId": Type.STRING,
    **_under("location", LOCATION_FIELDS),
    **_under("lastInferredOrganization", ORGANIZATION_FIELDS),
    **_under("lastInferredOrganization_location", LOCATION_FIELDS),
    **_under("lastInferredLocation", LOCATION_FIELDS),
    **_under("lastUserAgentData", USER_AGENT_FIELDS),
    "subscriptionId": Type.STRING,
}
ACCOUNT_ATTRIBUTES: Final[Mapping[str, Type]] = {
    "name": Type.STRING,
    "plan": Type.STRING,
    "numberOfEmployees": Type.LONG,
    "naicsCode": Type.STRING,
    "trackedSubscriptionId": Type.STRING,
    "sfdcId": Type.STRING,
    "industry": Type.STRING,
    "dunsNumber": Type.STRING,
    "sicCode": Type.STRING,
    "website": Type.STRING,
    **_under("location", LOCATION_FIELDS),
}
ATTRIBUTES: Final[Mapping[str, Mapping[str, Type]]] = {"user": USER_ATTRIBUTES, "account": ACCOUNT_ATTRIBUTES}

# Columns that Footfall counts or keeps itself, other names of the entity's own id, and the proof of it: nobody can set
# them.
KEPT: Final[Mapping[str, tuple[str, ...]]] = {
    "user": (
        "aptrinsicId",
        "id",
        "userId",
        "identifyId",
        "accountId",
        "webAppVisits",
        "createDate",
        "lastModifiedDate",
        "numberOfVisits",
        "isDeleted",
        "lastSeenDate",
        "userHash",
    ),
    "account": (
        "id",
        "accountId",
        "groupId",
        "lastModifiedDate",
        "createDate",
        "isDeleted",
        "lastSeenDate",
        "totalUsers",
        "dailyActiveUsers",
        "monthlyActiveUsers",
    ),
}
# Other spellings than camelCase, snake_case and dots.
ALIASES: Final[Mapping[str, Mapping[str, str]]] = {
    "user": {
        "role": "trackedUserRole",
        "userRole": "trackedUserRole",
        "jobTitle": "title",
        "createdAt": "signUpDate",
        "userType": "type",
        # The column as the PX document misprints it.
        "astUserAgentData_platformVersion": "lastUserAgentData_platformVersion",
    },
    "account": {
        "company": "name",
        "companyName": "name",
        "employees": "numberOfEmployees",
        "duns": "dunsNumber",
        "url": "website",
    },
}
_LOCATION_ALIASES: Final = {
    "city": "cityName",
    "continent": "continentCode",
    "region": "regionName",
    "zip": "postalCode",
    "postcode": "postalCode",
    "timezone": "timeZone",
}
# Objects whose fields are default attributes, by folded name. ``address`` is Segment's word.
_OBJECTS: Final[Mapping[str, Mapping[str, str]]] = {
    "user": {
        "location": "location",
        "address": "location",
        "lastinferredlocation": "lastInferredLocation",
        "lastinferredorganization": "lastInferredOrganization",
        "lastinferredorganizationlocation": "lastInferredOrganization_location",
        "lastuseragentdata": "lastUserAgentData",
        "customattributes": "customAttribute",
    },
    "account": {"location": "location", "address": "location", "customattributes": "customAttribute"},
}
_CUSTOM_PREFIX: Final = "customAttribute_"
_SEPARATORS: Final = str.maketrans("", "", "_-. ")


def fold(name: str) -> str:
    """What default names are compared by: ``first_name``, ``First Name`` and ``firstName`` are one."""
    return name.translate(_SEPARATORS).casefold()


def _index(entity: str) -> dict[str, str]:
    names = {fold(name): name for name in ATTRIBUTES[entity]}
    names |= {fold(name): target for name, target in ALIASES[entity].items()}
    names |= {fold(name): "" for name in KEPT[entity]}
    for prefix in {name.rpartition("_")[0] for name in ATTRIBUTES[entity] if name.endswith("_cityName")}:
        names |= {fold(prefix + name): f"{prefix}_{target}" for name, target in _LOCATION_ALIASES.items()}
    return names


_NAMES: Final = {entity: _index(entity) for entity in ATTRIBUTES}


def canonical(entity: str, name: str) -> str | None:
    """The default attribute that ``name`` means; ``""`` for one that nobody can set, None for a custom one."""
    return _NAMES[entity].get(fold(name))


@lru_cache(maxsize=8192)
def named(entity: str, given: str) -> tuple[str, str | None]:
    """(name an attribute is kept by, its spelling if it is a custom one); the name is ``""`` if nobody can set it.

    Nobody can set one that has no name: there would be no way to ask for it.
    """
    spelling = given.removeprefix(_CUSTOM_PREFIX)
    name = canonical(entity, spelling) if spelling else ""
    return (spelling.casefold(), spelling) if name is None else (name, None)


def flattened(entity: str, attributes: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """(name, value) of the attributes, with the objects that hold default attributes opened.

    ``location: {city: …}`` is ``location_city``; ``customAttributes: {x: …}`` is ``x``. Other objects stay values.
    """
    for name, value in attributes.items():
        target = _OBJECTS[entity].get(fold(name)) if isinstance(value, Mapping) else None
        if target is None:
            yield name, value
        elif target == "customAttribute":
            yield from ((str(key), each) for key, each in _items(value))
        else:
            for key, each in _items(value):
                if isinstance(each, Mapping):
                    yield from flattened(entity, {f"{target}_{key}": each})
                else:
                    yield _place_name(target, key, each), each


def _items(value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        yield from value.items()


def _place_name(prefix: str, key: str, value: object) -> str:
    # Segment's address has "country" and "state", which people fill with codes or with names.
    folded = fold(key)
    if folded in ("country", "state") and prefix.endswith("ocation"):
        is_code = isinstance(value, str) and re.fullmatch("[A-Z]{2}", value) is not None
        return f"{prefix}_{folded}{'Code' if is_code else 'Name'}"
    return f"{prefix}_{key}"


# --- types -------------------------------------------------------------------------------------------------------


_DATE_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)?", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS_BELOW: Final = 100_000_000_000  # as milliseconds that is 1973, as seconds the year 5138
_LONG_LIMIT: Final = 2**63
_WORDS: Final = {"true": True, "false": False}


def custom_type(value: str | int | float | bool) -> str:
    """The type a custom attribute takes from its first value. A date without a time is text."""
    if isinstance(value, bool):
        return "BOOLEAN"
    if isinstance(value, int | float):
        return "NUMBER"
    return "DATE_TIME" if _DATE_TIME.fullmatch(value) and instant_us(value) is not None else "STRING"


def as_string(value: object) -> str | None:
    """Any value as text: ``true``, ``42``, ``1.5``."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value)


def as_number(value: object) -> int | float | None:
    """A finite number, also from its text; None if it is none."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        return _number(value)
    if isinstance(value, int | float):
        return value if isinstance(value, int) or isfinite(value) else None
    return None


def _number(text: str) -> int | float | None:
    if not re.fullmatch(r"\s*[+-]?(\d{1,40}(\.\d{0,40})?|\.\d{1,40})([eE][+-]?\d{1,3})?\s*", text, re.ASCII):
        return None
    try:
        return as_number(int(text))
    except ValueError:
        return as_number(float(text))


def as_long(value: object) -> int | None:
    """A whole number of 64 bits, also from its text or as ``3.0``; None if it is none."""
    number = as_number(value)
    if number is None or number != int(number) or abs(number) >= _LONG_LIMIT:
        return None
    return int(number)


def as_boolean(value: object) -> bool | None:
    """true or false, also from their text and from 1 and 0; None otherwise."""
    if isinstance(value, str):
        return _WORDS.get(value.strip().lower())
    if isinstance(value, bool | int | float) and value in (0, 1):
        return bool(value)
    return None


def instant_us(value: object) -> int | None:
    """Microseconds since 1970 of an ISO 8601 text or of a number of milliseconds (below 100,000,000,000: seconds).

    Text without an offset is UTC. None for anything else and for years outside 1 to 9999.
    """
    try:
        if isinstance(value, str):
            at = datetime.fromisoformat(value.strip())
            at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            at = _EPOCH + (timedelta(seconds=value) if abs(value) < _SECONDS_BELOW else timedelta(milliseconds=value))
        else:
            return None
    except (ValueError, OverflowError):
        return None
    return to_us(at)


def as_date(value: object) -> str | None:
    """An instant as files show it, ``2026-01-31T12:00:00.000Z``; None if it is none."""
    at = instant_us(value)
    if at is None:
        return None
    return from_us(at).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


COERCIONS: Final[Mapping[str, Callable[[object], Typed | None]]] = {
    Type.STRING: as_string,
    Type.LONG: as_long,
    Type.BOOLEAN: as_boolean,
    Type.DATE: as_date,
    "STRING": as_string,
    "NUMBER": as_number,
    "BOOLEAN": as_boolean,
    "DATE_TIME": as_date,
}
