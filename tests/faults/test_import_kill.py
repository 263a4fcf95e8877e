"""``kill -9`` on an import, wherever it is: afterwards every row is an event, once."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROWS = 200_000
DAY = "2026-11-20"
KILLS = 4


def lines(path: Path) -> None:
    with path.open("w") as file:
        file.write("id,at,who\n")
        file.writelines(f"{n},{DAY}T10:00:00Z,user-{n % 977}\n" for n in range(ROWS))


def words(path: Path) -> list[str]:
    return ["import", "csv", str(path), "--stream", "crm", "--timestamp", "at", "--identify-id", "who", "--json"]


def test_an_import_by_command_that_is_killed_again_and_again_applies_each_row_once(install, tmp_path):
    hub, chance = install(zone="UTC"), random.Random(11)
    lines(tmp_path / "crm.csv")
    killed = 0
    while killed < KILLS:
        command = [sys.executable, "-m", "footfall", *words(tmp_path / "crm.csv")]
        process = subprocess.Popen(command, env=hub.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(1.0, 4.0))
        process.send_signal(signal.SIGKILL)
        if process.wait(30) == 0:
            break
        killed += 1
    assert killed, "it was too fast to be killed"
    last = hub.run(*words(tmp_path / "crm.csv"), ok=False)
    assert last.returncode in (0, 4), last.stderr
    (one,) = json.loads(hub.run("imports", "ls", "--json").stdout)
    assert (one["state"], one["rows"], one["bad"]) == ("done", ROWS, 0)
    (day,) = json.loads(hub.run("days", "ls", "--json").stdout)
    assert day["events"] == ROWS


def test_a_job_whose_server_is_killed_goes_on_where_it_was(install, tmp_path):
    hub = install(zone="UTC")
    (tmp_path / "drop").mkdir()
    lines(tmp_path / "drop" / "crm_20261120.csv")
    hub.start()
    hub.run("jobs", "add", "crm", "--kind", "import", "--to", str(tmp_path / "drop"), "--option", "stream=crm",
            "--option", "prefix=crm_", "--option", "format=csv", "--option", "timestamp=at")  # fmt: skip
    deadline = time.monotonic() + 60
    while not applied(hub):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    hub.stop(signal.SIGKILL)
    assert 0 < applied(hub) < ROWS
    hub.start()
    while events(hub) < ROWS:
        assert time.monotonic() < deadline + 120
        time.sleep(0.5)
    time.sleep(3)
    assert events(hub) == ROWS
    (one,) = json.loads(hub.run("imports", "ls", "--json").stdout)
    assert (one["state"], one["rows"]) == ("done", ROWS)


def applied(hub) -> int:
    """As the store has it: a command would take a second to say so."""
    with closing(sqlite3.connect(hub.data / "store.db")) as store:
        return store.execute("SELECT coalesce(sum(applied), 0) FROM file_import").fetchone()[0]


def events(hub) -> int:
    return sum(each["events"] for each in json.loads(hub.run("days", "ls", "--json").stdout))
