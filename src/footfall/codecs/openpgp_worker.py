"""A process that encrypts or decrypts one stream. Run by ``openpgp``, never imported by it.

It is a process of its own for two reasons: the library holds Python's lock while it works, and it reads and writes
files only, so pipes are the way to stream through it. It imports nothing of Footfall, so it starts quickly.

stdin: four bytes of length, that many bytes of JSON (what to do, with which keys), then the stream; nothing secret is
in its arguments or its environment. stdout: the result. Exit code 0 only when all of it is good; what was written
before another exit code must not be used. stderr: one line for a person.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from base64 import b64decode
from contextlib import suppress

STDIN, STDOUT, FAILED = "/dev/stdin", "/dev/stdout", 3


def main() -> int:
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # keys are in this memory
    order = json.loads(_exactly(int.from_bytes(_exactly(4), "big")))
    import pysequoia

    try:
        if order["work"] == "encrypt":
            certificates = [pysequoia.Cert.from_bytes(b64decode(each)) for each in order["certificates"]]
            pysequoia.encrypt_file(STDIN, STDOUT, certificates, armor=False)
        else:
            decryptor = pysequoia.Tsk.from_bytes(b64decode(order["key"])).decryptor(order["passphrase"])
            pysequoia.decrypt_file(STDIN, STDOUT, decryptor)
    except Exception as error:
        print((str(error).splitlines() or [type(error).__name__])[0], file=sys.stderr)
        return FAILED
    return 0


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
