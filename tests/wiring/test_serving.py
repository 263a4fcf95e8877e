"""A server answers before it has loaded what only its workers and the management API need."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import UTC, datetime

import pytest

from footfall.config import load_settings
from footfall.wiring import serve

# Each takes a tenth of a second or more to load.
NOT_YET = ("duckdb", "botocore", "fastapi", "ruamel.yaml", "statistics", "footfall.flows.export_activity")
STARTED = f"""
import sys, threading
from datetime import UTC, datetime
from pathlib import Path
from footfall.cli import app
from footfall.config import load_settings
from footfall.wiring import serve

stop = threading.Event()
settings = load_settings(data=Path(sys.argv[1]), environment={{"FOOTFALL_PORT": "0", "FOOTFALL_ADMIN_PORT": "0"}})

def say(line):
    if line.startswith("Collector"):
        print(*(name for name in {NOT_YET!r} if name in sys.modules))
        stop.set()

serve(settings, lambda: datetime.now(UTC), say, stop=stop)
print("loaded later:", "duckdb" in sys.modules)
"""


def test_a_server_answers_before_what_its_workers_need_is_loaded(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", STARTED, str(tmp_path / "data")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.splitlines() == ["", "loaded later: True"], done.stderr


def test_a_server_whose_workers_cannot_be_made_ends_and_says_why(tmp_path):
    (tmp_path / "runners").write_text("a file where a folder should be")
    settings = load_settings(data=tmp_path, environment={"FOOTFALL_PORT": "0", "FOOTFALL_ADMIN_PORT": "0"})
    with pytest.raises(OSError, match="runners"):
        serve(settings, lambda: datetime.now(UTC), lambda line: None, stop=threading.Event())
    assert not (tmp_path / "server.json").exists()
