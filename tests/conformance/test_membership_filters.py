"""``ports.MembershipEngine.filtered``: the WHERE of rules, held against a slow look at each event."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_filters import answers, events, wheres
from small_day import DAY, ZONE, World, day_input

from footfall.engines.database import Limits
from footfall.engines.membership import DuckMembership
from footfall.model.audience_rules import Compare, Happened, Rule
from footfall.model.audience_text import read
from footfall.model.event import EventType
from footfall.ports import MembershipEngine

START = ZONE.bounds(DAY).start


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> MembershipEngine:
    return DuckMembership(tmp_path_factory.mktemp("spill"), Limits(memory_mb=256, threads=2))


def buys(said: list[dict[str, object]]) -> list[dict[str, object]]:
    """Events of as many users, who each do one."""
    return [
        {"type": EventType.CUSTOM, "name": "buy", "id": str(n), "user": f"user-{n}", "at": START + timedelta(minutes=n)}
        | each
        for n, each in enumerate(said)
    ]


def who(engine: MembershipEngine, said: list[dict[str, object]], asked: list[Rule]) -> list[list[int]]:
    """Of each WHERE the numbers of the events that answer it."""
    rows, world = buys(said), World()
    for row in rows:
        world.key("users", str(row["user"]))
    with TemporaryDirectory() as name:
        folder = Path(name)
        day = day_input(world, world.write(rows, folder))
        paths = {
            str(folder / f"{n}.out"): Happened("count", "custom", "buy", where=each) for n, each in enumerate(asked)
        }
        engine.filtered(day, paths)
        return [[key - 1 for key in pq.read_table(path)["user_key"].to_pylist()] for path in paths]


@settings(max_examples=12, deadline=None)
@given(st.lists(events(), min_size=1, max_size=8), st.lists(wheres(), min_size=1, max_size=12))
def test_an_event_answers_what_a_look_at_it_alone_would_say(engine, said, asked) -> None:
    found = who(engine, said, asked)
    rows = buys(said)
    assert found == [[n for n, row in enumerate(rows) if answers(row, each)] for each in asked]


def where_of(text: str) -> Rule:
    rule = read(f"COUNT(event buy WHERE {text} WITHIN 1d) > 0")
    assert isinstance(rule, Compare)
    assert isinstance(rule.subject, Happened)
    assert rule.subject.where is not None
    return rule.subject.where


SAID = {
    "amount": [50, "50", 49.5, "fifty", True, None],
    "vip": [True, "TRUE", 1, "yes", False, None],
    "until": [
        "2026-12-01",
        "2026-12-01T00:00:00Z",
        1_796_083_200,
        1_796_083_200_000,
        "2026-11-30T23:00:00-01:00",
        "soon",
    ],
    "plan": ["pro", "Pro", "", ["pro", "eu"], {"pro": 1}, None],
}


COMPARED: Mapping[str, list[int]] = {
    "amount = 50": [0, 1],
    "amount >= 49.5": [0, 1, 2],
    'amount = "50"': [0, 1],
    "amount IN (fifty, 50)": [0, 1, 3],
    "amount != 50": [2, 3, 4, 5],
    'amount > "5"': [0, 1, 3, 4],
    "EXISTS amount": [0, 1, 2, 3, 4],
    "vip = true": [0, 1, 2],
    "vip = false": [4],
    'vip = "true"': [0],
    "until = 2026-12-01": [0, 1, 2, 3, 4],
    "until <= 2026-12-01T00:00:00Z": [0, 1, 2, 3, 4],
    "plan = pro": [0],
    "plan CONTAINS pro": [0, 3, 4],
    'plan LIKE "P*"': [1],
    "NOT plan = pro": [1, 2, 3, 4, 5],
}


def test_a_value_says_as_what_it_is_compared(engine) -> None:
    said = [{"properties": {"attributes": {name: values[n] for name, values in SAID.items()}}} for n in range(6)]
    found = who(engine, said, [where_of(each) for each in COMPARED])
    assert dict(zip(COMPARED, found, strict=True)) == COMPARED


def test_what_every_event_has_is_not_what_a_client_calls_so(engine) -> None:
    said = [
        {"product": "Web", "properties": {"attributes": {"product": "App"}}},
        {"product": "App", "environment": "prod", "channel": "ios"},
    ]
    asked = ["product = Web", "`product` = App", "environment = prod AND channel = ios", "product IN (Web, App)"]
    assert who(engine, said, [where_of(each) for each in asked]) == [[0], [0], [1], [0, 1]]


def test_a_page_is_known_by_its_parts_and_as_a_whole(engine) -> None:
    pages = [
        {"url": "https://shop.example/pricing/eu?a=1#top"},
        {"scheme": "https", "host": "shop.example", "path": "/pricing", "query_string": "?a=1", "title": "Prices"},
        {"path": "/about", "referrer": "https://search.example/"},
    ]
    asked = [
        'page.path LIKE "/pricing*"', "page.host = shop.example", 'page.url LIKE "https://shop.example/pricing?a=*"',
        "page.title = Prices", "EXISTS page.referrer", "NOT EXISTS page.url",
    ]  # fmt: skip
    found = who(engine, [{"properties": {"page": page}} for page in pages], [where_of(each) for each in asked])
    assert found == [[0, 1], [0, 1], [1], [1], [2], [2]]


def test_what_lies_in_a_file_is_how_often_and_when(engine, tmp_path: Path) -> None:
    world = World()
    rows = buys([{"user": "ada", "properties": {"attributes": {"n": n}}} for n in range(4)])
    paths = {str(tmp_path / "out"): Happened("count", "custom", "buy", where=where_of("n BETWEEN 1 AND 2"))}
    engine.filtered(day_input(world, world.write(rows, tmp_path)), paths)
    (found,) = pq.read_table(tmp_path / "out").to_pylist()
    minute = 60_000_000
    assert (found["day"], found["n"], found["last_at"] - found["first_at"]) == (date(2026, 11, 1), 2, minute)
