"""How a file that somebody else made is packed: seen from its first bytes, since names are wrong too often."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Final

from footfall.codecs.gzip_member import GzipMember
from footfall.codecs.plain import Plain
from footfall.codecs.zip_archive import ZipArchive
from footfall.codecs.zstd_frame import ZstdFrame
from footfall.errors import Refused

if TYPE_CHECKING:
    from pathlib import Path

    from footfall.codecs.openpgp_keys import PrivateKey
    from footfall.ports import Codec

LAYERS_MAX: Final = 3
_HEAD_BYTES: Final = 64
_SIGNS: Final[tuple[tuple[bytes, type[Codec]], ...]] = (
    (b"\x1f\x8b", GzipMember),
    (b"\x28\xb5\x2f\xfd", ZstdFrame),
    (b"PK\x03\x04", ZipArchive),
)
_ARMOR: Final = b"-----BEGIN PGP MESSAGE"
# Packets that encrypted messages begin with: a session key for somebody, or for a passphrase; old and new headers.
_PACKETS: Final = (0xC1, 0xC3, 0x84, 0x85, 0x86, 0x8C, 0x8D, 0x8E)
_ENCRYPTED: Final = (".pgp", ".gpg", ".asc")


def unpacked(
    name: str, chunks: Iterable[bytes], private: PrivateKey | None = None, spool: Path | None = None
) -> Iterator[bytes]:
    """The bytes of a file before they were compressed and encrypted, whichever came first and however often.

    private: opens what is encrypted. spool: folder for encrypted messages that are too long for memory.
    Raises ``Refused`` for what is encrypted without a key, and as ``Codec.decode``.
    """
    rest: Iterator[bytes] = iter(chunks)
    for _ in range(LAYERS_MAX):
        head, rest = _peeked(rest)
        codec = next((kind() for sign, kind in _SIGNS if head.startswith(sign)), None)
        if codec is None and _is_encrypted(name, head, private):
            codec = _opener(name, private, spool)
        if codec is None:
            break
        rest = iter(codec.decode(rest))
    yield from rest


def _peeked(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    held: list[bytes] = []
    size = 0
    for chunk in chunks:
        held.append(chunk)
        size += len(chunk)
        if size >= _HEAD_BYTES:
            break
    return b"".join(held)[:_HEAD_BYTES], chain(held, chunks)


def _is_encrypted(name: str, head: bytes, private: PrivateKey | None) -> bool:
    if head.lstrip().startswith(_ARMOR):
        return True
    # No text in UTF-8 begins so; one in an old encoding may.
    told = private is not None or any(each in name.lower() for each in _ENCRYPTED)
    return told and bool(head) and head[0] in _PACKETS


def _opener(name: str, private: PrivateKey | None, spool: Path | None) -> Codec:
    if private is None:
        raise Refused(
            f"{name} is encrypted with OpenPGP",
            "Use an authorization with `pgp: decrypt`, or give the key with --pgp-private-key",
        )
    from footfall.codecs.openpgp import OpenPgp

    return OpenPgp(Plain(), private=private, spool=spool)
