"""A process that encrypts or decrypts one stream. Run by ``openpgp``, never imported by it.

It is a process of its own for two reasons: the library holds Python's lock while it works, and it reads and writes
files only, so pipes are the way to stream through it. Every import is paid for with every file: nothing of Footfall,
and nothing that needs ``re`` (``json``, ``base64``, ``contextlib``), which would double the time it takes to start.

stdin: four bytes of length, that many bytes of fields (each its length in four bytes, then itself), then the stream.
The fields are ``encrypt`` and certificates, or ``decrypt``, a key and, if it has one, its passphrase; nothing secret is
in its arguments or its environment. stdout: the result. Exit code 0 only when all of it is good; what was written
before another exit code must not be used. stderr: one line for a person.
"""

import os
import resource
import sys

STDIN, STDOUT, FAILED = "/dev/stdin", "/dev/stdout", 3


def main() -> int:
    try:  # noqa: SIM105 - see above
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # keys are in this memory
    except (ValueError, OSError):
        pass
    work, *keys = _fields(_exactly(int.from_bytes(_exactly(4), "big")))
    import pysequoia

    try:
        if work == b"encrypt":
            certificates = [pysequoia.Cert.from_bytes(each) for each in keys]
            pysequoia.encrypt_file(STDIN, STDOUT, certificates, armor=False)
        else:
            key, *passphrase = keys
            decryptor = pysequoia.Tsk.from_bytes(key).decryptor(passphrase[0].decode() if passphrase else None)
            pysequoia.decrypt_file(STDIN, STDOUT, decryptor)
    except Exception as error:
        print((str(error).splitlines() or [type(error).__name__])[0], file=sys.stderr)
        return FAILED
    return 0


def _fields(order: bytes) -> list[bytes]:
    fields, at = [], 0
    while at < len(order):
        end = at + 4 + int.from_bytes(order[at : at + 4], "big")
        fields.append(order[at + 4 : end])
        at = end
    return fields


def _exactly(number: int) -> bytes:
    """From the file descriptor itself: what a buffer read ahead, the library would never see."""
    data = b""
    while len(data) < number:
        more = os.read(0, number - len(data))
        if not more:
            raise EOFError
        data += more
    return data


if __name__ == "__main__":
    sys.exit(main())
