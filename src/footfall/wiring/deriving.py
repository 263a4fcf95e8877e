"""What settling finds out about events, in the order in which it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from footfall.engines.feature_matches import FeatureMatches
from footfall.stores.catalogue import MapperRules

if TYPE_CHECKING:
    from footfall.ports import Derivation
    from footfall.wiring.hub import Footfall


def derivations_of(hub: Footfall) -> tuple[Derivation, ...]:
    """What is added last copies the session of its cause."""
    settings = hub.settings
    spill = settings.data / "spill" / "settle"
    return (FeatureMatches(MapperRules(hub.database), temp_directory=spill, threads=settings.threads),)
