"""Rehearsals: the whole way of a job to nowhere, and how what it would deliver differs from what was delivered last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING

from footfall.errors import FootfallError
from footfall.model.window_manifest import read_manifest
from footfall.ports import Counts, DayState, Delivered, Ledger, Shape

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from footfall.model.manifest import FilePart
    from footfall.ports import Bucket


class RehearsedLedger:
    """See ``ports.Ledger``: reads the real one, and keeps to itself what a rehearsal would write."""

    def __init__(self, real: Ledger) -> None:
        self._real = real

    def settled(self, start: int, end: int, shape: Shape, at: datetime) -> None:
        """Settling is no part of a rehearsal: it goes to the real ledger."""
        self._real.settled(start, end, shape, at)

    def counts(self) -> Mapping[str, Counts]:
        return self._real.counts()

    def quarantined(self, limit: int = 100) -> pa.Table:
        return self._real.quarantined(limit)

    def day(self, day: date) -> DayState:
        return self._real.day(day)

    def days(self) -> Sequence[DayState]:
        return self._real.days()

    def seal(self, day: date, position: int, at: datetime) -> DayState:
        """The state that sealing would give the day, which stays as it is."""
        state = self._real.day(day)
        if state.revision and not state.touched:
            return state
        return replace(state, revision=state.revision + 1, sealed_at=at, position=position, touched=False)

    def reopen(self, day: date) -> DayState:
        return self._real.day(day)

    def delivered(
        self, destination: str, report: str, version: str, format: str, day: date, *, below: int | None = None
    ) -> Delivered | None:
        return self._real.delivered(destination, report, version, format, day, below=below)

    def deliver(self, delivered: Delivered) -> None:
        """Forget it."""


def difference(
    bucket: Bucket,
    last: Delivered | None,
    rows: int,
    size_bytes: int,
    sha256: str,
    revision: int,
    *,
    part: FilePart = (),
) -> str:
    """How a file of so many rows and bytes differs from the ``last`` one delivered in its place.

    part: of a report that is divided, which one it is.
    """
    if last is None:
        return "new"
    try:
        manifest, _ = read_manifest(bucket.open(last.manifest_key))
    except (KeyError, FootfallError):
        return f"revision {last.revision} was delivered, its manifest cannot be read"
    before = [file for file in manifest.files if file.part == part]
    if any(file.sha256 == sha256 for file in before):
        return f"same as revision {last.revision}"
    if not before and part:
        return f"new, revision {last.revision} has no such part"
    were, size_before = sum(file.rows for file in before), sum(file.size_bytes for file in before)
    more = f"{rows - were:+,} rows, {size_bytes - size_before:+,} bytes"
    again = "" if revision > last.revision else ", though its name is the same"
    return f"{more} against revision {last.revision}{again}"
