"""What a report is: name, versions, columns, which rows it is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from footfall.model.columns import (
    ACCOUNT,
    BOOLEAN,
    CUSTOM_PREFIX,
    DATE,
    ENVIRONMENT,
    MOMENT,
    NUMBER,
    PRODUCT,
    STRING,
    Field,
    key,
    text,
)
from footfall.model.event import EventType

VERSIONS: Final = ("1.0", "2.0")
# Sources of the columns that say who did it.
WHO: Final = ("user", "account")
BOTH: Final = VERSIONS
LATEST: Final = ("2.0",)

# Words of the attribute types in the printed type of a custom column.
ATTRIBUTE_TYPES: Final[Mapping[str, str]] = {
    "STRING": STRING,
    "NUMBER": NUMBER,
    "BOOLEAN": BOOLEAN,
    "DATE_TIME": STRING,
}


# The rows of a report that have these texts: (source of the column, text), None for rows that have none.
Part = tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True)
class Report:
    """One extract type.

    name: the ExtractType of the file name. about: ``user``, ``account`` or ``metadata``; rows about an account need
    both an identified user and an account, rows about a user need the user only.
    relation: which rows it is made of: ``counts`` (the cube, grouped by ``keys``) or a query of that name.
    words: the event types it counts, each with the word printed in ``type``.
    custom: the entity whose custom attributes become columns, at the field whose source is ``custom``.
    """

    name: str
    title: str
    content: str
    about: str
    relation: str
    versions: tuple[str, ...]
    fields: tuple[Field, ...]
    words: Mapping[EventType, str] = field(default_factory=dict)
    custom: str = ""

    def columns(self, version: str, custom: Sequence[tuple[str, str]] = ()) -> tuple[Field, ...]:
        """The columns of one version in the order of the file.

        custom: (api name, type) of the custom attributes; they are printed sorted by the UTF-8 bytes of the name.
        Raises ``KeyError`` when the version does not have this report.
        """
        if version not in self.versions:
            raise KeyError(f"{self.name} is not part of version {version}")
        out: list[Field] = []
        for f in self.fields:
            if f.source == "custom":
                out.extend(_custom_field(*c) for c in sorted(custom, key=lambda c: c[0].encode()))
            elif f.since <= version:
                out.append(f)
        return tuple(out)

    def keys(self, version: str) -> tuple[Field, ...]:
        """The columns that group the rows, in the order of the file."""
        return tuple(f for f in self.columns(version) if f.key)

    def divider(self, what: str, version: str) -> str:
        """The source of the column that tells the ``product``, ``environment`` or ``event`` (of custom events) of a
        row; empty where rows are about none."""
        name = {"event": "eventName", "product": "productKey"}.get(what, what)
        return next((f.source for f in self.columns(version) if f.key and f.name == name), "")

    def order(self, version: str) -> tuple[Field, ...]:
        """The columns that the rows are sorted by: user and account, then the other keys in the order of the file."""
        return tuple(sorted(self.keys(version), key=lambda f: WHO.index(f.source) if f.source in WHO else len(WHO)))


def _custom_field(name: str, type: str) -> Field:
    printed, typed = ATTRIBUTE_TYPES.get(type.upper(), STRING), MOMENT if type.upper() == "DATE_TIME" else ""
    return Field(CUSTOM_PREFIX + name, printed, f"custom.{name}", typed=typed)


CUSTOM_COLUMNS: Final = Field(CUSTOM_PREFIX + "{customAttributeApiName}", "type varies", "custom")
EVENTS_WORDS: Final = {
    EventType.FORM_SUBMIT: "FORM_SUBMIT",
    EventType.PAGE_VIEW: "PAGE_VIEW",
    EventType.SEGMENT_MATCH: "SEGMENT",
    EventType.SESSION_STARTED: "SESSION_INITIALIZED",
}
CUSTOM_EVENTS_WORDS: Final = {EventType.CUSTOM: "CUSTOM"}
FEATURES_WORDS: Final = {EventType.FEATURE_MATCH: "FEATURE_MATCH"}
IN_APP_WORDS: Final = {
    EventType.ENGAGEMENT_VIEW: "ENGAGEMENT_VIEW",
    EventType.ENGAGEMENT_CLICK: "ENGAGEMENT_CLICK",
}
EMAIL_WORDS: Final = {EventType.EMAIL_EVENT: "EMAIL"}
EMAIL_TYPE: Final = key("type", "detail")
EVENT_NAME: Final = key("eventName", "name")
FEATURE: Final = key("featureId", "name")
FEATURE_TEXTS: Final = (text("featureName", "feature.name"), text("featurePath", "feature.path"))
PLACE: Final = (PRODUCT.later(), ENVIRONMENT.later())
ACCOUNT_KEYS: Final = (DATE, ACCOUNT, *PLACE)
