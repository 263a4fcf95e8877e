"""From an authorization to what a bucket client needs; its secrets go no further than that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from footfall.errors import Refused
from footfall.model.authorizations import Authorization, check_place, customer_key
from footfall.stores.authorizations import SqlAuthorizations
from footfall.stores.envelope import Envelope
from footfall.stores.key_ring import FILE_NAME, KeyRing
from footfall.stores.vault import SqlVault
from footfall.stores.watched import WatchedAuthorizations, WatchedVault
from footfall.wiring.codecs import encoder, key_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from footfall.buckets.places import Access
    from footfall.ports import Bucket, Codec
    from footfall.wiring.hub import Footfall


def vault_of(hub: Footfall) -> SqlVault:
    """Every secret of this data directory, sealed with the master keys of the settings, else of a file beside it."""
    ring = KeyRing(hub.settings.data / FILE_NAME, hub.settings.master_keys)
    return WatchedVault(hub.database, Envelope(str(hub.subscription.subscription_id)), ring, hub.note)


def authorizations_of(hub: Footfall) -> SqlAuthorizations:
    """The authorizations of this data directory; one that a job uses is not deleted unless forced."""

    def jobs_using(name: str) -> list[str]:
        return [job.name for job in hub.jobs.all() if job.authorization == name and job.state != "deleted"]

    return WatchedAuthorizations(hub.database, hub.vault, jobs_using, hub.note)


def add_authorization(hub: Footfall, authorization: Authorization, secrets: Mapping[str, str]) -> Authorization:
    """Keep a new authorization, after a look at its OpenPGP keys. Raises as ``ports.Authorizations.add``."""
    _check_pgp(hub, secrets)
    return hub.authorizations.add(authorization, secrets)


def rotate_authorization(hub: Footfall, name: str, secrets: Mapping[str, str]) -> Authorization:
    """Give it new secrets, after a look at its OpenPGP keys. Raises as ``ports.Authorizations.rotate``."""
    _check_pgp(hub, secrets)
    return hub.authorizations.rotate(name, secrets, hub.clock())


def change_authorization(
    hub: Footfall, authorization: Authorization, secrets: Mapping[str, str], *, whole: bool = False
) -> Authorization:
    """Give it other settings, and new secrets where they need some. Raises as ``ports.Authorizations.change``.

    Also ``Refused`` when a job that uses it delivers to a place that it would not open any more.
    """
    _check_pgp(hub, secrets)
    for job in hub.jobs.all():
        if job.authorization == authorization.name:
            check_place(authorization, job.url)
    return hub.authorizations.change(authorization, secrets, hub.clock(), whole=whole)


def _check_pgp(hub: Footfall, secrets: Mapping[str, str]) -> None:
    """Refuse a key that could not be used today: expired, revoked, without a usable subkey, or not opened."""
    if not {"pgp_public_key", "pgp_private_key"} & set(secrets):
        return
    from footfall.codecs.openpgp_keys import check_certificate, check_private_key

    if "pgp_public_key" in secrets:
        check_certificate(secrets["pgp_public_key"].encode(), hub.clock())
    if "pgp_private_key" in secrets:
        check_private_key(secrets["pgp_private_key"].encode(), secrets.get("pgp_passphrase"))


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


def codec_of(hub: Footfall, name: str | None, compression: str, pgp_keys: Sequence[Path] = ()) -> Codec:
    """The codec to write files with: ``compression``, then OpenPGP to the public key of the authorization ``name``, if
    it has one, and to those in the files ``pgp_keys``.

    Raises ``Refused`` for an unknown compression, and for a key that expired since it was given.
    """
    keys = [key_file(path) for path in pgp_keys]
    if name is not None and hub.authorizations.get(name).pgp == "encrypt":
        keys.append(hub.authorizations.secrets(name)["pgp_public_key"].encode())
    return encoder(compression, keys, at=hub.clock())


def bucket_at(
    hub: Footfall, url: str, name: str | None, endpoint_url: str | None = None, *, own_shell: bool = False
) -> Bucket:
    """The bucket at ``url``: by the authorization ``name`` at the server it names; without one by the standard chain.

    own_shell: who names ``endpoint_url`` typed it on this machine. Anybody else, a job or a caller of the API, needs an
    authorization for another server: the machine's credentials do not go wherever a configuration says.

    Raises ``Refused`` for such a server, for an address that this kind of authorization cannot open, and when
    ``endpoint_url`` names another server than the authorization does: keys do not go where they were not meant to.
    """
    from footfall.buckets.places import open_place

    if name is None:
        if endpoint_url and not own_shell:
            raise Refused(
                f"the server {endpoint_url} is named without an authorization for it",
                "Make one with `footfall authorizations add NAME --endpoint-url …`, and name it",
            )
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
