"""Definitions as plain data (parsed JSON or YAML) to ``Metadata`` and back.

Field names are those of the dataclasses in ``model.metadata``; camelCase is read as well, because clients of the HTTP
API write it. The kinds are the top level: ``{"features": [{"id": …, "name": …}], "surveys": […]}``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from footfall.model.feature_rules import FeatureRule
from footfall.model.metadata import (
    KINDS,
    Article,
    BadDefinition,
    Engagement,
    Environment,
    Feature,
    Metadata,
    Place,
    Product,
    Question,
    Survey,
    check,
    check_items,
    survey_type,
)

_CLASSES: Final[dict[str, type]] = {
    "products": Product,
    "environments": Environment,
    "features": Feature,
    "engagements": Engagement,
    "surveys": Survey,
    "articles": Article,
}


def read(plain: object, *, whole: bool = False) -> Metadata:
    """Metadata from a mapping of kinds to lists of items, checked.

    whole: nothing is defined elsewhere, so the parent of every feature must be here.
    Raises ``BadDefinition`` with the place: a field unknown, missing or of another type, and what ``check`` finds.
    """
    kinds = _mapping((), plain)
    given = {_folded(str(kind)): (str(kind), items) for kind, items in kinds.items()}
    for folded, (kind, _) in given.items():
        if folded not in _CLASSES:
            raise BadDefinition("unknown_field", (kind,), "is no kind of definition", f"Use one of {', '.join(KINDS)}")
    parts: dict[str, Any] = {
        folded: tuple(_item((kind, i), _CLASSES[folded], item) for i, item in enumerate(_sequence((kind,), items)))
        for folded, (kind, items) in given.items()
    }
    metadata = Metadata(**parts)
    (check if whole else check_items)(metadata)
    return metadata


def write(metadata: Metadata) -> dict[str, list[dict[str, Any]]]:
    """Plain data that ``read`` turns into the same metadata; fields at their default are left out."""
    return {kind: [plain_item(item) for item in getattr(metadata, kind)] for kind in KINDS}


def read_item(kind: str, plain: object) -> Any:
    """One item of a kind (``features``), not checked against its neighbours."""
    return _item((kind,), _CLASSES[kind], plain)


def plain_item(item: Any) -> dict[str, Any]:
    """One item as plain data."""
    return {f.name: _plain(value) for f in fields(item) if (value := getattr(item, f.name)) != f.default}


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if is_dataclass(value):
        return plain_item(value)
    return value


def _item(place: Place, cls: type, plain: object) -> Any:
    known = {_folded(f.name): f for f in fields(cls)}
    values: dict[str, Any] = {}
    for name, value in _mapping(place, plain).items():
        field = known.get(_folded(str(name)))
        if field is None:
            hint = f"Use one of {', '.join(f.name for f in known.values())}"
            raise BadDefinition("unknown_field", (*place, str(name)), "is no field of this kind", hint)
        if field.name in values:
            raise BadDefinition("duplicate_field", (*place, str(name)), "is given twice")
        values[field.name] = _read_field((*place, str(name)), cls, field, value)
    for field in fields(cls):
        if field.default is MISSING and field.name not in values:
            raise BadDefinition("missing_field", place, f"{field.name} is missing")
    return cls(**values)


def _read_field(place: Place, cls: type, field: Field[Any], value: object) -> object:
    value = _READERS[str(field.type)](place, value)
    if cls is Survey and field.name == "type":
        return survey_type(str(value)) or value
    return value


def _folded(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def _mapping(place: Place, value: object) -> Mapping[object, object]:
    if not isinstance(value, Mapping):
        raise BadDefinition("wrong_type", place, f"{_shown(value)} is no mapping of fields to values")
    return value


def _sequence(place: Place, value: object) -> Sequence[object]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise BadDefinition("wrong_type", place, f"{_shown(value)} is no list")
    return value


def _text(place: Place, value: object) -> str:
    # Ids that look like numbers are common and YAML reads them as such; a boolean or a float as an id is a slip.
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise BadDefinition("wrong_type", place, f"{_shown(value)} is no text")
    return str(value)


def _texts(place: Place, value: object) -> tuple[str, ...]:
    return tuple(_text((*place, index), each) for index, each in enumerate(_sequence(place, value)))


def _boolean(place: Place, value: object) -> bool:
    if not isinstance(value, bool):
        raise BadDefinition("wrong_type", place, f"{_shown(value)} is neither true nor false")
    return value


def _integer(place: Place, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadDefinition("wrong_type", place, f"{_shown(value)} is no whole number")
    return int(value)


def _instant(place: Place, value: object) -> datetime:
    """An aware instant; text without an offset and a bare date are UTC."""
    if isinstance(value, datetime):
        found = value
    elif isinstance(value, date):
        found = datetime(value.year, value.month, value.day, tzinfo=UTC)
    else:
        try:
            found = datetime.fromisoformat(_text(place, value))
        except ValueError as error:
            hint = "Write it as 2026-01-31T12:00:00Z"
            raise BadDefinition("wrong_type", place, f"{_shown(value)} is no instant", hint) from error
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _questions(place: Place, value: object) -> tuple[Question, ...]:
    return tuple(_item((*place, index), Question, each) for index, each in enumerate(_sequence(place, value)))


def _rules(place: Place, value: object) -> tuple[FeatureRule, ...]:
    return tuple(_item((*place, index), FeatureRule, each) for index, each in enumerate(_sequence(place, value)))


def _optional(read: Callable[[Place, object], object]) -> Callable[[Place, object], object]:
    return lambda place, value: None if value is None else read(place, value)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:39] + "…"


# By the annotation as it is written in ``model.metadata``.
_READERS: Final[dict[str, Callable[[Place, object], object]]] = {
    "str": _text,
    "str | None": _optional(_text),
    "tuple[str, ...]": _texts,
    "bool": _boolean,
    "int | None": _optional(_integer),
    "datetime | None": _optional(_instant),
    "tuple[Question, ...]": _questions,
    "tuple[FeatureRule, ...]": _rules,
}
