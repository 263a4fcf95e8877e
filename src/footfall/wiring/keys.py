"""Keys are drawn here, shown once, and kept nowhere: write keys of sources, and keys of the management API."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from footfall.errors import Refused
from footfall.model.api_keys import ApiKey, digest, make_key
from footfall.model.event import ENVIRONMENT_DEFAULT, PRODUCT_DEFAULT
from footfall.model.metadata import CHANNELS
from footfall.model.privacy import DEFAULT
from footfall.ports import Source
from footfall.stores.sources import key_sha256

if TYPE_CHECKING:
    from footfall.wiring.hub import Footfall


def create_key(
    hub: Footfall,
    name: str,
    *,
    product_key: str,
    environment: str,
    channel: str,
    tag: Mapping[str, Any] | None = None,
) -> str:
    """Make a source and return its write key.

    Raises ``Refused`` for what a file of definitions could not say, ``Conflict`` when its name has a key in force.
    """
    for what, text in (("name", name), ("product", product_key), ("environment", environment)):
        if not text.strip():
            raise Refused(f"the {what} of a source cannot be empty", "Give one or more characters")
    if name == DEFAULT:
        raise Refused(f"{name!r} is no name of a source", "It stands for the privacy policy of them all")
    if channel not in CHANNELS:
        raise Refused(f"{channel!r} is no channel", f"Choose one of {', '.join(CHANNELS)}")
    key = f"ff_wk_{secrets.token_urlsafe(24)}"
    hub.sources.add(
        Source(
            name, key_sha256(key), hub.clock(), product_key, environment, channel, tag=tag if tag is not None else {}
        )
    )
    return key


def create_api_key(hub: Footfall, name: str, scope: str, expires_at: datetime | None) -> tuple[ApiKey, str]:
    """Make a key of the management API: what is kept of it, and the key itself.

    Raises ``Refused`` for an unfit name, scope or expiry, ``Conflict`` when the name has a key in force.
    """
    key = make_key(scope, secrets.token_bytes)
    made = ApiKey(name=name, scope=scope, key_sha256=digest(key), created_at=hub.clock(), expires_at=expires_at)
    hub.api_keys.add(made)
    return made, key


def first_key(hub: Footfall) -> str | None:
    """The write key of a first start: the one that is set, else a new one. None when there are sources already.

    A key that is set (FOOTFALL_WRITE_KEY) belongs to the source ``default`` and may be set at any start.
    """
    given = hub.settings.write_key
    if given:
        if hub.sources.by_key(given) is None:
            mark = hashlib.sha256(given.encode()).hexdigest()[:8]
            taken = {s.name for s in hub.sources.all()}
            name = "default" if "default" not in taken else f"default-{mark}"
            _add_source(hub, name, given, PRODUCT_DEFAULT, ENVIRONMENT_DEFAULT, "server")
        return given
    if hub.sources.all():
        return None
    return create_key(
        hub, "default", product_key=PRODUCT_DEFAULT, environment=ENVIRONMENT_DEFAULT, channel="server"
    )  # fmt: skip


def _add_source(hub: Footfall, name: str, key: str, product_key: str, environment: str, channel: str) -> None:
    hub.sources.add(Source(name, key_sha256(key), hub.clock(), product_key, environment, channel))
