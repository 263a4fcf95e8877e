"""What processes that died left half-written in a data directory; whatever it was to become is made anew.

| what | where | who else takes it away |
|---|---|---|
| tables, spilled rows, files read from a bucket | ``spill/`` | whoever made them, when done |
| drafts, ``*.part`` (``disk.drafted``) | beside what they become | whoever made them, when done |
| files and digests of rows of an import, names with a dot | ``imports/`` | files: the next import |
| the addresses of a server | ``server.json`` | the server, when it ends |

Not here: of the log and the lake their own opening takes care (``logs.segments``, ``lakes.durable``), of ``runners/``
the next runner, and of drafts of audience exports, which a run that goes on needs, the run after it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from footfall import disk, observe

_CARED_FOR: Final = frozenset({"log", "lake", "spill", "runners"})


def sweep_leftovers(data: Path) -> None:
    """Take it away; only for who is alone there. What cannot be removed stays: it costs space, not correctness."""
    shutil.rmtree(data / "spill", ignore_errors=True)
    swept = 0
    for path in (data / "server.json", *_drafts(data)):
        try:
            path.unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            observe.went_wrong("leftover stays", error, path=str(path))
            continue
        swept += 1
    if swept:
        observe.happened("leftovers of a process that died taken away", count=swept)


def _drafts(data: Path) -> Iterator[Path]:
    imports = str(data / "imports")
    for folder, below, names in os.walk(data):
        if folder == str(data):
            below[:] = [name for name in below if name not in _CARED_FOR]
        for name in names:
            if name.endswith(disk.DRAFT) or (folder == imports and name.startswith(".")):
                yield Path(folder, name)
