"""OpenPGP around another codec: compressed first, then encrypted, streamed through a worker process.

**Encrypting** gives a version 1 packet with a modification detection code, or, to version 6 keys only, a version 2
packet with AEAD. The session key is random, so the same text never gives the same bytes twice: not ``repeatable``.

**Decrypting** yields nothing before all of the message was decrypted and its integrity proved. The message as stored,
still encrypted, is kept until then (in memory while small, else in a file without a name), and a long one is decrypted
twice: once to be checked, once to be read. Plaintext never touches a disk. What is proved is that the message is whole
and is what somebody encrypted; not who: everybody can encrypt to a public key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Final

from footfall.codecs.openpgp_keys import PrivateKey, Recipient
from footfall.codecs.openpgp_message import HEAD_BYTES, Envelope, envelope
from footfall.codecs.process import WorkerFailed, piped
from footfall.errors import Damaged, Refused, Unavailable
from footfall.model.manifest import ENCRYPTED, ENCRYPTED_EXTENSION
from footfall.ports import Codec

WORKER: Final = Path(__file__).with_name("openpgp_worker.py")
# Up to this size a message waits in memory, encrypted, and its text too; above, it is decrypted twice.
HELD_BYTES: Final = 8 << 20
CHUNK_BYTES: Final = 1 << 20
_HINT: Final = "Fetch the file again; if gpg packed it with bzip2, have it made with `--compress-algo zip`"


class OpenPgp:
    """``inner``, encrypted to ``recipients`` or decrypted with ``private``; see the module for what is guaranteed.

    spool: folder for encrypted messages that are too long for memory; the system's if None.
    """

    content_type = "application/pgp-encrypted"
    repeatable = False

    def __init__(
        self,
        inner: Codec,
        recipients: Sequence[Recipient] = (),
        private: PrivateKey | None = None,
        *,
        spool: Path | None = None,
    ) -> None:
        self.name = inner.name + ENCRYPTED
        self.extension = inner.extension + ENCRYPTED_EXTENSION
        self._inner = inner
        self._recipients = tuple(recipients)
        self._private = private
        self._spool = spool

    def encode(self, chunks: Iterable[memoryview | bytes], *, name: str = "") -> Iterator[bytes]:
        """Compress, then encrypt. Raises ``Refused`` without a recipient, ``Unavailable`` when the worker dies."""
        if not self._recipients:
            raise Refused("nobody is named to encrypt to", "Give an OpenPGP public key")
        order = [b"encrypt", *(each.certificate for each in self._recipients)]
        try:
            yield from _worked(order, self._inner.encode(chunks, name=name))
        except WorkerFailed as failed:
            raise Unavailable(
                f"encrypting failed: {failed}", "Check the OpenPGP key and the memory of the machine"
            ) from failed

    def decode(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Decrypt, check, then decompress. Raises ``Damaged`` when the message is not whole, ``Refused`` when there is
        no key for it or it has no protection of its integrity; either before the first byte."""
        if self._private is None:
            raise Refused("the file is encrypted with OpenPGP", "Give the private key and its passphrase")
        with SpooledTemporaryFile(
            max_size=HELD_BYTES, dir=None if self._spool is None else str(self._spool)
        ) as message:
            try:
                for chunk in chunks:
                    message.write(chunk)
            except OSError as error:
                raise Unavailable(f"no room for an encrypted message: {error.strerror}", "Free some space") from error
            message.seek(0)
            outside = envelope(message.read(HEAD_BYTES))
            yield from self._inner.decode(self._proved(message, outside, self._private))

    def _proved(self, message: IO[bytes], outside: Envelope, private: PrivateKey) -> Iterator[bytes]:
        """The text within, after the whole message was decrypted once without complaint."""
        keys = outside.openers(private.keys)
        for key in keys:
            order = [b"decrypt", key, *([] if private.passphrase is None else [private.passphrase.encode()])]
            held: list[bytes] = []
            size = 0
            try:
                for piece in _worked(order, _pieces(message)):
                    size += len(piece)
                    if size <= HELD_BYTES:
                        held.append(piece)
            except WorkerFailed as failed:
                if key is not keys[-1]:
                    continue
                raise Damaged(f"the encrypted message is not whole: {failed}", _HINT) from failed
            yield from held if size <= HELD_BYTES else _worked(order, _pieces(message))
            return


def _pieces(message: IO[bytes]) -> Iterator[bytes]:
    message.seek(0)
    while piece := message.read(CHUNK_BYTES):
        yield piece


def _worked(order: Sequence[bytes], chunks: Iterable[bytes]) -> Iterator[bytes]:
    words = b"".join(_sized(field) for field in order)
    return piped(WORKER, _sized(words), chunks)


def _sized(field: bytes) -> bytes:
    return len(field).to_bytes(4, "big") + field
