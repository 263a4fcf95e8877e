"""``ports.Sources``, over every implementation."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from footfall.errors import Conflict, Refused
from footfall.ports import Source
from footfall.stores.sources import key_sha256

AT = datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)
LATER = AT.replace(day=2)


def source(name="web", key="wk_1", **more):
    return Source(name, key_sha256(key), AT, "shop", "Production", "web", **more)


def test_a_source_is_found_by_its_key_and_by_no_other(stores):
    stores.sources.add(source())
    stores.sources.add(source("app", "wk_2"))
    assert stores.sources.by_key("wk_1") == source()
    assert stores.sources.by_key("wk_2") == source("app", "wk_2")
    for wrong in ("", "wk_", "WK_1", key_sha256("wk_1"), "wk_1\0", "日本"):
        assert stores.sources.by_key(wrong) is None


def test_the_key_itself_is_nowhere_on_disk(opened, tmp_path):
    with opened(tmp_path) as stores:
        stores.sources.add(source(key="wk_very_secret_0123456789"))
    found = [path for path in tmp_path.rglob("*") if path.is_file() and b"wk_very_secret" in path.read_bytes()]
    assert found == []


def test_a_revoked_key_opens_nothing_and_stays_listed(stores):
    stores.sources.add(source())
    stores.sources.revoke("web", LATER)
    stores.sources.revoke("web", LATER.replace(day=9))
    assert stores.sources.by_key("wk_1") is None
    assert stores.sources.all() == [source(revoked_at=LATER)]


def test_a_name_has_one_key_in_force(stores):
    stores.sources.add(source())
    with pytest.raises(Conflict, match="'web' has a key in force"):
        stores.sources.add(source(key="wk_2"))
    stores.sources.revoke("web", LATER)
    stores.sources.add(replace(source(key="wk_2"), created_at=LATER))
    assert stores.sources.by_key("wk_2").name == "web"
    assert stores.sources.by_key("wk_1") is None


def test_a_key_is_never_used_twice(stores):
    stores.sources.add(source())
    stores.sources.revoke("web", LATER)
    with pytest.raises(Conflict):
        stores.sources.add(source("app", "wk_1"))


def test_revoking_an_unknown_source_is_refused(stores):
    with pytest.raises(Refused, match="no source 'nobody'"):
        stores.sources.revoke("nobody", LATER)


def test_sources_are_listed_by_name_and_survive_a_restart(opened, tmp_path):
    with opened(tmp_path) as stores:
        stores.sources.add(source("web", "wk_1"))
        stores.sources.add(source("app", "wk_2"))
    with opened(tmp_path) as stores:
        assert [each.name for each in stores.sources.all()] == ["app", "web"]
        assert stores.sources.by_key("wk_1").created_at == AT


def test_what_events_are_taken_for_changes_and_the_key_stays(stores):
    stores.sources.add(source())
    changed = stores.sources.change("web", product_key="app", environment="QA", channel="ios")
    assert changed == replace(source(), product_key="app", environment="QA", channel="ios")
    assert stores.sources.by_key("wk_1") == changed
    stores.sources.revoke("web", LATER)
    for name in ("web", "nobody"):
        with pytest.raises(Refused, match="no source"):
            stores.sources.change(name, product_key="a", environment="b", channel="web")
    assert stores.sources.all()[0].product_key == "app"
