"""Features over the management API: the tree, trying an event, copies, and old days."""

from __future__ import annotations

import time
from collections.abc import Iterator
from urllib.parse import quote

import pytest
import served_api
from served_api import Api

DEFINED = {
    "products": [{"product_key": "shop", "name": "Shop", "hosts": ["shop.example"]}],
    "features": [
        {"id": "checkout", "name": "Checkout", "type": "MODULE", "product_key": "shop"},
        {"id": "pay", "name": "Pay", "product_key": "shop", "parent_feature_id": "checkout", "labels": ["money"],
         "rules": [{"kind": "CUSTOM_EVENT", "value": "Paid"}, {"kind": "URL", "value": "/pay"}]},
        {"id": "alone", "name": "Alone"},
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with served_api.served(tmp_path_factory.mktemp("features") / "data") as api:
        assert api.ask("PUT", "/api/definitions", DEFINED).status == 200
        yield api


def test_features_are_a_tree(api: Api) -> None:
    found = api.ask("GET", "/api/features").body["features"]
    assert [(each["depth"], each["id"], each["path"]) for each in found] == [
        (0, "alone", "Alone"), (0, "checkout", "Checkout"), (1, "pay", "Checkout -> Pay"),
    ]  # fmt: skip
    assert [each["id"] for each in api.ask("GET", "/api/features", product="shop", label="money").body["features"]] == [
        "pay"
    ]
    pay = api.ask("GET", "/api/features/pay").body
    assert pay["rules"] == DEFINED["features"][1]["rules"]
    assert api.ask("GET", "/api/features/nobody").status == 404


def test_an_event_is_tried_and_not_stored(api: Api) -> None:
    def tried(**given: object) -> object:
        answer = api.ask("POST", "/api/feature-trials", {"product_key": "shop", **given})
        return answer.body["matches"] if answer.status == 200 else answer.status

    pay = {"feature": "pay", "path": "Checkout -> Pay"}
    assert tried(url="https://shop.example/pay?a=1") == [pay | {"rule": 1}]
    assert tried(url="https://other.example/pay") == []
    assert tried(event={"type": "custom", "event_name": "Paid"}) == [pay | {"rule": 0}]
    assert tried(event={"type": "custom", "event_name": "Paid", "product_key": "blog"}) == []
    assert tried(event={"type": "nothing"}) == 422
    assert tried() == tried(url="x", event={}) == 422


def test_a_selector_that_no_descriptor_answers_is_refused_with_its_place(api: Api) -> None:
    bad = {"id": "bad", "name": "Bad", "rules": [{"kind": "ELEMENT", "value": "h1 + p"}]}
    answer = api.ask("PUT", "/api/definitions", {"features": [bad]})
    assert answer.status == 422
    assert "features[0].rules[0].value" in answer.text.decode()
    assert "siblings" in answer.text.decode()
    pattern = {"id": "bad", "name": "Bad", "rules": [{"kind": "URL", "value": "(?=a)", "match": "pattern"}]}
    assert api.ask("PUT", "/api/definitions", {"features": [pattern]}).status == 422


def test_a_tree_is_copied_and_old_days_are_looked_at(api: Api) -> None:
    made = api.ask("POST", "/api/features/checkout/clone", {"new_id": "kiosk", "name": "Kiosk"})
    assert (made.status, [each["id"] for each in made.body["features"]]) == (201, ["kiosk", "kiosk-pay"])
    assert api.ask("POST", "/api/features/checkout/clone", {"new_id": "kiosk"}).status == 409
    assert api.ask("POST", "/api/feature-backfills", {"feature": "alone"}).status == 422
    assert api.ask("POST", "/api/feature-backfills", {"feature": "nobody"}).status == 404
    upside_down = {"since": "2026-11-02", "until": "2026-11-01"}
    assert api.ask("POST", "/api/feature-backfills", upside_down).status == 422
    task = api.ask("POST", "/api/feature-backfills", {"feature": "pay", "since": "2026-11-01", "remove": True})
    assert task.status == 202
    for _ in range(200):
        found = api.ask("GET", f"/api/tasks/{task.body['id']}").body
        if found["ended_at"]:
            break
        time.sleep(0.1)
    assert found["state"] == "succeeded", found
    assert found["result"] == {"days": 0, "added": 0, "removed": 0, "changed": []}


def test_an_id_of_a_feature_may_hold_what_parts_paths(api: Api) -> None:
    defined = api.ask("GET", "/api/definitions").body
    for given in ("shop/cart 5%", "shop%2Fcart", "/", "pay/clone"):
        assert api.ask("PUT", "/api/definitions", {"features": [{"id": given, "name": "Cart"}]}).status == 200
        path = f"/api/features/{quote(given, safe='')}"
        assert api.ask("GET", path).body["id"] == given
        made = api.ask("POST", f"{path}/clone", {"new_id": f"{given}/too"})
        assert (made.status, [each["id"] for each in made.body["features"]]) == (201, [f"{given}/too"])
        assert api.ask("GET", f"{path}%2Ftoo").body["name"] == made.body["features"][0]["name"]
    assert api.ask("GET", "/api/features/shop%2fcart%205%25").body["id"] == "shop/cart 5%"
    assert api.ask("GET", "/api/features/shop%2Fnobody").status == 404
    assert api.ask("GET", "/api/features/pay/clone").status == 405
    api.ask("PUT", "/api/definitions", defined)
