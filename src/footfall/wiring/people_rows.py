"""Rows about users and accounts over a data directory: which attributes have which type, and who is known."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from footfall.model.people_loading import PeopleLoading
from footfall.stores.directory import SqlDirectory
from footfall.wiring.private_rows import stored_ids
from footfall.wiring.profiles import attributes_of

if TYPE_CHECKING:
    from footfall.wire.people_rows import PeopleRows
    from footfall.wiring.hub import Footfall


def people_rows(hub: Footfall, import_id: str, at: datetime, told: Mapping[str, Any], stream: str) -> PeopleRows:
    """What makes events of rows for a stream. told: a ``PeopleLoading`` as settings of imports keep it."""
    from footfall.wire.people_rows import PeopleRows

    loading = PeopleLoading(**told)
    directory = SqlDirectory(hub.database, hub.zone, hub.clock)
    definitions = attributes_of(hub).all(loading.entity)

    def known(ids: Sequence[str]) -> Collection[str]:
        stored = stored_ids(hub, stream, loading.entity, ids)
        there = directory.known(loading.entity, list(stored.values()))
        return {each for each in ids if stored[each] in there}

    return PeopleRows(import_id, at, loading, definitions, known)
