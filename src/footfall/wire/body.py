"""A request's body as JSON text, whatever the headers say: clients mislabel, browsers send ``text/plain``."""

from __future__ import annotations

import base64
import binascii
from typing import Final, cast
from urllib.parse import unquote_to_bytes

from isal import igzip_lib, isal_zlib

from footfall.errors import BadRecord
from footfall.model.reading import BODY_BYTES_MAX

GZIP_MAGIC: Final = b"\x1f\x8b"
_GZIP: Final = 31  # zlib's wbits for a gzip wrapper with the largest window
# The stubs of isal 1.9 call the exception class an instance.
_IsalError: Final = cast(type[Exception], igzip_lib.IsalError)
# Each costs a copy of what follows it: of members that hold nothing, a body of 10 MiB would keep us for minutes.
_MEMBERS_MAX: Final = 100
_FORM: Final = b"data="
_BOM: Final = b"\xef\xbb\xbf"


def text_of(body: bytes, bytes_max: int = BODY_BYTES_MAX) -> bytes:
    """Undo gzip (told by its first bytes, not by a header), a ``data=`` form and a byte order mark.

    Returns UTF-8 text of at most ``bytes_max`` bytes; at most that much is ever decompressed.
    Raises ``BadRecord``: ``too_large``, ``bad_gzip``, ``bad_form``, ``bad_utf8``.
    """
    if body.startswith(GZIP_MAGIC):
        body = _gunzip(body, bytes_max)
    if len(body) > bytes_max:
        raise BadRecord("too_large", f"The body has more than {bytes_max} bytes")
    if body.startswith(_FORM):
        body = _form(body)
    if body.startswith(_BOM):
        body = body[len(_BOM) :]
    return utf8(body)


def utf8(body: bytes) -> bytes:
    """The same bytes. Raises ``BadRecord`` ``bad_utf8`` when they are no text in UTF-8."""
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError as error:
            raise BadRecord("bad_utf8", f"The body is not UTF-8 at byte {error.start}") from error
    return body


def unpacked(body: bytes, bytes_max: int = BODY_BYTES_MAX) -> bytes:
    """Undo gzip, told by its first bytes, and nothing else. Raises ``BadRecord``: ``too_large``, ``bad_gzip``."""
    if body.startswith(GZIP_MAGIC):
        return _gunzip(body, bytes_max)
    if len(body) > bytes_max:
        raise BadRecord("too_large", f"The body has more than {bytes_max} bytes")
    return body


def _gunzip(body: bytes, bytes_max: int) -> bytes:
    parts: list[bytes] = []
    room = bytes_max + 1
    try:
        while body:  # a gzip file may have several members
            if len(parts) == _MEMBERS_MAX:
                raise BadRecord("bad_gzip", f"The gzip body has more than {_MEMBERS_MAX} members")
            member = isal_zlib.decompressobj(wbits=_GZIP)
            parts.append(member.decompress(body, room))
            room -= len(parts[-1])
            if room <= 0:
                raise BadRecord("too_large", f"The body has more than {bytes_max} bytes when decompressed")
            if not member.eof:
                raise BadRecord("bad_gzip", "The gzip body ends too early")
            body = member.unused_data
    except _IsalError as error:
        raise BadRecord("bad_gzip", "The gzip body is damaged") from error
    return b"".join(parts)


def _form(body: bytes) -> bytes:
    # ``parse_qs`` of the standard library fails on bytes that are not ASCII.
    data = unquote_to_bytes(body[len(_FORM) :].partition(b"&")[0].replace(b"+", b" ")).strip()
    if data[:1] in (b"{", b"["):
        return data
    data = data.replace(b"-", b"+").replace(b"_", b"/").replace(b" ", b"+").rstrip(b"=")
    try:
        decoded = base64.b64decode(data + b"=" * (-len(data) % 4), validate=True)
    except binascii.Error as error:
        raise BadRecord("bad_form", "The form field 'data' is neither JSON nor base64") from error
    if not decoded:
        raise BadRecord("bad_form", "The form field 'data' is empty")
    return decoded
