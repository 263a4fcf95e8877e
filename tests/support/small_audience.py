"""A Footfall of real parts whose users are exported as audiences."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import pyarrow as pa
from small_hub import CODECS, FORMATS, SmallHub, small_hub

from footfall.buckets.local import LocalBucket
from footfall.engines.audience import DuckAudience
from footfall.engines.database import Limits
from footfall.flows.close_day import activity_before
from footfall.flows.export_audience import DeliveredFile, Destination, Instant, export_audience
from footfall.model.audience_export import JSON, PARQUET, AudienceExport
from footfall.model.key_templates import AUDIENCE, KeyTemplate
from footfall.model.names import NameTemplate
from footfall.ports import AudienceInput, Bucket, Codec, Format
from footfall.stores.audience_states import AudienceStateFiles

DAY = date(2026, 11, 20)
AT = datetime(2026, 11, 21, 8, tzinfo=UTC)

# (user, traits, account): one of everything a field may hold.
PEOPLE: Sequence[tuple[str, Mapping[str, object], str]] = (
    ("ada", {"email": "ada@example.com", "plan": "pro", "score": 7, "tags": ["a", "b&c", "50%", "x=y"],
             "limits": {"seats": 3, "k=1": "v&w"}, "vip": True, "ltv": 1.5, "since": "2026-01-31T12:00:00Z"}, "acme"),
    ("bob", {"email": "bob@example.com", "plan": 'free, "really"', "score": 3, "tags": [""], "limits": {},
             "vip": False, "ltv": -2}, "acme"),
    ("éva", {"plan": "", "tags": [], "note": "two\nlines"}, "zoo"),
    ("max", {"plan": "pro", "tags": ["é", 1, True, None, {"deep": [1]}, ""]}, ""),
)  # fmt: skip


def identified(
    day: date, people: Sequence[tuple[str, Mapping[str, object], str]] = PEOPLE, mark: str = ""
) -> list[dict[str, object]]:
    """The events in which these users say who they are, each a visitor of one name before.

    At noon of ``day`` UTC; with a mark, which tells events from earlier ones, an hour later.
    """
    hour = 13 if mark else 12
    events: list[dict[str, object]] = []
    for number, (user, traits, account) in enumerate(people):
        about = {"userId": user, "anonymousId": f"anon-{user}", "timestamp": f"{day}T{hour}:{number % 60:02d}:00Z"}
        if account:
            events.append({**about, "type": "group", "groupId": account, "messageId": f"{day}-g-{user}{mark}"})
        events.append({**about, "type": "identify", "traits": traits, "messageId": f"{day}-i-{user}{mark}"})
    return events


class SmallAudience:
    """A hub, the engine and the states of audiences, and a folder that is exported to."""

    def __init__(self, hub: SmallHub, folder: Path, limits: Limits | None = None) -> None:
        self.hub = hub
        self.out = LocalBucket(folder / "out")
        self.engine = DuckAudience(folder / "audience-spill", limits or Limits(memory_mb=256, threads=2))
        self.states = AudienceStateFiles(folder / "audiences")
        self.memberships: Mapping[str, Sequence[str]] = {}

    def learn(self, events: Sequence[Mapping[str, object]]) -> None:
        self.hub.accept(events)
        self.hub.settle()

    def given(self, day: date) -> AudienceInput:
        people = self.hub.people
        return AudienceInput(
            end=self.hub.zone.bounds(day).end,
            users=partial(people.users, day),
            custom_attributes=people.custom_attributes("user"),
            links=people.links,
            merges=people.merges,
            texts=people.texts,
            activity=lambda: activity_before(self.hub.books, day + timedelta(days=1)),
            memberships=self._of if self.memberships else None,
            members=self._members,
        )

    def _members(self, name: str) -> pa.Array:
        known = self.hub.people.texts("users").to_pylist()
        return pa.array([row["key"] for row in known if name in self.memberships.get(row["text"], ())], pa.int32())

    def _of(self, keys: pa.Array) -> pa.Array:
        names = dict(zip(*(c.to_pylist() for c in self.hub.people.texts("users").columns), strict=True))
        return pa.array([self.memberships.get(names[key], []) for key in keys.to_pylist()], pa.list_(pa.string()))

    def destination(
        self, export: AudienceExport, out: Bucket | None = None, codec: Codec | None = None, key: str = ""
    ) -> Destination:
        kind: Format | None = None if export.layout == PARQUET else FORMATS["json" if export.layout == JSON else "csv"]
        chosen = codec or CODECS["none" if kind is None else "gzip"]
        names = NameTemplate("users-{TIMESTAMP}")
        template = KeyTemplate.parse(key, AUDIENCE) if key else None
        return Destination(self.out if out is None else out, kind, chosen, "footfall test", names, template)

    def export(
        self,
        export: AudienceExport,
        *,
        at: datetime = AT,
        day: date = DAY,
        out: Bucket | None = None,
        codec: Codec | None = None,
        key: str = "",
    ) -> list[DeliveredFile]:
        when = Instant(at, day, self.hub.zone.name)
        to = self.destination(export, out, codec, key)
        return list(export_audience(export, when, self.given(day), to, engine=self.engine, states=self.states))

    def rows(self, export: AudienceExport, **when: datetime | date) -> list[dict[str, object]]:
        """What a reader of the one file gets; CSV with every value as text."""
        (file,) = self.export(export, **when)  # type: ignore[arg-type]
        return read(b"".join(self.out.open(file.key)), export)


def read(stored: bytes, export: AudienceExport) -> list[dict[str, object]]:
    if export.layout == PARQUET:
        import pyarrow.parquet as pq

        return list(pq.read_table(io.BytesIO(stored)).to_pylist())
    text = gzip.decompress(stored).decode()
    if export.layout == JSON:
        return [json.loads(line) for line in text.splitlines()]
    return list(csv.DictReader(io.StringIO(text, newline="")))


@contextmanager
def small_audience(folder: Path, limits: Limits | None = None) -> Iterator[SmallAudience]:
    with small_hub(folder / "hub") as hub:
        yield SmallAudience(hub, folder, limits)
