"""Attributes and single people of a data directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from footfall.stores.profiles import SqlProfiles
from footfall.stores.watched import WatchedAttributes

if TYPE_CHECKING:
    from footfall.ports import Attributes, Profiles
    from footfall.wiring.hub import Footfall


def attributes_of(hub: Footfall) -> Attributes:
    """What attributes are defined to be; changes are noted in the audit log."""
    return WatchedAttributes(hub.database, hub.zone, hub.note)


def profiles_of(hub: Footfall) -> Profiles:
    """What is known about single people."""
    return SqlProfiles(hub.database, hub.zone)
