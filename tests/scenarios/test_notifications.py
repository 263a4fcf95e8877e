"""An operator hears of a job that fails, a colleague gets the export that is done: docs/guide/notifications.md.

Commands run in this process, through the program's own ``main``: starting it forty times would take minutes.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import certificates
import pytest
from receivers import Mailbox, http_server, mail_server

from footfall.cli import main

ROOT = Path(__file__).parents[2]
PASSWORD = "canary-password-0123456789"
TOKEN = "admin-token-for-scenarios"
EVENTS = [
    {"type": "identify", "userId": f"user-{n}", "messageId": f"i-{n}", "timestamp": "2026-05-01T12:00:00Z"}
    for n in range(3)
]


class Hub:
    """An install whose commands run here; its server, if started, is a process of its own."""

    def __init__(self, install: Any) -> None:
        self.install = install
        self.env: dict[str, str] = install.env
        self.data: Path = install.data

    def run(self, *arguments: str, ok: bool = True) -> subprocess.CompletedProcess[str]:
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            for name, value in self.install.environment().items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["footfall", *arguments])
            with pytest.raises(SystemExit) as ended:
                main()
        code = int(ended.value.code or 0)
        assert code == 0 or not ok, f"{arguments}: {code}\n{out.getvalue()}\n{err.getvalue()}"
        return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


@pytest.fixture
def make(install) -> Callable[..., Hub]:
    return lambda **env: Hub(install(env=env))


@pytest.fixture
def tls(tmp_path) -> certificates.Files:
    return certificates.make(tmp_path)


def add_mail(hub, box: Mailbox, tls: certificates.Files) -> None:
    hub.env |= {"SMTP_USER": "hub", "SMTP_PASSWORD": PASSWORD}
    hub.run(
        "notifications", "channels", "add", "ops", "--host", "127.0.0.1", "--port", str(box.port),
        "--from", "hub@example.com", "--to", "ops@example.com", "--ca-bundle", str(tls.authority),
        "--secret", "user=env:SMTP_USER", "--secret", "password=env:SMTP_PASSWORD",
    )  # fmt: skip


def snippet() -> Callable[..., bool]:
    """The function of the guide that receivers verify with."""
    page = (ROOT / "docs/guide/notifications.md").read_text("utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```", page, re.M | re.S)
    found: dict[str, Callable[..., bool]] = {}
    exec(code, found)
    return found["verified"]


def test_a_job_that_fails_without_a_server_is_told_by_mail_and_its_recovery_too(make, tls, tmp_path):
    hub = make(FOOTFALL_ALLOW_PRIVATE_ENDPOINTS="true")
    with mail_server(tls, login=("hub", PASSWORD)) as box:
        add_mail(hub, box, tls)
        assert "1 tests were accepted" in hub.run("notifications", "channels", "test", "ops").stdout
        hub.run("notifications", "rules", "add", "everything", "--channel", "ops")
        out = tmp_path / "out"
        hub.run("jobs", "add", "users", "--kind", "audience", "--to", str(out))
        out.write_text("a file where a folder should be")
        assert hub.run("jobs", "run", "users", ok=False).returncode == 1
        out.unlink()
        hub.run("jobs", "run", "users", ok=False)
        if hub.run("jobs", "ls", "--json").stdout.count('"paused"'):
            hub.run("jobs", "resume", "users")
        hub.run("jobs", "run", "users")
        subjects = [mail["Subject"] for _, _, mail in box.mails]
    assert subjects[0] == "Footfall: this channel works"
    assert [re.sub(r" \(.*\)$", "", each) for each in subjects[1:]] in (
        ["Footfall: users fails", "Footfall: users works again"],
        ["Footfall: users is paused", "Footfall: users works again"],
    )
    listed = json.loads(hub.run("notifications", "ls", "--json").stdout)
    assert {each["state"] for each in listed} == {"sent"}
    assert PASSWORD not in hub.run("notifications", "channels", "ls").stdout
    assert not [p for p in hub.data.rglob("*") if p.is_file() and PASSWORD.encode() in p.read_bytes()]


def test_a_mail_that_nobody_takes_can_be_seen_and_sent_again(make, tls, tmp_path):
    hub = make(FOOTFALL_ALLOW_PRIVATE_ENDPOINTS="true")
    with mail_server(tls, login=("hub", PASSWORD)) as box:
        add_mail(hub, box, tls)
        hub.run("notifications", "rules", "add", "done", "--channel", "ops", "--on", "done")
        hub.run("jobs", "add", "users", "--kind", "audience", "--to", str(tmp_path / "out"))
        box.refuse = "550 nobody here"
        hub.run("jobs", "run", "users")
        (dead,) = json.loads(hub.run("notifications", "ls", "--state", "dead", "--json").stdout)
        assert "550" in dead["error"]
        assert hub.run("notifications", "send", ok=False).returncode == 1
        box.refuse = ""
        hub.run("notifications", "retry", dead["id"])
        hub.run("notifications", "send")
        assert [mail["Message-ID"] for _, _, mail in box.mails] == [f"<{dead['id']}@example.com>"]
        assert hub.run("notifications", "retry", ok=False).returncode == 4


def fetched(address: str, key: str) -> tuple[int, bytes]:
    """The answer to the key in the form of a link's page."""
    request = urllib.request.Request(address, urllib.parse.urlencode({"key": key}).encode())
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_who_a_job_names_gets_a_link_that_asks_for_a_key_and_then_gives_the_file(make, tls, tmp_path):
    base = "https://hub.example.com/footfall"
    hub = make(FOOTFALL_ALLOW_PRIVATE_ENDPOINTS="true", FOOTFALL_ADMIN_URL=base + "/")
    out = tmp_path / "out"
    with mail_server(tls, login=("hub", PASSWORD)) as box:
        add_mail(hub, box, tls)
        hub.install.start()
        hub.install.post("/v1/batch", {"batch": EVENTS})
        hub.run("jobs", "add", "users", "--kind", "audience", "--to", str(out), "--email-to", "ana@example.com",
                "--schedule", "once", "--start", "2026-05-02")  # fmt: skip
        deadline = time.monotonic() + 60
        while not box.mails and time.monotonic() < deadline:
            time.sleep(0.2)
        ((_, to, mail),) = box.mails
        assert to == ["ana@example.com"]
        text = mail.get_body(("plain",)).get_content()
        (token,) = re.findall(re.escape(base) + r"/downloads/(\S+)", text)
        admin = json.loads((hub.data / "server.json").read_text())["admin"]
        with urllib.request.urlopen(f"{admin}/downloads/{token}", timeout=30) as page:
            assert b"API key or admin token" in page.read()
        assert fetched(f"{admin}/downloads/{token}", "wrong")[0] == 401
        (file,) = [path for path in out.iterdir() if path.name.endswith(".csv.gz")]
        assert fetched(f"{admin}/downloads/{token}", TOKEN) == (200, file.read_bytes())
        assert "user-1" not in text

        hub.run("notifications", "rotate-link-key")
        assert fetched(f"{admin}/downloads/{token}", TOKEN)[0] == 200
        hub.run("notifications", "rotate-link-key", "--forget")
        assert fetched(f"{admin}/downloads/{token}", TOKEN)[0] == 404


def test_a_receiver_verifies_a_webhook_as_the_guide_says(make):
    verified = snippet()
    hub = make(FOOTFALL_ALLOW_PRIVATE_ENDPOINTS="true")
    with http_server() as server:
        added = hub.run("notifications", "channels", "add", "pager", "--kind", "webhook", "--url", f"{server.url}/x",
                        "--json")  # fmt: skip
        old = json.loads(added.stdout)["signing_secret"]
        hub.run("notifications", "channels", "test", "pager")
        new = json.loads(hub.run("notifications", "channels", "rotate", "pager", "--json").stdout)["signing_secret"]
        hub.run("notifications", "channels", "test", "pager")
    (_, first, body), (_, second, second_body) = server.got
    assert json.loads(body)["type"] == "footfall.test"
    assert verified(first, body, old)
    assert not verified(first, body, new)
    assert verified(second, second_body, old)
    assert verified(second, second_body, new)
    assert not verified(first, body + b" ", old)
    assert not verified(first | {"webhook-id": "msg_x"}, body, old)
    assert not verified(first | {"webhook-timestamp": "1"}, body, old)


def test_what_may_not_be_reached_is_refused_when_the_channel_is_made(make):
    hub = make()
    for url in ("http://hooks.example.com/x", "https://hooks.example.com:22/x"):
        done = hub.run("notifications", "channels", "add", "x", "--kind", "webhook", "--url", url, ok=False)
        assert (done.returncode, "endpoint" in done.stderr) == (1, True)
    hub.env |= {"APPRISE_URL": "json://canary-token@127.0.0.1"}
    done = hub.run("notifications", "channels", "add", "x", "--kind", "apprise", "--secret", "url=env:APPRISE_URL",
                   ok=False)  # fmt: skip
    assert (done.returncode, "allow_apprise" in done.stderr) == (1, True)
    assert "canary" not in done.stderr
    inside = hub.run("notifications", "channels", "add", "y", "--kind", "webhook", "--url", "https://127.0.0.1:9000/")
    assert inside.returncode == 0  # no name is looked up before something is sent
    done = hub.run("notifications", "channels", "test", "y", ok=False)
    assert (done.returncode, "not a public address" in done.stderr) == (1, True)
