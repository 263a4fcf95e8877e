"""Features found in columns: by every kind of rule, the same for an event alone and among a hundred thousand."""

from __future__ import annotations

import json
import runpy
import tracemalloc
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from torn import BREAKS, torn

from footfall.engines.feature_finding import FeatureFinder
from footfall.engines.feature_matches import match_properties
from footfall.errors import Refused
from footfall.model.definitions import read
from footfall.model.event import WORDS

MANY = runpy.run_path(str(Path(__file__).parents[2] / "bench" / "mapper_rules.py"))
COLUMNS = pa.schema([
    ("type", pa.int16()), ("product", pa.string()), ("environment", pa.string()), ("channel", pa.string()),
    ("name", pa.string()), ("properties", pa.string()),
])  # fmt: skip
SAVE = {"tag": "button", "id": "save", "classes": ["primary"], "text": "Save  report",
        "path": [{"tag": "div", "classes": ["bar"]}, {"tag": "body"}]}  # fmt: skip


def table(events: Iterable[Mapping[str, Any]]) -> pa.Table:
    rows = [
        {
            "type": int(WORDS[event["type"]]),
            "product": event.get("product_key", "default"),
            "environment": event.get("environment", "Production"),
            "channel": "web",
            "name": event.get("event_name"),
            "properties": json.dumps({n: event[n] for n in ("page", "element", "attributes", "form") if n in event}),
        }
        for event in events
    ]
    whole = pa.Table.from_pylist(rows, schema=COLUMNS)
    return whole.set_column(1, "product", whole.column("product").dictionary_encode())  # as at settle


@pytest.fixture
def finder(tmp_path):
    made = []

    def make(features: list[dict[str, Any]], **kinds: Any) -> FeatureFinder:
        plain = {"features": [{"name": each["id"], **each} for each in features], **kinds}
        made.append(
            FeatureFinder(read(plain), lambda *faulty: faults.append(faulty), temp_directory=tmp_path, threads=1)
        )
        return made[-1]

    faults: list[tuple[str, object]] = []
    make.faults = faults
    yield make
    for each in made:
        each.close()


def found(finder: FeatureFinder, *events: Mapping[str, Any]) -> list[list[str]]:
    """The features of each event."""
    rows = finder.find(table(events)).to_pylist()
    return [[row["feature_id"] for row in rows if row["row"] == place] for place in range(len(events))]


def rule(kind: str, value: str, **more: Any) -> dict[str, Any]:
    return {"rules": [{"kind": kind, "value": value, **more}]}


def page(path: str, host: str = "shop.example", **more: Any) -> dict[str, Any]:
    return {"page": {"scheme": "https", "host": host, "path": path, **more}}


def test_every_kind_of_rule_finds_its_events(finder):
    rules = finder([
        {"id": "url", **rule("URL", "/orders/*")},
        {"id": "element", **rule("ELEMENT", ".bar > #save", url="/orders/**", text="Save report")},
        {"id": "text", **rule("TEXT", "report", match="ends")},
        {"id": "custom", **rule("CUSTOM_EVENT", "Bought", where="plan = pro AND amount >= 50 AND product = default")},
        {"id": "named", **rule("CUSTOM_EVENT", "Bou*", match="wildcard")},
        {"id": "screen", **rule("SCREEN", "Cart")},
        {"id": "form", **rule("FORM", "checkout")},
        {"id": "send", **rule("ELEMENT", "form")},
    ])  # fmt: skip
    bought = {"type": "custom", "event_name": "Bought"}
    assert found(
        rules,
        {"type": "page_view", **page("/orders/5", query_string="?a=1", hash="#x")},
        {"type": "page_view", "page": {"url": "https://shop.example/orders/5?a=1"}},
        {"type": "page_view", **page("/orders")},
        {"type": "page_view"},
        {"type": "click", "element": SAVE, **page("/orders/5")},
        {"type": "click", "element": SAVE | {"text": "Save"}, **page("/orders/5")},
        {"type": "link_click", "element": SAVE, **page("/other")},
        {**bought, "attributes": {"plan": "pro", "amount": "60"}},
        {**bought, "attributes": {"plan": "pro", "amount": 6}},
        {**bought, "event_name": "Sold"},
        {"type": "screen_view", "page": {"name": "Cart"}},
        {"type": "screen_view", "page": {"title": "Cart"}},
        {"type": "form_submit", "form": {"name": "checkout"}, "element": {"tag": "form"}},
        {"type": "lead"},
    ) == [
        ["url"], ["url"], [], [], ["element", "text"], [], ["text"], ["custom", "named"], ["named"], [],
        ["screen"], ["screen"], ["form", "send"], [],
    ]  # fmt: skip


def test_query_and_hash_count_only_where_a_rule_asks_for_them(finder):
    rules = finder([
        {"id": "tab", **rule("URL", "/a?tab=*s&open")},
        {"id": "route", **rule("URL", "#/orders/*")},
        {"id": "exact", **rule("URL", "/a?x=1", match="exact")},
        {"id": "contains", **rule("URL", "utm=", match="contains")},
        {"id": "plain", **rule("URL", "/a")},
        {"id": "pattern", **rule("URL", r"[?&]n=\d+$", match="pattern")},
    ])  # fmt: skip

    def of(query: str = "", hash: str = "") -> list[str]:
        return found(rules, {"type": "page_view", **page("/a", query_string=query, hash=hash)})[0]

    assert of() == ["plain"]
    assert of("?open&z=1&tab=orders") == ["plain", "tab"]
    assert of("?tab=orders") == ["plain"]
    assert of("?x=1") == ["exact", "plain"]
    assert of("?x=1&y=2") == ["plain"]
    assert of("?b=1", "#/orders/5?deep=1") == ["plain", "route"]
    assert of("", "#/orders/5/6") == ["plain"]
    assert of("?utm=x&n=5") == ["contains", "pattern", "plain"]


def test_product_environment_hosts_and_states_decide_what_counts(finder):
    rules = finder(
        [
            {"id": "shop", "product_key": "shop", **rule("URL", "/a")},
            {"id": "click", "product_key": "shop", **rule("ELEMENT", "button")},
            {"id": "event", "product_key": "shop", **rule("CUSTOM_EVENT", "Done")},
            {"id": "qa", "product_key": "shop", "environments": ["QA"], **rule("URL", "/a")},
            {"id": "off", "product_key": "shop", **rule("URL", "/a", state="DISABLED")},
            {"id": "gone", "product_key": "shop", "status": "DELETED", **rule("URL", "/a")},
            {"id": "other", "product_key": "blog", **rule("URL", "/a")},
        ],
        products=[{"product_key": "shop", "name": "Shop", "hosts": ["*.example"]}],
    )
    view = {"type": "page_view", "product_key": "shop"}
    assert found(
        rules,
        {**view, **page("/a")},
        {**view, **page("/a", host="shop.example.evil")},
        {**view, **page("/a"), "environment": "QA"},
        {**view, **page("/a"), "product_key": "blog"},
        {**view, **page("/a"), "product_key": "nobody's"},
        {"type": "click", "product_key": "shop", "element": SAVE, **page("/", host="staging.test")},
        {"type": "click", "product_key": "shop", "element": SAVE},
        {"type": "custom", "product_key": "shop", "event_name": "Done", **page("/", host="staging.test")},
    ) == [["shop"], [], ["qa", "shop"], ["other"], [], [], ["click"], ["event"]]


def test_a_rule_that_cannot_be_used_is_told_and_takes_no_other_along(finder):
    rules = finder([{"id": "bad", **rule("URL", "(", match="pattern")}, {"id": "good", **rule("URL", "/a")}])
    assert found(rules, {"type": "page_view", **page("/a")}) == [["good"]]
    assert [feature for feature, _ in finder.faults] == ["bad"]


def test_hundreds_of_rules_find_among_thousands_of_events_what_they_find_in_each_alone(tmp_path):
    metadata = read(MANY["mapper_definitions"](240))
    whole = FeatureFinder(metadata, pytest.fail, temp_directory=tmp_path, threads=1)
    events = table(MANY["mapper_events"](3_000, seed=7))
    together = whole.find(events).to_pylist()
    assert len(together) > 240
    assert together == sorted(together, key=lambda row: (row["row"], row["feature_id"]))
    for place in range(0, 3_000, 250):
        alone = [match.feature for match in whole.explain(events.slice(place, 1))]
        assert alone == [row["feature_id"] for row in together if row["row"] == place], place
    whole.close()


def test_long_elements_and_texts_are_matched_and_not_remembered(finder):
    rules = [{"kind": "ELEMENT", "value": "button"}, {"kind": "TEXT", "value": "Save", "match": "starts"}]
    product = finder([{"id": "save", "rules": rules}]).rules.products["default"]
    tracemalloc.start()
    for number in range(50):
        answered = product.element(json.dumps({"tag": "button", "text": "Save " + "x" * 100_000 + str(number)}))
        assert answered.selected
        assert answered.said
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 1_000_000


@pytest.mark.parametrize("name", ['say "hi"', "back\\slash", "line\nbreak", "tab\there", "ünïcödé", "\x7f", "/"])
def test_the_properties_of_a_match_are_json_whatever_its_cause_is_called(name):
    for sources in (["plain", name], ["plain"]):
        texts = match_properties(pa.chunked_array([pa.array(sources)])).to_pylist()
        wanted = [{"derived": True, "source_event_id": each} for each in sources]
        assert texts == [json.dumps(each, ensure_ascii=False, separators=(",", ":")) for each in wanted]


def test_a_fault_within_the_engine_costs_one_search(finder, monkeypatch):
    one, event = finder([{"id": "url", **rule("URL", "/orders")}]), {"type": "page_view", **page("/orders")}
    with monkeypatch.context() as broken:
        broken.setattr(one, "_statement", f"SELECT {BREAKS.format('properties')} FROM events")
        with pytest.raises(Refused, match="a fault of Footfall"):
            one.find(torn(table([event]), "properties"))
    assert found(one, event) == [["url"]]
