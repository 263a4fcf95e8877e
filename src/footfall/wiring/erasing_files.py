"""Files of the data directory, beside the lake, that have rows of users: rewritten without those of some.

| what | where |
|---|---|
| what each user did on a day | ``activity/``, ``usage/`` |
| who was in an audience at the last look, or the last export | ``memberships/``, ``audiences/`` |
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from footfall import disk
from footfall.errors import Unavailable

FOLDERS: Final = ("activity", "usage", "memberships", "audiences")
USER: Final = "user_key"


def strip_files(data: Path, users: Sequence[int]) -> int:
    """Write the files that hold any of these users anew without them; returns how many rows went.

    Raises ``Unavailable`` when the disk does not take them.
    """
    gone = 0
    try:
        for path in _files(data):
            gone += _strip(path, pa.array(users, pa.int32()))
    except OSError as error:
        raise Unavailable(f"{data}: {error}", "Check the disk of the data directory") from error
    return gone


def _files(data: Path) -> Iterator[Path]:
    for folder in FOLDERS:
        yield from sorted((data / folder).rglob("*.parquet"))


def _strip(path: Path, users: pa.Array) -> int:
    try:
        schema = pq.read_schema(path)
    except FileNotFoundError:  # a newer one has come in its place
        return 0
    if USER not in schema.names:
        return 0
    held = pc.is_in(pq.read_table(path, columns=[USER]).column(USER).cast(pa.int32()), value_set=users)
    count = pc.sum(held).as_py() or 0
    if count:
        left = pq.read_table(path).filter(pc.invert(held))
        with disk.drafted(path) as draft:
            pq.write_table(left, draft, compression="zstd")
    return int(count)
