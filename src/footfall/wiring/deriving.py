"""What settling finds out about events, in the order in which it does; and where the addresses of clients are."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from footfall.config import Settings
    from footfall.ports import Derivation, Sources
    from footfall.wiring.hub import Footfall


def derivations_of(hub: Footfall) -> tuple[Derivation, ...]:
    """Sessions first: what comes after them copies the session of its cause, or looks at those that begin."""
    from footfall.engines.feature_matches import FeatureMatches
    from footfall.engines.inference import Allowed, Inference
    from footfall.engines.sessions import IdleSessions
    from footfall.stores.catalogue import MapperRules
    from footfall.stores.open_sessions import SqlOpenSessions

    settings = hub.settings
    made: list[Derivation] = []
    if settings.session_minutes:
        wanted = _sessions_wanted(settings, hub.sources)
        made.append(IdleSessions(SqlOpenSessions(hub.database), idle_s=settings.session_minutes * 60, wanted=wanted))
    if settings.infer_agents or settings.infer_places or settings.infer_organizations:
        made.append(Inference(Allowed(settings.infer_agents, settings.infer_places, settings.infer_organizations,
                                      lambda source: hub.privacy.policy(source).inference)))  # fmt: skip
    spill = settings.data / "spill" / "settle"
    made.append(FeatureMatches(MapperRules(hub.database), temp_directory=spill, threads=settings.threads))
    return tuple(made)


def places_of(settings: Settings) -> Callable[[str], str]:
    """Where an address is, see ``ports.Batch.place``; nowhere, if places are not to be inferred.

    Raises ``Refused`` when there is a city file that cannot be read.
    """
    if not settings.infer_places:
        return lambda address: ""
    from footfall.engines.places import Places

    return Places(settings.city_file).of


def _sessions_wanted(settings: Settings, sources: Sources) -> Callable[[str, bool], bool]:
    """What clients send with a write key unless the source is named, rows of files only if their stream is."""

    def wanted(name: str, imported: bool) -> bool:
        if imported or name in settings.sessions_of_streams:
            return name in settings.sessions_of_streams
        return name not in settings.sessions_without and any(source.name == name for source in sources.all())

    return wanted
