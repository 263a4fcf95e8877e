"""The audit log: who changed what, when, from what to what. Entries are chained, so that a gap or a change shows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

FIRST: Final = "0" * 64
Facts = Mapping[str, Any]
"""Of a thing, as JSON has them, and never a secret."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something. kind: ``cli``, ``server`` (by itself), ``token`` (the admin token) or ``key``.

    name: of the API key, or of the file that ``footfall apply`` applies; empty otherwise.
    address: of the client, as far as ``store_ip`` lets it be kept.
    """

    kind: str
    name: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One change. number: 1, 2, 3 … action: what was done (``job.add``). subject: to what, by its name.

    before, after: None where there was, or is, nothing. digest: over this entry and the digest of the one before.
    """

    number: int
    at: datetime
    actor: Actor
    action: str
    subject: str
    before: Facts | None
    after: Facts | None
    digest: str = ""


def sealed(change: Change, previous: str) -> Change:
    """The change with its digest; ``previous`` is that of the entry before it, ``FIRST`` for the first."""
    told = {
        "number": change.number,
        "at": change.at.astimezone(UTC).isoformat(),
        "actor": [change.actor.kind, change.actor.name, change.actor.address],
        "action": change.action,
        "subject": change.subject,
        "before": change.before,
        "after": change.after,
    }
    text = json.dumps(told, sort_keys=True, separators=(",", ":"))
    return replace(change, digest=sha256(f"{previous}\n{text}".encode("ascii")).hexdigest())


def changed(before: Facts | None, after: Facts | None) -> tuple[Facts | None, Facts | None]:
    """Only what differs, where there is a before and an after; a fact that is only on one side stays there."""
    if before is None or after is None:
        return before, after
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return (
        {name: before[name] for name in names if name in before},
        {name: after[name] for name in names if name in after},
    )
