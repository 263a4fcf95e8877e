"""The browser tag as the collector serves it. What it does in pages is in tests/browser."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from footfall.errors import Refused
from footfall.model.privacy import Policy
from footfall.model.tag import read_tag, served_settings

BUILT = Path(__file__).parents[2] / "src" / "footfall" / "tag" / "footfall.min.js"
BUDGET_BYTES = 5 * 1024


def test_it_has_at_most_five_kilobytes_as_it_is_sent(standing_door):
    status, headers, body = standing_door.request("GET", "/footfall.js?a=WKEY", headers={"accept-encoding": "br, gzip"})
    assert (status, headers["content-encoding"]) == (200, "gzip")
    assert gzip.decompress(body) == BUILT.read_bytes()
    assert len(body) <= BUDGET_BYTES


def test_any_page_may_use_it_and_fetches_it_once(standing_door):
    status, headers, body = standing_door.request("GET", "/footfall.js?key=WKEY")
    assert (status, body) == (200, BUILT.read_bytes())
    assert headers["content-type"] == "text/javascript; charset=utf-8"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "cross-origin"
    assert headers["cache-control"] == "public, max-age=300"
    known = {"if-none-match": f'"other", W/{headers["etag"]}'}
    status, again, body = standing_door.request("GET", "/api/aptrinsic.js?a=WKEY", headers=known)
    assert (status, body, again["etag"]) == (304, b"", headers["etag"])


@pytest.mark.parametrize("path", ["/footfall.js", "/footfall.js?a=nobody", "/aptrinsic.js?a="])
def test_without_a_key_that_is_in_force_there_is_none(standing_door, path):
    status, headers, _ = standing_door.request("GET", path)
    assert (status, headers["cache-control"]) == (404, "no-store")


def test_only_settings_that_are_not_as_usual_are_kept_and_served():
    assert read_tag({"text": True, "clicks": False, "attributes": [], "idle_minutes": None}) == {"clicks": False}
    assert served_settings({}, Policy()) == {}
    policy = Policy(gpc="drop", consent="required", query=("utm_*",), mask_urls=("/a/*",))
    assert served_settings({"clicks": False}, policy) == {
        "clicks": False, "gpc": "drop", "consent": "required", "query": ["utm_*"], "mask_urls": ["/a/*"],
    }  # fmt: skip


@pytest.mark.parametrize("name", ["value", "onClick", "placeholder", "a b", "", "data-x]"])
def test_attributes_that_may_hold_what_was_typed_are_refused(name):
    with pytest.raises(Refused, match="attribute"):
        read_tag({"attributes": ["data-testid", name]})
