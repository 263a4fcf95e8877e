"""Only what is about a person is given out and forgotten, not what has the same letters."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from crowd import Crowd, name_of

from footfall.model.audiences import Audience
from footfall.model.erasures import Subjects
from footfall.stores.database import raw
from footfall.stores.forgetting import id_patterns, matched, word_patterns
from footfall.wiring.activity import Where, export_activity
from footfall.wiring.activity_options import ActivityExport
from footfall.wiring.erasing import advance, ask_for, forgetting_of, plan
from footfall.wiring.erasing_places import Reach
from footfall.wiring.membership import audiences_of
from footfall.wiring.person_export import export_person


@pytest.fixture
def crowd(tmp_path: Path) -> Crowd:
    return Crowd(tmp_path, people=3, days=1)


def known_as(crowd: Crowd, hub, *ids: str) -> None:
    day = crowd.dates[0]
    crowd.accept(hub, [{"type": "identify", "userId": each, "messageId": f"k-{each}", "timestamp": f"{day}T16:00:00Z",
                        "traits": {}} for each in ids], day)  # fmt: skip
    hub.settle()


def quarantine(hub, *bodies: str) -> None:
    rows = [(1, n, "web", 1, "bad", "told why", body) for n, body in enumerate(bodies)]
    with hub.database.writing() as connection:
        raw(connection).executemany("INSERT INTO quarantine VALUES (?, ?, ?, ?, ?, ?, ?)", rows)


def left_in(hub, table: str, column: str) -> list[str]:
    with hub.database.reading() as connection:
        return [text for (text,) in raw(connection).execute(f"SELECT {column} FROM {table} ORDER BY 1")]


def test_very_many_names_are_looked_for_together():
    names = [f"{kind}-{n:06}@example.org" for kind in ("person", "visitor", "uid", "mail") for n in range(12_000)]
    said = ["of visitor-011999@example.org.", "mail-000000@example.org", "mail-0000001@example.org", "nobody"]
    assert matched([f'{{"x":"{each}"}}' for each in said], word_patterns(names)) == [False, True, False, False]
    long = ["é" * 255 + str(n) for n in range(2_000)]
    assert matched([long[-1], "é" * 255], word_patterns(long)) == [True, False]


@pytest.mark.parametrize(
    ("body", "is_found"),
    [
        ('{"userId":"42"}', True),
        ('{"userId": 42, "x":1}', True),
        ('{"user_id":42}', True),
        ('{"anonymousId" : "42"}', True),
        ('{"userId":"bob","properties":{"amount":42}}', False),
        ('{"userId":420}', False),
        ('{"userId":"x42"}', False),
        ('{"otherId":"42"}', False),
        ('{"note":"42"}', False),
    ],
)
def test_a_short_text_names_somebody_only_where_an_id_stands(body, is_found):
    assert matched([body], id_patterns(["42"])) == [is_found]


def test_records_of_others_with_the_digits_of_an_id_are_neither_given_out_nor_deleted(crowd):
    bobs, theirs = '{"userId":"bob","properties":{"amount":42,"plan":"pro"}}', ['{"userId":"42"}', '{"userId":"pro"}']
    with crowd.opened() as hub:
        crowd.live(hub)
        known_as(crowd, hub, "42", "pro")
        quarantine(hub, bobs, *theirs)
        found = json.loads(export_person(hub, "42").files["not-taken.json"])
        assert [each["body"] for each in found["quarantine"]] == theirs[:1]
        advance(hub, ask_for(hub, ["42", "pro"], "erase", "test").id, Reach())
        assert left_in(hub, "quarantine", "body") == [bobs]


def test_lists_by_what_tells_people_apart_lose_them_and_other_lists_keep_the_same_text(crowd):
    at, mail = datetime(2026, 12, 1, tzinfo=UTC), f"{name_of(1)}@example.org"
    lists = {"ids": ("identifyId", ["42", "bob"]), "mails": ("email", [mail.upper(), "bob@example.org"]),
             "amounts": ("numberOfVisits", ["42"])}  # fmt: skip
    with crowd.opened() as hub:
        crowd.live(hub)
        known_as(crowd, hub, "42")
        for name, (field, values) in lists.items():
            audiences_of(hub).add(Audience(name, listed=field), at)
            audiences_of(hub).put_values(name, values, at)
        asked = ["42", name_of(1)]
        subjects = forgetting_of(hub).subjects(forgetting_of(hub).find(asked)[0])
        assert forgetting_of(hub).listed(subjects) == ["ids", "mails"]
        assert forgetting_of(hub).listed(Subjects(ids=("nobody",))) == []
        advance(hub, ask_for(hub, asked, "erase", "test").id, Reach())
        left = {name: audiences_of(hub).values(name).to_pylist() for name in lists}
    assert left == {"ids": ["bob"], "mails": ["bob@example.org"], "amounts": ["42"]}


def test_somebody_stored_as_a_token_is_exported_by_the_raw_id(crowd):
    with crowd.opened() as hub:
        crowd.live(hub)
        token = hub.privacy.tokens().token("user", "raw-id")
        known_as(crowd, hub, token)
        assert json.loads(export_person(hub, "raw-id").files["profile.json"])


def test_windows_that_may_hold_somebody_as_a_visitor_of_two_are_named(crowd, tmp_path):
    day = crowd.dates[0]
    shared = [{"type": "identify", "userId": who, "anonymousId": "shared", "messageId": f"s-{who}", "traits": {},
               "timestamp": f"{day}T1{hour}:00:00Z"} for hour, who in enumerate(("first", "second"))]  # fmt: skip
    with crowd.opened() as hub:
        crowd.live(hub)
        crowd.accept(hub, shared, day)
        hub.settle()
        export_activity(hub, ActivityExport(), Where(str(tmp_path / "out")))
        told = {who: plan(hub, [who]).notes for who in ("first", name_of(1))}
    assert told[name_of(1)] == []
    [(place, why)] = told["first"]
    assert place.endswith(".manifest.json")
    assert "a visitor who was somebody else too" in why
