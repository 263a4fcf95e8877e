"""The PX dialect's writes: bodies of its REST API as native events. Pure functions.

A user or account that is written becomes one event in the log, and from there goes the way of all events. It is a
``group`` when it says which account a user belongs to, else an ``audit_event``: not an ``identify``, because that would
set the date of sign-up, which the vendor reserves for identify calls. Source: PX REST API 0.1.6.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from footfall.errors import BadRecord
from footfall.model.reading import EVENT_ID_CHARS_MAX, ID_CHARS_MAX, NAME_CHARS_MAX
from footfall.wire import native, own_words
from footfall.wire.px_events import urlsplit_safely
from footfall.wire.px_people import BESIDE

_encode: Final = msgspec.json.Encoder().encode
Body = Mapping[str, Any]
Event = dict[str, Any]

# The name that events of writes have.
WRITTEN: Final = {"user": "px.user.written", "account": "px.account.written"}
# What a client may say of users and accounts beside ids, location and custom attributes; dates are milliseconds.
_USER: Final = (
    "type", "gender", "email", "firstName", "lastName", "title", "phone", "score", "role", "subscriptionId",
    "globalUnsubscribe", "sfdcContactId",
)  # fmt: skip
_USER_DATES: Final = ("signUpDate", "firstVisitDate")
_ACCOUNT: Final = (
    "name", "trackedSubscriptionId", "sfdcId", "dunsNumber", "industry", "numberOfEmployees", "sicCode", "website",
    "naicsCode", "plan", *(name for name in BESIDE if name != "renewalDate"),
)  # fmt: skip
_ACCOUNT_DATES: Final = ("renewalDate",)
_LOCATION: Final = (
    "countryName", "countryCode", "stateName", "stateCode", "city", "cityName", "street", "postalCode", "continent",
    "continentCode", "regionName", "timeZone",
)  # fmt: skip
_WORDS: Final = {
    "type": ("LEAD", "USER", "VISITOR", "EMPTY_USER_TYPE"),
    "gender": ("MALE", "FEMALE", "OTHER", "EMPTY_GENDER"),
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def user_event(body: Body, id: str, event_id: str) -> Event:
    """A user as an event. id: of the user, from path or body. Raises ``BadRecord`` for what no user can be."""
    account = _id(body, "accountId", needed=False)
    said = _said(body, _USER, _USER_DATES)
    event = _event(body, event_id, "group" if account else "audit_event", WRITTEN["user"])
    return event | {"identify_id": id, "user": said} | ({"account_id": account} if account else {})


def account_event(body: Body, id: str, event_id: str) -> Event:
    """An account as an event. Raises ``BadRecord`` for what no account can be."""
    said = _said(body, _ACCOUNT, _ACCOUNT_DATES)
    return _event(body, event_id, "audit_event", WRITTEN["account"]) | {"account_id": id, "account": said}


def custom_event(body: Body, event_id: str) -> Event:
    """A custom event, or one of ours that it is called. event_id: for one that brings none. Raises ``BadRecord``."""
    person, name, product = _id(body, "identifyId"), _id(body, "eventName", NAME_CHARS_MAX), _id(body, "propertyKey")
    kind = body.get("userType", "USER")
    if kind not in _WORDS["type"]:
        raise _bad("userType", f"must be one of {', '.join(_WORDS['type'])}")
    event: Event = {
        "type": "custom",
        "event_id": _id(body, "eventId", EVENT_ID_CHARS_MAX, needed=False) or event_id,
        "event_name": name,
        "product_key": product,
        "channel": "server",
        "anonymous_id" if kind == "VISITOR" else "identify_id": person,
        "attributes": _object(body, "attributes"),
        "global_context": _object(body, "globalContext"),
        "account_id": _id(body, "accountId", needed=False) or None,
        "session_id": _id(body, "sessionId", needed=False) or None,
        "occurred_at": _date(body, "date"),
        "page": _page(body),
    }
    said = own_words.restated({name: value for name, value in event.items() if value is not None})
    if said["type"] != "custom" and (fault := native.fault(_encode(said))) is not None:
        raise BadRecord("bad_body", f"attributes: {fault[1]}")
    return dict(said)


def id_of(body: Body, entity: str) -> str:
    """The id in the body of a user or account. Raises ``BadRecord`` if it has none."""
    return _id(body, "identifyId" if entity == "user" else "id")


def check_new(body: Body, entity: str) -> None:
    """What the vendor asks of a new user or account. Raises ``BadRecord``."""
    if entity == "account":
        _id(body, "name")
    keys = body.get("propertyKeys")
    if not isinstance(keys, list) or not keys or not all(isinstance(key, str) and key for key in keys):
        raise _bad("propertyKeys", "must be a list with at least one product key")


def check_id(id: str) -> str:
    """An id as it may be. Raises ``BadRecord``."""
    if not id or len(id) > ID_CHARS_MAX or "\0" in id:
        raise BadRecord("bad_body", f"An id has 1 to {ID_CHARS_MAX} characters")
    return id


def _event(body: Body, event_id: str, kind: str, name: str) -> Event:
    event = {"type": kind, "event_id": event_id, "event_name": name, "channel": "server"}
    keys = body.get("propertyKeys")
    if isinstance(keys, list) and keys and isinstance(keys[0], str) and 0 < len(keys[0]) <= NAME_CHARS_MAX:
        event["product_key"] = keys[0]
    return event


def _said(body: Body, names: Sequence[str], dates: Sequence[str]) -> Event:
    said: Event = {name: _scalar(body, name) for name in names if name in body}
    said |= {name: _date(body, name) for name in dates if name in body}
    place = _object(body, "location") or {}
    said |= {"location": _not_null({name: _scalar(place, name) for name in _LOCATION if name in place})}
    said |= {"customAttributes": _not_null(_object(body, "customAttributes") or {})}
    # Clients of PX send null for what they do not know.
    return {name: value for name, value in said.items() if value not in (None, {})}


def _not_null(said: Event) -> Event:
    return {name: value for name, value in said.items() if value is not None}


def _scalar(body: Body, name: str) -> Any:
    value = body[name]
    if isinstance(value, dict | list):
        raise _bad(name, "must be a text, a number, true, false or null")
    if value is not None and name in _WORDS and value not in _WORDS[name]:
        raise _bad(name, f"must be one of {', '.join(_WORDS[name])}")
    return value


def _date(body: Body, name: str) -> str | None:
    value = body.get(name)
    if value is None:
        return None
    try:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError
        at = _EPOCH + timedelta(milliseconds=value)
    except (ValueError, OverflowError):
        raise _bad(name, "must be a number of milliseconds since 1970") from None
    return at.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _page(body: Body) -> Event | None:
    texts = {name: body.get(name) for name in ("url", "referrer", "remoteHost")}
    for name, value in texts.items():
        if value is not None and not isinstance(value, str):
            raise _bad(name, "must be a text")
    scheme, host, path, query, fragment = urlsplit_safely(texts["url"] or "")
    page = {
        "url": texts["url"], "scheme": scheme, "host": host, "path": path, "query_string": query, "hash": fragment,
        "referrer": texts["referrer"],
    }  # fmt: skip
    return {name: value for name, value in page.items() if value} or None


def _object(body: Body, name: str) -> dict[str, Any] | None:
    value = body.get(name)
    if value is not None and not isinstance(value, dict):
        raise _bad(name, "must be an object")
    return value


def _id(body: Body, name: str, most: int = ID_CHARS_MAX, *, needed: bool = True) -> str:
    value = body.get(name)
    if value is None and not needed:
        return ""
    if not isinstance(value, str) or not value or len(value) > most or "\0" in value:
        raise _bad(name, f"must be a text of 1 to {most} characters")
    return value


def _bad(name: str, what: str) -> BadRecord:
    return BadRecord("bad_body", f"{name} {what}")
