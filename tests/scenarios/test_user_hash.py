"""userHash as an operator meets it: a key is printed once, and users of the source need proof from then on."""

from __future__ import annotations

import json
import time
from functools import partial
from urllib.error import HTTPError

import pytest

from footfall.wire.user_hash import hash_of


@pytest.fixture
def server(install):
    return install()


def test_users_of_a_source_need_proof_until_it_is_turned_off(server, type_in):
    type_in = partial(type_in, server)
    server.start()
    code, out, said = type_in("keys", "user-hash", "default")
    key = out.strip()
    assert (code, "only time" in said) == (0, True)
    bare = {"type": "custom", "identify_id": "ada", "event_name": "e"}
    proven = bare | {"user_hash": hash_of(key.encode(), "ada")}
    events = [bare, proven, {"type": "custom", "anonymous_id": "v", "event_name": "e"}]
    assert [each["users"] for each in json.loads(type_in("keys", "ls", "--json")[1])] == ["proven"]
    answer = server.post("/events", {"events": events})
    assert [(each["index"], each["code"]) for each in answer["rejected"]] == [(0, "user_hash_missing")]
    other = {"type": "track", "userId": "bob", "event": "e", "context": {"userHash": hash_of(key.encode(), "ada")}}
    assert server.post("/v1/batch", {"batch": [other]})["rejected"][0]["code"] == "user_hash_wrong"
    single = {"event": "e", "userId": "bob", "batch": []}
    assert server.post("/v1/track", single)["rejected"][0]["code"] == "user_hash_missing"
    assert type_in("keys", "user-hash", "default", "--off")[0] == 0
    deadline = time.monotonic() + 20
    while "rejected" in server.post("/events", {"events": [bare]}):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    actions = [each["action"] for each in json.loads(type_in("audit", "ls", "--json")[1])]
    assert actions.count("source.user_hash") == 2
    assert key not in type_in("audit", "ls", "--json")[1]
    assert all(key.encode() not in path.read_bytes() for path in server.data.rglob("*") if path.is_file())
    code, _, errors = type_in("keys", "user-hash", "nobody")
    assert (code, "footfall keys ls" in errors) == (1, True)


def test_while_proof_cannot_be_checked_clients_hear_so_and_nothing_of_the_server(server, type_in):
    server.start()
    assert type_in(server, "keys", "user-hash", "default")[0] == 0
    (server.data / "master.keys").write_text("not keys")
    with pytest.raises(HTTPError) as refused:
        server.post("/events", {"events": [{"type": "custom", "identify_id": "ada", "event_name": "e"}]})
    answer = refused.value.read().decode()
    assert (refused.value.code, json.loads(answer)["code"]) == (503, "unavailable")
    assert str(server.data) not in answer
