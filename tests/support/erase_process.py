"""Goes on with the erasures of a crowd in a process of its own, to be killed: ``erase_process.py DATA OUT``."""

from __future__ import annotations

import sys
from pathlib import Path

from crowd import Crowd

from footfall.wiring.erasing import work_off

if __name__ == "__main__":
    with Crowd(Path(sys.argv[1]).parent, people=15, days=2).opened() as hub:
        work_off(hub)
