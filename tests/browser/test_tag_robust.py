"""What happens to events when tabs die, lines break, clocks lie and two tabs are open."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

SHIFT = "{ const real = Date.now; self.shift = %d; Date.now = () => real() + self.shift }"
MINUTES_31 = 31 * 60_000


def attempts(world):
    """Ids of the events of each request that was made, whatever came of it."""
    return [[event["event_id"] for event in json.loads(each.body)["events"]] for each in world.line.sent if each.body]


def test_a_server_that_fails_gets_the_same_ids_again_after_growing_pauses(pages, world):
    world.line.state = "503"
    pages()
    world.line.wait(lambda: len(attempts(world)) >= 3)
    world.line.state = "open"
    world.line.one("page_view")
    assert len({tuple(each) for each in attempts(world)}) == 1
    assert len(attempts(world)) <= 6
    assert world.line.types() == ["session_started", "page_view"]


def test_an_answer_that_is_not_the_collectors_is_none(pages, world):
    world.line.state = "200"  # of a network that wants somebody to log in first
    pages()
    world.line.wait(lambda: len(attempts(world)) >= 2)
    world.line.state = "open"
    world.line.one("page_view")


def test_what_is_refused_for_good_is_not_sent_again(pages, world):
    world.line.state = "400"
    page = pages()
    world.line.wait(lambda: attempts(world))
    world.line.state = "open"
    page.run("footfall('track', 'next')")
    world.line.one("custom")
    assert world.line.types() == ["custom"]


def test_events_of_a_line_that_is_cut_come_when_it_is_back(pages, world):
    page = pages()
    world.line.one("page_view")
    page.offline(True)
    for number in range(3):
        page.run(f"footfall('track', 'offline', {{number: {number}}})")
    page.run("new Promise(done => setTimeout(done, 1500))")
    assert "custom" not in world.line.types()
    page.offline(False)
    world.line.one("custom", 3)
    assert [event["attributes"]["number"] for event in world.line.events() if event["type"] == "custom"] == [0, 1, 2]


def test_the_events_of_a_tab_that_died_are_sent_by_the_next_page(pages, world):
    world.line.state = "cut"
    page = pages()
    page.run("footfall('identify', 'ada'); footfall('track', 'last words')")
    page.run("new Promise(done => setTimeout(done, 600))")
    page.kill()
    world.line.state = "open"
    pages(path="/next")
    assert world.line.one("custom")["event_name"] == "last words"
    world.line.one("page_view", 2)
    sessions = {event["session_id"] for event in world.line.events()}
    assert len(sessions) == 1
    assert world.line.types().count("session_started") == 1


def test_a_tab_that_dies_within_a_request_holds_nothing_up_for_long(pages, world):
    page = pages()
    world.line.one("page_view")
    page.run("footfall('track', 'first'); footfall('track', 'second')")
    page.kill()  # before they were gathered
    other = pages(path="/next")
    world.line.one("custom", 2)
    assert other.run("Object.keys(localStorage).filter(name => name.includes('event')).length") in (0, 1, 2)


def test_the_last_events_of_a_page_that_is_left_arrive_once(pages, world):
    page = pages(body='<a id="away" href="/away">Away</a>')
    world.line.one("page_view")
    world.site.add("/away", "<title>Away</title>")  # a page without a tag
    page.press("#away")
    link = world.line.one("link_click")
    assert link["link_url"] == f"{world.site.url}/away"
    pages(path="/back")
    world.line.one("page_view", 2)
    assert world.line.types().count("link_click") == 1


def test_two_tabs_are_one_session_and_send_each_event_once(pages, world):
    first = pages()
    second = pages(path="/second")
    world.line.one("page_view", 2)
    first.run("footfall('identify', 'ada')")
    world.line.one("identify")
    for number in range(20):
        (first, second)[number % 2].run(f"footfall('track', 'n', {{n: {number}}})")
    world.line.one("custom", 20)
    second.run("new Promise(done => setTimeout(done, 1000))")
    events = world.line.events()
    assert len({event["session_id"] for event in events}) == 1
    assert [event["type"] for event in events].count("session_started") == 1
    assert {event["identify_id"] for event in events if event["type"] == "custom"} == {"ada"}
    sent = [each for batch in attempts(world) for each in batch]
    assert len(sent) == len(set(sent))


def test_a_page_without_tls_has_no_locks_and_sends_each_event_all_the_same(pages, world):
    plain = "Object.defineProperty(Navigator.prototype, 'locks', {get: () => undefined})"
    first, second = pages(before=plain), pages(path="/second", before=plain)
    world.line.one("page_view", 2)
    for number in range(10):
        (first, second)[number % 2].run(f"footfall('track', 'n', {{n: {number}}})")
    world.line.one("custom", 10)
    assert world.line.types().count("session_started") == 1
    assert first.said + second.said == []


def test_a_session_ends_after_half_an_hour_without_an_event(pages, world):
    page = pages(before=SHIFT % 0)
    first = world.line.one("page_view")
    page.run(f"self.shift = {MINUTES_31}")
    page.run("footfall('track', 'back')")
    back = world.line.one("custom")
    ended, started = world.line.one("session_ended"), world.line.one("session_started", 2)
    assert ended["session_id"] == first["session_id"]
    assert (ended["occurred_at"], ended["event_count"]) == (first["occurred_at"], 2)
    assert 0 <= ended["duration_s"] < 20
    assert started["session_id"] == back["session_id"] != first["session_id"]
    assert started["anonymous_id"] == first["anonymous_id"]


def test_a_page_that_stays_open_notices_the_end_of_its_session_itself(pages, world):
    hasty = "{ const real = setTimeout; self.setTimeout = (f, ms) => real(f, Math.min(ms, 500)); }"
    page = pages(before=hasty + SHIFT % 0)
    first = world.line.one("page_view")
    page.run("new Promise(done => setTimeout(done, 1200))")
    assert "session_ended" not in world.line.types()
    page.run(f"self.shift = {MINUTES_31}")
    ended = world.line.one("session_ended")
    assert (ended["session_id"], ended["occurred_at"]) == (first["session_id"], first["occurred_at"])
    page.run("new Promise(done => setTimeout(done, 1200))")
    assert world.line.types() == ["session_started", "page_view", "session_ended"]


def test_an_end_that_is_known_too_late_does_not_open_old_days_again(pages, world):
    page = pages(before=SHIFT % 0)
    world.line.one("page_view")
    page.run(f"self.shift = {20 * MINUTES_31}; footfall('track', 'next day')")
    world.line.one("custom")
    assert world.line.types().count("session_started") == 2
    assert "session_ended" not in world.line.types()


def test_a_wrong_clock_is_corrected_by_the_time_of_sending(pages, world):
    days = 400
    pages(before=SHIFT % (-days * 86_400_000))
    view = world.line.one("page_view")
    now = datetime.now(UTC)
    assert datetime.fromtimestamp(view["occurred_at"] / 1000, UTC) < now - timedelta(days=days - 1)

    def settled():
        with world.hub.hub() as hub:
            found = [json.loads(line) for line in hub.tail(50, follow=False)]
        return [each for each in found if each["event_id"] == view["event_id"]]

    (stored,) = world.line.wait(settled, 60)
    assert abs(datetime.fromisoformat(stored["occurred_at"]) - now) < timedelta(minutes=1)


def test_storage_that_is_refused_or_full_costs_only_what_outlives_the_page(pages, world):
    refused = (
        "Object.defineProperty(self, 'localStorage', {get: () => { throw new DOMException('no', 'SecurityError') }})"
    )
    pages(before=refused)
    world.line.one("page_view")
    full = "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') }"
    page = pages(path="/full", before=full)
    page.run("footfall('track', 'kept in memory')")
    world.line.one("custom")
    assert page.said == []


def waits(world, *events, key=None):
    """A script that leaves events of an earlier page in storage, before the tag comes."""
    held = {f"footfall:event:{number:06}": [0, key or world.key, event] for number, event in enumerate(events)}
    return f"Object.entries({json.dumps(held)}).forEach(([name, each]) => localStorage[name] = JSON.stringify(each))"


def old(number):
    now = datetime.now(UTC).timestamp() * 1000
    return {"type": "custom", "event_id": f"old-{number}", "occurred_at": now, "event_name": "old", "anonymous_id": "v"}


def test_events_of_a_key_that_was_exchanged_do_not_hold_up_others(pages, world):
    page = pages(script=waits(world, *map(old, range(1000)), key="a-key-of-before"))
    world.line.one("page_view")
    page.run("footfall('track', 'next')")
    world.line.one("custom")
    page.run("new Promise(done => setTimeout(done, 7000))")  # nothing is left that it could send
    assert world.line.types() == ["session_started", "page_view", "custom"]
    assert [each.status for each in world.line.sent if each.method == "POST"].count(401) == 1


def test_an_event_that_the_collector_would_not_take_is_not_kept(pages, world):
    page = pages()
    world.line.one("page_view")
    page.run("footfall('track', 'vast', {text: 'x'.repeat(70000)}); footfall('track', 'next')")
    assert world.line.one("custom")["event_name"] == "next"
    assert [name for name in world.stored() if "event" in name] == []


def test_attributes_that_no_json_can_hold_cost_one_event_and_no_session(pages, world):
    page = pages(script="footfall('track', 'big', {n: 1n}); const a = {}; a.a = a; footfall('track', 'round', a)")
    world.line.one("page_view")
    page.run("footfall('track', 'next')")
    world.line.one("custom")
    assert world.line.types() == ["session_started", "page_view", "custom"]
    assert len({event["session_id"] for event in world.line.events()}) == 1


def test_consent_that_is_denied_in_one_tab_stops_the_others_and_granted_again_starts_them(pages, world):
    first, second = pages(), pages(path="/second")
    world.line.one("page_view", 2)
    first.run("footfall('consent', 'denied')")
    world.line.wait(lambda: json.loads(second.run("localStorage['footfall:consent']"))["state"] == "denied")
    second.run("new Promise(done => setTimeout(done, 300))")
    second.run("footfall('track', 'never'); new Promise(done => setTimeout(done, 1000))")
    assert world.stored() == ["footfall:consent"]
    first.run("footfall('consent', 'granted')")
    world.line.one("page_view", 4)
    second.run("footfall('track', 'again')")
    assert world.line.one("custom")["event_name"] == "again"


def test_an_image_that_is_named_as_the_script_does_not_choose_where_events_go(world):
    evil = f"{world.site.url}/evil/x.js?a=theirs"
    html = world.page(body=f'<img name="currentScript" src="{evil}">', tag="")
    world.site.pages["/"] = (world.site.pages["/"][0] + world.tag().replace("async ", ""), {})
    page = world.open(html)
    page.wait("!!self.footfall?.loaded")
    page.run("footfall('config', 'tagKey', 'theirs'); footfall('track', 'x')")
    page.run("new Promise(done => setTimeout(done, 1000))")
    asked = json.loads(page.run("JSON.stringify(performance.getEntriesByType('resource').map(each => each.name))"))
    assert not [each for each in asked if "/evil/events" in each]
