"""The columns of the report files: printed name, printed type, and where the value comes from.

A column's ``source`` is a word the engine understands:

==================  ==========================================================================================
``day``             the local date, ``YYYY-MM-DD``
``user``            identify id of the user          ``account``      account id
``product``         product key                      ``environment``  display name of the environment
``name``            what the event is about          ``detail``       how it went (see ``model.event``)
``locale``          of the client                    ``trigger_type`` what opened the engagement
``type``            the printed word of the event's type (``Report.words``)
``engagement.*``    a fact of the engagement that ``name`` names; ``feature.*`` and ``article.*`` likewise
``value.*``         a value of its own, made by the query of the report's relation
``attribute.*``     an attribute of the user or account the row is about
``custom.*``        a custom attribute of it, under its api name
==================  ==========================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

STRING: Final = "String"
LONG: Final = "Long"
INT: Final = "Int"
INTEGER: Final = "Integer"
BOOLEAN: Final = "Boolean"
NUMBER: Final = "Number"
OBJECT: Final = "Object"
# Types that only files with types know; in others both are printed as String.
LOCAL_DAY: Final = "Day"
MOMENT: Final = "Date"

# Types whose text is a bare number in JSON.
NUMERIC: Final = frozenset({LONG, INT, INTEGER, NUMBER})

CUSTOM_PREFIX: Final = "customAttribute_"
LOCATION_FIELDS: Final = (
    "countryCode",
    "countryName",
    "stateCode",
    "stateName",
    "cityName",
    "continentCode",
    "postalCode",
    "regionName",
    "timeZone",
    "street",
)
ORGANIZATION_FIELDS: Final = (
    "name",
    "numberOfEmployees",
    "revenue",
    "industry",
    "sicCode",
    "duns",
    "naicsCode",
    "webDomain",
    "orbNum",
    "parentOrbNum",
)
USER_AGENT_FIELDS: Final = (
    "rawUserAgent",
    "device",
    "platformType",
    "platformVersion",
    "browserType",
    "browserVersion",
)


@dataclass(frozen=True, slots=True)
class Field:
    """One column as printed. key: rows are grouped and sorted by it. since: the first version that has it.

    typed: its type in a file that has types, where that is not the printed one: ``Day`` for a local date, ``Date``
    for an instant.
    """

    name: str
    type: str
    source: str
    key: bool = False
    since: str = "1.0"
    typed: str = ""

    def later(self) -> Field:
        """The same column, absent from version 1.0."""
        return replace(self, since="2.0")


def key(name: str, source: str) -> Field:
    """A column by which rows are grouped."""
    return Field(name, STRING, source, key=True)


def text(name: str, source: str) -> Field:
    """A String column that is looked up or carried along, never grouped by."""
    return Field(name, STRING, source)


def value(name: str, type: str = STRING) -> Field:
    """A column made by the query of the report's relation under the same name."""
    return Field(name, type, f"value.{name}")


def moment(name: str, source: str = "value") -> Field:
    """An instant, printed as text, under its own name. source: ``value`` or ``attribute``."""
    return Field(name, STRING, f"{source}.{name}", typed=MOMENT)


def attribute(name: str, type: str = STRING) -> Field:
    """A column filled from the default attribute of the same name (``model.attributes``)."""
    return Field(name, type, f"attribute.{name}")


def group(prefix: str, names: tuple[str, ...]) -> tuple[Field, ...]:
    """The columns ``{prefix}_{name}`` of a sub-record, each an attribute of that name."""
    return tuple(attribute(f"{prefix}_{name}") for name in names)


def location(prefix: str) -> tuple[Field, ...]:
    """The ten columns that ``{prefix}_*`` of type Location stands for."""
    return group(prefix, LOCATION_FIELDS)


DATE: Final = Field("date", STRING, "day", key=True, typed=LOCAL_DAY)
INSTANT: Final = Field("date", STRING, "value.instant", typed=MOMENT)
USER: Final = key("identifyId", "user")
ACCOUNT: Final = key("accountId", "account")
PRODUCT: Final = key("productKey", "product")
ENVIRONMENT: Final = key("environment", "environment")
TYPE: Final = key("type", "type")
COUNT: Final = Field("count", LONG, "value.count")
ENGAGEMENT: Final = key("engagementId", "name")
ENGAGEMENT_NAME: Final = text("engagementName", "engagement.name")
LOCALE: Final = key("locale", "locale")
TRIGGER: Final = key("triggerType", "trigger_type")
