"""The outside of an OpenPGP message: to whom it is encrypted, and how its integrity is protected.

The library would also hand out the text of a message that is only signed, or say "no key" of a damaged one; what stands
in the first packets tells these apart. RFC 9580, sections 4.2, 5.1, 5.13 and 6.2.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from footfall.errors import Damaged, Refused

HEAD_BYTES: Final = 64 << 10

_PKESK, _SKESK, _SED, _MARKER, _SEIPD, _AEAD, _PADDING = 1, 3, 9, 10, 18, 20, 21
_ANYBODY: Final = "0" * 16
_ARMOR: Final = re.compile(
    rb"\s*-----BEGIN PGP MESSAGE-----[ \t]*\r?\n(?:[^\r\n]*:[^\r\n]*\r?\n)*\s*\n([A-Za-z0-9+/=\s]*)"
)


@dataclass(frozen=True, slots=True)
class Envelope:
    """recipients: key ids, hex, upper case; sixteen zeros where the sender hid them."""

    recipients: tuple[str, ...]

    def openers(self, keys: Sequence[tuple[str, bytes]]) -> list[bytes]:
        """Those of ``keys`` (id, key) that may open it. Raises ``Refused`` when there is none."""
        hidden = _ANYBODY in self.recipients
        fit = [key for name, key in keys if hidden or name in self.recipients]
        if not fit:
            shown = ", ".join(self.recipients) or "a password"
            raise Refused(
                f"the message is encrypted to {shown}, not to the key that was given", "Give the key it names"
            )
        return fit


def envelope(head: bytes) -> Envelope:
    """Read the first ``HEAD_BYTES`` of a message, armored or binary.

    Raises ``Refused`` when its integrity is not protected in a way we can check, ``Damaged`` when it is no encrypted
    message.
    """
    recipients: list[str] = []
    for tag, body in _packets(_binary(head)):
        if tag == _PKESK:
            recipients.append(_recipient(body))
        elif tag == _SED:
            raise Refused("the message has no protection of its integrity", "Encrypt it with a current OpenPGP program")
        elif tag == _AEAD:
            raise Refused(
                "the message is in GnuPG's own AEAD format, which no standard describes",
                "Encrypt it with `gpg --rfc4880`, or take AEAD out of the key with `gpg --edit-key ID setpref`",
            )
        elif tag == _SEIPD:
            return Envelope(tuple(recipients))
        elif tag not in (_SKESK, _MARKER, _PADDING):
            raise Damaged("this is no encrypted OpenPGP message", "Check that the file is the right one")
    raise Damaged("the encrypted message ends in the middle", "Fetch the file again")


def _binary(head: bytes) -> bytes:
    if head[:1] >= b"\x80":
        return head
    found = _ARMOR.match(head)
    if found is None:
        raise Damaged("this is no OpenPGP message", "Check that the file is the right one")
    digits = b"".join(found.group(1).split(b"=")[0].split())
    return binascii.a2b_base64(digits[: len(digits) // 4 * 4])


def _packets(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(tag, body) of each packet that is whole in ``data``, and of the last the tag with what there is."""
    at = 0
    while at + 1 < len(data):
        first = data[at]
        if first & 0x40:
            tag, length, begin = first & 0x3F, *_new_length(data, at + 1)
        else:
            octets = 1 << (first & 3) if first & 3 < 3 else 0
            tag, begin = (first >> 2) & 15, at + 1 + octets
            length = int.from_bytes(data[at + 1 : begin], "big") if octets else len(data)
        if not first & 0x80:
            raise Damaged("the encrypted message is not readable", "Fetch the file again")
        yield tag, data[begin : begin + length]
        at = begin + length


def _new_length(data: bytes, at: int) -> tuple[int, int]:
    """Length of a packet's body (what there is of it, if it comes in parts) and where it begins."""
    first = data[at]
    if first < 192:
        return first, at + 1
    if first < 224:
        return ((first - 192) << 8) + int.from_bytes(data[at + 1 : at + 2], "big") + 192, at + 2
    if first == 255:
        return int.from_bytes(data[at + 1 : at + 5], "big"), at + 5
    return len(data), at + 1


def _recipient(body: bytes) -> str:
    """The key id: version 3 states it; version 6 a fingerprint, whose beginning (v6) or end (v4) it is."""
    if body[:1] == b"\x03":
        return body[1:9].hex().upper()
    length = body[1] if len(body) > 1 else 0
    if length == 0:
        return _ANYBODY
    print_ = body[3 : 2 + length].hex().upper()
    return print_[:16] if body[2:3] == b"\x06" else print_[-16:]
