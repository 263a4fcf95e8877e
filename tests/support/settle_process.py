"""Settle a data directory in small ranges, to be killed: python settle_process.py DATA [LIMIT_BYTES]."""

from __future__ import annotations

import sys
from pathlib import Path

from settle_place import opened

if __name__ == "__main__":
    with opened(Path(sys.argv[1]), segment_bytes=4096) as place:
        print("ready", flush=True)
        place.settle(limit_bytes=int(sys.argv[2]))
