"""Power cuts: run a program on a disk that loses what was not synced, and look at what every cut leaves."""

from __future__ import annotations

import ctypes.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

SUPPORT = Path(__file__).parent

needs_fuse = pytest.mark.skipif(
    not os.access("/dev/fuse", os.W_OK) or not (ctypes.util.find_library("fuse3") or ctypes.util.find_library("fuse")),
    reason="FUSE is not there (Debian: fuse3)",
)


@dataclass(frozen=True)
class Cut:
    """What one power cut left behind, and what the program had noted in ``.notes`` before."""

    where: str
    folder: Path
    notes: frozenset[str]


def cuts(place: Path, script: Sequence[str], *, every: int, seed: int, at: str = "") -> Iterator[Cut]:
    """Run ``python *script`` in a lossy ``place / "disk"`` to its end; yields the cuts after every ``every``-th change.

    at: and after each name given or taken, and each note, whose path this finds: where a program relies on what it
    did before, a cut tells most. ``{disk}`` in the script's words stands for that folder. What ``place / "live"``
    holds before counts as synced.
    """
    live, disk, images = place / "live", place / "disk", place / "images"
    live.mkdir(exist_ok=True)
    disk.mkdir()
    mount = [sys.executable, str(SUPPORT / "lossy_disk.py"), *map(str, (live, disk, images, every, seed)), at]
    with subprocess.Popen(mount) as process:
        try:
            deadline = time.monotonic() + 20
            while not os.path.ismount(disk):
                assert process.poll() is None, f"the disk ended with {process.returncode}"
                assert time.monotonic() < deadline, "the disk was not mounted within 20 s"
                time.sleep(0.02)
            words = [word.replace("{disk}", str(disk)) for word in script]
            ran = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=120, cwd=SUPPORT)
            assert ran.returncode == 0, ran.stderr
        finally:
            unmount = ["umount", "-l"] if os.geteuid() == 0 else ["fusermount3", "-u", "-z"]
            subprocess.run([*unmount, str(disk)], check=False, timeout=20)
            process.wait(20)
    for noted in sorted(images.glob("*.notes")):
        notes = frozenset(noted.read_text().splitlines())
        for folder in sorted(images.glob(f"{noted.stem}-*")):
            yield Cut(folder.name, folder, notes)
            shutil.rmtree(folder)


def note(disk: Path, text: str) -> None:
    """Say, in order with the changes of the disk, that something has been promised."""
    (disk / ".notes" / text).mkdir()
