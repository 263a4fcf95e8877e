"""``ports.AudienceStates`` as Parquet files: one digest per user, written once and joined as columns.

    {folder}/{job}/draft-{instant}-{definition}.parquet    a run under way: what it says of every user
    {folder}/{job}/state-{instant}.parquet                 a delivered run: user key, uid, digest

Rows in the control store would be the same data, written one by one and read one by one (docs/decisions/audiences.md).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.parquet as pq

from footfall import disk
from footfall.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from footfall.model.audience_export import AudienceExport

# The newest is what the next run is compared with; the one before is what the newest is compared with once more.
KEPT: Final = 2
_STAMP: Final = "%Y%m%dT%H%M%S%fZ"


class AudienceStateFiles:
    """See ``ports.AudienceStates``. folder: of all jobs, made if missing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def draft(self, export: AudienceExport, at: datetime) -> Path:
        with _translated(self._folder):
            folder = self._of(export.job)
            disk.make_folder(folder, 0o700)
        return folder / f"draft-{_stamp(at)}-{export.digest()}.parquet"

    def before(self, job: str, at: datetime) -> Path | None:
        earlier = [path for path in self._states(job) if path < self._state(job, at)]
        return earlier[-1] if earlier else None

    def later(self, job: str, at: datetime) -> bool:
        return any(path > self._state(job, at) for path in self._states(job))

    def settled(self, export: AudienceExport, at: datetime, write: Callable[[Path], None]) -> None:
        write(self._state(export.job, at))
        with _translated(self._folder):
            # Drafts of earlier instants are of runs that were given up; they hold people's attributes.
            for draft in self._of(export.job).glob("draft-*.parquet"):
                if draft.name[: draft.name.rfind("-")] <= f"draft-{_stamp(at)}":
                    draft.unlink(missing_ok=True)
            for old in self._states(export.job)[:-KEPT]:
                old.unlink(missing_ok=True)

    def people(self, job: str, at: datetime) -> pa.Array:
        """Keys of the users whom the run at ``at`` delivered, or said to be gone since the one before."""
        read = [path for path in (self.before(job, at), self._state(job, at)) if path is not None and path.exists()]
        with _translated(self._folder):
            keys = [pq.read_table(path, columns=["user_key"]).column(0).cast(pa.int32()) for path in read]
        return pa.chunked_array([chunk for column in keys for chunk in column.chunks], pa.int32()).combine_chunks()

    def _of(self, job: str) -> Path:
        # Names of jobs may hold what no file name can.
        return self._folder / hashlib.sha256(job.encode("utf-8", "surrogatepass")).hexdigest()[:32]

    def _state(self, job: str, at: datetime) -> Path:
        return self._of(job) / f"state-{_stamp(at)}.parquet"

    def _states(self, job: str) -> list[Path]:
        with _translated(self._folder):
            return sorted(self._of(job).glob("state-*.parquet"))


def _stamp(at: datetime) -> str:
    return f"{at.astimezone(UTC):{_STAMP}}"


@contextmanager
def _translated(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(f"{folder}: {error}", "Check the disk of the data directory") from error
