"""``ports.EventPages``: every numbered promise; a filter or a sort of any list does what it says, page by page."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from px_oracle import answers, kinds_of, ordered
from small_hub import SmallHub, small_hub

from footfall.engines.database import Limits
from footfall.engines.event_pages import DuckEventPages
from footfall.errors import BadRecord, Refused
from footfall.flows.explore import Explore
from footfall.model.selection import Kind
from footfall.ports import Batch, EventsWanted
from footfall.wire.px_events import LISTS, EventList
from footfall.wire.px_query import read_selection, within_history

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
BY_PATH = {each.path: each for each in LISTS}
CONTENT_TYPES = {"e-Guide": "IN_APP_GUIDE", "e-Carousel": "IN_APP_CAROUSEL", "e-Nps": "IN_APP_SURVEY_NPS"}
PEOPLE = ("Nora@example.com", "nora@EXAMPLE.com", "50%_off", "back\\slash", "é*?", "")
WORDS = ("Report Exported", "report", "a;b", "Über", "x_y", "%")
Seen = list[dict[str, Any]]


def some_events(count: int) -> list[dict[str, Any]]:
    draw = random.Random(7)
    made: list[dict[str, Any]] = []
    for n in range(count):
        at = NOW - timedelta(milliseconds=draw.randrange(20 * 86_400_000), microseconds=draw.randrange(1000))
        if n % 3 == 0:  # of equals the first stored comes first
            at = NOW - timedelta(days=n % 5)
        event: dict[str, Any] = {"event_id": f"n-{n}", "occurred_at": at.isoformat()}
        who = draw.choice(PEOPLE)
        event |= {"identify_id": who} if who else {"anonymous_id": f"visitor-{n % 3}"}
        event |= {"account_id": draw.choice(("Acme", "beta", "50%"))} if n % 4 else {}
        event |= {"session_id": f"s-{n % 6}"} if n % 2 else {}
        kind = ("custom", "engagement_view", "survey_response", "survey_answer", "engagement_click")[n % 5]
        engagement = draw.choice((*CONTENT_TYPES, "e-unknown"))
        event |= {
            "custom": {"event_name": draw.choice(WORDS)},
            "engagement_view": {"engagement_id": engagement, "view_state": draw.choice(("VIEWED", "COMPLETED"))},
            "survey_response": {"engagement_id": "s-1", "survey_type": draw.choice(("NPS", "IN_APP_SURVEY_CES"))},
            "survey_answer": {"engagement_id": "s-2", "question_type": "SCORE"},
            "engagement_click": {"engagement_id": engagement, "step_number": n % 4},
        }[kind]
        if kind == "engagement_view" and n % 2:
            event |= {"content_type": draw.choice(("IN_APP_DIALOG", "IN_APP_GUIDE"))}
        if kind.startswith("survey"):
            event |= {"score": draw.choice((0, 9, 9.5)), "contact_me_allowed": bool(n % 2)} if n % 3 else {}
            event |= {"comment": draw.choice(WORDS)} if n % 2 else {}
        made.append({"type": kind, **event})
    return made


class World:
    """Some hundred events of several kinds over three weeks, stored in several commits."""

    def __init__(self, hub: SmallHub) -> None:
        self.hub = hub
        hub.now = NOW
        sent = some_events(400)
        for start in range(0, len(sent), 150):
            body = json.dumps(sent[start : start + 150]).encode()
            count = len(sent[start : start + 150])
            hub.log.append(Batch(int(NOW.timestamp() * 1e6), "web", "native", "batch", count, (), "", "", body))
            hub.settle()
        self.pages = DuckEventPages(hub.books.activity_dir.parent / "pages", Limits(128, 2), hub.people.texts)
        self.explore = Explore(hub.lake, self.pages, hub.zone)
        self.every = {each.path: self.listed(each, (), "") for each in LISTS}

    def wanted(self, of: EventList, filters: tuple[str, ...], sort: str) -> EventsWanted:
        # Three weeks, unless the filters say other dates.
        bounded = tuple(f"{text};date>=0" if "date" not in text else text for text in filters) or ("date>=0",)
        selection = read_selection(bounded, sort, of.fields.get)
        oldest = int((NOW - timedelta(days=30)).timestamp() * 1000)
        return EventsWanted(of.types, within_history(selection, NOW, oldest), 0, CONTENT_TYPES)

    def listed(self, of: EventList, filters: tuple[str, ...], sort: str, size: int = 1_000) -> Seen:
        """Every page, one after the other."""
        wanted = self.wanted(of, filters, sort)
        page = self.explore.events(wanted, size)
        total, found = page.total, list(page.events)
        wanted = EventsWanted(wanted.types, wanted.selection, page.upto, wanted.content_types)
        while len(page.events) == size:
            page = self.explore.more(wanted, size, page.after, page.total)
            assert page.total == total
            found += page.events
        assert len(found) == total
        return [of.show(event, CONTENT_TYPES) for event in found]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with small_hub(tmp_path_factory.mktemp("hub"), "Europe/Helsinki") as hub:
        made = World(hub)
        yield made
        made.pages.close()


def values(records: Seen, name: str, kind: Kind) -> list[str]:
    found = {record[name] for record in records if name in record}
    texts = sorted({str(x).lower() if kind is Kind.BOOLEAN else str(x) for x in found if ";" not in str(x)})
    return texts or [{"text": "x", "number": "1", "boolean": "true", "instant": "0"}[kind]]


@st.composite
def requests(draw: st.DrawFn, every: Mapping[str, Seen]) -> tuple[EventList, tuple[str, ...], str, int]:
    of = BY_PATH[draw(st.sampled_from(["/events/custom", "/events/engagementView", "/survey/responses"]))]
    kinds = kinds_of(of.fields)

    def term() -> str:
        name = draw(st.sampled_from(sorted(kinds)))
        kind = kinds[name]
        operators = ["==", "!="] + ([] if kind is Kind.BOOLEAN else ["<", "<=", ">", ">="])
        operator = draw(st.sampled_from(operators + (["~", "!~"] if kind is Kind.TEXT else [])))
        value = draw(st.sampled_from(values(every[of.path], name, kind)))
        if operator in ("~", "!~"):
            place = draw(st.integers(0, len(value)))
            value = draw(st.sampled_from([value[:place] + "*", "*" + value[place:], value.replace("e", "?"), value]))
        if kind is Kind.TEXT and draw(st.booleans()):
            value = value.upper() if value.upper().lower() == value.lower() else value
        return f"{name}{operator}{value}"

    filters = tuple(";".join(term() for _ in range(draw(st.integers(1, 3)))) for _ in range(draw(st.integers(0, 2))))
    names = draw(st.lists(st.sampled_from(sorted(kinds)), max_size=3, unique=True))
    sort = ";".join(draw(st.sampled_from(("", "-"))) + name for name in names)
    return of, filters, sort, draw(st.sampled_from([20, 50, 1_000]))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_filter_and_a_sort_do_what_they_say_and_pages_hold_every_event_once(
    world: World, data: st.DataObject
) -> None:
    of, filters, sort, size = data.draw(requests(world.every))
    kinds = kinds_of(of.fields)
    every = world.every[of.path]  # by date, then as stored
    wanted = [each for each in ordered(every, sort or "date") if answers(each, filters, kinds)]
    if sort and "date" not in sort:  # of equals the one stored first, not the earlier one
        numbered = sorted(every, key=lambda each: int(each["eventId"].removeprefix("n-")))
        wanted = [each for each in ordered(numbered, sort) if answers(each, filters, kinds)]
    assert world.listed(of, filters, sort, size) == wanted


def test_a_list_without_a_filter_is_the_last_day(world: World) -> None:
    of = BY_PATH["/events/custom"]
    selection = within_history(read_selection((), "", of.fields.get), NOW)
    found = world.explore.events(EventsWanted(of.types, selection, 0), 1_000).events
    day = timedelta(days=1) / timedelta(milliseconds=1)
    since = NOW.timestamp() * 1000 - day
    assert [event.event_id for event in found] == [e["eventId"] for e in world.every[of.path] if e["date"] >= since]
    assert found


def test_what_is_stored_after_the_first_page_is_in_no_later_one(tmp_path: Any) -> None:
    of = BY_PATH["/events/custom"]
    with small_hub(tmp_path, "Europe/Helsinki") as hub:
        world = World(hub)
        wanted = world.wanted(of, (), "-date")
        first = world.explore.events(wanted, 50)
        body = json.dumps([{"type": "custom", "event_name": "late", "identify_id": "u", "event_id": "late"}]).encode()
        hub.log.append(Batch(int(NOW.timestamp() * 1e6), "web", "native", "batch", 1, (), "", "", body))
        hub.settle()
        again = EventsWanted(wanted.types, wanted.selection, first.upto, CONTENT_TYPES)
        rest = world.explore.more(again, 1_000, first.after, first.total)
        assert len(first.events) + len(rest.events) == first.total == 80
        assert "late" not in {event.event_id for event in (*first.events, *rest.events)}
        assert world.explore.events(wanted, 1).total == 81
        world.pages.close()


def test_after_a_fault_within_the_engine_the_next_page_has_a_new_one(world: World) -> None:
    assert world.pages._open is not None
    housed = world.pages._open
    housed.database.close()
    with pytest.raises(Refused):
        world.listed(LISTS[0], (), "")
    assert world.listed(LISTS[0], (), "") == world.every[LISTS[0].path]
    assert not housed.folder.exists()


def test_a_page_reads_the_days_it_needs_and_no_others(world: World) -> None:
    of = BY_PATH["/events/custom"]
    read: list[int] = []

    class Counting:
        def count(self, files: Any, wanted: Any) -> int:
            return world.pages.count(files, wanted)

        def page(self, files: Any, wanted: Any, limit: int, after: Any = ()) -> Any:
            read.append(len(files))
            return world.pages.page(files, wanted, limit, after)

    Explore(world.hub.lake, Counting(), world.hub.zone).events(world.wanted(of, (), "-date"), 3)
    days = world.hub.lake.days()
    assert sum(read) <= len(world.hub.lake.files(max(days))) + 2 * 3 < sum(len(world.hub.lake.files(d)) for d in days)


@pytest.mark.parametrize("after", [("x",), (1, 2, 3), (True, 1), (1.5, "x")])
def test_a_place_of_another_list_is_refused(world: World, after: tuple[Any, ...]) -> None:
    wanted = world.wanted(BY_PATH["/events/custom"], (), "")
    with pytest.raises(BadRecord):
        world.explore.more(wanted, 10, after, 0)
