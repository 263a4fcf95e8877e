"""Audiences of ``footfall.yaml`` in the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from footfall.config.audience_fields import audience_of, plain_audience
from footfall.errors import FootfallError, Refused
from footfall.model.audiences import Audience, evaluable
from footfall.wiring.membership import audiences_of

if TYPE_CHECKING:
    from footfall.config.definition_file import DefinitionFile
    from footfall.model.plans import Change, Plain
    from footfall.wiring.hub import Footfall


def current_audiences(hub: Footfall, wanted: Mapping[str, Plain]) -> dict[str, Plain]:
    """What is defined, by name."""
    return {audience.name: plain_audience(audience) for audience in audiences_of(hub).all()}


def put_audiences(hub: Footfall, changes: Sequence[Change]) -> Mapping[str, str]:
    """Make these changes: what is included before what includes it, what is deleted last and the other way round."""
    store, at = audiences_of(hub), hub.clock()
    made = {change.name: audience_of(change.after) for change in changes if change.after is not None}
    gone = {change.name for change in changes if change.after is None}
    there = {audience.name: audience for audience in store.all()}
    for audience in _in_order({**there, **made}):
        if audience.name in made:
            (store.change if audience.name in there else store.add)(audience, at)
    for audience in reversed(_in_order(there)):
        if audience.name in gone:
            store.delete(audience.name)
    return {}


def wanted_audiences(hub: Footfall, found: DefinitionFile) -> dict[str, Plain]:
    """Those of a file as the store would have them; what would not hold together is among the file's faults."""
    made: dict[str, Audience] = {}
    for name, resource in found.of("audiences").items():
        try:
            made[name] = audience_of(resource.plain)
        except FootfallError as error:
            found.blame("audiences", name, error)
    _, faults = evaluable([*({each.name: each for each in audiences_of(hub).all()} | made).values()])
    for name in sorted(faults.keys() & made.keys()):
        found.blame("audiences", name, Refused(faults[name], "Include audiences that are there, and none in a ring"))
    return {name: plain_audience(audience) for name, audience in made.items() if name not in faults}


def _in_order(audiences: Mapping[str, Audience]) -> list[Audience]:
    """What is included first. Those that cannot be evaluated come last, for the store to refuse."""
    ordered, faults = evaluable(list(audiences.values()))
    return [*ordered, *(audiences[name] for name in sorted(faults))]
