"""Closes and delivers one day in a process of its own, to be killed: ``deliver_process.py DATA OUT DAY``."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

from small_hub import small_hub

from footfall.buckets.local import LocalBucket

REPORTS = ("Users", "User_Event_Rollups", "Account_Event_Rollups")

if __name__ == "__main__":
    with small_hub(Path(sys.argv[1])) as hub:
        hub.export(date.fromisoformat(sys.argv[3]), LocalBucket(Path(sys.argv[2])), REPORTS)
