"""Channels, rules and notices through the management API, over HTTP, with real receivers behind it."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator
from datetime import timedelta

import certificates
import pytest
import served_api
from receivers import http_server, mail_server

from footfall.cli import main
from footfall.model.notices import trial
from footfall.wiring.telling import channels_of, outbox_of

PASSWORD = "canary-password-0123456789"
LOGIN = {"user": "hub", "password": PASSWORD}
MAIL = {"name": "ops", "host": "smtp.example.com", "sender": "hub@example.com", "to": ["ops@example.com"]}
HOOK = {"name": "pager", "kind": "webhook", "url": "https://hooks.example.com/footfall"}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    data = tmp_path_factory.mktemp("notifications") / "data"
    with served_api.served(data, FOOTFALL_ALLOW_PRIVATE_ENDPOINTS="true") as api:
        yield api


@pytest.fixture
def api(running) -> Iterator[served_api.Api]:
    """Without channels and rules."""
    yield running
    for channel in running.ask("GET", "/api/channels").body["channels"]:
        assert running.ask("DELETE", f"/api/channels/{channel['name']}", force="true").status == 200


def test_a_channel_is_added_shown_changed_and_deleted_and_its_secrets_never_come_back(api):
    made = api.ask("POST", "/api/channels", MAIL | {"secrets": LOGIN})
    assert made.status == 201, made.text
    assert made.body["signing_secret"] is None
    channel = made.body["channel"]
    assert (channel["secrets"], channel["rules"], channel["port"]) == (["password", "user"], [], 0)
    changed = api.ask("PUT", "/api/channels/ops", MAIL_SETTINGS | {"host": "smtp2.example.com", "security": "tls"})
    assert (changed.body["host"], changed.body["secrets"]) == ("smtp2.example.com", ["password", "user"])
    assert api.ask("PUT", "/api/channels/ops/secrets", {}).status == 422, "nothing new is given"
    assert api.ask("PUT", "/api/channels/ops/secrets", {"user": "half"}).status == 422
    assert api.ask("PUT", "/api/channels/ops/secrets", LOGIN).status == 200
    assert api.ask("PUT", "/api/channels/ops", {"kind": "webhook", "url": HOOK["url"]}).status == 422
    shown = api.ask("GET", "/api/channels/ops")
    assert shown.body == changed.body
    assert api.ask("GET", "/api/channels").body == {"channels": [shown.body]}
    for answer in (made, changed, shown):
        assert PASSWORD.encode() not in answer.text
    with api.hub() as hub:
        assert dict(channels_of(hub).secrets("ops")) == LOGIN
    assert api.ask("DELETE", "/api/channels/ops").body == {"name": "ops", "state": "deleted"}
    assert api.ask("GET", "/api/channels/ops").status == 404


MAIL_SETTINGS = {name: value for name, value in MAIL.items() if name != "name"}


def test_a_signing_secret_is_drawn_and_answered_once(api):
    drawn = api.ask("POST", "/api/channels", HOOK).body["signing_secret"]
    assert drawn.startswith("whsec_")
    again = api.ask("PUT", "/api/channels/pager/secrets", {}).body["signing_secret"]
    assert again.startswith("whsec_")
    given = {"signing_secret": "whsec_" + "QUJD" * 8}
    assert api.ask("PUT", "/api/channels/pager/secrets", given).body["signing_secret"] is None
    assert api.ask("GET", "/api/channels/pager").body["secrets"] == ["signing_secret"]


@pytest.mark.parametrize(
    "channel",
    [
        {**MAIL, "to": ["Ana <ana@example.com>"]},
        {**MAIL, "sender": "hub@example.com\r\nBcc: x@example.com"},
        {**MAIL, "port": 70_000},
        {**MAIL, "url": "https://example.com"},
        {**MAIL, "secrets": {"user": "half"}},
        {**HOOK, "url": "https://hooks.example.com/?token=secret"},
        {**HOOK, "secrets": {"signing_secret": "short"}},
        {"name": "team", "kind": "apprise", "secrets": {"url": "json://localhost"}},
        {"name": "team", "kind": "apprise"},
        {"name": "Team"},
    ],
)
def test_a_channel_that_cannot_be_is_refused(api, channel):
    refused = api.ask("POST", "/api/channels", channel)
    assert refused.status == 422, refused.text
    assert api.ask("GET", "/api/channels").body == {"channels": []}


def test_a_rule_is_added_shown_changed_and_deleted(api):
    api.ask("POST", "/api/channels", MAIL)
    made = api.ask("POST", "/api/rules", {"name": "nightly", "channel": "ops"})
    assert (made.status, made.body["on"], made.body["patience"]) == (
        201, ["failure", "paused", "recovery", "no_data", "unusual"], 1,
    )  # fmt: skip
    settings = {"channel": "ops", "jobs": ["daily*"], "on": ["done"], "to": ["ana@example.com"], "patience": 3}
    assert api.ask("PUT", "/api/rules/nightly", settings).body == settings | {"name": "nightly"}
    assert api.ask("GET", "/api/rules/nightly").body == settings | {"name": "nightly"}
    assert [rule["name"] for rule in api.ask("GET", "/api/rules").body["rules"]] == ["nightly"]
    assert api.ask("POST", "/api/rules", {"name": "nightly", "channel": "ops"}).status == 409
    assert api.ask("DELETE", "/api/channels/ops").status == 409
    assert api.ask("DELETE", "/api/rules/nightly").status == 200
    assert api.ask("GET", "/api/rules/nightly").status == 404
    for path, body in (
        ("/api/rules", {"name": "x", "channel": "nobody"}),
        ("/api/rules", {"name": "x", "channel": "ops", "on": []}),
        ("/api/rules", {"name": "x", "channel": "ops", "patience": 0}),
        ("/api/rules", {"name": "x", "channel": "ops", "jobs": ["NO SUCH"]}),
    ):
        assert api.ask("POST", path, body).status in (404, 422), body


def test_a_channel_is_not_left_without_anybody_to_tell(api):
    api.ask("POST", "/api/channels", MAIL)
    api.ask("POST", "/api/rules", {"name": "nightly", "channel": "ops"})
    refused = api.ask("PUT", "/api/channels/ops", MAIL_SETTINGS | {"to": []})
    assert (refused.status, "nobody" in refused.body["detail"]) == (422, True)
    assert api.ask("GET", "/api/channels/ops").body["to"] == MAIL["to"]


def test_a_test_goes_through_the_channel_and_a_failure_says_why(api, tmp_path):
    tls = certificates.make(tmp_path)
    writer = api.key("write", "tester")
    with mail_server(tls, login=("hub", PASSWORD)) as box, http_server() as hooks:
        mail = MAIL | {"host": "127.0.0.1", "port": box.port, "ca_bundle": str(tls.authority)}
        assert api.ask("POST", "/api/channels", mail | {"secrets": LOGIN}).status == 201
        assert api.ask("POST", "/api/channels", HOOK | {"url": hooks.url}).status == 201
        asked = api.ask("POST", "/api/channels/ops/test", {"to": ["ana@example.com"]}, key=writer)
        assert (asked.status, asked.body["kind"], asked.body["by"]) == (202, "channel_test", "tester")
        assert api.done(asked.body)["result"] == {"channel": "ops", "sent": 1}
        assert api.done(api.ask("POST", "/api/channels/pager/test", key=writer).body)["state"] == "succeeded"
        assert [to for _, to, _ in box.mails] == [["ana@example.com"]]
        assert b"footfall.test" in hooks.got[0][2]
        hooks.statuses = [410]
        failed = api.done(api.ask("POST", "/api/channels/pager/test").body)
    assert (failed["state"], "410" in failed["error"]) == ("failed", True)
    assert api.ask("POST", "/api/channels/nobody/test").status == 404


def test_notices_are_listed_by_pages_and_those_given_up_are_tried_anew(api):
    api.ask("POST", "/api/channels", MAIL | {"host": "127.0.0.1", "port": 9})
    with api.hub() as hub:
        outbox, at = outbox_of(hub), served_api.now() + timedelta(hours=1)  # so that nobody sends them meanwhile
        channel = channels_of(hub).get("ops")
        outbox.put([trial(channel, f"a{n}@example.com", at) for n in range(3)], at)
        outbox.put([trial(channel, f"a{n}@example.com", at) for n in range(3, 5)], at + timedelta(seconds=1))
        for posted in outbox.all()[:2]:
            outbox.bury(posted, "550 no such user")
    seen, cursor = [], ""
    while cursor is not None:
        page = api.ask("GET", "/api/notices", limit=2, cursor=cursor).body
        seen += [(each["to"], each["state"]) for each in page["notices"]]
        cursor = page["next"]
    assert len(seen) == 5
    assert sorted(seen) == [(f"a{n}@example.com", "waiting" if n < 3 else "dead") for n in range(5)]
    [dead, other] = api.ask("GET", "/api/notices", state="dead").body["notices"]
    assert (dead["error"], dead["next_at"], dead["occasion"]) == ("550 no such user", None, "test")
    assert api.ask("POST", f"/api/notices/{dead['id']}/retry").body == {"notices": 1}
    assert api.ask("POST", f"/api/notices/{dead['id']}/retry").status == 422
    assert api.ask("POST", "/api/notices/retry").body == {"notices": 1}
    assert api.ask("GET", "/api/notices", state="dead").body["notices"] == []
    assert api.ask("GET", "/api/notices", cursor="bm9uc2Vuc2U").status == 400
    subjects = [change["subject"] for change in api.ask("GET", "/api/audit", limit=2).body["changes"]]
    assert subjects == ["notices", f"notice {dead['id']}"]
    assert other["id"] != dead["id"]


# --- the audit log -------------------------------------------------------------------------------


def test_whoever_changes_a_channel_or_a_rule_it_is_in_the_audit_log_exactly_once(api, tmp_path, monkeypatch):
    monkeypatch.setenv("FOOTFALL_DATA", str(api.data))
    monkeypatch.setenv("FOOTFALL_ALLOW_PRIVATE_ENDPOINTS", "true")
    monkeypatch.setenv("SECRET", PASSWORD)
    key = api.key("admin", "auditor")
    before = api.ask("GET", "/api/audit", limit=1).body["changes"][0]["number"]
    settings = {"kind": "webhook", "url": "https://hooks.example.com/other"}
    wanted: list[tuple[str, str, str]] = []

    for method, path, body, action in (
        ("POST", "channels", HOOK, "channel.add"),
        ("PUT", "channels/pager", settings, "channel.change"),
        ("PUT", "channels/pager/secrets", {}, "channel.rotate"),
        ("POST", "rules", {"name": "r", "channel": "pager"}, "rule.add"),
        ("PUT", "rules/r", {"channel": "pager", "patience": 2}, "rule.change"),
        ("DELETE", "rules/r", None, "rule.delete"),
        ("DELETE", "channels/pager", None, "channel.delete"),
    ):
        assert api.ask(method, f"/api/{path}", body, key=key).status in (200, 201)
        wanted.append(("key", action, "rule r" if "rule" in action else "channel pager"))

    mail = ("--host", "smtp.example.com", "--from", "a@example.com", "--to", "b@example.com")
    login = ("--secret", "user=env:SECRET", "--secret", "password=env:SECRET")
    for words, noted in (
        (("channels", "add", "ops", *mail, *login), ["channel.add"]),
        (("channels", "rotate", "ops", *login), ["channel.rotate"]),
        (("rules", "add", "r", "--channel", "ops"), ["rule.add"]),
        (("rules", "delete", "r"), ["rule.delete"]),
        (("rules", "add", "r", "--channel", "ops"), ["rule.add"]),
        (("channels", "delete", "ops", "--force"), ["rule.delete", "channel.delete"]),
    ):
        types("notifications", *words)
        wanted += [("cli", action, "rule r" if "rule" in action else "channel ops") for action in noted]

    file = tmp_path / "footfall.yaml"
    for text, noted in (
        (FILE, ["channel.add", "rule.add"]),
        (FILE, []),
        (FILE.replace("smtp.", "mx."), ["channel.change"]),
        (FILE.replace("smtp.", "mx.").replace("env:SECRET", "env:OTHER", 1), ["channel.change"]),
        (FILE.replace("patience: 2", "patience: 3").replace("smtp.", "mx.").replace("env:SECRET", "env:OTHER", 1),
         ["rule.change"]),
        ("channels: []\nrules: []\n", ["rule.delete", "channel.delete"]),
    ):  # fmt: skip
        monkeypatch.setenv("OTHER", PASSWORD * 2)
        file.write_text(text)
        types("apply", str(file), "--yes", "--prune")
        wanted += [("cli", action, "rule r" if "rule" in action else "channel ops") for action in noted]

    changes = [each for each in api.ask("GET", "/api/audit", limit=500).body["changes"] if each["number"] > before]
    assert [(each["actor"], each["action"], each["subject"]) for each in reversed(changes)] == wanted
    assert PASSWORD not in str(changes)
    assert api.ask("GET", "/api/audit/check").body["ok"]


FILE = """\
channels:
  - name: ops
    host: smtp.example.com
    sender: a@example.com
    to: [b@example.com]
    secrets: {user: "${env:SECRET}", password: "${env:SECRET}"}
rules:
  - {name: r, channel: ops, patience: 2}
"""


def types(*arguments: str) -> None:
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as out:
        patch.setattr(sys, "argv", ["footfall", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
    assert not ended.value.code, (arguments, out.getvalue())
