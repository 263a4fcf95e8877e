"""The promises of ``ports.ApiKeys``."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from footfall.errors import Conflict, Missing, Refused
from footfall.model.api_keys import ApiKey, digest, make_key
from footfall.stores.api_keys import SqlApiKeys
from footfall.stores.database import Database

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
SECRET = make_key("read", lambda size: bytes(range(1, size + 1)))


def key(name: str = "grafana", **given: object) -> ApiKey:
    return ApiKey(**{"name": name, "scope": "read", "key_sha256": digest(SECRET), "created_at": NOW} | given)


@pytest.fixture(params=[SqlApiKeys])
def keys(request, tmp_path):
    database = Database.open(tmp_path / "store.db")
    noted = []
    made = request.param(database, lambda *change: noted.append(change))
    made.noted = noted
    yield made
    database.close()


def test_a_key_is_found_by_its_digest_and_lies_nowhere_as_it_is(keys, tmp_path):
    keys.add(key())
    assert keys.used(digest(SECRET), NOW).name == "grafana"
    assert keys.used(digest(SECRET + "x"), NOW) is None
    assert all(SECRET.encode() not in path.read_bytes() for path in tmp_path.iterdir())


def test_a_name_has_one_key_in_force(keys):
    keys.add(key())
    with pytest.raises(Conflict):
        keys.add(key(key_sha256="1" * 64))
    keys.revoke("grafana", NOW + timedelta(seconds=1))
    keys.add(key(key_sha256="1" * 64, created_at=NOW + timedelta(seconds=2)))
    assert [(each.key_sha256[:1], each.revoked_at is None) for each in keys.all()][1] == ("1", True)


def test_a_revoked_key_opens_nothing_from_that_moment_on(keys):
    keys.add(key())
    assert keys.revoke("grafana", NOW).revoked_at == NOW
    assert keys.used(digest(SECRET), NOW) is None
    with pytest.raises(Missing):
        keys.revoke("grafana", NOW)


def test_an_expired_key_opens_nothing_and_makes_room(keys):
    over = NOW + timedelta(days=1)
    keys.add(key(expires_at=over))
    assert keys.used(digest(SECRET), over - timedelta(microseconds=1)) is not None
    assert keys.used(digest(SECRET), over) is None
    keys.add(key(key_sha256="2" * 64, created_at=over))


def test_its_use_is_noted_once_a_minute(keys):
    keys.add(key())
    assert keys.all()[0].used_at is None
    for seconds, noted in ((0, 0), (30, 0), (60, 60), (61, 60)):
        keys.used(digest(SECRET), NOW + timedelta(seconds=seconds))
        assert keys.all()[0].used_at == NOW + timedelta(seconds=noted)


def test_changes_are_told_to_the_audit_log_without_the_key_or_its_digest(keys):
    keys.add(key())
    keys.revoke("grafana", NOW)
    assert [change[:2] for change in keys.noted] == [
        ("api_key.add", "api_key grafana"),
        ("api_key.revoke", "api_key grafana"),
    ]
    assert digest(SECRET) not in repr(keys.noted)


@pytest.mark.parametrize("unfit", [{"name": "Upper"}, {"name": ""}, {"scope": "root"}, {"expires_at": NOW}])
def test_what_no_key_can_be_is_refused(unfit):
    with pytest.raises(Refused):
        replace(key(), **unfit)
