"""A control store for a test: the tables of a new one, made once per process and copied.

Making them runs every migration, which takes longer than most tests do; ``tests/stores`` test that.
"""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from footfall.stores.database import Database


def open_store(path: Path) -> Database:
    """Open the store at ``path``, a new one if there is none."""
    lay_store(path)
    return Database.open(path)


def lay_store(path: Path) -> None:
    """Put a new store at ``path`` for something else to open, unless there is one."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_new())


@cache
def _new() -> bytes:
    with tempfile.TemporaryDirectory(prefix="store-") as folder:
        path = Path(folder, "store.db")
        Database.open(path).close()
        return path.read_bytes()
