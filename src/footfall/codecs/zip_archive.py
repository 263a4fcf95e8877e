"""A zip archive of one member, written as a stream, the same bytes on every run; read, it may have folders beside it.

Sizes and checksum follow the member (a data descriptor), because they are not known before. Archives grow to zip64
only where a size does not fit into 32 bits, so that small ones are read by the oldest programs too. Layout: PKWARE
APPNOTE 6.3.10, sections 4.3 and 4.5.3.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from isal import isal_zlib

from footfall.codecs.deflate import OUT_BYTES, RAW, Deflated, inflated
from footfall.errors import Damaged, Refused

MEMBER: Final = "data"
# The directory of one member is small; whatever is longer is no archive of ours or of a sane neighbour.
TAIL_MAX: Final = 1 << 20
FOLDERS_MAX: Final = 1_000

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
_ONE_FILE: Final = "Send archives of one file"
_MISFIT: Final = "the zip archive's directory does not fit its member"


class ZipArchive:
    """One deflated member. ``decode`` reads any archive of exactly one file, deflated or stored, in folders or not."""

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
        more than one file, or none, or a method that is not supported."""
        member = _Member(_Reader(chunks))
        crc32 = 0
        for piece in member.text():
            crc32 = isal_zlib.crc32(piece, crc32)
            yield piece
        member.check(crc32)


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
    """Bytes of a stream, taken by number; ``unread`` gives back what was too much. at: how many were taken."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._held = b""
        self.at = 0

    def exactly(self, number: int) -> bytes:
        while len(self._held) < number:
            chunk = next(self._chunks, None)
            if chunk is None:
                raise Damaged("zip data ends in the middle", _HINT)
            self._held += chunk
        taken, self._held = self._held[:number], self._held[number:]
        self.at += number
        return taken

    def some(self, most: int = OUT_BYTES) -> bytes:
        """At least one byte, at most ``most``. Raises ``Damaged`` at the end."""
        if not self._held:
            self.unread(self.exactly(1))
        return self.exactly(min(most, len(self._held)))

    def unread(self, data: bytes) -> None:
        self._held = data + self._held
        self.at -= len(data)

    def rest(self) -> bytes:
        """What is left, if it is no more than a directory of one member can be; else its first ``TAIL_MAX`` bytes."""
        kept = bytearray(self._held)
        for chunk in self._chunks:
            kept += chunk
            if len(kept) > TAIL_MAX:
                break
        return bytes(kept[:TAIL_MAX])


class _Entry(NamedTuple):
    """What stands before the data of a file or folder. stored: its bytes there; 0 where that is said behind them."""

    name: bytes
    flags: int
    method: int
    stored: int


class _Stated(NamedTuple):
    """What the directory says of an entry."""

    name: bytes
    flags: int
    method: int
    crc32: int
    stored: int
    size: int


class _Member:
    """The one file: what stands before it, its text, and the check of both against the directory that follows."""

    def __init__(self, reader: _Reader) -> None:
        self._reader = reader
        self._folders: list[bytes] = []
        entry = self._past_folders(reader)
        if entry is None:
            raise Refused("the zip archive has no file", _ONE_FILE)
        self._entry = entry
        self._stored = self._size = 0
        follows = bool(entry.flags & _SIZES_FOLLOW)
        readable = entry.method == _DEFLATE or (entry.method == _STORED and not follows and entry.stored < _MAX_32)
        if entry.flags & _ENCRYPTED or not readable:
            raise Refused(
                "the zip archive is encrypted or packed by a method that is not supported", "Pack it with deflate"
            )

    def _past_folders(self, reader: _Reader) -> _Entry | None:
        """The next file; None at the directory. Folders are entries without data whose names end with a slash."""
        while (entry := _entry(reader)) is not None and entry.name.endswith(b"/"):
            if len(self._folders) == FOLDERS_MAX:
                raise Refused(f"the zip archive has more than {FOLDERS_MAX:,} folders", _ONE_FILE)
            self._folders.append(entry.name)
            data = any(_inflated(reader)) if entry.method == _DEFLATE else entry.stored > 0
            if data or not _past_descriptor(reader):
                raise Refused("the zip archive has a folder that has data", _ONE_FILE)
        return entry

    def text(self) -> Iterator[bytes]:
        begin = self._reader.at
        for piece in self._stored_text() if self._entry.method == _STORED else _inflated(self._reader):
            self._size += len(piece)
            yield piece
        self._stored = self._reader.at - begin

    def _stored_text(self) -> Iterator[bytes]:
        left = self._entry.stored
        while left:
            piece = self._reader.some(min(left, OUT_BYTES))
            left -= len(piece)
            yield piece

    def check(self, crc32: int) -> None:
        """The directory must be there, whole, and say of the member what was found, and else of folders alone."""
        tail = self._reader.rest()
        after = _Reader([tail])
        if not _past_descriptor(after):
            raise Damaged(_MISFIT, _HINT)
        if self._past_folders(after) is not None:
            raise Refused("the zip archive has more than one member", _ONE_FILE)
        name, flags, method, _ = self._entry
        found = [_Stated(folder, 0, 0, 0, 0, 0) for folder in self._folders]
        found.append(_Stated(name, flags, method, crc32, self._stored, self._size))
        stated = list(_stated(tail, *_place(tail, len(found))))
        folders = (_Stated(each.name, 0, 0, each.crc32, 0, each.size) for each in stated if each.name.endswith(b"/"))
        files = (each for each in stated if not each.name.endswith(b"/"))
        if sorted((*folders, *files)) != sorted(found):
            raise Damaged(_MISFIT, _HINT)


def _entry(reader: _Reader) -> _Entry | None:
    """What stands before the next data; None at the directory."""
    sign = reader.exactly(len(_LOCAL_SIGN))
    reader.unread(sign)
    if sign in (_CENTRAL_SIGN, _END_SIGN):
        return None
    if sign != _LOCAL_SIGN:
        raise Damaged("this is no zip data", _HINT)
    _, _, flags, method, _, _, _, stored, _, name, extra = _LOCAL.unpack(reader.exactly(_LOCAL.size))
    entry = _Entry(reader.exactly(name), flags, method, stored)
    reader.exactly(extra)
    return entry


def _inflated(reader: _Reader) -> Iterator[bytes]:
    inflater: Any = isal_zlib.decompressobj(RAW)
    while not inflater.eof:
        yield from inflated(inflater, reader.some(), "zip")
    reader.unread(inflater.unused_data)


def _past_descriptor(reader: _Reader) -> bool:
    """Go on behind the data to the next entry or the directory; False where neither is there."""
    ahead = reader.exactly(_DESCRIPTOR_LENGTHS[-1] + len(_LOCAL_SIGN))  # shorter than a directory
    for length in _DESCRIPTOR_LENGTHS:
        if ahead.startswith((_LOCAL_SIGN, _CENTRAL_SIGN), length):
            reader.unread(ahead[length:])
            return True
    return False


def _place(tail: bytes, number: int) -> tuple[int, int]:
    """Where the directory of so many entries begins and ends, by what the end of the archive says of it."""
    last = tail.rfind(_END_SIGN)
    if last < 0 or len(tail) < last + _END.size:
        raise Damaged("zip data ends before its directory, or in the middle of it", _HINT)
    _, _, _, here, entries, length, _, note = _END.unpack_from(tail, last)
    for between in (0, _END_64_BYTES):
        at = last - between - length
        if at >= 0 and length >= _CENTRAL.size and tail.startswith(_CENTRAL_SIGN, at):
            if (here, entries, len(tail)) != (number, number, last + _END.size + note):
                break
            return at, at + length
    raise Damaged("the end of the zip archive does not fit its directory", _HINT)


def _stated(tail: bytes, at: int, end: int) -> Iterator[_Stated]:
    """What the directory between two places says. Raises ``Damaged`` when it does not end where it should."""
    while at + _CENTRAL.size <= end and tail.startswith(_CENTRAL_SIGN, at):
        (_, _, _, flags, method, _, _, crc32, stored, size, name, extra, comment, *_) = _CENTRAL.unpack_from(tail, at)
        at += _CENTRAL.size
        stored, size = _wide_sizes(tail[at + name : at + name + extra], stored, size)
        yield _Stated(tail[at : at + name], flags, method, crc32, stored, size)
        at += name + extra + comment
    if at != end:
        raise Damaged(_MISFIT, _HINT)


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
