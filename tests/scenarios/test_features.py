"""Features mapped from the command line, as docs/guide/product-mapper.md describes."""

from __future__ import annotations

import json
from pathlib import Path

FILE = """
version: 1
products:
  - {product_key: shop, name: The shop, hosts: ["*.shop.example"]}
features:
  - {id: checkout, name: Checkout, type: MODULE, product_key: shop}
  - id: pay
    name: Pay
    product_key: shop
    parent_feature_id: checkout
    labels: [money]
    rules:
      - {kind: URL, value: "/checkout/*/pay", state: ENABLED}
      - {kind: ELEMENT, value: "#toolbar > button.primary", url: "/checkout/**", text: "Pay now"}
      - {kind: CUSTOM_EVENT, value: "Order paid", where: "plan = pro AND amount >= 50"}
"""
BUTTON = {"tag": "button", "classes": ["primary"], "text": "Pay  now", "path": [{"tag": "div", "id": "toolbar"}]}
PAGE = {"scheme": "https", "host": "eu.shop.example", "path": "/checkout/7"}


def test_features_are_defined_tried_copied_and_looked_for_in_old_days(install, asked, type_in, tmp_path: Path) -> None:
    here = install()
    file = tmp_path / "footfall.yaml"
    file.write_text(FILE)
    assert [each["name"] for each in asked(here, "plan", str(file), code=5)["changes"]] == ["shop", "checkout", "pay"]
    asked(here, "apply", str(file), "--yes")
    assert asked(here, "plan", str(file))["changes"] == []
    assert [row["id"] for row in asked(here, "features", "ls")] == ["checkout", "pay"]
    assert asked(here, "features", "show", "pay")["path"] == "Checkout -> Pay"

    def tried(what: str, code: int = 0) -> list[int]:
        return [row["rule"] for row in asked(here, "features", "test", what, "--product", "shop", code=code)]

    assert tried("https://eu.shop.example/checkout/7/pay?x=1") == [0]
    assert tried("https://evil.example/checkout/7/pay") == []
    for event, rules in (
        ({"type": "click", "element": BUTTON, "page": PAGE}, [1]),
        ({"type": "click", "element": BUTTON, "page": PAGE | {"path": "/cart"}}, []),
        ({"type": "custom", "event_name": "Order paid", "attributes": {"plan": "pro", "amount": 50}}, [2]),
    ):
        (tmp_path / "event.json").write_text(json.dumps(event))
        assert tried(str(tmp_path / "event.json")) == rules, event
    code, _, said = type_in(here, "features", "test", "https://eu.shop.example/checkout/7/pay")
    assert code == 4
    assert "there are rules for shop" in said
    assert asked(here, "features", "clone", "checkout", "kiosk")["features"] == ["kiosk", "kiosk-pay"]
    done = asked(here, "features", "backfill", "pay", "--from", "2026-11-01", "--remove", code=4)
    assert done == {"days": 0, "added": 0, "removed": 0, "changed": []}


def test_a_rule_that_cannot_work_is_named_with_its_line(install, type_in, tmp_path: Path) -> None:
    file = tmp_path / "footfall.yaml"
    file.write_text(FILE.replace("#toolbar > button.primary", "#toolbar + button"))
    code, out, errors = type_in(install(), "check", str(file))
    assert code == 1
    assert "footfall.yaml:14:" in out + errors
    assert "features[1].rules[1].value" in out + errors
    assert "siblings" in out + errors
