"""What the Delta library leaves to its caller on a local disk: fsync, and the repair of what a power cut tore.

deltalake writes a commit to a temporary name and links it to its own; neither the file nor the folder is synced
(seen with strace, 1.6.6). Footfall trims its log after a commit, so it has to be on the disk before that.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from footfall import disk

SYNCS_AT_ONCE = 16


def sync(paths: Iterable[Path]) -> None:
    """Force files or folders to the disk, many at a time: a disk that is asked for many writes them together."""
    wanted = list(paths)
    if len(wanted) < 2:
        for path in wanted:
            disk.sync(path)
        return
    with ThreadPoolExecutor(min(SYNCS_AT_ONCE, len(wanted)), thread_name_prefix="footfall-sync") as pool:
        for _ in pool.map(disk.sync, wanted):  # raises the first failure
            pass


def make_folders(paths: Iterable[Path]) -> None:
    """Create many folders as ``disk.make_folder`` does, with one sync of each parent."""
    parents: list[Path] = []
    for path in paths:
        missing = [folder for folder in (path, *path.parents) if not folder.exists()]
        path.mkdir(parents=True, exist_ok=True)
        parents += [folder.parent for folder in reversed(missing)]
    sync(dict.fromkeys(parents))


def sync_commits(log: Path, after: int) -> int:
    """Sync every commit beyond version ``after`` and the folder; return the last version there is."""
    fresh = [path for path in commits(log) if int(path.stem) > after]
    sync([*fresh, log])
    return max([after, *(int(path.stem) for path in fresh)])


def commits(log: Path) -> list[Path]:
    """The commit files of a table, oldest first."""
    return sorted(path for path in log.glob("*.json") if path.stem.isdigit())


def repair(log: Path) -> list[str]:
    """Remove what a power cut left torn at the end of a table's log; return the names removed.

    A torn commit was never answered for, because ``append`` returns after its sync: what it held is still in the
    event log. A torn checkpoint only sums up commits that are there; its hint may have outlived it.
    """
    torn = list(log.glob("*.json#*"))
    for path in reversed(commits(log)):
        if _whole(path):
            break
        torn.append(path)
    checkpoints = sorted(log.glob("*.checkpoint.parquet"))
    torn_checkpoints = [path for path in checkpoints[-1:] if not _readable(path)]
    hint = log / "_last_checkpoint"
    if hint.exists() and (torn_checkpoints or not _named(hint).exists()):
        torn.append(hint)
    torn += torn_checkpoints
    for path in torn:
        path.unlink(missing_ok=True)
    if torn:
        sync([log])
    return [path.name for path in torn]


def _whole(commit: Path) -> bool:
    text = commit.read_bytes()
    try:
        return text != b"" and all(isinstance(json.loads(line), dict) for line in text.splitlines() if line)
    except ValueError:
        return False


def _named(hint: Path) -> Path:
    """The checkpoint a hint names; of a torn hint, one that never is there."""
    try:
        version = int(json.loads(hint.read_bytes())["version"])
    except (ValueError, TypeError, KeyError):
        version = -1
    return hint.parent / f"{version:020d}.checkpoint.parquet"


def _readable(checkpoint: Path) -> bool:
    try:
        pq.read_table(checkpoint)
    except (pa.ArrowInvalid, OSError):
        return False
    return True
