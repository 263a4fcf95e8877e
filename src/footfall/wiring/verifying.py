"""What was delivered, checked: with the access of whoever asks and nothing else, or by an authorization."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from footfall.ports import Progress
from footfall.wiring.codecs import decoders, key_file, passphrase_given

if TYPE_CHECKING:
    from footfall.flows.verify import Outcome
    from footfall.wiring.hub import Footfall


def verify_place(
    url: str, endpoint_url: str | None, progress: Progress, pgp_private_key: Path | None = None
) -> Outcome:
    """Check what was delivered at ``url``; needs nothing of this machine.

    pgp_private_key: file of an OpenPGP key, to check the text of encrypted files too.
    """
    from footfall.buckets.places import open_place
    from footfall.flows.verify import examine

    key = None if pgp_private_key is None else key_file(pgp_private_key)
    codecs = decoders(key, passphrase_given())
    return examine(open_place(url, endpoint_url=endpoint_url), codecs, progress=progress)


def verify_authorized(
    hub: Footfall,
    name: str,
    url: str,
    progress: Progress,
    *,
    endpoint_url: str | None = None,
    pgp_private_key: Path | None = None,
) -> Outcome:
    """Check what was delivered at ``url`` by the authorization ``name``, whose SSE-C key opens the objects.

    The text of encrypted files is checked with the private key of an authorization that decrypts, or with the one in
    the file ``pgp_private_key``. Raises as ``bucket_at``, and ``Refused`` for a key that its passphrase does not open.
    """
    from footfall.flows.verify import examine
    from footfall.wiring.authorizations import bucket_at

    bucket = bucket_at(hub, url, name, endpoint_url)
    key, passphrase = None, None
    if pgp_private_key is not None:
        key, passphrase = key_file(pgp_private_key), passphrase_given()
    elif hub.authorizations.get(name).pgp == "decrypt":
        secrets = hub.authorizations.secrets(name)
        key, passphrase = secrets["pgp_private_key"].encode(), secrets.get("pgp_passphrase")
    return examine(bucket, decoders(key, passphrase), progress=progress)
