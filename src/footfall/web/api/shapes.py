"""What is common to the models of requests and answers: nothing unknown, nothing converted, bounds on everything."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StrictBool,
    StrictInt,
)

from footfall.model.days import YEARS
from footfall.model.remote import is_relative

_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
NAME_PATTERN: Final = "^[a-z0-9][a-z0-9._-]{0,62}$"


class Given(BaseModel):
    """Something a client sends."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Told(BaseModel):
    """Something we answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _instant(value: Any) -> Any:
    if isinstance(value, str) and _INSTANT.fullmatch(value) is None:
        raise ValueError("must be an instant with its zone, such as 2026-11-23T09:00:00Z")
    if not isinstance(value, str | datetime):
        raise ValueError("must be text")
    return value


def _day(value: Any) -> Any:
    if isinstance(value, str) and _DAY.fullmatch(value) is None:
        raise ValueError("must be a day such as 2026-11-23")
    if not isinstance(value, str | date):
        raise ValueError("must be text")
    return value


def _of_our_time(value: date) -> date:
    if value.year not in YEARS:
        raise ValueError(f"must be in the years {YEARS[0]} to {YEARS[-1]}")
    return value


def _written(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _absolute(value: str) -> str:
    """Where the server was started is nothing that a caller knows."""
    if value and is_relative(value):
        raise ValueError("is relative to wherever the server was started: give an absolute path, such as /srv/exports")
    return value


Instant = Annotated[
    AwareDatetime,
    BeforeValidator(_instant),
    AfterValidator(_of_our_time),
    PlainSerializer(_written, return_type=str, when_used="json"),
]
Day = Annotated[date, BeforeValidator(_day), AfterValidator(_of_our_time)]
Name = Annotated[str, Field(pattern=NAME_PATTERN)]
Words = Annotated[str, Field(max_length=2_000)]
Url = Annotated[str, Field(min_length=1, max_length=2_000, pattern=r"^[^\x00-\x1f\x7f]+$")]
Place = Annotated[
    Url,
    AfterValidator(_absolute),
    Field(description="`s3://bucket/folder`, `gs://bucket/folder`, or, for admins, an absolute folder of the server."),
]
ServerFile = Annotated[
    str, Field(max_length=2_000, description="PEM file on the server, its path absolute."), AfterValidator(_absolute)
]
Whole = StrictInt
Flag = StrictBool

__all__ = ["Day", "Flag", "Given", "Instant", "Name", "Place", "ServerFile", "Told", "Url", "Whole", "Words"]
