"""The fields of an attribute in ``footfall.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from footfall.config.shapes import Anything, Field, Flag, Record, Text, Whole
from footfall.model.attribute_definitions import (
    CAPACITY_MAX,
    ENTITIES,
    KEEP_DAYS_MAX,
    MERGES,
    SHARED_BY_MAX,
    STATES,
    TYPES,
    of_plain,
)

_NAME: Final = Text(pattern=r"(.|\n)*\S(.|\n)*", example="one or more characters")
_RULES: Final = tuple(sorted({merge for merges in MERGES.values() for merge in merges}))

ATTRIBUTE: Final = Record(
    (
        Field("entity", Text(ENTITIES), "Whose it is.", True),
        Field("api_name", _NAME, "Its name in events and files, in any spelling.", True),
        Field("type", Text(TYPES), "Of its values; text by default, and a default attribute has its own."),
        Field("merge", Text(_RULES), "What becomes of several sayings; last, and add of sets and maps, by default."),
        Field("state", Text(STATES), "What is not enabled is kept and not shown.", default="ENABLED"),
        Field("label", Text(), "Name for people."),
        Field("description", Text(), "What it says."),
        Field("default", Anything(), "For whoever has no value."),
        Field("capacity", Whole(1, CAPACITY_MAX), "Elements of a set or map at most.", default=100),
        Field("keep_days", Whole(1, KEEP_DAYS_MAX), "How long an element of a set or map is shown."),
        Field("is_pii", Flag(), "Whether it is personal data.", default=False),
        Field("is_identifier", Flag(), "Whether users who share a value are one person.", default=False),
        Field("shared_by_max", Whole(2, SHARED_BY_MAX), "A value that more users share identifies nobody.", default=5),
    )
)


def check_attribute(plain: Mapping[str, Any]) -> None:
    """Raises ``Refused`` for a definition that could not work."""
    of_plain(plain)
