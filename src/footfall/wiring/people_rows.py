"""Rows about users and accounts over a data directory: which attributes have which type, and who is known."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from footfall.model.people_loading import PeopleLoading
from footfall.stores.directory import SqlDirectory
from footfall.wiring.profiles import attributes_of

if TYPE_CHECKING:
    from footfall.wire.people_rows import PeopleRows
    from footfall.wiring.hub import Footfall


def people_rows(hub: Footfall, import_id: str, at: datetime, told: Mapping[str, Any]) -> PeopleRows:
    """What makes events of rows. told: a ``PeopleLoading`` as settings of imports keep it."""
    from footfall.wire.people_rows import PeopleRows

    loading = PeopleLoading(**told)
    directory = SqlDirectory(hub.database, hub.zone, hub.clock)
    definitions = attributes_of(hub).all(loading.entity)
    return PeopleRows(import_id, at, loading, definitions, lambda ids: directory.known(loading.entity, ids).keys())
