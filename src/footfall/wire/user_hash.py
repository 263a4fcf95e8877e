"""userHash: proof, made by a site's server, that a browser may speak for a user.

The proof is the hexadecimal HMAC-SHA-256 of the id that ``identify`` is given, under a key that only the site's server
and we have. Pages carry write keys, so without it whoever reads a page can speak for anybody.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any, Final

from footfall.model.reading import Rejected
from footfall.wire.door import malformed

_MISSING: Final = ("user_hash_missing", "This source takes events of users only with their userHash")
_WRONG: Final = ("user_hash_wrong", "The userHash is not that of the user's id under the key of this source")
_TWICE: Final = ("user_hash_wrong", "A field stands twice in the event, so it cannot be said whose it is")

_DIGITS_MAX: Final = 20  # of 64 bits and a sign


class _Ambiguous(dict[str, Any]):
    """An object with a name that stands twice: its readers need not agree which of the two counts."""


def hash_of(key: bytes, user: str) -> str:
    """The userHash of a user's id."""
    return hmac.new(key, user.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def unproven(dialect: str, call: str, body: bytes, key: bytes) -> list[Rejected]:
    """(index, code, message) of the events of ``body`` that name a user without proof, by rising index.

    dialect: ``native`` (a body's ``user_hashes``, an event's ``user_hash`` or ``user.userHash``) or ``segment``
    (``context.userHash``, ``context.traits.userHash`` or ``traits.userHash``). Who an ``alias`` says the user was
    before needs proof too. call: that of the request; of Segment only ``batch`` has events in ``batch``. body: JSON
    that the dialect has read. Raises ``BadRecord`` (``too_deep``): what cannot be read here is not believed.
    """
    try:
        said = json.loads(body, object_pairs_hook=_object, parse_int=_whole)
    except RecursionError as error:
        raise malformed(error) from error
    events = _events(dialect, call, said)
    shared = said.get("user_hashes") if dialect == "native" and isinstance(said, dict) else None
    hashes = shared if isinstance(shared, dict) else {}
    found: list[Rejected] = []
    for index, event in enumerate(events):
        fault = _fault(dialect, event, hashes, key) if isinstance(event, dict) else None
        if fault is not None:
            found.append((index, *fault))
    if isinstance(said, _Ambiguous):
        return [(index, *_TWICE) for index in range(len(events))]
    return found


def _events(dialect: str, call: str, said: Any) -> list[Any]:
    """The events where those find them who read the body later, and nowhere else."""
    if dialect != "native":
        batch = said.get("batch") if call == "batch" and isinstance(said, dict) else None
        return batch if isinstance(batch, list) else [said]
    events = said.get("events") if isinstance(said, dict) else said
    return events if isinstance(events, list) else [said]


def _fault(dialect: str, event: dict[str, Any], hashes: dict[str, Any], key: bytes) -> tuple[str, str] | None:
    if isinstance(event, _Ambiguous):
        return _TWICE
    given = {each for each in _given(dialect, event) if isinstance(each, str)}
    for user in _users(dialect, event):
        proofs = given | ({hashes[user]} if isinstance(hashes.get(user), str) else set())
        if not proofs:
            return _MISSING
        wanted = hash_of(key, user).encode()
        if not any(hmac.compare_digest(wanted, proof.lower().encode("utf-8", "replace")) for proof in proofs):
            return _WRONG
    return None


def _users(dialect: str, event: dict[str, Any]) -> Iterator[str]:
    # Nothing of the event tells an earlier id of a visitor from that of a user, so both are asked for.
    for name in ("identify_id", "previous_id") if dialect == "native" else ("userId", "previousId"):
        if event.get(name) not in (None, ""):
            yield str(event[name])


def _given(dialect: str, event: dict[str, Any]) -> Iterator[Any]:
    if dialect == "native":
        yield event.get("user_hash")
        yield _at(event, "user", "userHash")
    else:
        yield _at(event, "context", "userHash")
        yield _at(event, "context", "traits", "userHash")
        yield _at(event, "traits", "userHash")


def _at(value: Any, *names: str) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _whole(digits: str) -> int | str:
    """A whole number; one beyond every id, which Python may refuse to read for its length, as its text."""
    return int(digits) if len(digits) <= _DIGITS_MAX else digits


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    return made if len(made) == len(pairs) else _Ambiguous(made)
