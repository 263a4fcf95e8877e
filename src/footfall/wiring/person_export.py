"""All that is held about one person, as files: for whoever asks what is known about them."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from footfall import disk
from footfall.errors import Missing, Refused
from footfall.model.erasures import token_of
from footfall.model.event import LAKE_COLUMNS, EventType
from footfall.stores.forgetting import held_rows
from footfall.wiring.erasing import forgetting_of, plan
from footfall.wiring.membership import Looking, audiences_of
from footfall.wiring.profiles import profiles_of
from footfall.wiring.receipts import token_key

if TYPE_CHECKING:
    from footfall.model.erasures import Subjects
    from footfall.wiring.hub import Footfall

_TERMS: Final = ("source", "product", "environment", "channel", "name", "detail", "locale", "trigger_type")
_INDEX: Final = """All that is held about {who}, as of {at}.

| file | what is in it |
|---|---|
| profile.json | attributes, ids, account, and why each is known |
| identities.json | every row of the store that is about this person, as it is kept, by table |
| events.ndjson | {events} events, oldest first, one a line |
| audiences.json | audiences this person is in now, and lists that name this person |
| deliveries.json | {deliveries} deliveries that hold, or perhaps hold, this person: place and manifest |
| not-taken.json | what was sent and could not be used, and names this person |

Instants are UTC. What was delivered is not read for this; `footfall people erase --dry-run` lists the same deliveries.
"""


@dataclass(frozen=True, slots=True)
class PersonFiles:
    """The files, by name. events, deliveries: how many."""

    files: Mapping[str, bytes]
    events: int
    deliveries: int


def export_person(hub: Footfall, id: str) -> PersonFiles:
    """Everything about the person of an identify id or opaque id. Raises ``Missing`` for one nobody is known by.

    That it was looked at is in the audit log, under the person's token.
    """
    now = hub.clock()
    found = plan(hub, [id])
    if not found.people:
        raise Missing(f"nobody is known as {id!r}", "Ask by identify id or aptrinsicId")
    subjects = found.subjects
    profile = profiles_of(hub).get(found.people[0].ids[0], hub.zone.day_of(now), why=True)
    events = list(_events(hub, subjects))
    targets = [{"delivery": each.what, "place": each.place, "manifest": each.manifest_key} for each in found.targets]
    who = ", ".join(subjects.ids)
    index = _INDEX.format(who=who, at=f"{now:%Y-%m-%d %H:%M:%S}Z", events=len(events), deliveries=len(targets))
    files = {
        "index.md": index.encode(),
        "profile.json": _json(asdict(profile)),
        "identities.json": _json(held_rows(hub.database, subjects)),
        "events.ndjson": b"".join(_line(each) for each in events),
        "audiences.json": _json(_audiences(hub, subjects, now)),
        "deliveries.json": _json(targets),
        "not-taken.json": _json(forgetting_of(hub).naming(subjects)),
    }
    token = token_of(token_key(hub), subjects.ids[0])
    hub.note("people.export", f"person {token[:16]}", None, {"events": len(events), "deliveries": len(targets)})
    return PersonFiles(files, len(events), len(targets))


def write_person(found: PersonFiles, out: Path) -> None:
    """Write the files into a folder, which must be new or empty, or, by its name, a ZIP archive."""
    try:
        if out.suffix.lower() == ".zip":
            _write(out, zipped(found))
            return
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise Refused(f"{out} is there already", "Name a new folder, or a file that ends with .zip")
        disk.make_folder(out, 0o700)
        for name, body in found.files.items():
            _write(out / name, body)
    except OSError as error:
        raise Refused(f"{out}: {error.strerror}", "Name a place that can be written") from error


def _write(path: Path, body: bytes) -> None:
    """For its owner only, before there is anything in it."""
    path.touch(0o600)
    path.chmod(0o600)
    path.write_bytes(body)


def zipped(found: PersonFiles) -> bytes:
    """The files as a ZIP archive; the same for the same files."""
    sink = BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in found.files.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), body, zipfile.ZIP_DEFLATED)
    return sink.getvalue()


def archive_of_person(hub: Footfall, id: str) -> bytes:
    """``export_person`` as a ZIP archive."""
    return zipped(export_person(hub, id))


def _events(hub: Footfall, subjects: Subjects) -> Iterator[dict[str, Any]]:
    terms = dict(zip(*(column.to_pylist() for column in hub.people.texts("terms").columns), strict=True))
    accounts = dict(zip(*(column.to_pylist() for column in hub.people.texts("accounts").columns), strict=True))
    rows = [row for table in hub.lake.events_of(subjects) for row in table.to_pylist()]
    order = [name for name, _, _ in LAKE_COLUMNS if name not in ("day", "user_key", "session_key")]
    for row in sorted(rows, key=lambda each: (each["occurred_at"], each["ingest_seq"])):
        told = {name: row[name] for name in order if row[name] is not None}
        told |= {name: terms.get(row[name]) for name in _TERMS if row[name] is not None}
        told["type"] = EventType(row["type"]).word
        if "account_key" in told:
            told["account_id"] = accounts.get(told.pop("account_key"))
        told.pop("anonymous_key", None)
        for name in ("properties", "global_context"):
            if name in told:
                told[name] = json.loads(told[name])
        yield told


def _audiences(hub: Footfall, subjects: Subjects, now: datetime) -> dict[str, list[str]]:
    import pyarrow as pa

    members: list[str] = []
    if audiences_of(hub).all():
        with Looking(hub, now, hub.zone.day_of(now)) as looking:
            names = looking.names_of(pa.array(subjects.users, pa.int32())).to_pylist()
        members = sorted({name for each in names for name in each or ()})
    return {"in": members, "listed_in": forgetting_of(hub).listed(subjects)}


def _json(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=2, default=_plain) + "\n").encode()


def _line(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False, default=_plain) + "\n").encode()


def _plain(value: object) -> object:
    if isinstance(value, datetime | date):
        return value.isoformat().replace("+00:00", "Z")
    return str(value)
