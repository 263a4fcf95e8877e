"""What is inferred about people when a session of theirs begins, or they are identified: agent, place, organisation.

Sayings of the same kind as attributes that a client sends (``lastUserAgentData_*``, ``lastInferredLocation_*``,
``lastInferredOrganization_*``, ``lastInferredDataSyncDate``), at the instant of the event, so the latest one stands.
Distinct texts are looked at once and remembered; there is no loop over events.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from footfall.engines import agents
from footfall.engines.organizations import organization
from footfall.engines.reopening import Reopened
from footfall.model.columns import LOCATION_FIELDS
from footfall.model.event import EventType
from footfall.portions import in_batches
from footfall.ports import Derived, LogRange

_MOMENTS: Final = pa.array([EventType.SESSION_STARTED, EventType.IDENTIFY], pa.int16())
_COLUMNS: Final = (
    ("type", pa.int16()), ("position", pa.int64()), ("occurred_us", pa.int64()), ("source", pa.string()),
    ("channel", pa.string()), ("event_id", pa.string()), ("identify_id", pa.string()), ("properties", pa.string()),
    ("user_attributes", pa.string()),
)  # fmt: skip
_ASKED: Final = """SELECT nullif(json_extract_string(properties, '$.user_agent'), '') AS agent,
        regexp_extract(coalesce(json_extract_string(user_attributes, '$.email'),
            json_extract_string(user_attributes, '$.Email')), '@([^@\\s]+)$', 1) AS domain
    FROM given"""
_READ: Final = ("properties", "user_attributes")
_SERVER: Final = "server"
_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(dict[str, str]).decode


@dataclass(frozen=True, slots=True)
class Allowed:
    """What may be inferred at all, and whether anything may be inferred of a source."""

    agents: bool = True
    places: bool = True
    organizations: bool = True
    source: Callable[[str], bool] = lambda name: True


class Inference:
    """ports.Derivation: facts, and no rows. Not for use by two threads at once.

    The agent is the event's own ``user_agent``; where it has none, that of the request, if it is a browser's. That of a
    server's library is never a person's. The place is that of the request, unless a server sent it for the person.
    """

    def __init__(self, allowed: Allowed) -> None:
        self._allowed = allowed
        self._engine = Reopened(partial(duckdb.connect, ":memory:", config={"threads": 1}))

    def derive(self, events: pa.Table, taken: LogRange) -> Derived:
        rows = _telling(events, taken)
        if not len(rows):
            return Derived(events)
        asked = self._asked(rows)
        requests = _requests(rows, taken)
        may = _each(rows["source"], lambda name: "yes" if self._allowed.source(name) else None)
        parts = [
            self._agents(may, asked["agent"], requests["agent"]),
            *self._places_and_organizations(rows, may, asked["domain"], requests["place"]),
        ]
        attributes = _joined(parts)
        facts = pa.table(
            {
                "at": rows["occurred_us"].cast(pa.timestamp("us")).cast(pa.timestamp("us", "UTC")),
                "kind": pa.repeat(pa.scalar("user"), len(rows)),
                "user": rows["identify_id"],
                "attributes": pc.binary_join_element_wise("{", attributes, "}", ""),
                "source": rows["source"],
                # Of one event with two sayings each must be known by itself.
                "event_id": pc.binary_join_element_wise(rows["event_id"], "#inferred", ""),
            }
        )
        return Derived(events, facts=facts.filter(pc.not_equal(attributes, "")))

    def _agents(self, may: pa.Array, own: pa.Array, request: pa.Array) -> pa.Array:
        if not self._allowed.agents:
            return pa.nulls(len(own), pa.string())
        seen = _each(request, lambda text: text if agents.is_browser(text) else None)
        return _each(pc.if_else(pc.is_valid(may), pc.coalesce(own, seen), None), agents.members)

    def _places_and_organizations(
        self, rows: pa.Table, may: pa.Array, domain: pa.Array, place: pa.Array
    ) -> list[pa.Array]:
        nothing = pa.nulls(len(rows), pa.string())
        places = pc.if_else(pc.is_valid(may), place, None) if self._allowed.places else nothing
        domains = pc.if_else(pc.is_valid(may), domain, None) if self._allowed.organizations else nothing
        found = [_each(places, _place_members), _each(domains, _organization_members)]
        at = pc.strftime(rows["occurred_us"].cast(pa.timestamp("us")).cast(pa.timestamp("ms"), safe=False),
                         format="%Y-%m-%dT%H:%M:%SZ")  # fmt: skip
        told = pc.or_(pc.is_valid(found[0]), pc.is_valid(found[1]))
        synced = pc.binary_join_element_wise('"lastInferredDataSyncDate":"', _whole(at), '"', "")
        return [*found, pc.if_else(told, synced, None)]

    def _asked(self, rows: pa.Table) -> pa.Table:
        """(agent, domain): what each event says of its client, and the domain of the person's e-mail address."""
        with self._engine.use(given=in_batches(rows.select(_READ), _READ)) as engine:
            return engine.sql(_ASKED).to_arrow_table().combine_chunks()


def _joined(parts: Sequence[pa.Array]) -> pa.Array:
    """What is there of each row, with commas between. (Arrow's own skipping of nulls loses rows that are all null.)"""
    led = [pc.coalesce(pc.binary_join_element_wise("", part, ","), "") for part in parts]
    return pc.utf8_slice_codeunits(pc.binary_join_element_wise(*led, ""), 1)


def _telling(events: pa.Table, taken: LogRange) -> pa.Table:
    """The events of known users at which something is inferred, and the sessions that begin because of them."""
    moments = pc.or_(
        pc.is_in(events["type"], value_set=_MOMENTS),
        pc.fill_null(pc.match_substring(events["user_attributes"], "mail", ignore_case=True), False),
    )
    parts = [events.filter(pc.and_(moments, pc.is_valid(events["identify_id"])))]
    for added in taken.added:
        begun = pc.and_(pc.is_in(added["type"], value_set=_MOMENTS), pc.is_valid(added["identify_id"]))
        parts.append(added.filter(begun))
    return pa.concat_tables([_columns(part) for part in parts]).combine_chunks()


def _columns(rows: pa.Table) -> pa.Table:
    columns = [
        rows[name].cast(kind) if name in rows.column_names else pa.nulls(len(rows), kind) for name, kind in _COLUMNS
    ]
    return pa.table(columns, schema=pa.schema(_COLUMNS))


def _requests(rows: pa.Table, taken: LogRange) -> pa.Table:
    """(agent, place) of the request that each event came with, where the client itself made it."""
    batches = [entry.batch for entry in taken.entries]
    positions = pa.array([entry.position for entry in taken.entries], pa.int64())
    found = pc.index_in(_whole(rows["position"]), value_set=positions)
    own = pc.not_equal(_whole(rows["channel"]), _SERVER)
    texts = {
        "agent": [batch.user_agent or None for batch in batches],
        "place": [batch.place or None for batch in batches],
    }
    return pa.table({
        name: pc.if_else(own, pa.array(column, pa.string()).take(found), None) for name, column in texts.items()
    })  # fmt: skip


def _place_members(place: str) -> str | None:
    try:
        known = _decode(place)
    except msgspec.DecodeError:
        return None
    return _encode({f"lastInferredLocation_{name}": known.get(name) for name in LOCATION_FIELDS}).decode()[1:-1]


def _organization_members(domain: str) -> str | None:
    found = organization(domain)
    if found is None:
        return None
    return _encode({"lastInferredOrganization_name": found, "lastInferredOrganization_webDomain": found}).decode()[1:-1]


def _each(texts: pa.Array | pa.ChunkedArray, made: Callable[[str], str | None]) -> pa.Array:
    """What is made of each text, made once for each distinct one; null stays null."""
    coded = _whole(texts).dictionary_encode()
    return pa.array([made(text) for text in coded.dictionary.to_pylist()], pa.string()).take(coded.indices)


def _whole(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
