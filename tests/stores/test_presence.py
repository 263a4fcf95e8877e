"""Who runs jobs is seen to be alive, and seen to be dead however it died."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from footfall.stores.presence import KEPT_S, Presence

PROGRAM = """
import sys, time
from pathlib import Path
from footfall.stores.presence import Presence
there = Presence(Path(sys.argv[1]), sys.argv[2])
print("there", flush=True)
time.sleep(60)
"""


def start(folder: Path, name: str) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(folder), name], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "there\n"
    return process


def test_a_process_is_alive_until_it_is_killed(tmp_path: Path) -> None:
    with start(tmp_path, "other:1:a") as process, Presence(tmp_path, "me:1:b") as me:
        assert not me.gone("other:1:a")
        process.send_signal(signal.SIGSTOP)
        assert not me.gone("other:1:a"), "who is silent may come back"
        process.kill()
        process.wait(10)
        assert me.gone("other:1:a")
        assert me.gone("other:1:a"), "and stays dead"


def test_oneself_and_strangers_are_never_said_to_be_gone(tmp_path: Path) -> None:
    with Presence(tmp_path, "me:1:a") as me:
        assert not me.gone("me:1:a")
        for stranger in ("host:77", "", ".", "..", "../me:1:a", "/etc/passwd"):
            assert not me.gone(stranger), stranger


def test_who_left_in_order_holds_nothing_any_more(tmp_path: Path) -> None:
    with Presence(tmp_path, "me:1:a") as me:
        with Presence(tmp_path, "me:1:b") as other:
            assert not me.gone("me:1:b")
        other.close()
        assert me.gone("me:1:b")


def test_files_of_long_ago_are_cleared_but_never_of_the_living(tmp_path: Path) -> None:
    with Presence(tmp_path, "me:1:a"):
        Presence(tmp_path, "me:1:b").close()
        for path in tmp_path.iterdir():
            os.utime(path, (path.stat().st_mtime - 2 * KEPT_S,) * 2)
        Presence(tmp_path, "me:1:c").close()
        assert sorted(path.name for path in tmp_path.iterdir()) == ["me:1:a", "me:1:c"]
