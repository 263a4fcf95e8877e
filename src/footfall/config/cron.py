"""Cron expressions, read by cronsim: a time that a change of the clock skips or shows twice comes once."""

from __future__ import annotations

from datetime import UTC, datetime

from cronsim import CronSim, CronSimError

from footfall.errors import Refused
from footfall.model.days import Zone


def next_instant(expression: str, zone: Zone, after: datetime) -> datetime | None:
    """The first instant after ``after`` (aware), UTC; None when none comes within fifty years.

    Raises ``Refused`` for what is no expression of five fields.
    """
    if len(expression.split()) != 5:
        raise Refused(f"{expression!r} is no cron expression", "Write five fields: minute hour day month weekday")
    try:
        # Within a repeated hour cronsim begins at the first showing, so what it finds may lie before ``after``.
        for found in CronSim(expression, after.astimezone(zone.info)):
            instant = found.astimezone(UTC)
            if instant > after:
                return instant
    except CronSimError as error:
        raise Refused(
            f"{expression!r} is no cron expression: {error}", "Write five fields: minute hour day month weekday"
        ) from error
    return None
