"""Many people over some days, delivered in several ways; and every byte there is, opened, to look for some of them."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from footfall.codecs.zstd_frame import ZstdFrame
from footfall.config import load_settings
from footfall.ports import Batch, Codec
from footfall.wiring import Footfall
from footfall.wiring.keys import create_key

FIRST = date(2026, 10, 1)
ZONE = "America/New_York"


def name_of(person: int) -> str:
    return f"person-{person:06}x"


@dataclass
class Crowd:
    """people of whom each is active on about every third day. hub: with a clock that stands at ``now``."""

    folder: Path
    people: int
    days: int
    now: datetime = datetime(2026, 12, 1, 12, tzinfo=UTC)
    hubs: list[Footfall] = field(default_factory=list)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def dates(self) -> list[date]:
        return [FIRST + timedelta(days=n) for n in range(self.days)]

    @contextmanager
    def opened(self) -> Iterator[Footfall]:
        settings = load_settings(data=self.data, environment={"FOOTFALL_TIME_ZONE": ZONE}, allow_private_endpoints=True)
        with Footfall.open(settings, clock=lambda: self.now) as hub:
            yield hub

    def live(self, hub: Footfall) -> None:
        """Everything they do, accepted and settled."""
        create_key(hub, "web", product_key="default", environment="Production", channel="web")
        for nth, day in enumerate(self.dates):
            events = [each for person in range(self.people) for each in self._did(person, nth, day)]
            self.accept(hub, events, day)
        hub.settle()

    def accept(self, hub: Footfall, events: Sequence[dict[str, Any]], day: date) -> None:
        at = int(datetime(day.year, day.month, day.day, 23, tzinfo=UTC).timestamp() * 1_000_000)
        for start in range(0, len(events), 5_000):
            some = events[start : start + 5_000]
            body = json.dumps({"batch": some}).encode()
            hub.log.append(Batch(at, "web", "segment", "batch", len(some), (), "", "", body))

    def _did(self, person: int, nth: int, day: date) -> Iterator[dict[str, Any]]:
        who = {"userId": name_of(person), "anonymousId": f"visitor-{name_of(person)}"}
        at = f"{day}T15:{person % 60:02}:00Z"
        if nth == 0:
            traits = {"email": f"{name_of(person)}@example.org", "firstName": f"First {name_of(person)}", "plan": "pro"}
            yield {**who, "type": "identify", "messageId": f"i{person}", "timestamp": at, "traits": traits}
            yield {**who, "type": "group", "messageId": f"g{person}", "timestamp": at, "groupId": f"firm-{person % 50}"}
        if (person + nth) % 3 == 0:
            page = {"type": "page", "messageId": f"p{person}-{nth}", "timestamp": at}
            yield {**page, "anonymousId": who["anonymousId"], "properties": {"url": f"https://shop/{name_of(person)}"}}
            track = {"type": "track", "event": "Order, placed", "messageId": f"t{person}-{nth}", "timestamp": at}
            yield {**who, **track, "properties": {"to": f"{name_of(person)}@example.org", "amount": person}}


# --- every byte --------------------------------------------------------------------------------------------------


def traces(folder: Path, people: Iterable[int], *, opener: Codec | None = None) -> list[str]:
    """The files of a folder in which any of these people is named, however it is packed."""
    return [
        str(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and named(path.name, path.read_bytes(), people, opener)
    ]


def named(name: str, body: bytes, people: Iterable[int], opener: Codec | None = None) -> bool:
    """Whether a file names any of these people, in its bytes or in what is packed in them."""
    wanted = digits_of(tuple(people))
    texts = [name.encode(), body, *unpacked(name, body, opener)]
    return any(found.decode() in wanted for text in texts for found in set(re.findall(rb"person-(\d{6})x", text)))


@cache
def digits_of(people: tuple[int, ...]) -> frozenset[str]:
    """What tells these people apart in a text: built once, for it is asked of every row."""
    return frozenset(str(person).zfill(6) for person in people)


def unpacked(name: str, body: bytes, opener: Codec | None = None) -> list[bytes]:
    """The texts in a file."""
    if name.endswith(".pgp"):
        assert opener is not None, name
        return [b"".join(opener.decode([body]))]
    if name.endswith(".gz"):
        return [gzip.decompress(body)]
    if name.endswith(".zst"):
        return [b"".join(ZstdFrame().decode([body]))]
    if name.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            return [archive.read(each) for each in archive.namelist()]
    if name.endswith(".parquet"):
        file = pq.ParquetFile(io.BytesIO(body))
        told = [repr(file.metadata).encode(), repr(file.schema_arrow.metadata).encode()]
        for group in range(file.metadata.num_row_groups):
            told += [
                repr(file.metadata.row_group(group).column(n).statistics).encode()
                for n in range(file.metadata.num_columns)
            ]
        return [*told, _laid_out(file.read())]
    return []


def _laid_out(table: pa.Table) -> bytes:
    """Every value of a table, one after the other and packed in nothing."""
    laid = pa.BufferOutputStream()
    with pa.ipc.new_stream(laid, table.schema) as stream:
        stream.write_table(table)
    return laid.getvalue().to_pybytes()


def rows_of(name: str, body: bytes, opener: Codec | None = None) -> list[str]:
    """The rows of a delivered file, as texts that can be compared."""
    if name.endswith(".parquet"):
        return [json.dumps(row, default=str) for row in pq.read_table(io.BytesIO(body)).to_pylist()]
    [text] = unpacked(name, body, opener) or [body]
    if ".csv" in name:
        return ["\x1f".join(row) for row in csv.reader(io.StringIO(text.decode()))]
    if ".xml" in name:
        return re.findall(r"<row>.*?</row>", text.decode(), re.DOTALL)
    return text.decode().splitlines()


def is_about(row: str, people: Iterable[int]) -> bool:
    wanted = digits_of(tuple(people))
    return any(found in wanted for found in re.findall(r"person-(\d{6})x", row))


Read = Callable[[], dict[str, bytes]]


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
