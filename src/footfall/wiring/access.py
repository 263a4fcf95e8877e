"""A place to be tried, and what has to be granted for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from footfall.config import Settings
from footfall.model.authorizations import check_place
from footfall.model.policies import Use
from footfall.ports import Clock, Probe

if TYPE_CHECKING:
    from footfall.flows.check_access import Findings, Step
    from footfall.wiring.hub import Footfall


def check_place_access(
    url: str,
    use: Use,
    *,
    endpoint_url: str | None,
    settings: Settings,
    clock: Clock,
    say: Callable[[Step], None],
) -> Findings:
    """Try the place at ``url`` with the machine's own identity; needs no data directory."""
    from footfall.buckets.places import open_probe

    return _check(open_probe(url, endpoint_url=endpoint_url), use, settings, clock, say)


def check_authorized_access(hub: Footfall, name: str, url: str, use: Use, *, say: Callable[[Step], None]) -> Findings:
    """Try the place at ``url`` with an authorization, and remember how it went.

    Raises ``Refused`` for a name nobody has and an address that this kind of authorization cannot open.
    """
    from footfall.buckets.places import open_probe
    from footfall.wiring.authorizations import access_of

    authorization = hub.authorizations.get(name)
    check_place(authorization, url)
    probe = open_probe(
        url,
        access_of(hub, name),
        endpoint_url=authorization.endpoint_url or None,
        public_only=not hub.settings.allow_private_endpoints,
    )
    findings = _check(probe, use, hub.settings, hub.clock, say)
    hub.authorizations.mark(name, "authorized" if findings.ok else "refused", findings.cause)
    return findings


def _check(probe: Probe, use: Use, settings: Settings, clock: Clock, say: Callable[[Step], None]) -> Findings:
    from footfall.flows.check_access import check_access

    return check_access(probe, use, name=settings.verify_name, at=clock(), say=say)
