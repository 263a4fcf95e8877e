"""Appends to a log on a lossy disk and notes each acknowledgement and each trim: ``append_process.py DISK``."""

from __future__ import annotations

import sys
from pathlib import Path

from power import note

from footfall.logs.segments import SegmentLog
from footfall.ports import Batch

if __name__ == "__main__":
    disk = Path(sys.argv[1])
    for life in range(2):
        log = SegmentLog(disk / "log", segment_bytes=1200, reserve_bytes=0)
        for n in range(life * 20, life * 20 + 20):
            log.append(Batch(n, "s", "segment", "batch", 1, (), "", "", b"x" * 300))
            note(disk, f"ack-{n}")
            if n % 7 == 6:
                kept = list(log.read(0, 1 << 40))[-3]
                note(disk, f"trim-{kept.batch.received_at}")  # from now on what is before may be gone
                log.trim(kept.position)
        log.close()
