"""Whose data a data directory holds: decided at its first start, kept beside the data, never changed in silence.

Users' ids are made from the subscription id and days are counted in its zone, so with other values the same directory
would mean something else.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

from footfall import disk
from footfall.config.settings import Settings
from footfall.errors import Damaged, Refused, Unavailable

FILE_NAME: Final = "subscription.json"


@dataclass(frozen=True, slots=True)
class Subscription:
    """One deployment's identity. time_zone: IANA name in which its days are counted."""

    subscription_id: UUID
    organization_id: UUID
    time_zone: str


def open_subscription(settings: Settings, new_id: Callable[[], UUID] = uuid4) -> Subscription:
    """The subscription of ``settings.data``; at the first start made from the settings and remembered.

    Ids nobody gave are drawn with ``new_id``. Settings that were given must agree with what is remembered, else
    ``Refused``; those that were not given take what is remembered.
    """
    path = settings.data / FILE_NAME
    try:
        if not path.exists():
            _remember(path, _first(settings, new_id))
        known = _read(path)
    except OSError as error:
        raise Unavailable(f"{path}: {error.strerror}", "Check that the data directory can be written") from error
    for name in ("subscription_id", "organization_id", "time_zone"):
        wanted, kept = getattr(settings, name), getattr(known, name)
        if settings.given(name) and wanted != kept:
            raise Refused(
                f"{settings.origin(name)} sets {name} to {wanted}, but the data in {settings.data} was collected "
                f"with {kept}",
                "Remove the setting, or start with an empty data directory",
            )
    return known


def _first(settings: Settings, new_id: Callable[[], UUID]) -> Subscription:
    return Subscription(
        subscription_id=settings.subscription_id or new_id(),
        organization_id=settings.organization_id or new_id(),
        time_zone=settings.time_zone,
    )


def _read(path: Path) -> Subscription:
    try:
        plain = json.loads(path.read_text("utf-8"))
        return Subscription(UUID(plain["subscription_id"]), UUID(plain["organization_id"]), str(plain["time_zone"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Damaged(f"{path} is not what was written there: {error}", "Restore it from a backup") from error


def _remember(path: Path, subscription: Subscription) -> None:
    """Write the file whole, durably, and only if there is none: of two first starts at once one wins for both."""
    disk.make_folder(path.parent)
    plain = {
        "subscription_id": str(subscription.subscription_id),
        "organization_id": str(subscription.organization_id),
        "time_zone": subscription.time_zone,
    }
    beside = disk.draft_of(path)
    with beside.open("w", encoding="utf-8") as file:
        file.write(json.dumps(plain, indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    with suppress(FileExistsError):
        os.link(beside, path)
    beside.unlink()
    disk.sync(path.parent)
