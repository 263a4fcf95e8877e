"""The disk of the data directory is full: clients are told to come again, and with room all goes on by itself."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

DAY = "2026-03-09"
BATCH = 200

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root"),
    pytest.mark.timeout(600),
]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 96 MB, 60 of them taken by a file called ``ballast``."""
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", str(place)], check=True, timeout=20)
    try:
        with (place / "ballast").open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, 60 << 20)
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False, timeout=20)


def send(hub, number: int) -> tuple[int, str, str]:
    """One batch; every event has a user of its own. Returns the status and what is said of waiting and why."""
    ids = [f"{number}-{i}" for i in range(BATCH)]
    batch = [
        {"type": "track", "event": "E", "userId": i, "messageId": i, "timestamp": f"{DAY}T15:00:00Z",
         "properties": {"pad": os.urandom(200).hex()}}
        for i in ids
    ]  # fmt: skip
    request = urllib.request.Request(
        hub.url + "/v1/batch", json.dumps({"batch": batch}).encode(), {"X-Write-Key": "wk_scenario_key_0123456789"}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, "", ""
    except urllib.error.HTTPError as error:
        return error.code, error.headers["Retry-After"], error.read().decode()


@pytest.mark.parametrize("reserve", ["0", "8388608"], ids=["to the last byte", "with a reserve"])
def test_a_full_disk_is_said_to_clients_and_forgotten_when_there_is_room(install, small_disk, tmp_path, reserve):
    hub = install(zone="America/New_York", env={"FOOTFALL_RESERVE_BYTES": reserve})
    hub.data = small_disk / "data"
    hub.start()
    acknowledged, number, refused = [], 0, 0
    while refused < 5:
        status, wait, said = send(hub, number)
        if status == 200:
            acknowledged.append(number)
        else:
            assert status == 503
            assert int(wait) > 0
            assert "is full" in said or "bytes are free" in said
            refused += 1
        number += 1
        assert number < 3000, "the disk never got full"
    assert urllib.request.urlopen(f"{hub.url}/healthz", timeout=5).status == 200

    (small_disk / "ballast").unlink()
    deadline = time.monotonic() + 60
    while send(hub, number)[0] != 200:
        assert time.monotonic() < deadline, "it does not take events again, though there is room"
        time.sleep(0.5)
    acknowledged.append(number)
    hub.stop()

    out = tmp_path / "out"
    hub.run("export", "rollups", "--day", DAY, "--to", str(out), "--format", "json",
            "--reports", "User_Custom_Event_Rollups", "--quiet")  # fmt: skip
    found = Counter(
        json.loads(line)["identifyId"]
        for file in out.glob("*.json.gz")
        for line in gzip.decompress(file.read_bytes()).splitlines()
    )
    assert set(found.values()) == {1}
    assert {f"{n}-{i}" for n in acknowledged for i in range(BATCH)} <= found.keys()
