"""OpenPGP keys, checked before anything is encrypted to them or decrypted with them.

The library encrypts to certificates that are expired or revoked, and to an expired subkey when there is no other
(measured: docs/decisions/openpgp.md), so what may be used is decided here, at an instant that is passed in. Of a
certificate only the subkeys that passed are kept, so the library cannot choose another one. That the signatures are
genuine is the library's part: it refuses what it cannot verify, and we refuse what is not fit.

Formats: RFC 4880 and RFC 9580 (sections 5.2.3, 5.5, 9.1, 9.2).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import pysequoia
from pysequoia.packet import Packet, PacketPile, SignatureType, Tag

from footfall.errors import Refused

RSA_BITS_LEAST: Final = 2048
RSA_BITS_ADVISED: Final = 3072

_KEYS: Final = (Tag.PublicKey, Tag.PublicSubkey, Tag.SecretKey, Tag.SecretSubkey)
_SELF_CERTIFICATIONS: Final = (
    SignatureType.DirectKey,
    SignatureType.GenericCertification,
    SignatureType.PersonaCertification,
    SignatureType.CasualCertification,
    SignatureType.PositiveCertification,
)
_RSA: Final = (1, 2)
_ECDH: Final = 18
# ECDH, ECDSA, EdDSA of version 4: the curve is named in the key.
_BY_CURVE: Final = (_ECDH, 19, 22)
# X25519, X448, ML-KEM-768+X25519, ML-KEM-1024+X448.
_MODERN: Final = (25, 26, 35, 36)
_CURVES: Final = {
    "2a8648ce3d030107": "NIST P-256",
    "2b81040022": "NIST P-384",
    "2b81040023": "NIST P-521",
    "2b060104019755010501": "Cv25519",
    "2b06010401da470f01": "Ed25519",
}
_ADD_SUBKEY: Final = (
    "Its owner adds one with `gpg --quick-add-key {0} cv25519 encr 2y` (or rsa3072) and exports it again"
)
_EXTEND: Final = "Its owner extends it with `gpg --quick-set-expire {0} 2y` and `… 2y '*'` and exports it again"


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody we may encrypt to.

    fingerprint: of the certificate, hex, upper case. subkeys: ids of the keys that are encrypted to.
    certificate: binary, with no other subkeys. expires_at: UTC, the first instant at which the check would fail.
    warnings: sentences for a person.
    """

    fingerprint: str
    user_ids: tuple[str, ...]
    subkeys: tuple[str, ...]
    expires_at: datetime | None
    warnings: tuple[str, ...]
    certificate: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A key to decrypt with: one binary key per subkey, by the subkey's id, and the passphrase. Never shown."""

    fingerprint: str
    keys: tuple[tuple[str, bytes], ...] = field(repr=False)
    passphrase: str | None = field(repr=False)


def check_certificate(text: bytes, at: datetime) -> Recipient:
    """The one certificate in ``text`` (armored or binary), fit to be encrypted to at ``at``.

    Raises ``Refused`` that says what is wrong and what its owner can do: not one public key, revoked, not valid yet,
    expired, too weak, no usable encryption subkey.
    """
    cert = _only_certificate(text)
    shown = cert.fingerprint.upper()
    if _is_private(text):
        raise Refused(
            f"{shown} is a private key",
            f"Give the public one: `gpg --armor --export {shown}`. Keep this one to yourself",
        )
    if cert.is_revoked:
        raise Refused(f"the OpenPGP key {shown} was revoked", "Ask its owner for the new one")
    primary, *subkeys = _components(bytes(cert))
    if unfit := primary.weak or primary.foreign:
        raise Refused(
            f"the OpenPGP key {shown} {unfit}", "Ask its owner for a new one: Ed25519, NIST P-256 or RSA 3072"
        )
    expires_at = _expiration(cert)
    if primary.created > at:
        raise Refused(
            f"the OpenPGP key {shown} is not valid before {primary.created:%Y-%m-%d %H:%M}Z", "Check the clock"
        )
    if expires_at is not None and expires_at <= at:
        raise Refused(f"the OpenPGP key {shown} expired on {expires_at:%Y-%m-%d}", _EXTEND.format(shown))
    fit = [key for key in (primary, *subkeys) if key.encrypts and not key.fault(at)]
    if not fit:
        raise Refused(
            _why_none(shown, [key for key in (primary, *subkeys) if key.encrypts], at), _ADD_SUBKEY.format(shown)
        )
    kept = [packet for key in (primary, *(key for key in subkeys if key in fit)) for packet in key.packets]
    ends = [] if expires_at is None else [expires_at]
    if all(key.expires_at is not None for key in fit):
        ends.append(max(key.expires_at for key in fit if key.expires_at is not None))
    return Recipient(
        fingerprint=shown,
        user_ids=tuple(str(each) for each in cert.user_ids),
        subkeys=tuple(key.id for key in fit),
        expires_at=min(ends, default=None),
        warnings=tuple(f"the OpenPGP key {key.id} {key.advice}" for key in fit if key.advice),
        certificate=_tried(shown, kept),
    )


def check_private_key(text: bytes, passphrase: str | None) -> PrivateKey:
    """The one private key in ``text`` (armored or binary), opened once with ``passphrase`` to see that it fits.

    Raises ``Refused`` when it is no private key, has nothing to decrypt with, or the passphrase is wrong or missing.
    """
    cert = _only_certificate(text)
    shown = cert.fingerprint.upper()
    if not _is_private(text):
        raise Refused(f"{shown} is a public key", f"Give the private one: `gpg --armor --export-secret-keys {shown}`")
    packets = _pile(text)
    primary, *subkeys = _components(b"".join(bytes(packet) for packet in packets))
    keys: list[tuple[str, bytes]] = []
    faults: list[str] = []
    for key in (primary, *subkeys):
        if not key.encrypts:
            continue
        only = primary.packets if key is primary else [*primary.packets, *key.packets]
        alone = b"".join(bytes(packet) for packet in only)
        try:
            pysequoia.Tsk.from_bytes(alone).decryptor(passphrase)
            keys.append((key.id, alone))
        except Exception as error:  # the library has no exceptions of its own
            faults.append(_first_line(error))
    if keys:
        return PrivateKey(shown, tuple(keys), passphrase)
    if not faults:
        raise Refused(f"the OpenPGP key {shown} has no encryption subkey", _ADD_SUBKEY.format(shown))
    if all(fault.startswith("No suitable decryption subkey") for fault in faults):
        raise Refused(
            f"the OpenPGP key {shown} has no encryption subkey that is valid now: expired, revoked, or of a kind "
            "that is not supported",
            _EXTEND.format(shown),
        )
    if passphrase is None:
        raise Refused(f"the OpenPGP key {shown} is locked", "Give its passphrase")
    raise Refused(f"the passphrase does not open the OpenPGP key {shown}", "Check the passphrase")


class _Key:
    """A key of a certificate with the packets that belong to it: user ids for the primary, and signatures."""

    def __init__(self, packet: Packet, primary: _Key | None) -> None:
        self.packets = [packet]
        self.id = (packet.key_id or "").upper()
        self._primary = primary
        created = packet.key_created
        if created is None:
            raise Refused(f"the OpenPGP key {self.id} does not say when it was made", "Ask its owner for a new one")
        self.created = created
        self._body = packet.body

    def _signatures(self, *kinds: SignatureType) -> Iterator[Packet]:
        by = (self._primary or self).id.lower()
        for packet in self.packets:
            issuer = packet.issuer_key_id or (packet.issuer_fingerprint or "")
            if packet.signature_type in kinds and (issuer == by or by in (packet.issuer_fingerprint or "")):
                yield packet

    @property
    def _binding(self) -> Packet | None:
        """The newest signature that says what the key is for and how long."""
        kinds = (SignatureType.SubkeyBinding,) if self._primary else _SELF_CERTIFICATIONS
        made = [packet for packet in self._signatures(*kinds) if packet.signature_created is not None]
        return max(made, key=lambda packet: packet.signature_created or self.created, default=None)

    @property
    def encrypts(self) -> bool:
        flags = None if self._binding is None else self._binding.key_flags
        return flags is not None and (flags.storage_encryption or flags.transport_encryption)

    @property
    def expires_at(self) -> datetime | None:
        period = None if self._binding is None else self._binding.key_validity_period
        return self.created + period if period else None

    @property
    def _material(self) -> bytes:
        """The public numbers; version 6 puts their length (4 bytes) before them."""
        return self._body[10:] if self._body[0] >= 6 else self._body[6:]

    @property
    def weak(self) -> str:
        if self._body[0] < 4:
            return f"is of version {self._body[0]}, which is no longer safe"
        bits = int.from_bytes(self._material[:2], "big")
        if self._body[5] in _RSA and bits < RSA_BITS_LEAST:
            return f"is RSA of {bits} bits; at least {RSA_BITS_LEAST} are needed, {RSA_BITS_ADVISED} are better"
        return ""

    @property
    def foreign(self) -> str:
        """Is it of an elliptic curve that the library does not know?"""
        oid = self._material[1 : 1 + self._material[0]].hex()
        if self._body[5] in _BY_CURVE and oid not in _CURVES:
            return "is of a curve that is not supported (use Cv25519 or NIST P-256 and above)"
        return ""

    @property
    def advice(self) -> str:
        bits = int.from_bytes(self._material[:2], "big")
        if self._body[5] in _RSA and bits < RSA_BITS_ADVISED:
            return f"is RSA of {bits} bits; {RSA_BITS_ADVISED} or more are advised"
        return ""

    def fault(self, at: datetime) -> str:
        """Why nothing can be encrypted to this key at ``at``; empty when it can."""
        if any(True for _ in self._signatures(SignatureType.SubkeyRevocation)):
            return "was revoked"
        if self.created > at:
            return f"is not valid before {self.created:%Y-%m-%d}"
        if self.expires_at is not None and self.expires_at <= at:
            return f"expired on {self.expires_at:%Y-%m-%d}"
        if self.weak:
            return self.weak
        if self.foreign:
            return self.foreign
        if self._body[5] in (*_RSA, _ECDH, *_MODERN):
            return ""
        return "is of a kind that is not supported (use Cv25519, NIST P-256 and above, or RSA 3072)"


def _why_none(shown: str, encrypting: list[_Key], at: datetime) -> str:
    if not encrypting:
        return f"the OpenPGP key {shown} can only sign: it has no encryption subkey"
    reasons = "; ".join(f"{key.id} {key.fault(at)}" for key in encrypting)
    return f"the OpenPGP key {shown} has no usable encryption subkey: {reasons}"


def _only_certificate(text: bytes) -> pysequoia.Cert:
    try:
        found = pysequoia.Cert.split_bytes(text)
    except Exception as error:  # the library has no exceptions of its own
        raise Refused(
            f"this is no OpenPGP key: {_first_line(error)}", "Give what `gpg --armor --export` prints"
        ) from error
    if len(found) != 1:
        raise Refused(
            f"one OpenPGP key is needed, there are {len(found)}", "Give what `gpg --armor --export ID` prints"
        )
    return found[0]


def _expiration(cert: pysequoia.Cert) -> datetime | None:
    try:
        return cert.expiration
    except Exception as error:  # the library has no exceptions of its own
        raise Refused(
            f"the OpenPGP key {cert.fingerprint.upper()} has no signature of its own that holds: {_first_line(error)}",
            "Ask its owner for a new one; signatures with SHA-1 no longer count",
        ) from error


def _pile(text: bytes) -> list[Packet]:
    return list(PacketPile.from_bytes(text))


def _is_private(text: bytes) -> bool:
    return any(packet.tag in (Tag.SecretKey, Tag.SecretSubkey) for packet in _pile(text))


def _components(binary: bytes) -> list[_Key]:
    """The primary key first, then its subkeys."""
    keys: list[_Key] = []
    for packet in _pile(binary):
        if packet.tag in _KEYS:
            keys.append(_Key(packet, keys[0] if keys else None))
        else:
            keys[-1].packets.append(packet)
    return keys


def _tried(shown: str, packets: list[Packet]) -> bytes:
    """The certificate of these packets, after a trial: the library applies a policy of its own."""
    try:
        cert = pysequoia.Cert.from_packets(packets)
        pysequoia.encrypt(b"", [cert], armor=False)
    except Exception as error:  # the library has no exceptions of its own
        raise Refused(
            f"nothing can be encrypted to the OpenPGP key {shown}: {_first_line(error)}", _ADD_SUBKEY.format(shown)
        ) from error
    return bytes(cert)


def _first_line(error: Exception) -> str:
    """What the library says, without the stack of its Rust code."""
    return (str(error).splitlines() or [type(error).__name__])[0]
