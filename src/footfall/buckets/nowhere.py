"""A bucket for rehearsals: what is put is counted and digested and goes nowhere; reading reads the real place."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from footfall.buckets.keys import check_key
from footfall.ports import Bucket, Stored


class Nowhere:
    """See ``Bucket``, but for promise 4: what was put can be found in ``put_here`` and is seen by nobody else.

    Nothing at ``real`` is ever written or deleted. Putting never conflicts.
    """

    def __init__(self, real: Bucket) -> None:
        self._real = real
        self.url = real.url
        self.put_here: dict[str, Stored] = {}

    def put(self, key: str, chunks: Iterable[bytes], *, content_type: str) -> Stored:
        """Read all of ``chunks`` and remember size and digest. Nobody is told the ``content_type``."""
        check_key(key)
        digest, size = hashlib.sha256(), 0
        for chunk in chunks:
            digest.update(chunk)
            size += memoryview(chunk).nbytes
        self.put_here[key] = Stored(key, size, digest.hexdigest())
        return self.put_here[key]

    def open(self, key: str, *, version: str = "") -> Iterator[bytes]:
        return self._real.open(key, version=version)

    def stat(self, key: str) -> Stored:
        return self._real.stat(key)

    def list(self, prefix: str = "") -> Iterator[Stored]:
        return self._real.list(prefix)

    def delete(self, key: str, *, version: str = "") -> None:
        """Delete nothing."""
