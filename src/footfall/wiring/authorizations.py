"""From an authorization to what a bucket client needs; its secrets go no further than that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from footfall.errors import Refused
from footfall.model.authorizations import check_place, customer_key
from footfall.stores.authorizations import SqlAuthorizations
from footfall.stores.envelope import Envelope
from footfall.stores.key_ring import FILE_NAME, KeyRing
from footfall.stores.vault import SqlVault

if TYPE_CHECKING:
    from footfall.buckets.places import Access
    from footfall.ports import Bucket
    from footfall.wiring.hub import Footfall


def vault_of(hub: Footfall) -> SqlVault:
    """Every secret of this data directory, sealed with the master keys of the settings, else of a file beside it."""
    ring = KeyRing(hub.settings.data / FILE_NAME, hub.settings.master_keys)
    return SqlVault(hub.database, Envelope(str(hub.subscription.subscription_id)), ring)


def authorizations_of(hub: Footfall) -> SqlAuthorizations:
    """The authorizations of this data directory."""
    return SqlAuthorizations(hub.database, hub.vault)


def access_of(hub: Footfall, name: str) -> Access:
    """What a bucket client needs of the authorization ``name``.

    The ExternalId of a role is the subscription id: nobody who configures an authorization can choose it.
    Raises ``Refused`` if there is none of that name, ``Damaged`` if a secret cannot be opened.
    """
    from footfall.buckets.places import Access

    authorization, secrets = hub.authorizations.get(name), hub.authorizations.secrets(name)
    keyed = "access_key_id" in secrets
    return Access(
        key_id=secrets.get("access_key_id", ""),
        secret=secrets.get("access_key_secret", ""),
        session_token=secrets.get("session_token", ""),
        region=authorization.region,
        role_arn=authorization.role_arn,
        external_id=str(hub.subscription.subscription_id) if authorization.role_arn else "",
        ca_bundle=authorization.ca_bundle,
        encryption=authorization.encryption,
        kms_key_id=authorization.kms_key_id,
        customer_key=customer_key(secrets["sse_c_key"]) if authorization.encryption == "sse_c" else b"",
        ambient=not keyed,
    )


def bucket_at(hub: Footfall, url: str, name: str | None, endpoint_url: str | None = None) -> Bucket:
    """The bucket at ``url``: by the authorization ``name`` at the server it names; without one by the standard chain.

    Raises ``Refused`` for an address that this kind of authorization cannot open, and when ``endpoint_url`` names
    another server than it does: keys do not go where they were not meant to.
    """
    from footfall.buckets.places import open_place

    if name is None:
        return open_place(url, endpoint_url=endpoint_url)
    authorization = hub.authorizations.get(name)
    check_place(authorization, url)
    server = authorization.endpoint_url.rstrip("/")
    if endpoint_url is not None and endpoint_url.rstrip("/") != server:
        raise Refused(
            f"authorization '{name}' is for {server or 'the provider itself'}, not for {endpoint_url}",
            "Leave --endpoint-url out, or make an authorization for that server",
        )
    private = hub.settings.allow_private_endpoints
    return open_place(url, access_of(hub, name), endpoint_url=server or None, public_only=not private)
