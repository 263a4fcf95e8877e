"""Secrets in the management API: what is given to it is in no answer, log line or file."""

from __future__ import annotations

import pytest
import served_api
from api_bodies import AUTHORIZATION, KEY_ID, KEY_SECRET, MAIL

from footfall.wiring.definitions import export_config


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with served_api.served(tmp_path_factory.mktemp("api") / "data") as api:
        yield api


@pytest.mark.parametrize(
    "secrets",
    [
        {"access_key_id": KEY_ID, "access_key_secret": f"{KEY_SECRET} with a space"},
        {"access_key_id": KEY_ID, KEY_SECRET: "x"},
        {"access_key_id": KEY_ID, "access_key_secret": [KEY_SECRET]},
        {"access_key_id": KEY_ID, "sse_c_key": KEY_SECRET, "access_key_secret": "x"},
        KEY_SECRET,
    ],
)
def test_a_secret_that_is_refused_is_not_repeated(api, secrets):
    refused = api.ask("POST", "/api/authorizations", AUTHORIZATION | {"name": "bad", "secrets": secrets})
    assert refused.status == 422
    assert KEY_SECRET.encode() not in refused.text


def test_no_secret_is_in_any_answer_log_file_or_written_configuration(tmp_path, caplog, capfd):
    canaries = {
        name: f"CANARY{number}canary{'x' * 20}" for number, name in enumerate(("access_key_secret", "session_token"))
    }
    secrets = {"access_key_id": "AKIACANARYCANARY9999", **canaries}
    said = b""
    with served_api.served(tmp_path / "data") as api:
        key = api.ask("POST", "/api/keys", {"name": "canary", "scope": "admin"}).body["key"]
        named = {"headers": {"idempotency-key": "CANARYsource"}}
        write_key = api.ask("POST", "/api/sources", {"name": "canary"}, **named).body["write_key"]
        assert api.ask("POST", "/api/sources", {"name": "canary"}, **named).body["write_key"] == write_key
        hook = {"name": "hook", "kind": "webhook", "url": "https://127.0.0.1:9443/hook"}
        signing = api.ask("POST", "/api/channels", hook).body["signing_secret"]
        made = {"name": "canary", "secrets": secrets}
        login = {"user": "CANARYuser0canary", "password": "CANARYpassword0canary"}
        mail = MAIL | {"name": "canary", "host": "127.0.0.1", "port": 9}
        for method, path, body in (
            ("POST", "/api/authorizations", made),
            ("POST", "/api/authorizations", made),
            ("PUT", "/api/authorizations/canary/secrets", secrets),
            ("PUT", "/api/authorizations/canary/secrets", {**secrets, "pgp_passphrase": canaries["session_token"]}),
            ("PUT", "/api/authorizations/canary", {"secrets": {**secrets, canaries["session_token"]: 1}}),
            ("POST", "/api/authorizations/canary/test", {"url": "gs://bucket/px"}),
            ("POST", "/api/channels", mail | {"secrets": login}),
            ("POST", "/api/channels", mail | {"secrets": login}),
            ("PUT", "/api/channels/canary/secrets", login),
            ("PUT", "/api/channels/canary/secrets", {**login, "signing_secret": login["password"]}),
            ("PUT", "/api/channels/canary/secrets", {**login, login["password"]: 1}),
            ("PUT", "/api/channels/canary", {**mail, "secrets": login}),
            ("PUT", "/api/channels/hook/secrets", {"signing_secret": login["password"]}),
            ("POST", "/api/channels/canary/test", None),
            ("POST", "/api/channels/hook/test", None),
            ("GET", "/api/channels", None),
            ("GET", "/api/channels/canary", None),
            ("GET", "/api/rules", None),
            ("GET", "/api/notices", None),
            ("GET", "/api/authorizations", None),
            ("GET", "/api/keys", None),
            ("GET", "/api/sources", None),
            ("GET", "/api/tasks", None),
            ("GET", "/api/audit", None),
            ("GET", "/metrics", None),
        ):
            answer = api.ask(method, path, body, key=key)
            said += answer.text
            if path.endswith("/test"):
                said += str(api.done(answer.body)).encode()
        with api.hub() as hub:
            written = export_config(hub).encode()
        assert b"${env:CANARY_PASSWORD}" in written
        in_use = b"".join(path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())
    at_rest = b"".join(path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())
    printed = capfd.readouterr()
    logged = "\n".join([caplog.text, printed.out, printed.err, *api.said]).encode()
    places = {"answers": said, "files": in_use + at_rest, "logs": logged, "configuration": written}
    for canary in (*canaries.values(), *login.values(), secrets["access_key_id"], key, write_key, signing):
        for name, text in places.items():
            assert canary.encode() not in text, (name, canary[:10])
