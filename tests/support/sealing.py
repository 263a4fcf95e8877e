"""A codec that encrypts to a key and decrypts with it, made once: making keys takes longer than most tests do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

import pysequoia

from footfall.codecs.gzip_member import GzipMember
from footfall.codecs.openpgp import OpenPgp
from footfall.codecs.openpgp_keys import check_certificate, check_private_key
from footfall.ports import Codec

GZIP = GzipMember()


@cache
def sealing(inner: Codec = GZIP) -> OpenPgp:
    """``inner``, then OpenPGP."""
    key = pysequoia.Tsk.generate("Warehouse")
    recipient = check_certificate(bytes(key.extract_certificate()), datetime.now(UTC) + timedelta(hours=1))
    return OpenPgp(inner, [recipient], check_private_key(bytes(key), None))
