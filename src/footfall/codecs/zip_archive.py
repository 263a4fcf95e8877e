"""A zip archive of one member, written as a stream, the same bytes on every run.

Sizes and checksum follow the member (a data descriptor), because they are not known before. Archives grow to zip64
only where a size does not fit into 32 bits, so that small ones are read by the oldest programs too. Layout: PKWARE
APPNOTE 6.3.10, sections 4.3 and 4.5.3.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Any, Final

from isal import isal_zlib

from footfall.codecs.deflate import OUT_BYTES, RAW, Deflated, inflated
from footfall.errors import Damaged, Refused

MEMBER: Final = "data"
# The directory of one member is small; whatever is longer is no archive of ours or of a sane neighbour.
TAIL_MAX: Final = 1 << 20

_LOCAL: Final = struct.Struct("<4s5H3I2H")
_CENTRAL: Final = struct.Struct("<4s6H3I5H2I")
_END: Final = struct.Struct("<4s4H2IH")
_LOCAL_SIGN: Final = b"PK\x03\x04"
_CENTRAL_SIGN: Final = b"PK\x01\x02"
_END_SIGN: Final = b"PK\x05\x06"
_DESCRIPTOR_SIGN: Final = b"PK\x07\x08"
# A member's descriptor, if there is one: with or without its sign, with sizes of 4 or 8 bytes.
_DESCRIPTOR_LENGTHS: Final = (0, 12, 16, 20, 24)
_END_64_BYTES: Final = 56 + 20
_FLAGS: Final = 0x0808  # sizes follow the data, the name is UTF-8
_ENCRYPTED: Final = 0x0001
_SIZES_FOLLOW: Final = 0x0008
_STORED, _DEFLATE = 0, 8
_VERSION, _VERSION_64 = 20, 45
_UNIX: Final = 3 << 8
_MODE: Final = 0o100644 << 16
# 1 January 1980, 00:00: the first date a zip file can name.
_TIME, _DATE = 0, 0x0021
_MAX_32: Final = 0xFFFFFFFF
_HINT: Final = "Fetch or export the file again"


class ZipArchive:
    """One deflated member. ``decode`` reads any archive of exactly one member, deflated or stored."""

    name = "zip"
    extension = ".zip"
    content_type = "application/zip"
    repeatable = True

    def encode(self, chunks: Iterable[memoryview | bytes], *, name: str = MEMBER) -> Iterator[bytes]:
        """Compress. name: what the member is called, without folders."""
        member = (name or MEMBER).encode()
        head = _LOCAL.pack(_LOCAL_SIGN, _VERSION, _FLAGS, _DEFLATE, _TIME, _DATE, 0, 0, 0, len(member), 0) + member
        yield head
        text = Deflated(chunks)
        yield from text
        yield directory(member, text.crc32, text.size_bytes, text.deflated_bytes)

    def decode(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Unpack in pieces of bounded size. Raises ``Damaged`` when it is not a whole archive, ``Refused`` when it has
        more than one member or a method that is not supported."""
        reader = _Reader(chunks)
        member = _Member(reader)
        crc32 = 0
        for piece in member.text():
            crc32 = isal_zlib.crc32(piece, crc32)
            yield piece
        member.check(crc32, reader.rest())


def directory(member: bytes, crc32: int, size: int, deflated: int) -> bytes:
    """What follows the data: its descriptor, the directory of one member, and the end of the archive.

    member: its name, UTF-8. size, deflated: bytes of the text, and as stored. With zip64 records where they are needed.
    """
    begin = _LOCAL.size + len(member)
    wide = max(size, deflated) >= _MAX_32
    descriptor = _DESCRIPTOR_SIGN + struct.pack("<IQQ" if wide else "<III", crc32, deflated, size)
    at = begin + deflated + len(descriptor)
    extra = struct.pack("<HHQQ", 1, 16, size, deflated) if wide else b""
    shown = (_MAX_32, _MAX_32) if wide else (deflated, size)
    version = _VERSION_64 if wide else _VERSION
    central = _CENTRAL.pack(
        _CENTRAL_SIGN, _UNIX | version, version, _FLAGS, _DEFLATE, _TIME, _DATE, crc32, *shown,
        len(member), len(extra), 0, 0, 0, _MODE, 0,
    ) + member + extra  # fmt: skip
    far = at + len(central) >= _MAX_32
    end = b""
    if far:
        end = struct.pack(
            "<4sQ2H2I4Q", b"PK\x06\x06", 44, _UNIX | _VERSION_64, _VERSION_64, 0, 0, 1, 1, len(central), at
        )
        end += struct.pack("<4sIQI", b"PK\x06\x07", 0, at + len(central), 1)
    end += _END.pack(_END_SIGN, 0, 0, 1, 1, len(central), _MAX_32 if far else at, 0)
    return descriptor + central + end


class _Reader:
    """Bytes of a stream, taken by number; ``unread`` gives back what was too much."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._held = b""

    def exactly(self, number: int) -> bytes:
        while len(self._held) < number:
            chunk = next(self._chunks, None)
            if chunk is None:
                raise Damaged("zip data ends in the middle", _HINT)
            self._held += chunk
        taken, self._held = self._held[:number], self._held[number:]
        return taken

    def some(self, most: int = OUT_BYTES) -> bytes:
        """At least one byte, at most ``most``. Raises ``Damaged`` at the end."""
        if not self._held:
            self._held = self.exactly(1) + self._held
        taken, self._held = self._held[:most], self._held[most:]
        return taken

    def unread(self, data: bytes) -> None:
        self._held = data + self._held

    def rest(self) -> bytes:
        """What is left, if it is no more than a directory of one member can be; else its first ``TAIL_MAX`` bytes."""
        kept = bytearray(self._held)
        for chunk in self._chunks:
            kept += chunk
            if len(kept) > TAIL_MAX:
                break
        return bytes(kept[:TAIL_MAX])


class _Member:
    """The first member: its local header, its text, and the check of both against the directory that follows."""

    def __init__(self, reader: _Reader) -> None:
        self._reader = reader
        head = _LOCAL.unpack(reader.exactly(_LOCAL.size))
        (sign, _, self._flags, self._method, _, _, _, self._stored, _, name, extra) = head
        if sign != _LOCAL_SIGN:
            raise Damaged("this is no zip data", _HINT)
        self._name = reader.exactly(name)
        reader.exactly(extra)
        self._sizes = [0, 0]
        follows = bool(self._flags & _SIZES_FOLLOW)
        readable = self._method == _DEFLATE or (self._method == _STORED and not follows and self._stored < _MAX_32)
        if self._flags & _ENCRYPTED or not readable:
            raise Refused(
                "the zip archive is encrypted or packed by a method that is not supported", "Pack it with deflate"
            )

    def text(self) -> Iterator[bytes]:
        for piece in self._stored_text() if self._method == _STORED else self._deflated_text():
            self._sizes[1] += len(piece)
            yield piece

    def _stored_text(self) -> Iterator[bytes]:
        self._sizes[0] = left = self._stored
        while left:
            piece = self._reader.some(min(left, OUT_BYTES))
            left -= len(piece)
            yield piece

    def _deflated_text(self) -> Iterator[bytes]:
        inflater: Any = isal_zlib.decompressobj(RAW)
        while not inflater.eof:
            data = self._reader.some()
            self._sizes[0] += len(data)
            yield from inflated(inflater, data, "zip")
        self._sizes[0] -= len(inflater.unused_data)
        self._reader.unread(inflater.unused_data)

    def check(self, crc32: int, tail: bytes) -> None:
        """The directory must be there, whole, and say of the member what was found."""
        if any(tail.startswith(_LOCAL_SIGN, length) for length in _DESCRIPTOR_LENGTHS):
            raise Refused("the zip archive has more than one member", "Send archives of one file")
        at, end = _place(tail)
        entry = _CENTRAL.unpack_from(tail, at)
        (_, _, _, flags, method, _, _, stated, stored, size, name, extra, comment, *_) = entry
        begin = at + _CENTRAL.size
        member, extras = tail[begin : begin + name], tail[begin + name : begin + name + extra]
        stored, size = _wide_sizes(extras, stored, size)
        found = (crc32, self._sizes[0], self._sizes[1], self._name, self._method, self._flags)
        if (stated, stored, size, member, method, flags) != found or begin + name + extra + comment != end:
            raise Damaged("the zip archive's directory does not fit its member", _HINT)


def _place(tail: bytes) -> tuple[int, int]:
    """Where the directory of one member begins and ends, by what the end of the archive says of it."""
    last = tail.rfind(_END_SIGN)
    if last < 0 or len(tail) < last + _END.size:
        raise Damaged("zip data ends before its directory, or in the middle of it", _HINT)
    _, _, _, here, entries, length, _, note = _END.unpack_from(tail, last)
    for between in (0, _END_64_BYTES):
        at = last - between - length
        if at >= 0 and length >= _CENTRAL.size and tail.startswith(_CENTRAL_SIGN, at):
            if (here, entries, len(tail)) != (1, 1, last + _END.size + note):
                break
            return at, at + length
    raise Damaged("the end of the zip archive does not fit its directory", _HINT)


def _wide_sizes(extras: bytes, stored: int, size: int) -> tuple[int, int]:
    """Sizes, from the zip64 field where the directory says so (text first, then as stored)."""
    at = 0
    while at + 4 <= len(extras):
        kind, length = struct.unpack_from("<HH", extras, at)
        field = extras[at + 4 : at + 4 + length]
        if kind == 1:
            wide = [struct.unpack_from("<Q", field, place)[0] for place in range(0, len(field) - 7, 8)]
            size = wide.pop(0) if size == _MAX_32 and wide else size
            stored = wide.pop(0) if stored == _MAX_32 and wide else stored
        at += 4 + length
    return stored, size
