"""The keys of erasures: one that names of people are hashed with, and one that signs what was done."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from footfall.errors import Damaged, Refused
from footfall.model.erasures import RECEIPT_FORMAT, canonical, signature_of
from footfall.model.instants import to_us
from footfall.stores.erasures import OWNER

if TYPE_CHECKING:
    from footfall.wiring.hub import Footfall

_KEYS: Final = "keys"
_TOKEN, _SEED = "token_key", "ed25519_seed"


def token_key(hub: Footfall) -> bytes:
    """What ids are hashed with, drawn when it is first needed; sealed, and never in a receipt."""
    return bytes.fromhex(_keys(hub)[_TOKEN])


def _keys(hub: Footfall) -> Mapping[str, str]:
    if not hub.vault.fields(OWNER, _KEYS):
        with hub.database.transaction():  # of two who come at once the second finds the first one's
            if not hub.vault.fields(OWNER, _KEYS):
                hub.vault.put(OWNER, _KEYS, {_TOKEN: secrets.token_hex(32), _SEED: secrets.token_hex(32)})
    return hub.vault.get(OWNER, _KEYS)


def signed(hub: Footfall, receipt: Mapping[str, Any]) -> str:
    """The receipt with its signature, as JSON text."""
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(_keys(hub)[_SEED]))
    signature = signature_of(private.public_key().public_bytes_raw(), private.sign(canonical(receipt)))
    return json.dumps({**receipt, "signature": signature}, ensure_ascii=False, indent=2) + "\n"


def public_key(hub: Footfall) -> str:
    """The key that receipts of this deployment are checked with, base64."""
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(_keys(hub)[_SEED]))
    return base64.b64encode(private.public_key().public_bytes_raw()).decode()


def read_receipt(path: Path, key: str | None = None) -> dict[str, Any]:
    """A receipt whose signature holds. key: base64, whose signature it has to be; by default the one it names.

    Raises ``Refused`` for a file that cannot be read, ``Damaged`` for one that is not as it was signed.
    """
    try:
        receipt = json.loads(path.read_text(encoding="utf-8"))
        signature = receipt["signature"]
        signer, value = (base64.b64decode(signature[name], validate=True) for name in ("key", "value"))
        is_ours = receipt["receipt"] == RECEIPT_FORMAT and signature["algorithm"] == "Ed25519"
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}", "Name the file that --receipt wrote") from error
    except (ValueError, KeyError, TypeError) as error:
        raise Damaged(f"{path} is no receipt of an erasure", "Name the file that --receipt wrote") from error
    if not is_ours:
        raise Damaged(f"{path} is a receipt of a kind that is not known here", "Check it with a later version")
    if key is not None and signature["key"] != key:
        raise Damaged(f"{path} was signed with another key, {signature['key']}")
    try:
        Ed25519PublicKey.from_public_bytes(signer).verify(value, canonical(receipt))
    except (InvalidSignature, ValueError) as error:
        raise Damaged(f"{path} is not what was signed: it was changed") from error
    found: dict[str, Any] = receipt
    return found


def asked_at(receipt: Mapping[str, Any]) -> int:
    """When its erasure was asked for, in microseconds since 1970."""
    return to_us(datetime.fromisoformat(receipt["asked_at"]))
