"""Users and accounts as PX's REST API writes them: fields of a list, and one record from what is stored.

Names and shapes are the vendor's: dates are milliseconds, a location is an object, ``role`` is the tracked user role.
Source: PX REST API 0.1.6, objects ``User``, ``Account`` and ``Location``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import msgspec

from footfall.model.attributes import ACCOUNT_ATTRIBUTES, USER_ATTRIBUTES, Type, instant_us
from footfall.model.columns import LOCATION_FIELDS, USER_AGENT_FIELDS
from footfall.model.selection import Field, Kind

Shown = dict[str, Any]

# Fields of a location: the vendor's name -> ours. It also takes ours in filters, as its own examples do.
_LOCATION: Final = {
    {"cityName": "city", "continentCode": "continent"}.get(name, name): name for name in LOCATION_FIELDS
}
_KINDS: Final = {
    Type.STRING: Kind.TEXT,
    Type.LONG: Kind.NUMBER,
    Type.BOOLEAN: Kind.BOOLEAN,
    Type.DATE: Kind.INSTANT,
    "STRING": Kind.TEXT,
    "NUMBER": Kind.NUMBER,
    "BOOLEAN": Kind.BOOLEAN,
    "DATE_TIME": Kind.INSTANT,
}
# Attributes that stand beside the others in the vendor's object, under this name.
_USER: Final = {
    **{
        name: name
        for name in (
            "email", "firstName", "lastName", "title", "phone", "score", "subscriptionId", "firstVisitDate", "type",
            "gender", "globalUnsubscribe", "sfdcContactId",
        )
    },
    "role": "trackedUserRole",
}  # fmt: skip
_ACCOUNT: Final = {
    name: name
    for name in (
        "name", "trackedSubscriptionId", "sfdcId", "dunsNumber", "industry", "numberOfEmployees", "sicCode", "website",
        "naicsCode", "plan",
    )
}  # fmt: skip
# What the vendor's accounts have and ours keep as custom attributes.
BESIDE: Final = {
    "parentGroupId": Kind.TEXT,
    "renewalDate": Kind.INSTANT,
    "healthScore": Kind.NUMBER,
    "gsId": Kind.TEXT,
    "nps": Kind.NUMBER,
    "csm": Kind.TEXT,
}
_DEFAULTS: Final = {"user": USER_ATTRIBUTES, "account": ACCOUNT_ATTRIBUTES}
_DATES: Final = {"createDate": "created_at", "lastModifiedDate": "modified_at"}
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(frozen=True)
class PeopleList:
    """The list of users or of accounts, by the custom attributes there are: (api name, type)."""

    entity: str
    custom: Sequence[tuple[str, str]]
    _custom: Mapping[str, tuple[str, str]] = field(init=False)

    def __post_init__(self) -> None:
        folded = {name.casefold(): (name, kind) for name, kind in self.custom}
        object.__setattr__(self, "_custom", folded)

    def field(self, name: str) -> Field | None:
        """The field of that name; None if there is none. A custom attribute that nobody has yet is text."""
        head, _, rest = name.partition(".")
        if head == "customAttributes" and rest:
            api_name, kind = self._custom.get(rest.casefold(), (rest, "STRING"))
            return Field(_source(api_name), _KINDS.get(kind, Kind.TEXT))
        if rest:
            return self._nested(head, rest)
        if name in _DATES:
            return Field(_DATES[name], Kind.INSTANT)
        return self._user(name) if self.entity == "user" else self._account(name)

    def _user(self, name: str) -> Field | None:
        known = {
            "identifyId": Field("id", Kind.TEXT),
            "id": Field("id", Kind.TEXT),
            "aptrinsicId": Field("uid", Kind.TEXT),
            "accountId": Field("account", Kind.TEXT),
            "signUpDate": Field("sign_up_at", Kind.INSTANT),
            "type": Field("type", Kind.TEXT),
        }
        return known.get(name) or self._default(_USER.get(name))

    def _account(self, name: str) -> Field | None:
        if name == "id":
            return Field("id", Kind.TEXT)
        if name in BESIDE:
            api_name, _ = self._custom.get(name.casefold(), (name, ""))
            return Field(_source(api_name), BESIDE[name])
        return self._default(_ACCOUNT.get(name))

    def _default(self, name: str | None) -> Field | None:
        return None if name is None else Field(_source(name), _KINDS[_DEFAULTS[self.entity][name]])

    def _nested(self, head: str, rest: str) -> Field | None:
        if head == "location" or (head == "lastInferredLocation" and self.entity == "user"):
            place = _LOCATION.get(rest, rest)
            return Field(_source(f"{head}_{place}"), Kind.TEXT) if place in LOCATION_FIELDS else None
        agent = rest.removeprefix("userAgent.")
        if self.entity == "user" and head == "lastVisitedUserAgentData" and agent in USER_AGENT_FIELDS:
            return Field(_source(f"lastUserAgentData_{agent}"), Kind.TEXT)
        return None

    # --- records -----------------------------------------------------------------------------------------------

    def show(self, row: Mapping[str, Any], accounts: Mapping[int, str], users: Mapping[int, int],
             product_keys: Sequence[str]) -> Shown:  # fmt: skip
        """One record of a row of ``People.users`` or ``People.accounts``; what is not known is left out.

        accounts: account id by key. users: how many belong to an account, by its key.
        """
        given = _decode(row["attributes"])
        if self.entity == "user":
            found = self._show_user(row, given, accounts)
        else:
            found = self._show_account(row, given, users)
        found |= {
            "location": _place(given, "location"),
            "propertyKeys": list(product_keys),
            "createDate": milliseconds(row["created_at"]),
            "lastModifiedDate": milliseconds(row["modified_at"]),
            "customAttributes": self._custom_values(given),
        }
        return {name: value for name, value in found.items() if value is not None}

    def _show_user(self, row: Mapping[str, Any], given: Mapping[str, Any], accounts: Mapping[int, str]) -> Shown:
        agent = {name: given.get(f"lastUserAgentData_{name}") for name in USER_AGENT_FIELDS}
        agent = {name: value for name, value in agent.items() if value is not None}
        return {
            "aptrinsicId": row["uid"],
            "identifyId": row["identify_id"],
            "id": row["identify_id"],
            "type": "USER",
            **{shown: self._value(name, given) for shown, name in _USER.items() if name in given},
            "signUpDate": milliseconds(row["sign_up_at"]),
            "accountId": accounts.get(row["account_key"]),
            "lastInferredLocation": _place(given, "lastInferredLocation"),
            "lastVisitedUserAgentData": [{"userAgent": agent}] if agent else None,
        }

    def _show_account(self, row: Mapping[str, Any], given: Mapping[str, Any], users: Mapping[int, int]) -> Shown:
        beside = {name: given.get(self._custom.get(name.casefold(), (name, ""))[0]) for name in BESIDE}
        return {
            "id": row["account_id"],
            **{shown: self._value(name, given) for shown, name in _ACCOUNT.items()},
            **{name: _shown(value, BESIDE[name]) for name, value in beside.items()},
            "numberOfUsers": users.get(row["account_key"], 0),
        }

    def _value(self, name: str, given: Mapping[str, Any]) -> Any:
        return _shown(given.get(name), _KINDS[_DEFAULTS[self.entity][name]])

    def _custom_values(self, given: Mapping[str, Any]) -> Shown:
        beside = {name.casefold() for name in BESIDE} if self.entity == "account" else frozenset()
        return {
            name: _shown(given[name], _KINDS.get(kind, Kind.TEXT))
            for name, kind in self.custom
            if name in given and name.casefold() not in beside
        }


def milliseconds(at: datetime | None) -> int | None:
    """Since 1970."""
    return None if at is None else int(at.timestamp() * 1_000_000 + 0.5) // 1000


def _source(name: str) -> str:
    return "attribute/" + name.replace("~", "~0").replace("/", "~1")


def _shown(value: Any, kind: Kind) -> Any:
    if kind is Kind.INSTANT and isinstance(value, str):
        at = instant_us(value)
        return None if at is None else at // 1000
    return value


def _place(given: Mapping[str, Any], prefix: str) -> Shown | None:
    found = {shown: given.get(f"{prefix}_{name}") for shown, name in _LOCATION.items()}
    return {name: value for name, value in found.items() if value is not None} or None
