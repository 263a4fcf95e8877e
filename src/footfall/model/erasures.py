"""Erasing people: whom, from where, and the receipt that says what was done.

Nothing here names anybody: what is kept of an erased person is a keyed hash (``token_of``), so that the list can be
applied again, to a restored backup or to an old file, by whoever has the key, and read by nobody.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Self

ERASE: Final = "erase"
ANONYMIZE: Final = "anonymize"
MODES: Final = (ERASE, ANONYMIZE)

# In this order; what has ended is not begun again, and each may be done twice.
ASKED: Final = "asked"
PLANNED: Final = "planned"
FORGOTTEN: Final = "forgotten"  # the store
CUT: Final = "cut"  # the lake and the files beside it
DELIVERED: Final = "delivered"  # what lies in buckets
DONE: Final = "done"
STATES: Final = (ASKED, PLANNED, FORGOTTEN, CUT, DELIVERED, DONE)

RECEIPT_FORMAT: Final = 1
# Of the columns of delivered files: those that say who it is, by what they hold.
ID_COLUMNS: Final = ("identifyId", "identify_id")
UID_COLUMNS: Final = ("aptrinsicId", "actorId")
VISITOR_COLUMNS: Final = ("anonymous_id", "anonymousIds", "actorId")
VALUE_COLUMNS: Final = ("email",)


def token_of(key: bytes, text: str) -> str:
    """The keyed hash of an id: 64 hexadecimal digits that nobody without the key can find by guessing ids."""
    return hmac.digest(key, b"footfall erased person\0" + text.encode("utf-8", "surrogatepass"), "sha256").hex()


@dataclass(frozen=True, slots=True)
class Subjects:
    """The people of one erasure, all together.

    users: keys. visitors: keys of visitors that were never anybody else. spans: (visitor key, since, until) in
    microseconds, of visitors that were others too: what they did meanwhile without an id was done by these people.
    ids, uids, visitor_ids: what they are called. visitor_uids: what visitors are called in the app-event stream.
    values: what else identifies them, in lower case: addresses, and values of attributes that identify.
    first_at: when the earliest of them was first seen, in microseconds. tokens: of everybody asked for.
    unknown: tokens of those nobody knows.
    """

    users: tuple[int, ...] = ()
    visitors: tuple[int, ...] = ()
    spans: tuple[tuple[int, int, int], ...] = ()
    ids: tuple[str, ...] = ()
    uids: tuple[str, ...] = ()
    visitor_ids: tuple[str, ...] = ()
    visitor_uids: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    first_at: int = 0
    tokens: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """Every word that names one of them."""
        return tuple(dict.fromkeys((*self.ids, *self.uids, *self.visitor_ids, *self.visitor_uids, *self.values)))

    def named_by(self, columns: Iterable[str], identifiers: Iterable[str] = ()) -> dict[str, frozenset[str]]:
        """Column -> what it says in rows of these people, of the columns that say who it is.

        identifiers: columns of custom attributes that identify. What people say of themselves, two may say: it decides
        only where no column has an id. Not everybody has a visitor: where ids are missing, values decide too. Columns
        that say nothing about these people are left out. Which column decides in a row: ``sieving.tiers``.
        """
        ids, uids = frozenset(self.ids), frozenset(self.uids)
        visitors, values = frozenset((*self.visitor_ids, *self.visitor_uids)), frozenset(self.values)
        texts: dict[str, frozenset[str]] = {}
        named = list(columns)
        has_ids = any(column in (*ID_COLUMNS, *UID_COLUMNS) for column in named)
        meant = [(ID_COLUMNS, ids), (UID_COLUMNS, uids), (VISITOR_COLUMNS, visitors)]
        if not has_ids:
            meant.append(((*VALUE_COLUMNS, *identifiers), values))
        for column in named:
            said = frozenset[str]().union(*(each for names, each in meant if column in names))
            if said:
                texts[column] = said
        return texts

    def to_json(self) -> str:
        """Text that ``from_json`` reads."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        told = json.loads(text)
        lists: dict[str, Any] = {name: tuple(each) if isinstance(each, list) else each for name, each in told.items()}
        lists["spans"] = tuple((int(a), int(b), int(c)) for a, b, c in told["spans"])
        return cls(**lists)


@dataclass(frozen=True, slots=True)
class Target:
    """Something delivered that may hold one of the people. Nothing of it names them.

    kind: ``rollups``, ``activity``, ``app_events`` or ``audience``. place: the bucket's address. manifest_key: of the
    newest manifest; older: those it superseded. what: ``User_Event_Rollups of 2026-11-20``. revision: of the new
    manifest. job: whose delivery it is, if known.
    """

    number: int
    kind: str
    place: str
    manifest_key: str
    what: str
    revision: int
    older: tuple[str, ...] = ()
    job: str = ""
    report: str = ""
    version: str = ""
    format: str = ""
    day: str = ""
    window: int = 0

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        told = json.loads(text)
        return cls(**{**told, "older": tuple(told["older"])})


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A file that held somebody, and the one in its place. sha256: of the stored bytes. versions: of the old object
    that were removed, delete markers included; new_file is empty when nothing was left to be said."""

    file: str
    new_file: str
    rows_removed: int
    sha256_before: str
    sha256_after: str
    versions: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a target. manifest_key: of the new manifest, empty when nobody was in it. untouched: what could
    not be touched, each with the reason."""

    manifest_key: str = ""
    manifest_sha256: str = ""
    files_read: int = 0
    rewritten: tuple[Rewritten, ...] = ()
    removed: int = 0  # objects and versions, manifests included
    untouched: tuple[tuple[str, str], ...] = ()
    stale: tuple[str, ...] = ()

    def value(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_value(cls, told: Mapping[str, Any]) -> Self:
        rewritten = tuple(Rewritten(**each) for each in told["rewritten"])
        untouched = tuple((str(a), str(b)) for a, b in told["untouched"])
        lists = {"rewritten": rewritten, "untouched": untouched, "stale": tuple(told["stale"])}
        return cls(**{**told, **lists})


@dataclass(frozen=True, slots=True)
class Erasure:
    """One erasure, as it stands. by: who asked for it. counts: what was removed, by kind. notes: (place, why) of what
    could not be touched. error: of the last try, while it has not ended."""

    id: str
    mode: str
    state: str
    asked_at: datetime
    ended_at: datetime | None = None
    by: str = ""
    people: int = 0
    unknown: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[tuple[str, str], ...] = ()
    error: str = ""

    @property
    def ended(self) -> bool:
        return self.state == DONE

    def plus(self, counts: Mapping[str, int], notes: Sequence[tuple[str, str]] = ()) -> Erasure:
        """With what one more step did."""
        return replace(self, counts={**self.counts, **counts}, notes=(*self.notes, *notes))


# --- receipts ----------------------------------------------------------------------------------------------------


def canonical(receipt: Mapping[str, Any]) -> bytes:
    """What is signed: the receipt without its signature, as JSON without blanks, keys sorted."""
    told = {name: value for name, value in receipt.items() if name != "signature"}
    return json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def receipt_of(
    erasure: Erasure, tokens: Sequence[str], unknown: Sequence[str], results: Sequence[tuple[Target, Outcome]]
) -> dict[str, Any]:
    """The receipt, not yet signed."""
    files, untouched = [], [{"place": place, "why": why} for place, why in erasure.notes]
    for target, outcome in results:
        for file in outcome.rewritten:
            files.append({
                "place": target.place, "delivery": target.what, "manifest": outcome.manifest_key,
                "supersedes": target.manifest_key, **asdict(file),
            })  # fmt: skip
        untouched += [{"place": f"{target.place}/{key}", "why": why} for key, why in outcome.untouched]
    ended = erasure.ended_at
    return {
        "receipt": RECEIPT_FORMAT,
        "id": erasure.id,
        "mode": erasure.mode,
        "asked_at": erasure.asked_at.isoformat(),
        "ended_at": None if ended is None else ended.isoformat(),
        "people": erasure.people,
        "tokens": list(tokens),
        "unknown": list(unknown),
        "removed": dict(sorted(erasure.counts.items())),
        "deliveries": {
            "looked_at": len(results),
            "files_read": sum(outcome.files_read for _, outcome in results),
            "files_rewritten": len(files),
            "objects_removed": sum(outcome.removed for _, outcome in results),
        },
        "files": files,
        "untouched": untouched,
    }


def signature_of(key: bytes, value: bytes) -> dict[str, str]:
    """How a signature stands in a receipt. key: the public one, 32 bytes; value: 64 bytes (RFC 8032)."""
    return {
        "algorithm": "Ed25519",
        "key": base64.b64encode(key).decode(),
        "value": base64.b64encode(value).decode(),
    }
