"""Which column of a file says which attribute of users or accounts, in the vendor's words.

Source: PX Data Loader (a product key, and of each object field -> column; fields of the REST API, with dots).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from footfall.errors import Refused
from footfall.model.attributes import canonical, named
from footfall.model.date_formats import date_format

OBJECTS: Final = {"USER": "user", "ACCOUNT": "account"}
_CUSTOM: Final = "customAttributes."
_IDS: Final = {"user": ("identifyId", "id"), "account": ("id", "accountId")}
# Fields of the vendor's accounts that are custom attributes here.
ACCOUNT_BESIDE: Final = ("parentGroupId", "renewalDate", "healthScore", "gsId", "nps", "csm")
_SHAPE: Final = 'It is {"productKey": "…", "fieldMapping": {"USER": {"identifyId": "column", "email": "column"}}}'


@dataclass(frozen=True, slots=True)
class PeopleLoading:
    """What the rows of a file say of users (``user``) or accounts (``account``).

    id, account: column of the id, and of the account a user belongs to. attributes: name -> column.
    product_key: of the events; empty for that of the source. insert_missing: also those that are not known yet.
    date_format: of ``strptime``, for every date; without one they are milliseconds since 1970 or ISO 8601.
    """

    entity: str
    id: str
    attributes: Mapping[str, str]
    account: str = ""
    product_key: str = ""
    insert_missing: bool = False
    date_format: str = ""

    def plain(self) -> dict[str, Any]:
        """As JSON has it, without a format that there is not; ``PeopleLoading(**plain)`` is the same."""
        return {name: value for name, value in asdict(self).items() if name != "date_format" or value}


def loading_of(mapping: Any, what: str = "", *, insert_missing: bool = False, dates: str = "") -> PeopleLoading:
    """Read a mapping. what: ``USER`` or ``ACCOUNT``; not needed of a mapping that has one of them.

    dates: their format, see ``model.date_formats``. Raises ``Refused`` for a field that there is not, or that nobody
    can set, for one that is mapped twice, and for a format of dates that cannot be.
    """
    if not isinstance(mapping, Mapping) or not isinstance(mapping.get("fieldMapping"), Mapping):
        raise Refused("the mapping has no fieldMapping", _SHAPE)
    objects = mapping["fieldMapping"]
    what = what.upper() or (next(iter(objects)) if len(objects) == 1 else "")
    if what not in OBJECTS:
        raise Refused("say what the rows are" if not what else f"'{what}' is nothing that is loaded",
                      f"Use one of {', '.join(OBJECTS)}")  # fmt: skip
    fields, product_key = objects.get(what), mapping.get("productKey") or ""
    if not isinstance(fields, Mapping) or not all(isinstance(each, str) and each for each in fields.values()):
        raise Refused(f"the mapping has no columns of {what}", _SHAPE)
    if not isinstance(product_key, str):
        raise Refused("productKey is no text", _SHAPE)
    found = _loading(OBJECTS[what], fields)
    return replace(found, product_key=product_key, insert_missing=insert_missing, date_format=date_format(dates))


def fields_of(columns: Sequence[str], entity: str) -> dict[str, str]:
    """The mapping of a file whose columns are called as the fields are; any other name is a custom attribute."""
    fields = {}
    for column in columns:
        beside = column in (*_IDS[entity], "accountId") or canonical(entity, column.removeprefix(_CUSTOM)) is not None
        fields[column if beside or column.startswith(_CUSTOM) else f"{_CUSTOM}{column}"] = column
    return fields


def _loading(entity: str, fields: Mapping[str, str]) -> PeopleLoading:
    id_, account = "", ""
    attributes: dict[str, str] = {}
    kept: dict[str, str] = {}
    for field, column in fields.items():
        if field in _IDS[entity]:
            id_ = id_ or column
        elif field == "accountId":
            account = column
        else:
            name = _attribute(entity, field)
            if (other := kept.setdefault(named(entity, name)[0], field)) != field:
                raise Refused(f"{other} and {field} are the same attribute", "Map one of them")
            attributes[name] = column
    if not id_:
        raise Refused(f"no column says which {entity} a row is about", f"Map {_IDS[entity][0]}")
    return PeopleLoading(entity, id_, attributes, account)


def _attribute(entity: str, field: str) -> str:
    """The name of the attribute that a field of the vendor's API means."""
    custom = field.removeprefix(_CUSTOM)
    if custom != field or (entity == "account" and field in ACCOUNT_BESIDE):
        name: str | None = custom
        if not custom or not named(entity, custom)[0]:
            name = ""
    else:
        name = canonical(entity, field)
    if name:
        return name
    if name is None:
        raise Refused(f"{field} is no field of {entity}s", f"A custom attribute is {_CUSTOM}{field}")
    raise Refused(f"{field} cannot be set by anybody", "Leave it out; docs/reference/attributes.md has what is kept")
