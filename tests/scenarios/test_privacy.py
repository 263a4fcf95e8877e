"""Privacy policies as an operator sets them: on the command line and in ``footfall.yaml``."""

from __future__ import annotations

import json


def test_a_policy_is_set_shown_and_cleared(install, asked):
    hub = install()
    asked(hub, "privacy", "set", "*", "--identity", "user", "--query", "utm_*", "--gpc", "drop")
    asked(
        hub,
        "privacy",
        "set",
        "web",
        "--field",
        "traits.phone=drop",
        "--field",
        "traits.**=keep",
        "--consent",
        "required",
    )
    shown = asked(hub, "privacy", "show", "web")
    assert (shown["identities"], shown["query"], shown["gpc"], shown["consent"]) == (
        ["user"],
        ["utm_*"],
        "drop",
        "required",
    )
    assert shown["fields"] == [
        {"path": "traits.phone", "action": "drop"}, {"path": "traits.**", "action": "keep"},
    ]  # fmt: skip
    assert [row["source"] for row in asked(hub, "privacy", "ls")] == ["*", "web"]
    token = asked(hub, "privacy", "token", "ana@example.com")["token"]
    assert token == asked(hub, "privacy", "token", " ANA@example.com")["token"]
    assert "--yes" in asked(hub, "privacy", "rotate-key", code=1)
    asked(hub, "privacy", "rotate-key", "--yes")
    assert asked(hub, "privacy", "token", "ana@example.com")["token"] != token
    asked(hub, "privacy", "clear", "web")
    assert asked(hub, "privacy", "show", "web")["consent"] == "ignored"
    assert "no policy" in asked(hub, "privacy", "clear", "web", code=1)
    assert "no rule" in asked(hub, "privacy", "set", "web", "--field", "traits.phone", code=1)
    assert "no root" in asked(hub, "privacy", "set", "web", "--field", "phone=drop", code=1)


def test_policies_of_a_file_are_applied_and_found_again(install, asked, tmp_path):
    hub = install()
    path = tmp_path / "footfall.yaml"
    path.write_text(
        "privacy:\n"
        "  - source: '*'\n    identities: [user]\n    gpc: allow\n    gpc_reason: staff only\n"
        "  - source: web\n    gpc: drop\n    fields: [{path: traits.phone, action: hash}]\n"
    )
    asked(hub, "apply", str(path), "--yes")
    assert asked(hub, "privacy", "show", "web")["identities"] == ["user"]
    assert asked(hub, "plan", str(path)) == {"changes": [], "left": []}
    path.write_text(
        "privacy:\n  - source: web\n    gpc: allow\n  - source: px\n    fields: [{path: phone, action: drop}]\n"
    )
    told = json.dumps(asked(hub, "check", str(path), code=1))
    assert "no root" in told


def test_people_are_denied_by_name(install, asked):
    hub = install()
    asked(hub, "people", "deny", "add", "ana-maria")
    assert [row["id"] for row in asked(hub, "people", "deny", "ls")] == ["ana-maria"]
    asked(hub, "people", "deny", "rm", "ana-maria")
    asked(hub, "people", "deny", "rm", "ana-maria", code=1)
    rows = asked(hub, "privacy", "retention")
    assert rows == [{"what": "quarantine", "records": 0, "what becomes of it": "would be removed"}]
