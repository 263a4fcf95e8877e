"""The one table of codecs: what people and manifests call them, and what they are."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from footfall import observe
from footfall.codecs.gzip_member import GzipMember
from footfall.codecs.plain import Plain
from footfall.codecs.zip_archive import ZipArchive
from footfall.codecs.zstd_frame import ZstdFrame
from footfall.errors import Refused
from footfall.ports import Codec

COMPRESSIONS: Final[Mapping[str, type[Codec]]] = {
    "gzip": GzipMember,
    "zstd": ZstdFrame,
    "zip": ZipArchive,
    "none": Plain,
}
# Of a private key on the command line; an argument could be read by every process of the machine.
PASSPHRASE_VARIABLE: Final = "FOOTFALL_PGP_PASSPHRASE"  # noqa: S105 - a name, not a passphrase


def encoder(compression: str, pgp_keys: Sequence[bytes] = (), *, at: datetime) -> Codec:
    """The codec to write files with: ``gzip``, ``zstd``, ``zip`` or ``none``, then encrypted if there are keys.

    pgp_keys: OpenPGP certificates, each armored or binary, which must be fit at ``at``. What is not ideal about one is
    logged. Raises ``Refused`` for an unknown name and for a key that cannot be encrypted to.
    """
    if compression not in COMPRESSIONS:
        raise Refused(f"'{compression}' is no compression", f"Choose one of {', '.join(COMPRESSIONS)}")
    inner = COMPRESSIONS[compression]()
    if not pgp_keys:
        return inner
    # Imported only here: the library is ten megabytes that plain files do not need.
    from footfall.codecs.openpgp import OpenPgp
    from footfall.codecs.openpgp_keys import check_certificate

    recipients = [check_certificate(text, at) for text in pgp_keys]
    for warning in (each for recipient in recipients for each in recipient.warnings):
        observe.happened("weak OpenPGP key", warning=warning)
    return OpenPgp(inner, recipients)


def decoders(private_key: bytes | None = None, passphrase: str | None = None) -> dict[str, Codec]:
    """By the names of manifests, everything that can be read; what is encrypted too if there is a private key.

    Raises ``Refused`` when the key is none, or the passphrase does not open it.
    """
    plain: dict[str, Codec] = {name: codec() for name, codec in COMPRESSIONS.items()}
    if private_key is None:
        return plain
    from footfall.codecs.openpgp import OpenPgp
    from footfall.codecs.openpgp_keys import check_private_key

    key = check_private_key(private_key, passphrase)
    encrypted: list[Codec] = [OpenPgp(inner, private=key) for inner in plain.values()]
    return plain | {codec.name: codec for codec in encrypted}


def key_file(path: Path) -> bytes:
    """What is in a file of an OpenPGP key. Raises ``Refused`` when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}", "Name a file that `gpg --armor --export` wrote") from error


def passphrase_given() -> str | None:
    """The passphrase of a private key, from the environment; None when it is not set."""
    return os.environ.get(PASSPHRASE_VARIABLE)
