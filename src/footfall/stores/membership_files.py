"""``ports.MembershipStates`` as Parquet files, one per audience: joined and compared as columns.

    {folder}/state/{audience}.parquet    who was in at the last look
    {folder}/next/{audience}.parquet     who is in at a look whose changes are being told

Both have a row per user who is in or just left: user key, since when, and what changed. So a look is finished by
renaming its file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from footfall import disk
from footfall.errors import Damaged, Unavailable
from footfall.model.audiences import LEFT, MEMBERSHIP_COLUMNS
from footfall.model.instants import from_us, to_us
from footfall.ports import Membership

_AT: Final = b"looked_at"
_SCHEMA: Final = pa.schema(
    [
        pa.field(name, kind, nullable=False)
        for name, kind in zip(MEMBERSHIP_COLUMNS, (pa.int32(), pa.int64(), pa.int8()), strict=True)
    ]
)


class MembershipFiles:
    """See ``ports.MembershipStates``. folder: made if missing."""

    def __init__(self, folder: Path) -> None:
        self._state, self._next = folder / "state", folder / "next"

    def read(self, name: str) -> Membership | None:
        return self._read(self._state / f"{name}.parquet", members_only=True)

    def waiting(self) -> Sequence[str]:
        with self._translated():
            return sorted(path.stem for path in self._next.glob("*.parquet"))

    def read_next(self, name: str) -> Membership:
        found = self._read(self._next / f"{name}.parquet")
        if found is None:
            raise Damaged(f"what changed in audience '{name}' is gone", "Run it again")
        return found

    def prepare(self, name: str, found: Membership) -> None:
        with self._translated():
            disk.make_folder(self._next, 0o700)
            path = self._next / f"{name}.parquet"
            stamped = found.rows.cast(_SCHEMA).replace_schema_metadata({_AT: str(to_us(found.looked_at)).encode()})
            with disk.drafted(path) as draft:
                pq.write_table(stamped, draft, compression="zstd")

    def commit(self, name: str) -> None:
        with self._translated():
            disk.make_folder(self._state, 0o700)
            disk.put_in_place(self._next / f"{name}.parquet", self._state / f"{name}.parquet")

    def keep(self, names: Collection[str]) -> None:
        with self._translated():
            for folder in (self._state, self._next):
                for path in folder.glob("*.parquet"):
                    if path.stem not in names:
                        path.unlink(missing_ok=True)

    def _read(self, path: Path, *, members_only: bool = False) -> Membership | None:
        with self._translated():
            try:
                rows = pq.read_table(path, filters=[("change", "!=", LEFT)] if members_only else None)
            except FileNotFoundError:
                return None
            metadata = pq.read_schema(path).metadata or {}
        return Membership(from_us(int(metadata.get(_AT, b"0"))), rows.cast(_SCHEMA))

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Unavailable(f"{self._state.parent}: {error}", "Check the disk of the data directory") from error
        except pa.ArrowException as error:
            raise Damaged(f"{self._state.parent}: {error}", "Remove the file; the next look begins anew") from error
