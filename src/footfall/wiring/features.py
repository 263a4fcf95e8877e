"""Features and their rules: trying them on an event, copying them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

from footfall.errors import BadRecord
from footfall.model.event import ENVIRONMENT_DEFAULT, PRODUCT_DEFAULT, WORDS, EventType
from footfall.model.feature_trees import cloned
from footfall.model.metadata import Feature, Metadata

if TYPE_CHECKING:
    from footfall.model.feature_rules import FeatureMatch
    from footfall.wiring.hub import Footfall

_SAID: Final = ("attributes", "metrics", "page", "element", "form")


def try_event(hub: Footfall, event: Mapping[str, Any]) -> Sequence[FeatureMatch]:
    """The features that a native event would use by the rules of now. Nothing is kept of it.

    Its product and environment are the usual ones where it names none. Raises ``BadRecord`` for what is no event.
    """
    import pyarrow as pa

    from footfall.engines.feature_finding import FeatureFinder
    from footfall.engines.feature_matches import say_faulty

    kind = WORDS.get(str(event.get("type", "")))
    if kind is None:
        raise BadRecord("unknown_type", f"the type {event.get('type')!r} is not one of native events")
    texts = {
        "product": str(event.get("product_key") or PRODUCT_DEFAULT),
        "environment": str(event.get("environment") or ENVIRONMENT_DEFAULT),
        "channel": str(event.get("channel") or "server"),
        "name": str(event.get("event_name") or "") or None,
        "properties": json.dumps({name: event[name] for name in _SAID if event.get(name)}),
    }
    row = pa.table(
        {"type": pa.array([int(kind)], pa.int16())} | {n: pa.array([t], pa.string()) for n, t in texts.items()}
    )
    temp, metadata = hub.settings.data / "spill", hub.catalogue.read()
    with closing(FeatureFinder(metadata, say_faulty, temp_directory=temp, threads=1)) as finder:
        return finder.explain(row)


def page_view(url: str, product_key: str, environment: str) -> dict[str, Any]:
    """A native event: somebody looks at this page."""
    return {"type": EventType.PAGE_VIEW.word, "product_key": product_key, "environment": environment,
            "page": {"url": url}}  # fmt: skip


def clone_feature(hub: Footfall, id: str, new_id: str, *, name: str = "", product_key: str = "") -> Sequence[Feature]:
    """Copy a feature and what is below it, see ``model.feature_trees.cloned``."""
    with hub.database.transaction():
        made = cloned(hub.catalogue.read(), id, new_id, name=name, product_key=product_key)
        hub.catalogue.write(Metadata(features=tuple(made)), hub.clock())
    return made
