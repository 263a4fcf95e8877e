"""Delivers activity and app events in a process of its own, to be killed: ``activity_process.py DATA OUT``."""

from __future__ import annotations

import sys
from pathlib import Path

from small_activity import export_activity, export_app_events
from small_hub import small_hub

from footfall.buckets.local import LocalBucket

if __name__ == "__main__":
    with small_hub(Path(sys.argv[1])) as hub:
        bucket = LocalBucket(Path(sys.argv[2]))
        export_activity(hub, bucket, mark="slot")
        export_app_events(hub, bucket)
        export_app_events(hub, bucket, job="divided", key="{event}/{window}")
