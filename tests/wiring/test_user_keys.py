"""The key with which users are proven: known where it is asked for, and nobody is trusted when it cannot be read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from footfall.config import Settings
from footfall.errors import Damaged, Missing
from footfall.wiring import Footfall
from footfall.wiring.keys import create_key
from footfall.wiring.user_keys import UserKeys, needs_user_hash, release_user_hash, require_user_hash

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def hub(tmp_path):
    with Footfall.open(Settings(data=tmp_path / "data", time_zone="UTC"), clock=lambda: NOW) as hub:
        create_key(hub, "web", product_key="shop", environment="Production", channel="web")
        yield hub


def test_a_key_counts_within_two_seconds_and_a_new_one_ends_it(hub):
    now = [0.0]
    keys = UserKeys(hub, lambda: now[0])
    assert keys.key("web") is None
    first = require_user_hash(hub, "web")
    assert keys.key("web") is None
    now[0] = 2.0
    assert keys.key("web") == first.encode()
    second = require_user_hash(hub, "web")
    now[0] = 4.0
    assert keys.key("web") == second.encode() != first.encode()
    assert keys.key("other") is None
    release_user_hash(hub, "web")
    now[0] = 6.0
    assert (keys.key("web"), needs_user_hash(hub, "web")) == (None, False)


def test_a_source_that_is_not_in_force_has_none(hub):
    hub.sources.revoke("web", NOW)
    for change in (require_user_hash, release_user_hash):
        with pytest.raises(Missing, match="web"):
            change(hub, "web")


def test_when_the_key_cannot_be_read_nobody_is_trusted(hub):
    require_user_hash(hub, "web")
    (hub.settings.data / "master.keys").unlink()
    with Footfall.open(hub.settings, clock=lambda: NOW) as later, pytest.raises(Damaged, match="user_hash_key"):
        UserKeys(later, lambda: 0.0).key("web")
